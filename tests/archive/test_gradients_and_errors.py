# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Archives keep which parameters ask for gradients, what raises, defaults, names and extra files."""

import io
import zipfile
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc


def bytes_of(module: Any) -> io.BytesIO:
    return io.BytesIO(module.save_to_buffer())


class HalfFrozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2).requires_grad_(False)
        self.scale = nn.Parameter(torch.ones(2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) * self.scale


def wanted(module: Any) -> dict[str, bool]:
    return {name: p.requires_grad for name, p in module.named_parameters()}


def test_parameters_ask_for_gradients_after_every_way() -> None:
    model = HalfFrozen()
    expected = wanted(torch.jit.script(model))
    from_torch = tsc.load(bytes_of(torch.jit.script(model)))
    assert wanted(from_torch) == expected
    assert wanted(torch.jit.load(bytes_of(from_torch))) == expected
    assert wanted(torch.jit.load(bytes_of(tsc.script(model)))) == expected
    assert wanted(torch.jit.load(bytes_of(tsc.trace(model, torch.ones(1, 2))))) == expected


def test_a_loaded_module_learns() -> None:
    loaded = tsc.load(bytes_of(torch.jit.script(HalfFrozen())))
    x = torch.ones(1, 2)
    before = loaded(x)
    optimizer = torch.optim.SGD([p for p in loaded.parameters() if p.requires_grad], lr=0.1)
    before.sum().backward()
    optimizer.step()
    assert not torch.equal(loaded(x), before)
    assert loaded.second.weight.grad is None


class Failing(nn.Module):
    @torch.jit.unused
    def unused(self, x: Tensor) -> Tensor:
        return x

    def forward(
        self,
        x: Tensor,
        kind: int,
        low: float = float("-inf"),
        name: str = "défaut",
        big: float = float("inf"),
    ) -> Tensor:
        if kind == 0:
            raise ValueError(f"too {kind + 7}")
        if kind == 1:
            raise NotImplementedError
        if kind == 2:
            return self.unused(x)
        assert kind != 3, "never three"
        assert name == "défaut"
        return x if low < x.sum() and x.sum() < big else x - 1


def last_lines(module: Any) -> list[str]:
    said: list[str] = []
    for kind in range(4):
        with pytest.raises((torch.jit.Error, tsc.Error)) as raised:
            module(torch.ones(1), kind)
        said.append(str(raised.value).strip().rpartition("\n")[2])
    return said


def test_archived_code_raises_what_the_code_raised() -> None:
    theirs = torch.jit.script(Failing())
    expected = last_lines(theirs)
    assert expected[0] == "builtins.ValueError: too 7"
    ours = tsc.script(Failing())
    for module in (
        ours,
        tsc.load(bytes_of(theirs)),
        tsc.load(bytes_of(ours)),
        torch.jit.load(bytes_of(ours)),
    ):
        assert last_lines(module) == expected
        assert module(torch.ones(1), 4).tolist() == [1.0]


class Scaled(nn.Module):
    def __init__(self, factor: Any) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = Scaled(2), Scaled(2.0), Scaled(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.b(x) + self.c(x)


def test_submodules_of_one_class_get_pytorchs_names() -> None:
    ours = tsc.script(Several())
    assert [m.original_name for m in ours.modules()] == ["Several", "Scaled", "Scaled", "Scaled"]
    names = zipfile.ZipFile(bytes_of(ours)).namelist()
    assert sum("___torch_mangle_" in n and n.endswith(".py") for n in names) == 2
    assert torch.jit.load(bytes_of(ours))(torch.ones(1)).tolist() == [5.0]


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportReturnType]
        pass


class Interfaced(nn.Module):
    step: Step

    def __init__(self) -> None:
        super().__init__()
        self.step = Scaled(4.0)  # pyright: ignore[reportAttributeAccessIssue]

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x)


def test_a_module_behind_an_interface_is_called_without_naming_forward() -> None:
    ours = tsc.script(Interfaced())
    assert ours(torch.ones(1)).tolist() == [4.0]
    assert torch.jit.load(bytes_of(ours))(torch.ones(1)).tolist() == [4.0]


def test_extra_files_that_are_missing_are_empty_and_only_text_and_bytes_are_taken() -> None:
    saved = io.BytesIO(tsc.script(Scaled(2)).save_to_buffer(_extra_files={"a": "é", "b": b"\0"}))
    files: dict[str, Any] = {"a": "", "b": "", "c": "old"}
    tsc.load(saved, _extra_files=files, _restore_shapes=True)
    assert files == {"a": "é".encode(), "b": b"\0", "c": b""}
    with pytest.raises(TypeError, match="requires text or bytes; got int for 'n'"):
        tsc.script(Scaled(2)).save_to_buffer(_extra_files={"n": 3})


def test_a_place_that_is_no_device_is_refused() -> None:
    saved = bytes_of(tsc.script(Scaled(2)))
    with pytest.raises(ValueError, match="map_location should be either None, string or"):
        tsc.load(saved, map_location={"cpu": "cpu"})
    assert tsc.load(saved, map_location=torch.device("cpu"))(torch.ones(1)).tolist() == [2.0]
