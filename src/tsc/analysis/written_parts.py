"""What a program writes to an argument, as the parts of it that are written."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import Block, Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, known_spec, spec_of_value, unwrapped
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dims import is_known
from tsc.ops.definition import TensorSpec
from tsc.ops.shapes import wrap_dims

Range = tuple[int, int]
"""First and last place, the latter not among them."""


@dataclass(frozen=True)
class WrittenPart:
    """One write: `base` with `part` in some places of a dim."""

    base: SSAValue
    part: SSAValue
    dim: int
    at: Range | SSAValue
    """A range of places, or a tensor of them, which may count from the end."""
    result: SSAValue
    """What is in all of `base` then."""


def written_parts(value: SSAValue, argument: SSAValue) -> list[WrittenPart] | None:
    """The writes, in order, that make `value` of an argument; None where it is not made so."""
    found: list[WrittenPart] = []
    at = same_elements(value)
    while at is not argument:
        write = written_part(at)
        if write is None:
            return None
        found.append(write)
        at = same_elements(write.base)
    return found[::-1]


def same_elements(value: SSAValue) -> SSAValue:
    """What a copy, or a slice of everything, has its elements and its shape from."""
    op = value.owner
    while isinstance(op, AtenOp) and (op.schema.full_name == "aten::clone" or is_everything(op)):
        value = op.operands[0]
        op = value.owner
    return value


def is_everything(op: Operation | Block) -> bool:
    """Whether `op` is a slice that leaves nothing out."""
    found = sliced_range(op)
    return (
        isinstance(op, AtenOp)
        and found is not None
        and found[1] == (0, known_spec(op.operands[0]).shape[found[0]])
    )


def sliced_range(op: Operation | Block) -> tuple[int, Range] | None:
    """The dim and the places that a slice of step 1 shows; None for others, and where that is not known."""
    if not isinstance(op, AtenOp) or op.schema.full_name != "aten::slice.Tensor":
        return None
    spec = spec_of_value(op.operands[0])
    dim, start, end, step = (constant_of(o) for o in list(op.operands)[1:])
    if spec is None or not spec.ndim or dim is UNKNOWN or step != 1:
        return None
    (number,) = wrap_dims([dim], spec.ndim)
    size = spec.shape[number]
    if start in (None, 0) and end is None:
        return number, (0, size)
    if not (is_known(size) and (start is None or type(start) is int) and (end is None or type(end) is int)):
        return None
    low, high, _ = slice(start, end).indices(size)
    return number, (low, max(low, high))


def written_part(value: SSAValue) -> WrittenPart | None:
    """The last write that made `value`, if it wrote a part and nothing else."""
    op = value.owner
    if not isinstance(op, AtenOp) or spec_of_value(value) is None:
        return None
    readers = {"aten::index_copy": _copied, "aten::index_put": _put, "aten::cat": _joined}
    reader = readers.get(op.schema.full_name)
    found = None if reader is None else reader(op)
    if found is None or not _fits(found):
        return None
    return found


def _fits(write: WrittenPart) -> bool:
    """Whether the part has the dtype of the whole, and its shape but for the dim that is written."""
    base, part = spec_of_value(write.base), spec_of_value(write.part)
    if base is None or part is None or base.dtype is not part.dtype or base.ndim != part.ndim:
        return False
    count = _count(write.at)
    wanted = (*base.shape[: write.dim], count, *base.shape[write.dim + 1 :])
    return is_known(count) and part.shape == wanted


def _count(at: Range | SSAValue) -> int:
    if isinstance(at, SSAValue):
        return known_spec(at).shape[0]
    return at[1] - at[0]


def _copied(op: AtenOp) -> WrittenPart | None:
    base, dim, places, part = op.operands
    return _at_places(op, base, part, constant_of(dim), places)


def _put(op: AtenOp) -> WrittenPart | None:
    base, indices, part, accumulate = op.operands
    made = indices.owner
    if not isinstance(made, PrimListConstructOp) or constant_of(accumulate) is not False:
        return None
    given = [unwrapped(o) for o in made.operands]
    tensors = [i for i, o in enumerate(given) if isinstance(o.type, tt.TensorType)]
    if len(tensors) != 1:
        return None
    return _at_places(op, base, part, tensors[0], given[tensors[0]])


def _at_places(
    op: AtenOp, base: SSAValue, part: SSAValue, dim: object, places: SSAValue
) -> WrittenPart | None:
    spec, whole = spec_of_value(places), spec_of_value(base)
    if spec is None or whole is None or not isinstance(dim, int) or not whole.ndim:
        return None
    if spec.ndim != 1 or spec.dtype is not dtypes.I64:
        return None
    return WrittenPart(base, part, wrap_dims([dim], whole.ndim)[0], places, op.results[0])


def _joined(op: AtenOp) -> WrittenPart | None:
    """One piece between what comes before and after it in a tensor, which other pieces show."""
    made, dim = op.operands[0].owner, constant_of(op.operands[1])
    whole = spec_of_value(op.results[0])
    if not isinstance(made, PrimListConstructOp) or not isinstance(dim, int) or whole is None:
        return None
    (number,) = wrap_dims([dim], whole.ndim)
    other: tuple[SSAValue, Range] | None = None
    bases: set[SSAValue] = set()
    place = 0
    for piece in made.operands:
        size = known_spec(piece).shape[number] if spec_of_value(piece) is not None else UNKNOWN
        if not isinstance(size, int):
            return None
        base = _shown_at(piece, number, (place, place + size), whole)
        if base is not None:
            bases.add(base)
        elif other is None:
            other = piece, (place, place + size)
        else:
            return None
        place += size
    if other is None or len(bases) != 1:
        return None
    return WrittenPart(bases.pop(), other[0], number, other[1], op.results[0])


def _shown_at(piece: SSAValue, dim: int, places: Range, whole: TensorSpec) -> SSAValue | None:
    """The tensor like `whole` of which a piece shows these places of a dim."""
    op = same_elements(piece).owner
    if sliced_range(op) != (dim, places):
        return None
    assert isinstance(op, AtenOp)
    return same_elements(op.operands[0]) if spec_of_value(op.operands[0]) == whole else None
