"""Writes counts of masks, the places where they hold, and limits that tensors hold."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import IntAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue, Use

from tsc import dtypes
from tsc.analysis.index_ranges import BELOW
from tsc.analysis.known_values import (
    UNKNOWN,
    constant_of,
    known_spec,
    spec_of_value,
    unwrapped,
    writes_operand,
)
from tsc.analysis.largest_elements import largest
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.number_reads import is_number_read
from tsc.analysis.operator_effects import is_foldable, is_pure
from tsc.analysis.result_layouts import is_row_major
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of, sizes_of
from tsc.dialects.torch_ops import DerefineOp, PrimListConstructOp
from tsc.dialects.tsc import FindSizeOp, RequireOp
from tsc.dims import is_known, maximum
from tsc.ops.composite import Aten
from tsc.passes.decompose import building_aten

MOST_GUESSED = 1 << 12
"""What a size is taken to be at most that a number in a tensor says, where nothing is known of that."""


class Finder:
    """Writes what stands for `op`, before it or something else."""

    def __init__(self, op: AtenOp, context: Context, before: Operation | None = None) -> None:
        self.op = op
        self.context = context
        self.sizes = sizes_of(context)
        self.has_named = False
        """Whether numbers have become sizes, whatever else is written."""
        self.builder = TorchBuilder(before=before or op)
        self.aten: Aten = building_aten(self.builder, [])

    def is_row_major(self, value: SSAValue) -> bool:
        """Whether a tensor is row-major where arguments are."""
        return is_row_major(value, pool_of(self.context))

    def mask(self, value: SSAValue) -> SSAValue:
        """Where a tensor is not 0."""
        return value if known_spec(value).dtype is dtypes.BOOL else self.aten("ne.Scalar", value, 0)

    def places(self, mask: SSAValue) -> SSAValue | None:
        """The places at which a mask holds, counted row by row; None of one without elements or dims."""
        shape = known_spec(mask).shape
        if any(is_known(n) and n == 0 for n in shape) or not shape:
            return None
        earlier = self._found_before(mask) if _is_kept(mask) else None
        if earlier is not None:
            return earlier
        flat = mask if len(shape) == 1 else self.aten("reshape", mask, [-1])
        size = self.sizes.find(prod(shape))
        self.builder.insert(FindSizeOp.of(self.aten("sum", flat, None), size))
        found = self.aten("nonzero_static", flat, size, -1)
        return self.below(self.aten("reshape", found, [size]), prod(shape))

    def limit(self, value: SSAValue, extent: int) -> Any:
        """A limit of a slice of a dim: as it is known, or found in the tensor that holds it."""
        known = constant_of(value)
        if known is not UNKNOWN:
            return known
        if is_known(extent) and not extent:
            return UNKNOWN
        number = self.number(unwrapped(value))
        turned = self.aten("add.Scalar", number, extent)
        counted = self.aten("where.self", self.aten("lt.Scalar", number, 0), turned, number)
        limited = self.aten("clamp", counted, 0, extent)
        for other in _earlier(self.op):
            if isinstance(other, FindSizeOp) and _is_same(other.operands[0], limited):
                return other.size
        size = self.sizes.find(extent)
        self.builder.insert(FindSizeOp.of(limited, size))
        return size

    def as_int(self, value: SSAValue) -> SSAValue:
        """A number that a tensor of integers holds as an int, also where it is a number of any kind."""
        read = unwrapped(value).owner
        if value.type is not tt.NUMBER or not isinstance(read, AtenOp) or not read.operands:
            return value
        spec = spec_of_value(read.operands[0])
        if spec is None or not spec.dtype.is_integral or spec.shape:
            return value
        number = TorchBuilder(before=read).aten("aten::Int.Tensor", [read.operands[0]], [tt.INT]).results[0]
        for use in list(value.uses):
            if use.operation is self.op:
                use.operation.operands[use.index] = number
        self.has_named = True
        return number

    def name_number(self, value: SSAValue) -> bool:
        """Let a number that is a size be one from where it is computed on: at least 0, and at most what is
        known of it, or `MOST_GUESSED`. That it is no other is required. Whether it could be.
        """
        number = unwrapped(value)
        source, following = number.owner, None
        if isinstance(source, Operation):
            following = source.next_op
        elif source.args[0] is not number:
            following = source.first_op
        if following is None or number.type is not tt.INT:
            return False
        known = largest(number)
        there = Finder(self.op, self.context, following)
        tensor = there.number(number)
        there.require(there.aten("ge.Scalar", tensor, 0))
        most = MOST_GUESSED if known is None else maximum(known, 0)
        named = there.builder.constant(there.counted(tensor, most, is_guessed=known is None))
        for use in list(number.uses):
            if not _is_before(use.operation, following):
                use.operation.operands[use.index] = named
        return True

    def counted(self, number: SSAValue, most: int, *, is_guessed: bool) -> int:
        """The size that a tensor without dims says, between 0 and `most`, which is required if guessed."""
        if is_guessed:
            self.require(self.aten("le.Scalar", number, most))
        size = self.sizes.find(most)
        self.builder.insert(FindSizeOp.of(self.aten("clamp", number, 0, most), size))
        return cast("int", size)

    def require(self, holds: SSAValue) -> None:
        """Require what a tensor says; else the program is run by the generic tier."""
        number = self.builder.aten("aten::Bool.Tensor", [holds], [tt.BOOL]).results[0]
        self.builder.insert(RequireOp.create(operands=[number]))

    def number(self, value: SSAValue) -> SSAValue:
        """A number that is read from a tensor, or computed, as a tensor without dims."""
        owner = value.owner
        if isinstance(owner, AtenOp) and is_number_read(owner):
            return self.aten("to.dtype", self.aten("reshape", owner.operands[0], []), dtypes.I64.code)
        kind = tt.ValueTensorType.of((), dtypes.I64)
        return self.builder.aten("prim::NumToTensor.Scalar", [value], [kind]).results[0]

    def require_at_most(self, places: SSAValue, most: int) -> None:
        """Require that there are no more places than that; else the program raises."""
        count = self.aten("sum", self.aten("ge.Scalar", places, 0), None)
        self.require(self.aten("le.Scalar", count, most))

    def require_size(self, size: int, wanted: int) -> None:
        """Require, where the operator is, that a size is a number; else the program raises."""
        self.require(self.aten("eq.Scalar", self.aten("full", [], size, dtypes.I64.code), wanted))

    def below(self, places: SSAValue, extent: int) -> SSAValue:
        """Places of which it is known that they are natural numbers below `extent`."""
        assert isinstance(places.owner, Operation)
        places.owner.attributes[BELOW] = IntAttr(extent)
        return places

    def _found_before(self, mask: SSAValue) -> SSAValue | None:
        for other in _earlier(self.op):
            found = other.operands[0].owner if BELOW in other.attributes else None
            if isinstance(found, AtenOp) and found.schema.full_name == "aten::nonzero_static":
                flat = found.operands[0]
                if _is_same(flat, mask) or _is_flat(flat, mask):
                    return other.results[0]
        return None

    def columns(self, mask: SSAValue) -> list[SSAValue] | None:
        """The indices at which a mask holds, a tensor for each dim."""
        places, shape = self.places(mask), known_spec(mask).shape
        if places is None or len(shape) == 1:
            return None if places is None else [places]
        made: list[SSAValue] = []
        for i, extent in enumerate(shape):
            after = prod(shape[i + 1 :])
            column = self.aten("div.Scalar_mode", places, after, "floor") if i < len(shape) - 1 else places
            made.append(self.below(self.aten("remainder.Scalar", column, extent) if i else column, extent))
        return made


def _is_before(op: Operation, other: Operation) -> bool:
    """Whether an operation comes before another one of the same block."""
    return op.parent is other.parent and op.is_before_in_block(other)


def _is_same(one: SSAValue, other: SSAValue) -> bool:
    """Whether two values are computed in the same way of the same values, none of which anyone writes to."""
    if one is other:
        return True
    first, second = one.owner, other.owner
    if not isinstance(first, Operation) or not isinstance(second, Operation):
        return False
    if not (is_pure(first) or is_foldable(first)):
        return False
    if type(first) is not type(second) or first.attributes != second.attributes:
        return False
    if len(first.operands) != len(second.operands) or len(first.results) != 1:
        return False
    if not all(_is_kept(o) for o in (one, other, *first.operands) if isinstance(o.type, tt.TensorType)):
        return False
    return all(map(_is_same, first.operands, second.operands))


def _is_kept(mask: SSAValue) -> bool:
    """Whether a mask surely stays as it is: it is a value, or memory of its own that is only read."""
    owner = mask.owner
    if isinstance(mask.type, tt.ValueTensorType):
        return True
    if not isinstance(owner, AtenOp) or shared_operands(owner):
        return False
    return all(_only_reads(use) for use in mask.uses)


def _only_reads(use: Use) -> bool:
    reader = use.operation
    if isinstance(reader, (PrimListConstructOp, DerefineOp)):
        return all(map(_only_reads, reader.results[0].uses))
    if not isinstance(reader, AtenOp) or writes_operand(reader, use.index):
        return False
    return reader.operands[use.index] not in shared_operands(reader)


def _earlier(op: Operation) -> Iterator[Operation]:
    """The operations that come before `op`, in its block and those around it, from the last to the first."""
    at: Operation | None = op
    while at is not None and not isinstance(at, FuncOp):
        before = at.prev_op
        while before is not None:
            yield before
            before = before.prev_op
        at = at.parent_op()


def _is_flat(flat: SSAValue, mask: SSAValue) -> bool:
    """Whether one is the other in one dim."""
    owner = flat.owner
    return (
        isinstance(owner, AtenOp)
        and owner.schema.full_name == "aten::reshape"
        and unwrapped(owner.operands[0]) is mask
        and known_spec(flat).ndim == 1
    )
