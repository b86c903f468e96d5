# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Calls with PyTorch's tensors that go straight to native code give what others give; what is unusual takes
the long way.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import TscError
from tsc.programs.tensor_calls import TensorCalls

Pair = NamedTuple("Pair", [("first", Tensor), ("second", Tensor)])  # noqa: UP014  (types, not their names)


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, pair: tuple[Tensor, Tensor], scale: float, extra: Tensor | None = None):
        y = self.linear(x) * scale + pair[0]
        return (y, {"other": pair[1] * 2}, [x, y.sum()], 3, int(y.argmax())) if extra is None else (
            y + extra, {"other": pair[1]}, [x, y.sum()], 4, 0)  # fmt: skip


def arguments(batch: int = 2) -> tuple[Any, ...]:
    x = torch.linspace(-1, 1, 4 * batch).reshape(batch, 4)
    return x, (x + 1, x - 1), 0.5


def flat(value: Any) -> list[Any]:
    """What is in containers, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    return [v for part in value for v in flat(part)] if isinstance(value, (list, tuple)) else [value]


def assert_same(got: Any, wanted: Any) -> None:
    assert len(flat(got)) == len(flat(wanted))
    for a, b in zip(flat(got), flat(wanted), strict=True):
        assert type(a) is type(b)
        if isinstance(a, Tensor):
            assert (a.dtype, a.stride()) == (b.dtype, b.stride())
            torch.testing.assert_close(a, b)
        else:
            assert a == b


@pytest.fixture
def model() -> tuple[Any, nn.Module]:
    torch.manual_seed(0)
    module = Several().eval()
    return tsc.freeze(tsc.script(module)), module


def quick(frozen: Any, *given: Any) -> Any:
    """The result of a call, after two that make the short way."""
    for _ in range(2):
        frozen(*given)
    method = frozen.forward
    ways: list[TensorCalls] = list(method._versions.newest.tensor_calls.values())
    assert any(method._fast is way.run for way in ways), "the short way was not made"
    return frozen(*given)


def test_containers_numbers_and_arguments_come_back(model: tuple[Any, nn.Module]) -> None:
    frozen, module = model
    given = arguments()
    with torch.no_grad():
        result, wanted = quick(frozen, *given), module(*given)
    assert frozen.forward.last.is_native
    assert_same(result, wanted)
    assert result[2][0] is given[0]


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_each_of_several_shapes_has_its_code(model: tuple[Any, nn.Module], batch: int) -> None:
    frozen, module = model
    with torch.no_grad():
        for other in (2, 3):
            frozen(*arguments(other))
        assert_same(quick(frozen, *arguments(batch)), module(*arguments(batch)))
        assert_same(frozen(*arguments(2)), module(*arguments(2)))


def test_another_constant_is_another_call(model: tuple[Any, nn.Module]) -> None:
    frozen, module = model
    x, pair, _ = arguments()
    with torch.no_grad():
        quick(frozen, x, pair, 0.5)
        for scale in (2.0, 0.5, 0.25):
            assert_same(frozen(x, pair, scale), module(x, pair, scale))
        assert_same(frozen(x, pair, 0.5, x), module(x, pair, 0.5, x))


UNUSUAL: dict[str, Callable[[Tensor], Any]] = {
    "strided": lambda x: torch.cat([x, x], 1)[:, ::2],
    "expanded": lambda x: x[:1].expand(2, 4),
    "of another dtype": lambda x: x.double(),
    "asking for gradients": lambda x: x.clone().requires_grad_(),
    "a parameter": nn.Parameter,
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_tensors_take_the_long_way(change: Callable[[Tensor], Any]) -> None:
    class Chain(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x) * 2 + x.t().t()

    frozen = tsc.freeze(tsc.script(Chain().eval()))
    quick(frozen, torch.ones(2, 4))
    given = change(torch.linspace(-1, 1, 8).reshape(2, 4))
    result, wanted = frozen(given), Chain()(given)
    assert result.requires_grad == wanted.requires_grad
    assert_same(result.detach(), wanted.detach())


def test_arrays_and_other_tensors_come_back_as_such() -> None:
    def double(x: Tensor) -> Tensor:
        return x * 2 + 1

    function = tsc.script(double)
    for _ in range(3):
        assert isinstance(function(torch.ones(3)), torch.Tensor)
    assert isinstance(function(np.ones(3, np.float32)), np.ndarray)
    assert isinstance(function(tsc.Tensor(np.ones(3, np.float32))), tsc.Tensor)


def test_watchers_of_pytorch_see_the_operators() -> None:
    def double(x: Tensor) -> Tensor:
        return torch.relu(x) * 2

    function = tsc.script(double)
    x = torch.linspace(-1, 1, 3)
    for _ in range(3):
        function(x)
    batched = torch.func.vmap(function)(torch.stack([x, x]))
    torch.testing.assert_close(batched, torch.stack([double(x), double(x)]))

    def outer(v: Tensor) -> Tensor:
        return function(v) + 1

    traced: Any = torch.jit.trace(outer, x)
    torch.testing.assert_close(traced(x * 2), double(x * 2) + 1)


def test_wrong_calls_raise_what_they_raise() -> None:
    def double(x: Tensor) -> Tensor:
        return x * 2 + 1

    function = tsc.script(double)
    for _ in range(3):
        function(torch.ones(3))
    with pytest.raises(TscError, match="expected at most 1"):
        function(torch.ones(3), torch.ones(3))
    with pytest.raises(TscError, match="missing value"):
        function()
    with pytest.raises(TscError, match="instead found type 'str'"):
        function("a")


class Ordered(nn.Module):
    """Remembers its last input; takes a dict and a named tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(2)
        self.count: int = 0

    def forward(self, pair: Pair, named: dict[str, Tensor], shift: float) -> tuple[Pair, int, Tensor]:
        out = Pair(self.last + pair.first, named["a"] * pair.second - shift)
        self.last = pair.first
        self.count += 1
        return out, self.count, named["b"]


def test_state_goes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes take the very memory of an argument, and a result is the argument itself."""
    frozen = tsc.freeze(tsc.script(Ordered().eval()))
    wanted = Ordered().eval()
    named = {"a": torch.ones(2), "b": torch.ones(3)}
    quick(frozen, Pair(torch.zeros(2), torch.ones(2)), named, 0.0)
    wanted.count = 3
    monkeypatch.setattr(frozen.forward, "_dispatch", None)
    for step in range(3):
        given = Pair(torch.full((2,), float(step)), torch.tensor([2.0, step]))
        got = frozen(given, named, 0.0)
        assert_same(got, wanted(given, named, 0.0))
        assert type(got[0]) is Pair
        assert got[2] is named["b"]
        given.first.add_(10)  # both remember the memory, not what it held
    assert frozen.count == wanted.count
    assert_same([frozen.last], [wanted.last])


def test_both_zeros_are_constants_of_their_own() -> None:
    def signed(x: Tensor, by: float) -> Tensor:
        return torch.copysign(x, torch.tensor(by))

    function = tsc.script(signed)
    x = torch.ones(2)
    for by in (0.0, 0.0, 0.0, -0.0, 0.0, float("nan"), -0.0):
        assert torch.equal(torch.signbit(function(x, by)), torch.signbit(signed(x, by)))


def test_another_order_of_keys_is_another_call() -> None:
    def joined(named: dict[str, Tensor]) -> list[Tensor]:
        return list(named.values())

    function: Any = tsc.script(joined)
    a, b = torch.zeros(2), torch.ones(2)
    for named in ({"a": a, "b": b}, {"a": a, "b": b}, {"a": a, "b": b}, {"b": b, "a": a}, {"a": b}):
        assert_same(function(named), list(named.values()))


def test_unpickled_arrays_go_the_short_way() -> None:
    """Their dtypes are objects of their own."""

    def double(x: Tensor) -> Tensor:
        return x * 2 + 1

    function: Any = tsc.script(double)
    x = pickle.loads(pickle.dumps(np.ones(3, np.float32)))
    assert x.dtype is not np.dtype(np.float32)
    for _ in range(3):
        function(x)
    function._dispatch = None
    assert np.array_equal(function(x), np.full(3, 3, np.float32))


class Optional(nn.Module):
    """An argument that may be left out, and a method that takes none."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(3))
        self.count = 0

    def forward(self, x: Tensor, by: Tensor | None = None, scale: float = 2.0) -> Tensor:
        self.seen = x * scale if by is None else x * by
        self.count += 1
        return self.seen + 1

    @torch.jit.export
    def reset(self) -> int:
        count = self.count
        self.seen = torch.zeros(3)
        self.count = 0
        return count


@pytest.mark.parametrize("is_frozen", [True, False])
def test_arguments_that_are_left_out_or_named_go_the_short_way(
    is_frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = tsc.script(Optional().eval())
    if is_frozen:
        module = tsc.freeze(module, preserved_attrs=["reset"])
    wanted: Any = Optional().eval()
    x = torch.ones(3)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((x,), {}), ((x, x), {}), ((x,), {"by": x}), ((), {"x": x}), ((x, None), {"scale": 2.0}),
    ]  # fmt: skip
    for _ in range(3):
        for given, named in calls:
            assert_same([module(*given, **named)], [wanted(*given, **named)])
        assert module.reset() == wanted.reset()
    monkeypatch.setattr(module.forward, "_dispatch", None)
    monkeypatch.setattr(module.reset, "_dispatch", None)
    for given, named in calls:
        assert_same([module(*given, **named)], [wanted(*given, **named)])
    assert module.reset() == wanted.reset()
    assert module.reset() == 0


def test_too_many_and_too_few_arguments_are_told() -> None:
    module: Any = tsc.script(Optional().eval())
    x = torch.ones(3)
    module(x)
    with pytest.raises(TscError, match="missing value for argument 'x'"):
        module()
    with pytest.raises(TscError, match="at most"):
        module(x, x, 1.0, x)
    with pytest.raises(TscError, match="Unknown keyword argument 'other'"):
        module(x, other=x)


def chooses(x: Tensor, flag: bool) -> Tensor:
    return x.sin() if flag else x.cos()


def test_each_kind_of_tensors_has_its_short_way() -> None:
    """Whichever came first, and whatever is compiled for another kind meanwhile."""
    script = tsc.script(chooses)
    array = np.ones((3, 4), np.float32)
    kinds = (array, torch.from_numpy(array), tsc.tensor(array))
    for given in kinds:
        for flag in (True, False):
            script(given, flag)
    script(np.ones((6, 4), np.float32), True)
    for given in kinds:
        script(given, True)
        script(given, False)
        before = script.compiled.calls.total()
        for flag in (True, False) * 3:
            script(given, flag)
        assert script.compiled.calls.total() == before
