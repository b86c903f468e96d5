# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false, reportPrivateUsage=false
"""Traces inside other modules, and modules inside traces: saved, loaded, and named as PyTorch does."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc

from .comparing import pytorchs


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), 2.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Unread(nn.Module):
    """A trace of it reads neither its weight nor its submodule."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.part = Scale()

    def forward(self, x: Tensor) -> Tensor:
        return x


def _traces_in_init(jit: Any) -> Any:
    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            row = torch.ones(1, 3)
            self.rows = jit.trace(lambda: torch.cat([row, row]), ())
            self.twice = jit.trace(lambda x: x * x, torch.ones(2))
            self.scale = jit.trace(Scale(), torch.ones(2))
            self.parts = nn.ModuleList([jit.trace(Unread(), torch.ones(2)), Scale()])

        def forward(self, x: Tensor) -> Tensor:
            for part in self.parts:
                x = part(x)
            return self.rows() + self.twice(self.scale(x))

    return jit.script(Made())


def _traces_in_traces(jit: Any) -> Any:
    class Holder(nn.Module):
        def __init__(self, part: Any) -> None:
            super().__init__()
            self.part = jit.trace(part, torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            return self.part(self.part(x)) + self.part(x)

    return jit.trace(Holder(Holder(Holder(Unread()))), torch.ones(3))


def _a_script_with_a_trace_in_a_trace(jit: Any) -> Any:
    class Chosen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = jit.trace(Scale(), torch.ones(3))
            self.other = Scale()

        def forward(self, x: Tensor) -> Tensor:
            if bool(x.sum() > 0):
                return self.scale(x)
            return self.other(x - 1)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.Sequential(jit.script(Chosen()), nn.ReLU(), jit.trace(Scale(), torch.ones(3)))

        def forward(self, x: Tensor) -> Tensor:
            return self.parts(x)

    return jit.trace(Outer(), torch.ones(3))


@pytest.mark.parametrize("make", [_traces_in_init, _traces_in_traces, _a_script_with_a_trace_in_a_trace])
def test_traces_inside_other_modules_are_saved(make: Any) -> None:
    def described(module: Any) -> list[Any]:
        names = [(path, part.original_name) for path, part in module.named_modules()]
        results = [module(torch.full((3,), sign)).tolist() for sign in (1.0, -1.0)]
        return [names, list(module.state_dict()), results]

    ours = make(tsc)
    expected = described(make(torch.jit))
    assert described(ours) == expected
    for load in (torch.jit.load, tsc.load):
        file = io.BytesIO()
        tsc.save(ours, file)
        file.seek(0)
        assert described(load(file)) == expected


def _codes(module: Any) -> dict[str, str]:
    found = {path: part.code for path, part in module.named_modules()}
    return {path: re.sub(r"CONSTANTS\.c\d", "1", code) for path, code in found.items()}


def test_functions_and_classes_are_called_by_their_own_names() -> None:
    def added(x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def make(jit: Any) -> Any:
        class Local(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.added = jit.trace(added, (torch.ones(2), torch.ones(2)))

            def forward(self, x: Tensor) -> Tensor:
                return self.added(x, x)

        return jit.script(Local())

    assert tsc.script(added).qualified_name == f"__torch__.{__name__}.added"
    for jit in (torch.jit, tsc):
        assert re.sub(r"___torch_mangle_\d+\.", "", make(jit).code).count(f"__torch__.{__name__}.added") == 1


class Both(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = x + 1
        return x * y


class Calls(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Both(), Both()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.second(self.first(a * 1, b), self.first(b, a))


def test_what_submodules_take_has_pytorchs_names() -> None:
    given = (torch.ones(2), torch.ones(2))
    assert _codes(tsc.trace(Calls(), given)) == _codes(pytorchs(Calls(), given))
