"""Functions of numbers, on the tensors without dims that stand for them: floats are IEEE's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from xdsl.ir import Operation, SSAValue

from tsc import dtypes
from tsc.analysis.number_reads import NUMBERS, READS, is_rounded_read
from tsc.dialects.aten import AtenOp
from tsc.dtypes import DType
from tsc.ops.composite import Aten
from tsc.ops.numbers_on_tensors import in_dtype

Function = Callable[[Aten, Sequence[SSAValue]], SSAValue]
"""What is written for tensors of floats (or, of `abs`, of either kind)."""


def function_of_numbers(stem: str, dtype: DType) -> Function | None:
    """What an operator that gives a number of `dtype` is on tensors, where it never raises; else None."""
    return FUNCTIONS.get((stem, dtype))


def is_of_floats(stem: str) -> bool:
    """Whether such an operator computes with floats, whatever it is given."""
    return stem not in ("abs", "prim::abs")


def _float_function(name: str) -> Function:
    return lambda aten, x: aten(name, *x)


def _as_integer(name: str) -> Function:
    return lambda aten, x: in_dtype(aten(name, x[0]), dtypes.I64, aten)


def _chosen(comparison: str) -> Function:
    """The first of two numbers where it compares so, else the second."""
    return lambda aten, x: aten("where.self", aten(comparison, *x), *x)


_OF_ONE = (
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "acosh", "exp", "expm1",
    "log", "log1p", "log10", "sqrt", "erf", "round",
)  # fmt: skip
FUNCTIONS: Mapping[tuple[str, DType], Function] = {
    **{(name, dtypes.F64): _float_function(name) for name in (*_OF_ONE, "atan2", "abs")},
    ("prim::abs", dtypes.F64): _float_function("abs"),
    ("fabs", dtypes.F64): _float_function("abs"),
    ("abs", dtypes.I64): _float_function("abs"),
    ("prim::abs", dtypes.I64): _float_function("abs"),
    ("floor", dtypes.I64): _as_integer("floor"),
    ("ceil", dtypes.I64): _as_integer("ceil"),
    ("Int", dtypes.I64): _as_integer("trunc"),
    ("div", dtypes.F64): _float_function("div.Tensor"),
    ("prim::min", dtypes.F64): _chosen("lt.Tensor"),
    ("prim::max", dtypes.F64): _chosen("gt.Tensor"),
}
"""By the operator's name without its overload, and what kind of number it gives."""
REFUSE_LARGE = ("floor", "ceil")
"""Those that raise where the result is no integer of 64 bits."""


def read(op: Operation, aten: Aten) -> SSAValue:
    """The tensor of a number that `op` reads; a float that is read as an integer is required to fit."""
    assert isinstance(op, AtenOp)
    source = op.operands[0]
    flat = source if aten.shape(source) == () else aten("reshape", source, [])
    if is_rounded_read(op):
        require_integer(aten, flat)
    return in_dtype(flat, NUMBERS[READS[op.schema.full_name]], aten)


def require_integer(aten: Aten, number: SSAValue) -> None:
    """Require that a float, rounded toward zero, is an integer of 64 bits: else the generic tier
    tells the error.
    """
    aten.require(aten("lt.Scalar", aten("abs", number), 2.0**63))
