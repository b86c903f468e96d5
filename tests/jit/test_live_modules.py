# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false, reportPrivateUsage=false
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportOperatorIssue=false
"""Modules that are not frozen are compiled too: whatever others do to their attributes between calls is seen
by the next, as in PyTorch.
"""

from __future__ import annotations

import copy
import io
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.interchangeable import Interchangeable, Negates
from tests.jit.side_by_side import assert_same, outcome
from tsc.concurrency import COMPILING
from tsc.options import options


class Net(nn.Module):
    """Weights, statistics, numbers, a list, a tuple, a flag, and a module that is held twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 4)
        self.again = self.head
        self.scale = 0.5
        self.power = 2
        self.dims = [2, 3]
        self.pair = (1.0, 2)
        self.name = "relu"
        self.register_buffer("shift", torch.linspace(-1, 1, 4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.drop(self.norm(self.conv(x)))
        if self.name == "relu":
            y = torch.relu(y)
        y = y.mean(self.dims) * self.scale + self.shift * self.pair[0] + self.pair[1]
        return self.again(self.head(y)) ** self.power

    @torch.jit.export
    def shown(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def image() -> Tensor:
    return torch.linspace(-2, 2, 2 * 3 * 5 * 5).reshape(2, 3, 5, 5)


class Both:
    """One module of PyTorch, scripted by both; its parameters are those of the live module."""

    def __init__(self, make: Callable[[], nn.Module] = Net) -> None:
        torch.manual_seed(0)
        self.plain = [make().eval()]
        self.plain.append(copy.deepcopy(self.plain[0]))
        self.jit: Any = torch.jit.script(self.plain[0])
        self.own: Any = tsc.script(self.plain[1])

    def do(self, change: Callable[[Any], Any]) -> None:
        """Do the same to both modules."""
        for module in (self.jit, self.own):
            with torch.no_grad():
                change(module)

    def do_to_original(self, change: Callable[[Any], Any]) -> None:
        """Do the same to the modules that they were made of."""
        for module in self.plain:
            with torch.no_grad():
                change(module)

    def agree(self, *arguments: Any, method: str = "forward", calls: int = 3) -> None:
        """Several calls of both give the same."""
        with torch.no_grad():
            for _ in range(calls):
                want, got = (outcome(getattr(m, method), arguments) for m in (self.jit, self.own))
                assert_same(got, want)

    @property
    def is_native(self) -> bool:
        return self.own.forward.last is not None and self.own.forward.last.is_native


def halves(module: Any) -> dict[str, Tensor]:
    return {k: v * 0 + 0.5 for k, v in module.state_dict().items() if v.dtype == torch.float32}


def numbers(module: Any) -> Tensor:
    return torch.linspace(-1, 1, sum(p.numel() for p in module.parameters()))


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a write": lambda m: m.head.weight.mul_(2),
    "a write through data": lambda m: m.head.weight.data.mul_(2),
    "a write through numpy": lambda m: np.multiply(m.shift.numpy(), 2, out=m.shift.numpy()),
    "a write to statistics": lambda m: m.norm.running_var.add_(1),
    "other data": lambda m: setattr(m.head.weight, "data", m.head.weight.data * 3),
    "other strides": lambda m: setattr(m.head.weight, "data", m.head.weight.data.t()),
    "another storage": lambda m: m.head.weight.set_(m.head.weight * 2),
    "a buffer of another shape": lambda m: setattr(m, "shift", torch.ones(1)),
    "a buffer of another dtype": lambda m: setattr(m, "shift", torch.ones(4).double()),
    "a column-major weight": lambda m: setattr(m.head, "weight", nn.Parameter((m.head.weight.t() * 2).t())),
    "another parameter": lambda m: setattr(m.head, "weight", nn.Parameter(m.head.weight + 0.25)),
    "a state": lambda m: m.load_state_dict(halves(m), strict=False),
    "a vector": lambda m: nn.utils.vector_to_parameters(numbers(m), m.parameters()),
    "a float": lambda m: setattr(m, "scale", 0.75),
    "an int": lambda m: setattr(m, "power", 3),
    "a string": lambda m: setattr(m, "name", "none"),
    "a list": lambda m: setattr(m, "dims", [2, 3]),
    "a tuple": lambda m: setattr(m, "pair", (0.5, 7)),
    "double": lambda m: m.double(),
    "half and back": lambda m: m.half().float(),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_the_next_call_sees_what_others_did(what: str) -> None:
    both = Both()
    both.agree(image())
    assert both.is_native
    both.do(CHANGES[what])
    both.agree(image())
    both.do(CHANGES[what])
    both.agree(image())
    both.agree(torch.ones(4), method="shown")


@pytest.mark.parametrize("what", ["a write", "other data", "a vector"])
def test_the_next_call_sees_what_was_done_to_the_module_it_was_made_of(what: str) -> None:
    both = Both()
    both.agree(image())
    both.do_to_original(CHANGES[what])
    both.agree(image())


@pytest.mark.parametrize("what", ["other data", "a vector"])
def test_what_is_saved_copied_and_frozen_is_what_is_there_now(what: str) -> None:
    both = Both()
    both.agree(image())
    both.do(CHANGES[what])
    assert_same(dict(both.own.state_dict()), dict(both.jit.state_dict()))
    with torch.no_grad():
        want = both.jit(image())
        assert_same(tsc.freeze(both.own)(image()), want)
        assert_same(copy.deepcopy(both.own)(image()), want)
        assert_same(torch.jit.load(as_file(both.own))(image()), want)


def as_file(module: Any) -> Any:
    return io.BytesIO(module.save_to_buffer())


def test_the_first_call_with_a_shape_compiles_nothing() -> None:
    both = Both()
    both.agree(image(), calls=1)
    assert both.own.forward.last is None
    both.agree(image()[:1], calls=1)
    assert both.own.forward.last is None
    both.agree(image(), calls=1)
    assert both.is_native


def test_training_and_back() -> None:
    both = Both()
    for _ in range(2):
        both.agree(image())
        both.do(lambda m: m.train())
        for module in (both.jit, both.own):
            module.drop.eval()  # which the two draw differently
        both.agree(image())
        both.do(lambda m: m.eval())
    assert_same(dict(both.own.state_dict()), dict(both.jit.state_dict()))
    assert len(both.own.forward._versions._made) <= 2


def test_a_number_that_always_changes_is_compiled_once() -> None:
    both = Both()
    for i in range(10):
        both.do(lambda m, i=i: setattr(m, "scale", i / 4))
        both.agree(image(), calls=2)
    tables = [version.specializations.table for version in both.own.forward._versions._made]
    assert sum(map(len, tables)) <= 2
    assert both.is_native


def test_gradients_are_there_when_they_are_wanted() -> None:
    both = Both()
    both.agree(image())
    for _ in range(2):
        results = [module(image()).sum() for module in (both.jit, both.own)]
        for result in results:
            result.backward()
        for own, want in zip(both.own.parameters(), both.jit.parameters(), strict=True):
            torch.testing.assert_close(own.grad, want.grad)
        both.do(lambda m: m.zero_grad())
        both.agree(image())


def test_parameters_that_ask_for_no_gradients_keep_the_short_way() -> None:
    both = Both()
    both.do(lambda m: [p.requires_grad_(False) for p in m.parameters()])
    for _ in range(3):
        assert_same(both.own(image()), both.jit(image()))
    assert both.is_native
    counted = both.own.forward.compiled.calls
    before = counted.total()
    for _ in range(3):
        assert_same(both.own(image()), both.jit(image()))
    assert counted.total() == before
    both.own.head.weight.requires_grad_(True)
    assert both.own(image()).requires_grad


def test_a_module_may_be_exchanged() -> None:
    both = Both(Interchangeable)
    x = torch.ones(2, 3)
    both.agree(x)
    assert both.is_native  # as what is behind an interface now
    for lib, module in ((torch.jit, both.jit), (tsc, both.own)):
        module.act = lib.script(Negates())
    both.agree(x)
    assert both.is_native
    torch.manual_seed(1)
    line = nn.Linear(3, 3)
    for lib, module in ((torch.jit, both.jit), (tsc, both.own)):
        module.line = lib.script(copy.deepcopy(line))
    both.agree(x)


class Refuses(nn.Module):
    """Keeps something that cannot be taken out of it."""

    def __init__(self) -> None:
        super().__init__()
        self.table = {"a": torch.ones(2)}

    def forward(self, x: Tensor) -> Tensor:
        self.table["a"] = self.table["a"] + x
        return self.table["a"] * 2 * len(self.table)


class Raises(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)
        self.count = 0

    def forward(self, x: Tensor, limit: int) -> Tensor:
        self.count += 1
        if self.count > limit:
            raise ValueError("too often")
        return self.line(x) + self.count


class Draws(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.line(x) + torch.poisson(torch.zeros(3))


@pytest.mark.parametrize("kind", [Refuses, Draws])
def test_what_cannot_be_taken_out_of_its_object_runs_as_before(kind: type[nn.Module]) -> None:
    both = Both(kind)
    both.agree(torch.ones(2) if kind is Refuses else torch.ones(2, 3), calls=4)
    assert not both.own.forward.last.is_native


def test_calls_that_are_not_compiled_wait_for_no_compilation() -> None:
    both = Both(Refuses)
    both.agree(torch.ones(2), calls=3)
    done: list[Any] = []
    caller = threading.Thread(target=lambda: done.append(both.own(torch.ones(2))))
    with COMPILING:
        caller.start()
        caller.join(20)
        assert len(done) == 1


def test_a_call_that_raises_keeps_its_effects() -> None:
    both = Both(Raises)
    for limit in (5, 3, 8, 2, 20):
        both.agree(torch.ones(2, 3), limit)
        assert both.own.count == both.jit.count


def test_threads_call_while_it_is_compiled() -> None:
    both = Both()
    with torch.no_grad():
        want = both.jit(image())
    failures: list[Any] = []

    def work() -> None:
        with torch.no_grad():
            for _ in range(20):
                try:
                    assert_same(both.own(image()), want)
                except BaseException as error:
                    failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(both.own.forward._versions._made) == 1


def test_without_native_code_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_native_enabled", False)
    both = Both()
    both.agree(image())
    assert both.own.forward.last is None


def test_arrays_of_numpy_go_the_same_way() -> None:
    both = Both()
    given = image().numpy()
    with torch.no_grad():
        want = both.jit(image()).numpy()
    for _ in range(3):
        np.testing.assert_allclose(both.own(given), want, rtol=1e-5)
    assert both.is_native
    both.do(CHANGES["other data"])
    with torch.no_grad():
        np.testing.assert_allclose(both.own(given), both.jit(image()).numpy(), rtol=1e-5)


class Described(nn.Module):
    """A convolution, whose bias may be None, in a program that Python runs with native parts."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, 3, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv(x) * 2
        return found[found > 0]


@pytest.mark.parametrize("bias", [True, False])
def test_attributes_that_may_be_none_are_given_to_parts(bias: bool) -> None:
    module = Described(bias).eval()
    compiled: Any = tsc.script(module)
    x = torch.linspace(-1, 1, 10).reshape(1, 2, 5)
    with torch.no_grad():
        for _ in range(4):
            torch.testing.assert_close(compiled(x), module(x))
        rows = tsc.explain(compiled, x).operators
    runs = {row.runs for row in rows if row.operator == "aten::conv1d"}
    assert runs == {"native", "folded"}  # the one for other modes of padding is not reached
