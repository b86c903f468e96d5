"""`vector` to LLVM: memory, lanes, fused multiply-add and reductions."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from xdsl.dialects import vector
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, IntegerType
from xdsl.dialects.vector import CombiningKindFlag as Kind
from xdsl.ir import Operation, SSAValue

from tsc.codegen import memory
from tsc.codegen.arith import computed_in, flags_of, float_operation
from tsc.codegen.conversions import is_bool, narrow, truncate_bool, widen
from tsc.codegen.function_emitter import FunctionEmitter
from tsc.codegen.types import element_of, lanes_of, llvm_type, memory_type, scalar_type, suffix, with_lanes
from tsc.errors import CodegenError

_INSTRUCTIONS = {Kind.AND: "and", Kind.OR: "or", Kind.XOR: "xor"}
_INTRINSICS = {
    Kind.MINUI: "umin",
    Kind.MINSI: "smin",
    Kind.MAXUI: "umax",
    Kind.MAXSI: "smax",
    Kind.MINNUMF: "minnum",
    Kind.MAXNUMF: "maxnum",
    Kind.MINIMUMF: "minimum",
    Kind.MAXIMUMF: "maximum",
}


def _load(function: FunctionEmitter, op: vector.LoadOp) -> None:
    function.define(op.result, memory.load(function, op.base, op.indices, op.result.type))


def _store(function: FunctionEmitter, op: vector.StoreOp) -> None:
    memory.store(function, op.vector, op.base, op.indices)


def _masked_load(function: FunctionEmitter, op: vector.MaskedLoadOp) -> None:
    type_, lanes = memory_type(op.result.type), lanes_of(op.result.type)
    buffer = function.buffer(op.base)
    pointer, alignment = function.address(buffer, op.indices)
    space = function.pointer_type(buffer.space)
    rest = function.use(op.pass_thru)
    if is_bool(op.result.type):
        rest = function.emit(f"zext <{lanes} x i1> {rest} to {type_}")
    name = f"llvm.masked.load.{suffix(type_)}.p{buffer.space}"
    function.module.declare(name, type_, [space, f"<{lanes} x i1>", type_])
    mask = function.typed(op.mask)
    value = function.emit(
        f"call {type_} @{name}({space} align {alignment} {pointer}, {mask}, {type_} {rest})"
    )
    function.define(op.result, truncate_bool(function, value, lanes) if is_bool(op.result.type) else value)


def _masked_store(function: FunctionEmitter, op: vector.MaskedStoreOp) -> None:
    source = op.value_to_store
    type_, lanes, value = memory_type(source.type), lanes_of(source.type), function.use(source)
    if is_bool(source.type):
        value = function.emit(f"zext <{lanes} x i1> {value} to {type_}")
    buffer = function.buffer(op.base)
    pointer, alignment = function.address(buffer, op.indices)
    space = function.pointer_type(buffer.space)
    name = f"llvm.masked.store.{suffix(type_)}.p{buffer.space}"
    function.module.declare(name, "void", [type_, space, f"<{lanes} x i1>"])
    mask = function.typed(op.mask)
    function.statement(f"call void @{name}({type_} {value}, {space} align {alignment} {pointer}, {mask})")


def splat(function: FunctionEmitter, scalar: str, value: str, lanes: int) -> str:
    """`value` in every lane."""
    if not value.startswith("%"):
        return f"splat ({scalar} {value})"
    type_ = with_lanes(scalar, lanes)
    first = function.emit(f"insertelement {type_} poison, {scalar} {value}, i32 0")
    return function.emit(f"shufflevector {type_} {first}, {type_} poison, <{lanes} x i32> zeroinitializer")


def _broadcast(function: FunctionEmitter, op: vector.BroadcastOp) -> None:
    source, value = op.source.type, function.use(op.source)
    if lanes_of(source) > 1 and source != op.vector.type:
        raise CodegenError(f"vector.broadcast: requires a scalar; got {source}")
    if source == op.vector.type:
        function.define(op.vector, value)
        return
    if lanes_of(source) == 1:
        value = function.emit(f"extractelement {llvm_type(source)} {value}, i32 0")
    function.define(
        op.vector, splat(function, scalar_type(element_of(source)), value, lanes_of(op.vector.type))
    )


def _fma(function: FunctionEmitter, op: Any) -> None:
    operands = list(op.operands)
    result = op.results[0]

    def write(type_: str, values: list[str]) -> str:
        return fused_multiply_add(function, type_, values)

    float_operation(function, result, operands, write)


def fused_multiply_add(function: FunctionEmitter, type_: str, values: list[str]) -> str:
    """``a * b + c`` rounded once; on a machine without the instruction, rounded twice (never a slow library
    call).
    """
    if function.module.target.has_fma:
        return function.call(f"llvm.fma.{suffix(type_)}", type_, *((type_, v) for v in values))
    product = function.emit(f"fmul {type_} {values[0]}, {values[1]}")
    return function.emit(f"fadd {type_} {product}, {values[2]}")


def _position(function: FunctionEmitter, static: int, dynamic: list[SSAValue]) -> str:
    return f"i64 {function.use(dynamic[0]) if static == DYNAMIC_INDEX else static}"


def _extract(function: FunctionEmitter, op: vector.ExtractOp) -> None:
    (static,) = op.static_position.get_values()
    position = _position(function, static, list(op.dynamic_position))
    function.define(op.result, function.emit(f"extractelement {function.typed(op.vector)}, {position}"))


def _insert(function: FunctionEmitter, op: vector.InsertOp) -> None:
    (static,) = op.static_position.get_values()
    position = _position(function, static, list(op.dynamic_position))
    operands = f"{function.typed(op.dest)}, {function.typed(op.source)}"
    function.define(op.result, function.emit(f"insertelement {operands}, {position}"))


def _shuffle(function: FunctionEmitter, op: vector.ShuffleOp) -> None:
    operands = f"{function.typed(op.v1)}, {function.typed(op.v2)}, {_mask(op.mask)}"
    if lanes_of(op.v1.type) != lanes_of(op.v2.type):
        raise CodegenError(
            f"vector.shuffle: requires two vectors of one type; got {op.v1.type} and {op.v2.type}"
        )
    function.define(op.result, function.emit(f"shufflevector {operands}"))


@cache
def _mask(mask: DenseArrayBase[IntegerType]) -> str:
    """The lanes of a shuffle as a constant. (There are few masks, and many shuffles.)"""
    lanes = mask.get_values()
    named = ", ".join("i32 poison" if lane < 0 else f"i32 {lane}" for lane in lanes)
    return f"<{len(lanes)} x i32> <{named}>"


def _create_mask(function: FunctionEmitter, op: vector.CreateMaskOp) -> None:
    """Lane ``i`` is on where ``i < size``; compared in i32, which is as wide as most data."""
    lanes = lanes_of(op.mask_vector.type)
    size = function.use(op.mask_dim_sizes[0])
    low = function.call("llvm.smax.i64", "i64", ("i64", size), ("i64", "0"))
    bounded = function.call("llvm.smin.i64", "i64", ("i64", low), ("i64", str(lanes)))
    size = splat(function, "i32", function.emit(f"trunc i64 {bounded} to i32"), lanes)
    steps = "<" + ", ".join(f"i32 {lane}" for lane in range(lanes)) + ">"
    function.define(op.mask_vector, function.emit(f"icmp slt <{lanes} x i32> {steps}, {size}"))


def _bitcast(function: FunctionEmitter, op: vector.BitcastOp) -> None:
    value, target = function.use(op.source), llvm_type(op.result.type)
    if target != llvm_type(op.source.type):
        value = function.emit(f"bitcast {function.typed(op.source)} to {target}")
    function.define(op.result, value)


# Reductions


def combine(function: FunctionEmitter, kind: Kind, type_: str, lhs: str, rhs: str, flags: str = "") -> str:
    """One step of a reduction."""
    is_float = "float" in type_ or "double" in type_
    if kind in _INTRINSICS:
        name, operands = f"llvm.{_INTRINSICS[kind]}.{suffix(type_)}", ((type_, lhs), (type_, rhs))
        return function.call(name, type_, *operands, flags=flags if is_float else "")
    instruction = _INSTRUCTIONS.get(kind) or ("f" if is_float else "") + kind.value
    return function.emit(f"{instruction} {flags}{type_} {lhs}, {rhs}")


def _halves(function: FunctionEmitter, value: str, scalar: str, lanes: int) -> tuple[str, str]:
    half, type_ = lanes // 2, with_lanes(scalar, lanes)
    masks = (", ".join(f"i32 {i + start}" for i in range(half)) for start in (0, half))
    low, high = (
        function.emit(f"shufflevector {type_} {value}, {type_} poison, <{half} x i32> <{mask}>")
        for mask in masks
    )
    return low, high


def _reduction(function: FunctionEmitter, op: vector.ReductionOp) -> None:
    """Halves are combined lane by lane until one lane is left, then the accumulator is: one order on every
    machine.

    A vector whose length is not a power of two is combined from lane 0 up.
    """
    compute = computed_in(op.vector.type)
    value = widen(function, function.use(op.vector), op.vector.type, compute)
    scalar, lanes, kind, flags = (
        scalar_type(element_of(compute)),
        lanes_of(compute),
        op.kind.data,
        flags_of(op),
    )
    while lanes > 1 and lanes % 2 == 0:
        low, high = _halves(function, value, scalar, lanes)
        lanes //= 2
        value = combine(function, kind, with_lanes(scalar, lanes), low, high, flags)
    type_ = with_lanes(scalar, lanes)
    total = function.emit(f"extractelement {type_} {value}, i32 0")
    for lane in range(1, lanes):
        other = function.emit(f"extractelement {type_} {value}, i32 {lane}")
        total = combine(function, kind, scalar, total, other, flags)
    if op.acc is not None:
        accumulator = widen(function, function.use(op.acc), op.acc.type, element_of(compute))
        total = combine(function, kind, scalar, accumulator, total, flags)
    function.define(op.dest, narrow(function, total, element_of(compute), op.dest.type))


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    vector.LoadOp: _load,
    vector.StoreOp: _store,
    vector.MaskedLoadOp: _masked_load,
    vector.MaskedStoreOp: _masked_store,
    vector.BroadcastOp: _broadcast,
    vector.FMAOp: _fma,
    vector.ExtractOp: _extract,
    vector.InsertOp: _insert,
    vector.ShuffleOp: _shuffle,
    vector.CreateMaskOp: _create_mask,
    vector.BitcastOp: _bitcast,
    vector.ReductionOp: _reduction,
}
