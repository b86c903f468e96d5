"""`memref` to LLVM: loads, stores and stack memory; views only change the record of where a memref lies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from xdsl.dialects import memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.builtin_types import is_memref
from tsc.codegen.affine_indices import ZERO, AffineSum
from tsc.codegen.conversions import is_bool, truncate_bool
from tsc.codegen.function_emitter import Buffer, FunctionEmitter, strides_of
from tsc.codegen.types import lanes_of, llvm_type, memory_type, size_bytes, storage
from tsc.errors import CodegenError

ALLOCA_ALIGNMENT = 64


def type_of(value: SSAValue) -> MemRefType[Attribute]:
    """The type of a memref value."""
    type_ = value.type
    if not is_memref(type_):
        raise CodegenError(f"memref: requires a ranked memref; got {type_}")
    return type_


def load(function: FunctionEmitter, source: SSAValue, indices: Sequence[SSAValue], type_: Attribute) -> str:
    """A scalar or vector read from ``source[indices]``."""
    buffer = function.buffer(source)
    pointer, alignment = function.address(buffer, indices)
    space = function.pointer_type(buffer.space)
    value = function.emit(f"load {memory_type(type_)}, {space} {pointer}, align {alignment}")
    return truncate_bool(function, value, lanes_of(type_)) if is_bool(type_) else value


def store(function: FunctionEmitter, value: SSAValue, target: SSAValue, indices: Sequence[SSAValue]) -> None:
    """A scalar or vector written to ``target[indices]``."""
    operand, in_memory = function.use(value), memory_type(value.type)
    if is_bool(value.type):
        operand = function.emit(f"zext {llvm_type(value.type)} {operand} to {in_memory}")
    buffer = function.buffer(target)
    pointer, alignment = function.address(buffer, indices)
    space = function.pointer_type(buffer.space)
    function.statement(f"store {in_memory} {operand}, {space} {pointer}, align {alignment}")


def _load(function: FunctionEmitter, op: memref.LoadOp) -> None:
    function.define(op.res, load(function, op.memref, op.indices, op.res.type))


def _store(function: FunctionEmitter, op: memref.StoreOp) -> None:
    store(function, op.value, op.memref, op.indices)


def _alloca(function: FunctionEmitter, op: memref.AllocaOp) -> None:
    type_ = type_of(op.memref)
    buffer = function.module.allocate(function, type_, op)
    function.define_buffer(op.memref, buffer)


def allocate_on_stack(function: FunctionEmitter, type_: MemRefType[Attribute], op: memref.AllocaOp) -> Buffer:
    """Stack memory of the enclosing function, allocated once at its entry."""
    if DYNAMIC_INDEX in type_.get_shape():
        raise CodegenError(f"memref.alloca: requires a static shape; got {type_}")
    alignment = max(ALLOCA_ALIGNMENT, op.alignment.value.data if op.alignment else 0)
    name, count = function.fresh(), prod(type_.get_shape())
    element = type_.element_type
    function.entry.append(f"  {name} = alloca [{count} x {storage(element)}], align {alignment}")
    return Buffer(name, element, strides_of(type_), is_root=True, alignment=alignment)


def _get_global(function: FunctionEmitter, op: memref.GetGlobalOp) -> None:
    """A constant that something reads; of a packed one the original is there too, and in no table."""
    if op.memref.first_use is None:
        return
    function.define_buffer(op.memref, function.module.get_global(function, op))


def mixed(function: FunctionEmitter, static: Sequence[int], dynamic: Sequence[SSAValue]) -> list[AffineSum]:
    """Static entries with the dynamic ones filled in, as affine sums."""
    values = iter(dynamic)
    return [function.index(next(values)) if s == DYNAMIC_INDEX else AffineSum((), s) for s in static]


def _subview(function: FunctionEmitter, op: memref.SubviewOp) -> None:
    source = function.buffer(op.source)
    offset = source.offset
    positions = mixed(function, op.static_offsets.get_values(), op.offsets)
    for position, stride in zip(positions, source.strides, strict=True):
        offset = offset + position.scaled(stride)
    function.define_buffer(op.result, replace(source, strides=strides_of(type_of(op.result)), offset=offset))


def _reinterpret_cast(function: FunctionEmitter, op: memref.ReinterpretCastOp) -> None:
    """Offset and strides are replaced: both count from the base pointer, not from the source's own offset."""
    strides = op.static_strides.get_values()
    if DYNAMIC_INDEX in strides:
        raise CodegenError(f"memref.reinterpret_cast: requires static strides; got {strides}")
    (offset,) = mixed(function, op.static_offsets.get_values(), op.offsets)
    source = function.buffer(op.source)
    function.define_buffer(op.result, replace(source, strides=tuple(strides), offset=offset))


def _reshape(function: FunctionEmitter, op: Any) -> None:
    """``cast``, ``collapse_shape``, ``expand_shape``: the same elements under the result type's strides."""
    source, result = op.operands[0], op.results[0]
    buffer = replace(function.buffer(source), strides=strides_of(type_of(result)))
    function.define_buffer(result, buffer)


def _view(function: FunctionEmitter, op: memref.ViewOp) -> None:
    source, type_ = function.buffer(op.source), type_of(op.result)
    bytes_ = replace(source, offset=source.offset + function.index(op.byte_shift))
    pointer, alignment = function.address(bytes_)
    size = size_bytes(type_.element_type)
    view = Buffer(
        pointer, type_.element_type, strides_of(type_), ZERO, source.space, False, max(alignment, size)
    )
    function.define_buffer(op.result, view)


def _assume_alignment(function: FunctionEmitter, op: memref.AssumeAlignmentOp) -> None:
    source = function.buffer(op.memref)
    function.define_buffer(
        op.result, replace(source, alignment=max(source.alignment, op.alignment.value.data))
    )


def _dim(function: FunctionEmitter, op: memref.DimOp) -> None:
    position = function.index(op.index)
    if not position.is_constant:
        raise CodegenError("memref.dim: requires a constant dimension; got a value")
    function.define_index(op.result, AffineSum((), type_of(op.source).get_shape()[position.constant]))


def _copy(function: FunctionEmitter, op: memref.CopyOp) -> None:
    """Both sides contiguous: one block of memory."""
    source, target = type_of(op.source), type_of(op.destination)
    contiguous = MemRefType(source.element_type, source.shape)
    if strides_of(source) != strides_of(contiguous) or strides_of(target) != strides_of(contiguous):
        raise CodegenError(f"memref.copy: requires contiguous memrefs; got {source} and {target}")
    if DYNAMIC_INDEX in source.get_shape():
        raise CodegenError(f"memref.copy: requires a static shape; got {source}")
    length = prod(source.get_shape()) * size_bytes(source.element_type)
    to, start = (
        function.address(function.buffer(op.destination))[0],
        function.address(function.buffer(op.source))[0],
    )
    function.module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])
    function.statement(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {start}, i64 {length}, i1 false)")


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    memref.LoadOp: _load,
    memref.StoreOp: _store,
    memref.AllocaOp: _alloca,
    memref.GetGlobalOp: _get_global,
    memref.SubviewOp: _subview,
    memref.ReinterpretCastOp: _reinterpret_cast,
    memref.CastOp: _reshape,
    memref.CollapseShapeOp: _reshape,
    memref.ExpandShapeOp: _reshape,
    memref.ViewOp: _view,
    memref.AssumeAlignmentOp: _assume_alignment,
    memref.DimOp: _dim,
    memref.CopyOp: _copy,
}
