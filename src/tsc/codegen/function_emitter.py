"""The state of one LLVM function while it is written: names, blocks, values, and addresses as affine sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import gcd
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import IndexType, MemRefType
from xdsl.ir import Attribute, Block, SSAValue

from tsc.analysis.builtin_types import is_memref
from tsc.codegen.affine_indices import ZERO, AffineSum, variable
from tsc.codegen.types import llvm_type, size_bytes, storage
from tsc.errors import CodegenError

if TYPE_CHECKING:
    from tsc.codegen.emitter import ModuleEmitter


@dataclass(frozen=True)
class Buffer:
    """A memref while code is emitted: ``element[i]`` lies at ``pointer + offset + sum(i * stride)``, in
    elements.
    """

    pointer: str
    element: Attribute
    strides: tuple[int, ...]
    offset: AffineSum = ZERO
    space: int = 0
    is_root: bool = False
    """Whether `pointer` is an object of its own, which no other root overlaps (unless the kernel says so)."""
    alignment: int = 1
    """Bytes `pointer` is known to be aligned to (never less than the element counts on)."""


def strides_of(type_: MemRefType[Attribute]) -> tuple[int, ...]:
    """The strides of a memref type, in elements; they are constants at the loop stage."""
    strides = type_.get_strides()
    if strides is None or any(s is None for s in strides):
        raise CodegenError(f"memref: requires static strides at the loop stage; got {type_}")
    return tuple(s for s in strides if s is not None)


@dataclass
class FunctionEmitter:
    """Writes one function. Values are named ``%v<id>``, blocks ``b<id>``; ids grow in order of definition."""

    module: ModuleEmitter
    may_alias: bool = False
    parent: FunctionEmitter | None = None
    """The function this one was outlined from; values found there are captured."""
    lines: list[str] = field(default_factory=list[str])
    entry: list[str] = field(default_factory=list[str])
    """Allocas: written first, so that a loop does not grow the stack."""
    block: str = "entry"
    captures: dict[str, tuple[str, str, bool]] = field(default_factory=dict[str, tuple[str, str, bool]])
    """Name in the parent -> (name here, LLVM type, is a root pointer)."""
    _values: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    _indices: dict[SSAValue, AffineSum] = field(default_factory=dict[SSAValue, AffineSum])
    _buffers: dict[SSAValue, Buffer] = field(default_factory=dict[SSAValue, Buffer])
    _scopes: list[dict[tuple[str, str, AffineSum], str]] = field(
        default_factory=lambda: [dict[tuple[str, str, AffineSum], str]()]
    )
    _count: int = 0

    def fresh(self) -> str:
        """A new value name."""
        self._count += 1
        return f"%v{self._count}"

    def emit(self, instruction: str) -> str:
        """Write an instruction with a result; returns its name."""
        name = self.fresh()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def statement(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append("  " + instruction)

    def call(self, intrinsic: str, result: str, *arguments: tuple[str, str], flags: str = "") -> str:
        """Call an LLVM intrinsic or a helper function, given (type, operand) pairs; declares it on first
        use. `flags` are fast-math flags, with a space behind.
        """
        self.module.declare(intrinsic, result, [type_ for type_, _ in arguments])
        operands = ", ".join(f"{type_} {operand}" for type_, operand in arguments)
        return self.emit(f"call {flags}{result} @{intrinsic}({operands})")

    def label(self) -> str:
        """A new block name."""
        self._count += 1
        return f"b{self._count}"

    def start_block(self, label: str) -> None:
        """Begin the block `label`; what precedes must have ended with a terminator."""
        self.lines.append(f"{label}:")
        self.block = label

    def branch(self, label: str) -> None:
        """Jump to `label`."""
        self.lines.append(f"  br label %{label}")

    def push_scope(self) -> None:
        """Enter a region: what is computed in it must not be reused after it."""
        self._scopes.append({})

    def pop_scope(self) -> None:
        """Leave a region."""
        self._scopes.pop()

    def region(self, block: Block) -> None:
        """Emit the ops of a structured region's only block, in a scope of its own."""
        self.push_scope()
        self.module.ops(self, block)
        self.pop_scope()

    # Values

    def define(self, value: SSAValue, text: str) -> None:
        """Say which LLVM operand stands for `value`; an index becomes a variable of affine sums."""
        if isinstance(value.type, IndexType):
            self._indices[value] = (
                variable(int(text[2:])) if text.startswith("%v") else AffineSum((), int(text))
            )
        else:
            self._values[value] = text

    def define_index(self, value: SSAValue, index: AffineSum) -> None:
        """Say which affine sum an index value is."""
        self._indices[value] = index

    def define_buffer(self, value: SSAValue, buffer: Buffer) -> None:
        """Say where a memref value lies."""
        self._buffers[value] = buffer

    def use(self, value: SSAValue) -> str:
        """The LLVM operand of a scalar or vector value."""
        if isinstance(value.type, IndexType):
            return self.materialize(self.index(value))
        text = self._values.get(value)
        if text is None:
            text = self._captured(self._outer(value).use(value), llvm_type(value.type))
            self._values[value] = text
        return text

    def typed(self, value: SSAValue) -> str:
        """The LLVM operand with its type: ``float %v3``."""
        return f"{llvm_type(value.type)} {self.use(value)}"

    def index(self, value: SSAValue) -> AffineSum:
        """An index value as an affine sum."""
        index = self._indices.get(value)
        if index is None:
            index = self._import_sum(self._outer(value).index(value))
            self._indices[value] = index
        return index

    def buffer(self, value: SSAValue) -> Buffer:
        """The place of a memref value."""
        buffer = self._buffers.get(value)
        if buffer is None:
            outer = self._outer(value).buffer(value)
            pointer = self._captured(outer.pointer, self.pointer_type(outer.space), outer.is_root)
            buffer = replace(outer, pointer=pointer, offset=self._import_sum(outer.offset))
            self._buffers[value] = buffer
        return buffer

    def pointer_type(self, space: int) -> str:
        """``ptr``, in its address space."""
        return f"ptr addrspace({space})" if space else "ptr"

    def _outer(self, value: SSAValue) -> FunctionEmitter:
        if self.parent is None:
            raise CodegenError(f"codegen: requires a value defined before its use; got {value}")
        return self.parent

    def _captured(self, outer: str, type_: str, is_root: bool = False) -> str:
        if not outer.startswith("%"):
            return outer
        if outer not in self.captures:
            self.captures[outer] = (self.fresh(), type_, is_root)
        return self.captures[outer][0]

    def _import_sum(self, outer: AffineSum) -> AffineSum:
        total = AffineSum((), outer.constant)
        for value, coefficient in outer.terms:
            name = self._captured(f"%v{value}", "i64")
            total = total + variable(int(name[2:])).scaled(coefficient)
        return total

    # Addresses

    def materialize(self, index: AffineSum) -> str:
        """The i64 operand with the value of an affine sum."""
        if index.is_constant:
            return str(index.constant)
        key = ("", "", index)
        found = self._lookup(key)
        if found is None:
            found = self._sum(index.terms, index.constant)
            self._scopes[-1][key] = found
        return found

    def _lookup(self, key: tuple[str, str, AffineSum]) -> str | None:
        for scope in reversed(self._scopes):
            if key in scope:
                return scope[key]
        return None

    def _sum(self, terms: Sequence[tuple[int, int]], constant: int) -> str:
        total = ""
        for value, coefficient in terms:
            term = f"%v{value}" if coefficient == 1 else self.emit(f"mul nsw i64 %v{value}, {coefficient}")
            total = self.emit(f"add nsw i64 {total}, {term}") if total else term
        return self.emit(f"add nsw i64 {total}, {constant}") if constant else total

    def address(self, buffer: Buffer, indices: Sequence[SSAValue] = (), extra: int = 0) -> tuple[str, int]:
        """The pointer of an element, and its known alignment in bytes.

        One `getelementptr` per variable, outermost first, each shared by all later addresses of the region;
        the constant comes last.
        """
        total = buffer.offset + extra
        for value, stride in zip(indices, buffer.strides, strict=True) if indices else ():
            total = total + self.index(value).scaled(stride)
        element = storage(buffer.element)
        size = size_bytes(buffer.element)
        type_ = self.pointer_type(buffer.space)
        pointer, alignment = buffer.pointer, max(buffer.alignment, size)
        for term in total.terms:
            pointer = self._step(pointer, element, type_, term)
            alignment = gcd(alignment, term[1] * size)
        if total.constant:
            alignment = gcd(alignment, total.constant * size)
            pointer = self.emit(f"getelementptr nusw {element}, {type_} {pointer}, i64 {total.constant}")
        return pointer, max(alignment, size)

    def _step(self, pointer: str, element: str, type_: str, term: tuple[int, int]) -> str:
        key = (pointer, element, AffineSum((term,)))
        found = self._lookup(key)
        if found is None:
            offset = self.materialize(AffineSum((term,)))
            found = self.emit(f"getelementptr nusw {element}, {type_} {pointer}, i64 {offset}")
            self._scopes[-1][key] = found
        return found

    def pass_buffer(self, value: SSAValue, callee_type: MemRefType[Attribute]) -> str:
        """The pointer a callee expects for `value`: its static offset is added there, a dynamic one here."""
        return self.address(self.buffer(value), (), -(callee_type.get_offset() or 0))[0]

    def argument(self, value: SSAValue, space: int = 0) -> str:
        """Define a function argument and return its LLVM declaration."""
        name = self.fresh()
        if not is_memref(value.type):
            self.define(value, name)
            return f"{llvm_type(value.type)} {name}"
        self.define_buffer(value, self.argument_buffer(value.type, name, space))
        return f"{self.pointer_type(space)}{'' if self.may_alias else ' noalias'} {name}"

    def argument_buffer(self, type_: MemRefType[Attribute], pointer: str, space: int = 0) -> Buffer:
        """The buffer of a memref that comes in as a pointer."""
        offset = AffineSum((), type_.get_offset() or 0)
        element = type_.element_type
        return Buffer(
            pointer, element, strides_of(type_), offset, space, not self.may_alias, size_bytes(element)
        )

    def body(self) -> list[str]:
        """All lines of the function's body."""
        return ["entry:", *self.entry, *self.lines]
