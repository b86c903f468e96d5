# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""Functions and methods defined by text know the names around the call, as PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import tsc
from tsc.errors import CompileError

Library = Any
X = torch.ones(2)
LIBRARIES = pytest.mark.parametrize("jit", [torch.jit, tsc], ids=["torch", "tsc"])


def scaled(x: torch.Tensor, times: int = 2) -> torch.Tensor:
    return x * times


class Held:
    def __init__(self, v: int) -> None:
        self.v = v


@LIBRARIES
def test_text_calls_functions_and_classes_of_the_caller(jit: Library) -> None:
    unit = jit.CompilationUnit(
        "def f(x):\n    return scaled(x)\ndef g(n: int) -> int:\n    return Held(n).v\n"
    )
    assert unit.f(X).tolist() == [2.0, 2.0]
    assert unit.g(4) == 4


@LIBRARIES
def test_frames_up_says_whose_names_are_meant(jit: Library) -> None:
    def made(text: str) -> Any:
        return jit.CompilationUnit(text, _frames_up=1)

    def local(x):
        return x * 7

    assert local is not None
    assert made("def f(x):\n    return local(x)\n").f(X).tolist() == [7.0, 7.0]


@LIBRARIES
def test_text_may_be_indented_and_keeps_its_comments(jit: Library) -> None:
    unit = jit.CompilationUnit("""
        def f(n):
            # type: (int) -> int
            return n + 1
        def g(n: int):
            return f(n) * 2
    """)
    assert unit.g(1) == 4
    assert [f.name for f in unit.get_functions()] == ["f", "g"]
    assert unit.find_function("h") is None
    with pytest.raises(AttributeError, match="'CompilationUnit' has no attribute 'h'"):
        _ = unit.h


@LIBRARIES
def test_names_of_an_earlier_text_are_not_those_of_a_later_one(jit: Library) -> None:
    unit = jit.CompilationUnit("def f(n: int):\n    return n\n")
    with pytest.raises(RuntimeError, match="undefined value f"):
        unit.define("def g(n: int):\n    return f(n)\n")
    assert unit.f(1) == 1


def test_units_with_functions_of_one_name_keep_them_apart() -> None:
    first = tsc.CompilationUnit("def f(n: int):\n    return n\n")
    second = tsc.CompilationUnit("def f(n: int):\n    return n * 2\n")
    assert (first.f(3), second.f(3), first.f.name, second.f.name) == (3, 6, "f", "f")


def of_torch(jit: Library, build: Callable[[Any], None]) -> Any:
    """A ScriptModule of a library whose ``__init__`` ends in `build`."""

    class M(jit.ScriptModule):
        def __init__(self) -> None:
            super().__init__()
            self.k = nn.Parameter(torch.ones(2))
            build(self)

    return M()


@LIBRARIES
def test_a_script_module_defines_methods_while_it_is_built(jit: Library) -> None:
    def build(module: Any) -> None:
        module.define("""
            def more(self, x):
                return x + scaled(x)
        """)
        module.define("def forward(self, x):\n    return self.more(x) * self.k\n")

    module = of_torch(jit, build)
    assert module(X).tolist() == [3.0, 3.0]


@LIBRARIES
def test_a_method_defined_later_knows_names_of_the_caller(jit: Library) -> None:
    class Plain(nn.Module):
        def forward(self, x):
            return x

    module = jit.script(Plain())
    module.define("def q(self, x):\n    return scaled(x, 3)\n")
    assert module.q(X).tolist() == [3.0, 3.0]


def test_a_function_is_compiled_once_however_often_it_is_read() -> None:
    unit: Any = tsc.CompilationUnit("def double(x): return x * 2")
    assert unit.double(X).tolist() == unit.double(X).tolist()
    (compiled,) = unit.double.specializations()
    assert compiled.hits == 2
    assert "torch.aten.mul" in unit.double.ir["value"]


@pytest.mark.parametrize("value", ["f()", "y", "{[]: 1}"])
def test_a_default_is_a_literal(value: str) -> None:
    with pytest.raises(CompileError, match="a constant must be a literal"):
        tsc.CompilationUnit(f"def g(x, y: int = {value}):\n    return x")
