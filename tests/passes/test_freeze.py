# pyright: reportUnknownMemberType=false, reportOptionalMemberAccess=false, reportCallIssue=false, reportOperatorIssue=false, reportUnknownVariableType=false, reportUnknownParameterType=false
"""`freeze`: what becomes a constant, what stays, and what is refused."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.dialects.torch_ops import PrimGetAttrOp
from tsc.errors import CompileError


class Counter(nn.Module):
    calls: int

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.register_buffer("total", torch.zeros(2))
        self.calls = 0
        self.scale = 4.0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.total.add_(x)
        return x * self.weight * self.scale


def attributes_read(module: Any) -> set[str]:
    return {op.attribute for op in module.forward._entry().function.walk() if isinstance(op, PrimGetAttrOp)}


def test_written_attributes_stay_and_the_others_are_folded() -> None:
    frozen = tsc.freeze(tsc.script(Counter().eval()))
    assert attributes_read(frozen) == {"calls", "total"}


def test_state_is_kept_from_call_to_call() -> None:
    frozen = tsc.freeze(tsc.script(Counter().eval()))
    x = np.array([1.0, 2.0], np.float32)
    for n in range(1, 4):
        np.testing.assert_allclose(frozen(x), x * [2, 3] * 4)
        assert frozen.calls == n
        np.testing.assert_allclose(frozen.total, x * n)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = 2.0
        self.conv = nn.Conv2d(2, 2, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.conv(x)) * self.scale


def test_a_preserved_attribute_can_still_be_changed() -> None:
    frozen = tsc.freeze(tsc.script(Scaled().eval()), preserved_attrs=["scale"])
    assert attributes_read(frozen) == {"scale"}
    x = np.ones((1, 2, 1, 1), np.float32)
    before = frozen(x)
    frozen.scale = 6.0
    np.testing.assert_allclose(frozen(x), before * 3, rtol=1e-6)


def test_dropout_goes() -> None:
    text = tsc.freeze(tsc.script(Scaled().eval())).ir["frozen"]
    assert "dropout" not in text


def test_a_module_in_training_mode_is_refused() -> None:
    with pytest.raises(CompileError, match="eval mode"):
        tsc.freeze(tsc.script(Scaled()))


def test_something_that_is_no_script_module_is_refused() -> None:
    with pytest.raises(RuntimeError, match="ScriptModule"):
        tsc.freeze(Scaled().eval())  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
def test_constants_after_a_convolution_fold_into_it(operator: str) -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3)
            self.norm = nn.BatchNorm2d(3)
            self.register_buffer("constant", torch.tensor([1.5, 2.0, 0.5]).reshape(3, 1, 1))

        if operator == "+":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) + self.constant
        elif operator == "-":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) - self.constant
        elif operator == "*":

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) * self.constant
        else:

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.conv(x)) / self.constant

    torch.manual_seed(0)
    model = Folded().eval()
    model.norm.running_mean.uniform_(-1, 1)
    model.norm.running_var.uniform_(0.5, 2)
    frozen = tsc.freeze(tsc.script(model))
    text = frozen.ir["frozen"]
    assert "batch_norm" not in text
    assert not any(f"torch.aten.{name}." in text for name in ("add", "sub", "mul", "div"))
    x = torch.randn(1, 2, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(frozen(x), model(x), rtol=1e-5, atol=1e-5)


class Inner(nn.Module):
    a: int
    b: int

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = 1, 2
        self.register_buffer("w", torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.a + self.b + self.w


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.s, self.t = Inner(), Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.s(x) + self.t(x)

    @torch.jit.export
    def more(self, x: Tensor) -> Tensor:
        return self.forward(x) * self.s.a


LIBRARIES = pytest.mark.parametrize("jit", [torch.jit, tsc], ids=["torch", "tsc"])


@LIBRARIES
@pytest.mark.parametrize(
    ("preserved", "expected"), [(["s.a"], 13.0), (["s.a", "s.w"], 18.0), (["s"], 18.0), (["t.b"], 10.0)]
)
def test_attributes_of_submodules_are_preserved_by_their_paths(
    jit: Any, preserved: list[str], expected: float
) -> None:
    frozen = jit.freeze(jit.script(Outer().eval()), preserved_attrs=preserved)
    assert frozen(torch.ones(1)).tolist() == [10.0, 10.0]
    if preserved[0].startswith("s"):
        frozen.s.a = 4
    if preserved != ["s.a"] and preserved[0].startswith("s"):
        frozen.s.w.add_(5)
    assert frozen(torch.ones(1)).tolist() == [expected, expected]


@LIBRARIES
@pytest.mark.parametrize("name", ["nothing", "s.nothing", "s.a.b"])
def test_what_is_not_there_is_not_preserved(jit: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"Unknown name: {name}"):
        jit.freeze(jit.script(Outer().eval()), preserved_attrs=[name])


@LIBRARIES
def test_a_preserved_method_that_calls_forward_leaves_it(jit: Any) -> None:
    frozen = jit.freeze(jit.script(Outer().eval()), preserved_attrs=["more"])
    assert frozen.more(torch.ones(1)).tolist() == frozen(torch.ones(1)).tolist() == [10.0, 10.0]


class Kept(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("total", torch.zeros(1))
        self.scale = 3

    def forward(self, x: Tensor) -> Tensor:
        self.total.add_(x)
        return x * self.weight * self.scale + self.total

    @torch.jit.export
    def more(self, x: Tensor) -> Tensor:
        return x + self.scale


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = Kept()
        self.name = "holder"

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)


NAMES = ("part", "part.weight", "part.total", "part.scale", "part.more", "part.training", "name", "training")


def names_in(module: Any) -> list[str]:
    def is_there(path: str) -> bool:
        found = module
        for name in path.split("."):
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True

    return [path for path in NAMES if is_there(path)]


@pytest.mark.parametrize("preserved", [[], ["part.weight"], ["part.scale"], ["part"], ["name"]], ids=str)
def test_what_freezing_has_left_is_seen_as_in_pytorch(preserved: list[str]) -> None:
    def seen(jit: Any, load: Any) -> list[Any]:
        frozen = jit.freeze(jit.script(Holder().eval()), preserved_attrs=preserved)
        file = io.BytesIO()
        jit.save(frozen, file)
        file.seek(0)
        loaded = load(file)
        return [
            (
                names_in(module),
                list(module.state_dict()),
                [name for name, _ in module.named_parameters()],
                [name for name, _ in module.named_modules()],
                [name for name, _ in module.named_children()],
            )
            for module in (frozen, loaded)
        ]

    expected = seen(torch.jit, torch.jit.load)
    assert seen(tsc, torch.jit.load) == seen(tsc, tsc.load) == expected


@LIBRARIES
def test_an_attribute_that_freezing_removed_is_a_new_one_when_it_is_set(jit: Any) -> None:
    frozen = jit.freeze(jit.script(Holder().eval()))
    frozen.name = "other"
    assert frozen.name == "other"


class InTuple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.whole = torch.zeros(4)
        self.part = (self.whole.view(2, 2), 1)

    def forward(self, x: Tensor) -> Tensor:
        self.part[0].add_(1)
        return self.whole.sum() + x


def test_a_tensor_in_a_tuple_that_is_written_is_no_constant_nor_what_shares_its_memory() -> None:
    frozen = tsc.freeze(tsc.script(InTuple().eval()))
    assert [float(frozen(torch.zeros(()))) for _ in range(2)] == [4.0, 8.0]
