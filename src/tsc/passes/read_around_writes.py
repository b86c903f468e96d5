"""Pass `read-around-writes`: readers of parts read what was there and what was written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, known_spec, spec_of_value
from tsc.analysis.memory_aliases import is_argument, shared_operands
from tsc.analysis.module_functions import functions
from tsc.analysis.written_parts import (
    WrittenPart,
    is_everything,
    sliced_range,
    written_part,
    written_parts,
)
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.tsc import WRITTEN
from tsc.dialects.walking import walk
from tsc.dims import hint_of, is_known
from tsc.ops.composite import Aten
from tsc.ops.shapes import wrap_dims
from tsc.passes.decompose import building_aten

LARGEST_COPY = 1 << 15
"""Elements up to which an argument is copied where a part of it is written: Python writes into the very
memory, but takes as long for that as copying these."""
MOST_PLACES = 8
"""Places of one write, each of which a reader compares with those that it reads."""


@dataclass(frozen=True)
class ReadAroundWrites(ModulePass):
    """Let slices and gathers of an argument that was written to read the argument as it was, and what was
    written, so that all of it is made for nobody.

    Requires: tensors are values, composites expanded, types refined.
    Leaves: reads of all of it, and of parts whose places are not known.

    ```mlir
    %w = torch.aten.index_copy %buffer, %int1, %place, %row
    %y = torch.aten.slice.Tensor %w, %int1, %int0, %int8, %int1
    // %s = torch.aten.slice.Tensor %buffer, ...; %y = torch.aten.where.self (%place == %arange), %row, %s
    ```
    """

    name = "read-around-writes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite the reads in every function that writes to arguments."""
        for function in functions(op):
            read_around_writes(function)


def writes_of(function: FuncOp) -> list[list[WrittenPart] | None]:
    """Of each argument that a function writes to, the parts; None where that is not known."""
    numbers, block = function.attributes.get(WRITTEN), function.body.block
    end = block.last_op
    if not isinstance(numbers, DenseArrayBase) or end is None:
        return []
    written = [block.args[int(number)] for number in numbers.iter_values()]
    contents = list(end.operands)[len(end.operands) - len(written) :]
    return [written_parts(value, argument) for value, argument in zip(contents, written, strict=True)]


def read_around_writes(function: FuncOp) -> None:
    """Rewrite the reads of what was written to arguments in parts."""
    for writes in writes_of(function):
        beside = pieces_beside(writes or [])
        for write in reversed(writes or []):
            _rewrite_readers(write.result, write, beside)
    if WRITTEN in function.attributes:
        _read_directly(function)


def _read_directly(function: FuncOp) -> None:
    """Who computes from a slice that leaves nothing out reads what it is a slice of."""
    for user in [op for op in walk(function) if isinstance(op, AtenOp) and not shared_operands(op)]:
        for number, operand in enumerate(user.operands):
            while is_everything(operand.owner):
                assert isinstance(operand.owner, AtenOp)
                operand = operand.owner.operands[0]
            user.operands[number] = operand


def pieces_beside(writes: Sequence[WrittenPart]) -> set[Operation]:
    """What shows the places before and after those that are written, of writes that join all these."""
    found: set[Operation] = set()
    for write in writes:
        join = write.result.owner
        if isinstance(join, AtenOp) and not isinstance(write.at, SSAValue):
            made = join.operands[0].owner
            assert isinstance(made, Operation)
            found |= {piece.owner for piece in made.operands if isinstance(piece.owner, Operation)}
    return found


def _rewrite_readers(value: SSAValue, write: WrittenPart, beside: Collection[Operation]) -> None:
    """Rewrite what reads `value`, which has the elements that `write` leaves."""
    for user in [use.operation for use in value.uses]:
        if not isinstance(user, AtenOp) or user.operands[0] is not value or user in beside:
            continue
        if user.schema.full_name == "aten::clone" or is_everything(user):
            _rewrite_readers(user.results[0], write, beside)
            continue
        builder = TorchBuilder(before=user)
        builder.location = user.location
        made = _Reader(write, building_aten(builder, [])).read(user)
        if made is None or made.type != user.results[0].type:
            continue
        user.results[0].replace_all_uses_with(made)
        if (smaller := written_part(made)) is not None:
            _rewrite_readers(made, smaller, pieces_beside([smaller]))


def copies_large_arguments(function: FuncOp, *, in_parts: bool) -> bool:
    """Whether large arguments would be copied in order to write places of them that tensors say; to see that,
    reads are rewritten where writes are put into the arguments `in_parts`.
    """
    if in_parts:
        read_around_writes(function)
    every = [writes or [] for writes in writes_of(function)] if in_parts else []
    beside = {piece for writes in every for piece in pieces_beside(writes)}
    apart = {w.result for writes in every for w in writes if not is_made_whole(w, beside)}
    copies = [o for o in walk(function) if isinstance(o, AtenOp) and o.schema.full_name == "aten::index_copy"]
    large = [o for o in copies if o.results[0] not in apart and _is_large_argument(o.operands[0])]
    return any(map(_is_used, large))


def _is_used(op: Operation) -> bool:
    """Whether anything that counts comes of an operation."""
    return not op.results or any(_is_used(use.operation) for result in op.results for use in result.uses)


def _is_large_argument(value: SSAValue) -> bool:
    spec = spec_of_value(value)
    return spec is not None and hint_of(spec.size) > LARGEST_COPY and is_argument(value)


def is_made_whole(write: WrittenPart, beside: Collection[Operation]) -> bool:
    """Whether somebody reads all that a write leaves, but for what is returned and written to it later, and
    for the pieces `beside` that.
    """
    return any(_reads_all(use.operation, beside) for use in write.result.uses)


def _reads_all(user: Operation, beside: Collection[Operation]) -> bool:
    if isinstance(user, ReturnOp) or user in beside:
        return False
    if not _is_used(user):
        return False
    if isinstance(user, AtenOp) and (user.schema.full_name == "aten::clone" or is_everything(user)):
        return any(_reads_all(use.operation, beside) for use in user.results[0].uses)
    return written_part(user.results[0]) is None if user.results else True


@dataclass(frozen=True)
class _Reader:
    """Reads parts of what `write` leaves."""

    write: WrittenPart
    aten: Aten

    def read(self, op: AtenOp) -> SSAValue | None:
        """What `op` gives, of what was there and what was written; None where it stays."""
        found = sliced_range(op)
        if found is not None:
            dim, places = found
            if dim == self.write.dim:
                return self._slice(places)
            return self._beside(lambda value: self._part_of(value, dim, places), self.write.dim)
        if op.schema.full_name == "aten::select.int":
            return self._select(op)
        if op.schema.full_name == "aten::index_select":
            spec = spec_of_value(op.operands[0])
            dim = constant_of(op.operands[1])
            if spec is not None and dim is not UNKNOWN and wrap_dims([dim], spec.ndim)[0] == self.write.dim:
                return self._gather(op.operands[2])
        return None

    def _select(self, op: AtenOp) -> SSAValue | None:
        """A place of a dim that is known."""
        spec = spec_of_value(op.operands[0])
        dim, index = constant_of(op.operands[1]), constant_of(op.operands[2])
        if spec is None or not isinstance(dim, int) or not isinstance(index, int):
            return None
        (axis,) = wrap_dims([dim], spec.ndim)
        size = spec.shape[axis]
        if not (is_known(size) and -size <= index < size):
            return None
        if axis != self.write.dim:
            written = self.write.dim - (axis < self.write.dim)
            return self._beside(lambda value: self.aten("select.int", value, axis, index), written)
        made = self._slice((index % size, index % size + 1))
        return None if made is None else self.aten("squeeze.dim", made, axis)

    def _part_of(self, value: SSAValue, dim: int, places: tuple[int, int]) -> SSAValue:
        return self.aten("slice.Tensor", value, dim, *places, 1)

    def _beside(self, view: Callable[[SSAValue], SSAValue], dim: int) -> SSAValue:
        """What shows a part of another dim than what is written, which is `dim` of what it shows."""
        write = self.write
        base, part = view(write.base), view(write.part)
        if isinstance(write.at, SSAValue):
            return self.aten("index_copy", base, dim, self._natural(write.at), part)
        low, high = write.at
        pieces = [(base, (0, low)), (part, (0, high - low)), (base, (high, known_spec(base).shape[dim]))]
        return self._joined(pieces, dim)

    def _joined(self, pieces: list[tuple[SSAValue, tuple[int, int]]], dim: int) -> SSAValue:
        """Ranges of tensors beside one another; the empty ones are left out."""
        made = [self._part_of(value, dim, at) for value, at in pieces if at[0] < at[1]]
        return made[0] if len(made) == 1 else self.aten("cat", made, dim)

    def _slice(self, places: tuple[int, int]) -> SSAValue | None:
        """A slice of the dim that is written."""
        write, (start, end) = self.write, places
        if start == end:
            return None
        if isinstance(write.at, SSAValue):
            read = self.aten("arange.start", start, end, dtypes.I64.code, None, None, None)
            return self._compared(self._part_of(write.base, write.dim, places), read)
        low, high = (min(max(place, start), end) for place in write.at)
        if low == high:
            return self._part_of(write.base, write.dim, places)
        inside = low - write.at[0], high - write.at[0]
        pieces = [(write.base, (start, low)), (write.part, inside), (write.base, (high, end))]
        return self._joined(pieces, write.dim)

    def _gather(self, read: SSAValue) -> SSAValue | None:
        """The places that a tensor says of the dim that is written."""
        write = self.write
        if not isinstance(write.at, SSAValue):
            return None
        return self._compared(self.aten("index_select", write.base, write.dim, read), read)

    def _compared(self, base: SSAValue, read: SSAValue) -> SSAValue | None:
        """`base` has what was at the places `read`: with what was written there, if anything was."""
        write, aten = self.write, self.aten
        assert isinstance(write.at, SSAValue)
        count = known_spec(write.at).shape[0]
        if count > MOST_PLACES:
            return None
        spec = known_spec(base)
        written = self._natural(write.at)
        along = [1] * spec.ndim
        along[write.dim] = -1
        for number in range(count):
            place = self.aten("slice.Tensor", written, 0, number, number + 1, 1)
            mask = aten("reshape", aten("eq.Tensor", read, place), along)
            part = self._part_of(write.part, write.dim, (number, number + 1))
            base = aten("where.self", mask, part, base)
        return base

    def _natural(self, places: SSAValue) -> SSAValue:
        """Places, counted from the beginning."""
        owner = places.owner
        name = owner.schema.full_name if isinstance(owner, AtenOp) else ""
        size = known_spec(self.write.base).shape[self.write.dim]
        if name == "aten::arange.start":
            return places
        below = self.aten("lt.Scalar", places, 0)
        return self.aten("where.self", below, self.aten("add.Scalar", places, size, 1), places)
