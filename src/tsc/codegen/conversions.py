"""Conversions between element types, with bfloat16 done in integer instructions.

LLVM turns bfloat16 conversions into calls of a run-time library on most machines, and AVX512-BF16 flushes
denormals. Here a bfloat16 is an ``i16`` in LLVM IR; widening is a shift and rounding is integer arithmetic,
the same on every machine.
"""

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float16Type, Float32Type, Float64Type, IndexType, IntegerType
from xdsl.ir import Attribute, Operation

from tsc.codegen.function_emitter import FunctionEmitter
from tsc.codegen.types import bits_of, element_of, is_bf16, is_float, lanes_of, llvm_type, with_lanes


def _splat(scalar: str, value: int, lanes: int) -> str:
    return f"splat ({scalar} {value})" if lanes else str(value)


def widen(function: FunctionEmitter, value: str, source: Attribute, target: Attribute) -> str:
    """A float value of type `source` as the wider type `target`, exactly."""
    if llvm_type(source) == llvm_type(target) and is_bf16(source) == is_bf16(target):
        return value
    if not is_bf16(source):
        return function.emit(f"fpext {llvm_type(source)} {value} to {llvm_type(target)}")
    lanes = lanes_of(source)
    integer, single = with_lanes("i32", lanes), with_lanes("float", lanes)
    wide = function.emit(f"zext {llvm_type(source)} {value} to {integer}")
    shifted = function.emit(f"shl {integer} {wide}, {_splat('i32', 16, lanes)}")
    result = function.emit(f"bitcast {integer} {shifted} to {single}")
    if isinstance(element_of(target), Float64Type):
        result = function.emit(f"fpext {single} {result} to {llvm_type(target)}")
    return result


def narrow(function: FunctionEmitter, value: str, source: Attribute, target: Attribute) -> str:
    """A float value of type `source` as the narrower type `target`, rounded to nearest even once."""
    if llvm_type(source) == llvm_type(target) and is_bf16(source) == is_bf16(target):
        return value
    is_double = isinstance(element_of(source), Float64Type)
    is_half = isinstance(element_of(target), Float16Type)
    if not is_bf16(target) and not (is_double and is_half):
        return function.emit(f"fptrunc {llvm_type(source)} {value} to {llvm_type(target)}")
    if is_double:
        value = _round_to_odd(function, value, lanes_of(source))
    elif isinstance(element_of(source), Float16Type):
        value = function.emit(f"fpext {llvm_type(source)} {value} to {with_lanes('float', lanes_of(source))}")
    if is_bf16(target):
        return _round_bf16(function, value, lanes_of(source))
    return function.emit(f"fptrunc {with_lanes('float', lanes_of(source))} {value} to {llvm_type(target)}")


def _round_bf16(function: FunctionEmitter, value: str, lanes: int) -> str:
    """Add half a unit less one, plus the lowest kept bit, and cut; a NaN keeps its top bits and turns
    quiet.
    """
    integer, short, flag = (with_lanes(name, lanes) for name in ("i32", "i16", "i1"))
    single = with_lanes("float", lanes)
    bits = function.emit(f"bitcast {single} {value} to {integer}")
    high = function.emit(f"lshr {integer} {bits}, {_splat('i32', 16, lanes)}")
    odd = function.emit(f"and {integer} {high}, {_splat('i32', 1, lanes)}")
    bias = function.emit(f"add {integer} {odd}, {_splat('i32', 0x7FFF, lanes)}")
    sum_ = function.emit(f"add {integer} {bits}, {bias}")
    rounded = function.emit(f"lshr {integer} {sum_}, {_splat('i32', 16, lanes)}")
    quiet = function.emit(f"or {integer} {high}, {_splat('i32', 0x40, lanes)}")
    is_nan = function.emit(f"fcmp uno {single} {value}, zeroinitializer")
    chosen = function.emit(f"select {flag} {is_nan}, {integer} {quiet}, {integer} {rounded}")
    return function.emit(f"trunc {integer} {chosen} to {short}")


def _round_to_odd(function: FunctionEmitter, value: str, lanes: int) -> str:
    """f64 -> f32 towards zero, with the last bit set when inexact: rounding that again to fewer bits is then
    right.

    Source: Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008, section 3.
    """
    integer, flag = with_lanes("i32", lanes), with_lanes("i1", lanes)
    single, double = with_lanes("float", lanes), with_lanes("double", lanes)
    nearest = function.emit(f"fptrunc {double} {value} to {single}")
    back = function.emit(f"fpext {single} {nearest} to {double}")
    function.module.declare(name := f"llvm.fabs.{'v' + str(lanes) if lanes else ''}f64", double, [double])
    above = function.emit(f"call {double} @{name}({double} {back})")
    exact = function.emit(f"call {double} @{name}({double} {value})")
    is_away = function.emit(f"fcmp ogt {double} {above}, {exact}")
    is_inexact = function.emit(f"fcmp one {double} {back}, {value}")
    bits = function.emit(f"bitcast {single} {nearest} to {integer}")
    step = function.emit(f"zext {flag} {is_away} to {integer}")
    towards_zero = function.emit(f"sub {integer} {bits}, {step}")
    sticky = function.emit(f"zext {flag} {is_inexact} to {integer}")
    odd = function.emit(f"or {integer} {towards_zero}, {sticky}")
    return function.emit(f"bitcast {integer} {odd} to {single}")


def _convert(
    convert: Callable[[FunctionEmitter, str, Attribute, Attribute], str],
) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        value = convert(function, function.use(op.input), op.input.type, op.result.type)
        function.define(op.result, value)

    return emit


def _cast(instruction: str) -> Callable[[FunctionEmitter, str, Attribute, Attribute], str]:
    def convert(function: FunctionEmitter, value: str, source: Attribute, target: Attribute) -> str:
        return function.emit(f"{instruction} {llvm_type(source)} {value} to {llvm_type(target)}")

    return convert


def _like(type_: Attribute, scalar: str) -> str:
    return with_lanes(scalar, lanes_of(type_))


def _to_integer(instruction: str) -> Callable[[FunctionEmitter, str, Attribute, Attribute], str]:
    """Truncation towards zero. Out of range, some value (frozen, so no undefined behaviour follows).

    Narrow integers go through i32 and wrap, as C++ compilers do on x86 and hence PyTorch.
    """

    def convert(function: FunctionEmitter, value: str, source: Attribute, target: Attribute) -> str:
        if is_bf16(source):
            value = widen(function, value, source, _f32_like(source))
        origin = _like(source, "float") if is_bf16(source) else llvm_type(source)
        is_small = bits_of(element_of(target)) < 32
        wide = _like(target, "i32") if is_small else llvm_type(target)
        operation = "fptosi" if is_small else instruction
        result = function.emit(f"{operation} {origin} {value} to {wide}")
        result = function.emit(f"freeze {wide} {result}")
        return function.emit(f"trunc {wide} {result} to {llvm_type(target)}") if is_small else result

    return convert


def _f32_like(type_: Attribute) -> Attribute:
    from xdsl.dialects.builtin import VectorType

    lanes = lanes_of(type_)
    return VectorType(Float32Type(), [lanes]) if lanes else Float32Type()


def _from_integer(instruction: str) -> Callable[[FunctionEmitter, str, Attribute, Attribute], str]:
    def convert(function: FunctionEmitter, value: str, source: Attribute, target: Attribute) -> str:
        is_small = bits_of(element_of(target)) == 16
        compute = _f32_like(target) if is_small else target
        result = function.emit(f"{instruction} {llvm_type(source)} {value} to {llvm_type(compute)}")
        return narrow(function, result, compute, target)

    return convert


def _index_cast(function: FunctionEmitter, op: arith.IndexCastOp) -> None:
    source, target = op.input.type, op.result.type
    if isinstance(source, IndexType) and isinstance(target, IndexType):
        function.define_index(op.result, function.index(op.input))
        return
    value, narrow_bits = function.use(op.input), bits_of(element_of(target)) - bits_of(element_of(source))
    if narrow_bits:
        instruction = "sext" if narrow_bits > 0 else "trunc"
        value = function.emit(f"{instruction} {llvm_type(source)} {value} to {llvm_type(target)}")
    function.define(op.result, value)


def _bitcast(function: FunctionEmitter, op: arith.BitcastOp) -> None:
    value, source, target = function.use(op.input), llvm_type(op.input.type), llvm_type(op.result.type)
    if source != target:
        value = function.emit(f"bitcast {source} {value} to {target}")
    function.define(op.result, value)


def truncate_bool(function: FunctionEmitter, value: str, lanes: int) -> str:
    """A byte from memory as ``i1``: anything but 0 is true."""
    return function.emit(f"icmp ne {with_lanes('i8', lanes)} {value}, zeroinitializer")


def is_bool(type_: Attribute) -> bool:
    """Whether the elements are ``i1``, which memory holds as bytes."""
    return not is_float(type_) and element_of(type_) == IntegerType(1)


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    arith.ExtFOp: _convert(widen),
    arith.TruncFOp: _convert(narrow),
    arith.ExtSIOp: _convert(_cast("sext")),
    arith.ExtUIOp: _convert(_cast("zext")),
    arith.TruncIOp: _convert(_cast("trunc")),
    arith.FPToSIOp: _convert(_to_integer("fptosi")),
    arith.FPToUIOp: _convert(_to_integer("fptoui")),
    arith.SIToFPOp: _convert(_from_integer("sitofp")),
    arith.UIToFPOp: _convert(_from_integer("uitofp")),
    arith.IndexCastOp: _index_cast,
    arith.BitcastOp: _bitcast,
}
