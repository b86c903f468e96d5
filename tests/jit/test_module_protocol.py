# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportOperatorIssue=false, reportCallIssue=false
"""Script modules offer what PyTorch's do: each check runs on both."""

import copy
from collections.abc import Callable
from typing import Any, Dict, List, Optional  # noqa: UP035 - TorchScript's spelling

import pytest
import torch
from torch import Tensor, nn

import tsc


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))
        self.register_buffer("offset", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.offset


class Outer(nn.Module):
    names: List[str]  # noqa: UP006
    table: Dict[str, Tensor]  # noqa: UP006
    last: Optional[Tensor]  # noqa: UP045

    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.tied = Inner()
        self.tied.weight = self.inner.weight
        self.steps = nn.ModuleList([nn.ReLU(), nn.Tanh()])
        self.named = nn.ModuleDict({"a": nn.ReLU()})
        self.count = 1
        self.names = []
        self.table = {}
        self.last = None

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        for step in self.named.values():
            x = step(x)
        return self.tied(self.inner(x)) * self.count

    @torch.jit.export
    def keep(self, name: str, x: Optional[Tensor]) -> int:  # noqa: UP045
        self.last = x
        if x is not None:
            self.table[name] = x
        self.names.append(name)
        return len(self.names)

    def never_called(self, x: Tensor) -> Tensor:
        return x


def both(check: Callable[[Any], Any], **options: Any) -> None:
    """`check` gives the same for PyTorch's script module and for ours."""
    theirs, ours = torch.jit.script(Outer()), tsc.script(Outer())
    assert str(check(ours)) == str(check(theirs))


@pytest.mark.parametrize(
    "walk",
    [
        lambda m: list(m.named_parameters(prefix="p")),
        lambda m: [n for n, _ in m.named_parameters(remove_duplicate=False)],
        lambda m: [n for n, _ in m.named_parameters(recurse=False)],
        lambda m: [n for n, _ in m.named_buffers("q", True)],
        lambda m: [n for n, _ in m.named_modules(prefix="r")],
        lambda m: list(m.state_dict(prefix="s.")),
        lambda m: m.state_dict()._metadata,
        lambda m: m.state_dict(keep_vars=True)["inner.weight"].requires_grad,
        lambda m: [p.requires_grad for p in m.inner.parameters()],
        repr,
        lambda m: [hasattr(m, n) for n in ("keep", "never_called", "count", "nothing")],
        lambda m: (list(m.named), "a" in m.named, len(m.steps), bool(m.inner)),
        lambda m: (m.inner is m.inner, m.inner.weight is m.tied.weight, isinstance(m, nn.Module)),
        lambda m: m.forward.name,
    ],
)  # fmt: skip
def test_walks_and_looks(walk: Callable[[Any], Any]) -> None:
    both(walk)


def test_a_state_is_loaded_and_misfits_are_told() -> None:
    def check(module: Any) -> list[str]:
        state = {name: tensor + 1 for name, tensor in module.state_dict().items()}
        said = [str(module.load_state_dict(state)), str(module.inner.weight.tolist())]
        state["inner.other"] = state.pop("inner.weight")
        said.append(str(module.load_state_dict(state, strict=False)))
        for wrong in (state, {**state, "tied.offset": torch.ones(3)}, {**state, "tied.offset": 3}, 3):
            with pytest.raises((RuntimeError, TypeError)) as raised:
                module.load_state_dict(wrong)
            said.append(str(raised.value).strip())
        return said

    both(check)


@pytest.mark.parametrize("convert", ["float", "half", "double"])
def test_conversions_keep_the_parameters_and_change_their_dtype(convert: str) -> None:
    model = Outer()
    ours = tsc.script(model)
    before = list(ours.parameters())
    assert getattr(ours, convert)() is ours
    assert [id(p) for p in ours.parameters()] == [id(p) for p in before]
    both(lambda m: (getattr(m, convert)().inner.weight, m.inner.offset, m.to("cpu") is m))
    dtype = before[0].dtype
    assert model.inner.weight.dtype is dtype
    with torch.no_grad():
        assert ours(torch.ones(2, 2, dtype=dtype)).dtype is dtype


def test_to_takes_dtypes_tensors_and_the_cpu_only() -> None:
    both(lambda m: m.to(torch.float64).inner.weight)
    both(lambda m: m.to(torch.ones(1, dtype=torch.float16)).inner.offset)
    both(lambda m: m.type(torch.float64).inner.offset)
    for wrong in (torch.int32, "cuda", 3):
        with pytest.raises((TypeError, RuntimeError)):
            tsc.script(Outer()).to(wrong)


def test_apply_goes_from_the_inside_out_and_gradients_are_forgotten() -> None:
    def check(module: Any) -> Any:
        met: list[str] = []
        module.apply(lambda m: met.append(m.original_name))
        module(torch.ones(2, 2)).sum().backward()
        grads = [p.grad is None for p in module.parameters()]
        module.zero_grad(set_to_none=False)
        zeros = [p.grad.sum().item() for p in module.parameters()]
        module.zero_grad()
        return met, grads, zeros, [p.grad is None for p in module.parameters()]

    both(check)


def test_what_a_program_writes_to_attributes_while_gradients_are_recorded_stays() -> None:
    def check(module: Any) -> Any:
        x = torch.ones(1)
        counts = module.keep("a", x), module.last, module.keep("b", None), module.last
        return counts, module.names, module.table, module.keep("c", x), module.table

    both(check)


def test_methods_are_added_from_text() -> None:
    def check(module: Any) -> Any:
        module.inner.define("def scaled(self, x, k: int = 3):\n    return x * k + self.offset\n")
        return module.inner.scaled(torch.ones(2)), module.inner.scaled(torch.ones(2), k=5)

    with torch.no_grad():
        both(check)


def test_what_pytorch_refuses_of_script_modules_is_refused() -> None:
    with pytest.raises(RuntimeError, match="register_forward_hook is not supported on ScriptModules"):
        tsc.script(Outer()).register_forward_hook(print)
    with pytest.raises(ValueError, match="training mode is expected to be boolean"):
        tsc.script(Outer()).train("yes")
    with pytest.raises(RuntimeError, match="Could not cast attribute"):
        tsc.script(Inner()).weight = None


def test_a_script_module_is_part_of_a_pytorch_model() -> None:
    model = nn.Sequential(tsc.script(Inner()), nn.Linear(2, 2))
    assert [n for n, _ in model.named_parameters()] == ["0.weight", "1.weight", "1.bias"]
    other = nn.Sequential(Inner(), nn.Linear(2, 2))
    assert str(model.load_state_dict(other.state_dict())) == "<All keys matched successfully>"
    model.double().eval()
    assert not model[0].training
    assert model[0].weight.dtype is torch.float64
    x = torch.ones(3, 2, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), other.double()(x))
        torch.testing.assert_close(tsc.script(model)(x), other(x))
        torch.testing.assert_close(copy.deepcopy(model)(x), other(x))


class Branching(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 100:
            return x - 1
        return x * self.weight * self.factor


class Two(nn.Module):
    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.second = second

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x) + self.second(x)


@pytest.mark.parametrize("load", [tsc.load, torch.jit.load], ids=["tsc", "torch"])
@pytest.mark.parametrize("make", [tsc.script, lambda m: tsc.trace(m, torch.ones(3))], ids=["script", "trace"])
def test_loaded_modules_are_parts_of_programs(tmp_path: Any, load: Any, make: Any) -> None:
    for factor in (2.0, 3.0):
        torch.jit.save(torch.jit.script(Branching(factor)), tmp_path / f"{factor}.pt")
    model = Two(load(tmp_path / "2.0.pt"), load(tmp_path / "3.0.pt"))
    made = make(model)
    made.save(tmp_path / "made.pt")
    saved = torch.jit.load(tmp_path / "made.pt")
    for x in (torch.ones(3), torch.full((3,), 100.0)):
        torch.testing.assert_close(made(x), model(x))
        torch.testing.assert_close(saved(x), model(x))
    model.first.weight.data.fill_(7)
    torch.testing.assert_close(made(torch.ones(3)), torch.full((3,), 17.0), check_stride=False)
    assert [n for n, _ in made.named_parameters()] == ["first.weight", "second.weight"]
