"""`math` to LLVM: native instructions where there are some, else a function of the math library."""

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.dialects import math
from xdsl.ir import Operation

from tsc.codegen.arith import float_operation
from tsc.codegen.conversions import narrow
from tsc.codegen.function_emitter import FunctionEmitter
from tsc.codegen.types import llvm_type, suffix
from tsc.codegen.vectors import fused_multiply_add
from tsc.dialects.tsc import RemainderOp

LIBRARY: Mapping[type[Operation], str] = {
    math.ExpOp: "exp",
    math.Exp2Op: "exp2",
    math.ExpM1Op: "expm1",
    math.LogOp: "log",
    math.Log2Op: "log2",
    math.Log10Op: "log10",
    math.Log1pOp: "log1p",
    math.TanhOp: "tanh",
    math.SinhOp: "sinh",
    math.CoshOp: "cosh",
    math.AsinhOp: "asinh",
    math.AcoshOp: "acosh",
    math.AtanhOp: "atanh",
    math.SinOp: "sin",
    math.CosOp: "cos",
    math.TanOp: "tan",
    math.AsinOp: "asin",
    math.AcosOp: "acos",
    math.AtanOp: "atan",
    math.Atan2Op: "atan2",
    math.ErfOp: "erf",
    math.PowFOp: "pow",
    math.RsqrtOp: "rsqrt",
    math.CbrtOp: "cbrt",
    RemainderOp: "fmod",
}
"""Ops that call a function of `tsc.codegen.math`, and its name there."""

NATIVE: Mapping[type[Operation], str] = {
    math.AbsFOp: "fabs",
    math.CeilOp: "ceil",
    math.FloorOp: "floor",
    math.TruncOp: "trunc",
    math.RoundOp: "round",
    math.RoundEvenOp: "roundeven",
    math.SqrtOp: "sqrt",
    math.CopySignOp: "copysign",
}
"""Ops that are one LLVM intrinsic."""


def _library(name: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        def write(type_: str, values: list[str]) -> str:
            callee = function.module.math.request(name, type_)
            return function.call(callee, type_, *((type_, v) for v in values))

        float_operation(function, op.results[0], list(op.operands), write)

    return emit


def _native(name: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        def write(type_: str, values: list[str]) -> str:
            return function.call(f"llvm.{name}.{suffix(type_)}", type_, *((type_, v) for v in values))

        float_operation(function, op.results[0], list(op.operands), write)

    return emit


def _bits(name: str, flag: str | None) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        type_ = llvm_type(op.result.type)
        arguments = [(type_, function.use(op.operand))] + ([("i1", flag)] if flag else [])
        function.define(op.result, function.call(f"llvm.{name}.{suffix(type_)}", type_, *arguments))

    return emit


def _fma(function: FunctionEmitter, op: math.FmaOp) -> None:
    def write(type_: str, values: list[str]) -> str:
        return fused_multiply_add(function, type_, values)

    float_operation(function, op.result, list(op.operands), write)


def _float_to_integer_power(function: FunctionEmitter, op: math.FPowIOp) -> None:
    """``x ** n`` for an integer n: the general power, which is exact about signs for integral exponents."""
    compute = op.lhs.type
    exponent = function.emit(f"sitofp {function.typed(op.rhs)} to {llvm_type(compute)}")
    callee = function.module.math.request("pow", llvm_type(compute))
    type_ = llvm_type(compute)
    value = function.call(callee, type_, (type_, function.use(op.lhs)), (type_, exponent))
    function.define(op.result, narrow(function, value, compute, op.result.type))


def _integer_power(function: FunctionEmitter, op: math.IPowIOp) -> None:
    type_ = llvm_type(op.result.type)
    callee = function.module.math.request("ipow", type_)
    arguments = ((type_, function.use(op.lhs)), (type_, function.use(op.rhs)))
    function.define(op.result, function.call(callee, type_, *arguments))


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    **{op: _library(name) for op, name in LIBRARY.items()},
    **{op: _native(name) for op, name in NATIVE.items()},
    math.FmaOp: _fma,
    math.AbsIOp: _bits("abs", "false"),
    math.CountLeadingZerosOp: _bits("ctlz", "false"),
    math.CountTrailingZerosOp: _bits("cttz", "false"),
    math.CtPopOp: _bits("ctpop", None),
    math.FPowIOp: _float_to_integer_power,
    math.IPowIOp: _integer_power,
}
