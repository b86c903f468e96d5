"""`inline`: calls become bodies, up to a size."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from xdsl.dialects.func import CallOp, FuncOp

import tsc
from tests.passes.programs import module_at
from tsc import pipeline
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.passes.inline import Inline

DOUBLING = "def f0(x: Tensor) -> Tensor:\n    return x * 0.5 + 1\n" + "".join(
    f"def f{i}(x: Tensor) -> Tensor:\n    return f{i - 1}(f{i - 1}(x))\n" for i in range(1, 25)
)
"""Each function calls the one before twice: 33 million operations in all."""


def test_functions_that_double_stay_calls_where_they_grow_too_large() -> None:
    module = tsc.CompilationUnit(DOUBLING).f24.module_at("torch")
    Inline(max_growth=300).apply(make_context(ConstantPool()), module)
    sizes = [sum(1 for _ in f.walk()) for f in module.ops if isinstance(f, FuncOp)]
    assert max(sizes) <= 330
    assert any(isinstance(op, CallOp) for op in module.walk())


def test_a_function_with_calls_left_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "Inline", partial(Inline, max_growth=100))
    function = tsc.CompilationUnit(DOUBLING).f8
    x = want = np.array([4.0, 0.0], np.float32)
    for _ in range(2**8):
        want = want * np.float32(0.5) + np.float32(1)
    assert np.allclose(function(x), want)
    assert any(isinstance(op, CallOp) for op in function.module_at("frozen").walk())


def test_small_calls_leave_no_call() -> None:
    unit = tsc.CompilationUnit(DOUBLING)
    module = module_at(unit.f3, "2xf32", "frozen")
    assert not any(isinstance(op, CallOp) for op in module.walk())


def test_what_each_function_calls_once_may_be_any_size() -> None:
    text = "def f0(x: Tensor) -> Tensor:\n    return x + 1\n"
    text += "".join(f"def f{i}(x: Tensor) -> Tensor:\n    return f{i - 1}(x) * {i}\n" for i in range(1, 40))
    module = tsc.CompilationUnit(text).f39.module_at("torch")
    Inline(max_growth=0).apply(make_context(ConstantPool()), module)
    assert not any(isinstance(op, CallOp) for op in module.walk())
