"""What an operator lowers to computes what the operator means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import VerifyException

from tsc import dtypes
from tsc.dialects.arith_emitter import element_type
from tsc.errors import CodegenError, TscError
from tsc.narrowing import is_sequence
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.registry import operators
from tsc.verification.linalg_interpreter import LinalgInterpreter, signless
from tsc.verification.verifier import typed

from .comparing import difference
from .matching import cloned, ours
from .samples import calls_of
from .test_against_torch import ERRORS, is_random

pytestmark = pytest.mark.filterwarnings("ignore")
MAX_ELEMENTS = 3000
PER_ORIGIN = 2
LOWERED = sorted(name for name, operator in operators().items() if operator.lower is not None)
BY_NUMBERS = "integers by numbers alone (tests/ops/test_integer_division.py), which the samples do not have"
NEVER_NATIVE = {
    name: BY_NUMBERS
    for name in (
        "aten::div.Scalar_mode", "aten::floor_divide", "aten::floor_divide.Scalar", "aten::remainder.Scalar",
        "aten::remainder.Tensor", "aten::remainder.Scalar_Tensor", "aten::fmod.Scalar", "aten::fmod.Tensor",
    )
} | {"aten::nonzero_static": "sizes that the program finds (tests/jit/test_found_sizes.py)"}  # fmt: skip


def arrays_in(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        return [value]
    return [a for v in value for a in arrays_in(v)] if is_sequence(value) else []


def with_kernel_values(value: Any, given: Any) -> Any:
    """The call with its arrays replaced by the kernel's arguments."""
    if isinstance(value, np.ndarray):
        return next(given)
    return [with_kernel_values(v, given) for v in value] if is_sequence(value) else value


def build(operator: Operator, call: list[Any]) -> tuple[Block, list[TensorSpec], list[np.ndarray[Any, Any]]]:
    """The block of a kernel that computes the operator, the specs of its results, and the constants that it
    takes behind its arguments.
    """
    specs = [spec_of(a) for a in arrays_in(call)]
    block = Block(arg_types=[KernelBuilder(Block()).tensor_type(s) for s in specs])
    kernel = KernelBuilder(block)
    arguments = iter([KernelValue(a, s) for a, s in zip(list(block.args), specs, strict=True)])
    assert operator.lower is not None
    result = operator.lower(kernel, with_kernel_values(call, arguments))
    values = [kernel.materialize(v) for v in (result if is_sequence(result) else [result])]
    block.add_op(func.ReturnOp(*(v.ssa for v in values)))
    kernel.drop_unused()
    signature = ([a.type for a in block.args], [v.ssa.type for v in values])
    module = ModuleOp([func.FuncOp("kernel", signature, Region(block), "private")])
    try:
        module.verify()
    except VerifyException as error:
        # xDSL takes extents from the first operand; a view that reads a part of its tensor says more than it
        # iterates.
        if "inferred input/output operand" not in str(error):
            raise AssertionError(str(error).splitlines()[0]) from None
    return block, [v.spec for v in values], [array for _, array in kernel.tables]


def interpreted(block: Block, specs: Sequence[TensorSpec], arrays: list[np.ndarray[Any, Any]]) -> list[Any]:
    results = LinalgInterpreter().run(block, [signless(a) for a in arrays])
    made = [typed(r, s.dtype.numpy) for r, s in zip(results, specs, strict=True)]
    assert all(r.shape == s.shape for r, s in zip(made, specs, strict=True))
    return made


def as_torch(x: np.ndarray[Any, Any]) -> torch.Tensor:
    if x.dtype == dtypes.BF16.numpy:
        return torch.from_numpy(np.array(x, order="C").view(np.int16)).view(torch.bfloat16)  # pyright: ignore[reportUnknownMemberType]
    return torch.from_numpy(np.array(x))  # pyright: ignore[reportUnknownMemberType]


def small_calls(operator: Operator) -> list[list[Any]]:
    chosen: list[list[Any]] = []
    for calls in calls_of(operator.schema).values():
        fitting = [c for c in calls if all(0 < a.size < MAX_ELEMENTS for a in arrays_in(ours(c)))]
        chosen += [c for c in fitting if not is_random(operator.schema, c)][:PER_ORIGIN]
    return chosen


@pytest.mark.parametrize("name", LOWERED)
def test_lowering_computes_the_operator(name: str) -> None:
    operator = operators()[name]
    native = 0
    for call in small_calls(operator):
        mine = ours(cloned(call))
        if not operator.takes_complex and any(spec_of(a).dtype.is_complex for a in arrays_in(mine)):
            continue  # it never comes to a kernel
        if operator.lowers is not None and not operator.lowers(*specs_of(mine)):
            continue
        try:
            want = operator.eager(*ours(cloned(call)))
        except ERRORS:
            continue
        try:
            block, specs, tables = build(operator, mine)
        except CodegenError:
            continue
        except TscError as error:
            raise AssertionError(f"{error!r} for {mine!r:.300}") from error
        native += 1
        got = interpreted(block, specs, [*arrays_in(mine), *tables])
        expected = want if is_sequence(want) else [want]
        wrong = difference(got, [as_torch(np.asarray(w)) for w in expected])
        assert wrong is None, f"{wrong}; arguments {mine!r:.400}\n{block}"
    assert native or not small_calls(operator) or name in NEVER_NATIVE, "no call has a native form"


@pytest.mark.parametrize("dtype", [d for d in dtypes.ALL if not d.is_complex], ids=lambda d: d.name)
def test_element_types_are_signless(dtype: dtypes.DType) -> None:
    assert str(element_type(dtype)).lstrip("ui") == str(element_type(dtype)).lstrip("i")
