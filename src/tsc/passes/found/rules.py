"""What is written in place of operators whose results are as large as elements say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.analysis.known_values import (
    UNKNOWN,
    constant_of,
    known_spec,
    unwrapped,
)
from tsc.analysis.number_reads import READS, is_computed
from tsc.analysis.shown_results import is_free
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dims import certainly_equal, holds_found, is_known, minimum
from tsc.ops.advanced_indexing import require_index_tensors, require_mask_shapes
from tsc.ops.indexing import MASK_DTYPES
from tsc.ops.shapes import broadcast, wrap_dim
from tsc.passes.found.counts import COUNTS
from tsc.passes.found.finder import Finder
from tsc.passes.found.pieces import PIECES


def _nonzero(finder: Finder, x: SSAValue) -> SSAValue | None:
    columns = _nonzero_list(finder, x)
    if columns is None:
        return None
    _give_columns(finder.op, columns)
    size = finder.aten.shape(columns[0])[0]
    if len(columns) == 1:
        return finder.aten("t", finder.aten("reshape", columns[0], [1, size]))
    return finder.aten("t", finder.aten("stack", columns, 0))


def _give_columns(op: AtenOp, columns: Sequence[SSAValue]) -> None:
    """Let who takes one column of the result, which nobody else sees or writes, take that."""
    if not is_free(op.results[0]):
        return
    for use in list(op.results[0].uses):
        user = use.operation
        if isinstance(user, AtenOp) and user.schema.full_name == "aten::select.int" and not use.index:
            dim: Any = constant_of(user.operands[1])
            number: Any = constant_of(user.operands[2])
            if dim in (1, -1) and number in range(-len(columns), len(columns)):
                user.results[0].replace_all_uses_with(columns[int(number)])


def _nonzero_list(finder: Finder, x: SSAValue) -> list[SSAValue] | None:
    """The indices in each dim, in memory of their own: the mask's places are read again."""
    columns = finder.columns(finder.mask(x))
    if columns is None or len(columns) > 1 or is_free(finder.op.results[0]):
        return columns
    return [finder.aten("clone", columns[0], None)]


def _masked_select(finder: Finder, x: SSAValue, mask: SSAValue) -> SSAValue | None:
    aten, spec, given = finder.aten, known_spec(x), known_spec(mask)
    if given.dtype is not dtypes.BOOL:
        return None
    shape = list(broadcast(spec.shape, given.shape))
    if list(given.shape) != shape:
        mask = aten("expand", mask, shape)
    if list(spec.shape) != shape:
        x = aten("expand", x, shape)
    places = finder.places(mask)
    return None if places is None else aten("index.Tensor", aten("reshape", x, [-1]), [places])


@dataclass(frozen=True)
class _Indexed:
    """A tensor and its indices, none of which is a mask."""

    source: SSAValue
    indices: list[SSAValue | None]


def _indices(finder: Finder, x: SSAValue, listed: SSAValue) -> _Indexed | None:
    """Indices in place of the masks in a list; None where there are none, or they cannot be counted."""
    owner = unwrapped(listed).owner
    if not isinstance(owner, PrimListConstructOp):
        return None
    given = [unwrapped(o) for o in owner.operands]
    specs = [known_spec(g) if isinstance(g.type, tt.TensorType) else None for g in given]
    masks = [i for i, s in enumerate(specs) if s is not None and s.dtype in MASK_DTYPES]
    if not masks:
        return None
    require_index_tensors(specs)
    require_mask_shapes(known_spec(x), specs)
    if sum(s is not None for s in specs) == 1 and finder.is_row_major(x):
        return _flat(finder, x, masks[0], given[masks[0]])
    made: list[SSAValue | None] = []
    for i, (value, spec) in enumerate(zip(given, specs, strict=True)):
        columns = finder.columns(finder.mask(value)) if i in masks else [None if spec is None else value]
        if columns is None:
            return None
        made += columns
    return _Indexed(x, made)


def _flat(finder: Finder, x: SSAValue, axis: int, mask: SSAValue) -> _Indexed | None:
    """The dims of the only mask as one."""
    places, shape = finder.places(finder.mask(mask)), known_spec(x).shape
    if places is None:
        return None
    count = known_spec(mask).ndim
    flat = [*shape[:axis], prod(shape[axis : axis + count]), *shape[axis + count :]]
    source = x if count == 1 else finder.aten("reshape", x, flat)
    return _Indexed(source, [*[None] * axis, places])


def _index(finder: Finder, x: SSAValue, listed: SSAValue) -> SSAValue | None:
    given = _indices(finder, x, listed)
    if given is None:
        return None
    return finder.aten("index.Tensor", given.source, given.indices)


def _index_put(
    finder: Finder, x: SSAValue, listed: SSAValue, values: SSAValue, accumulate: SSAValue
) -> SSAValue | None:
    known = constant_of(accumulate)
    if known is UNKNOWN or all(is_known(n) for n in known_spec(values).shape):
        return None  # masks are chosen by then
    given = _indices(finder, x, listed)
    if given is None:
        return None
    made = finder.aten("index_put", given.source, given.indices, values, known)
    return made if given.source is x else finder.aten("reshape", made, list(known_spec(x).shape))


def _masked_scatter(finder: Finder, x: SSAValue, mask: SSAValue, source: SSAValue) -> SSAValue | None:
    """A source with enough elements: that there are is required."""
    aten, spec, given = finder.aten, known_spec(x), known_spec(mask)
    shape = list(broadcast(spec.shape, given.shape))
    if given.dtype is not dtypes.BOOL or known_spec(source).dtype is not spec.dtype:
        return None
    mask = mask if list(given.shape) == shape else aten("expand", mask, shape)
    places = finder.places(mask)
    if places is None:
        return None
    count, flat = aten.shape(places)[0], aten("reshape", source, [-1])
    there = aten.shape(flat)[0]
    if not certainly_equal(count, there):
        finder.require_at_most(places, there)
        flat = aten("slice.Tensor", flat, 0, 0, minimum(count, there), 1)
        places = aten("slice.Tensor", places, 0, 0, minimum(count, there), 1)
    wide = x if list(spec.shape) == shape else aten("expand", x, shape)
    made = aten("index_put", aten("reshape", wide, [-1]), [places], flat, False)
    return aten("reshape", made, shape)


def _slice(
    finder: Finder, x: SSAValue, dim: SSAValue, start: SSAValue, end: SSAValue, step: SSAValue
) -> SSAValue | None:
    """Limits that tensors hold are sizes, once they are counted from the beginning and cut off at the end."""
    shape = known_spec(x).shape
    extent = shape[wrap_dim(constant_of(dim), len(shape))]
    limits = [finder.limit(limit, extent) for limit in (start, end)]
    if any(limit is UNKNOWN for limit in limits):
        return None
    return finder.aten("slice.Tensor", x, constant_of(dim), *limits, constant_of(step))


def _only_element(finder: Finder, x: SSAValue) -> SSAValue | None:
    """The number that a tensor holds which must have one element, as is required where it is read."""
    spec = known_spec(x)
    if not holds_found(spec.size):
        return None
    finder.require_size(spec.size, 1)
    flat = finder.aten("reshape", x, [-1])
    first = finder.aten("index_select", flat, 0, finder.aten("zeros", [1], dtypes.I64.code))
    (result,) = finder.op.results
    name = finder.op.schema.full_name
    return finder.builder.aten(name, [finder.aten("reshape", first, [])], [result.type]).results[0]


def _created(finder: Finder, *_: SSAValue) -> None:
    """What has a size that is computed: the number is a size from where it is computed on."""
    for part in filter(is_found_when_run, sizes_given(finder.op)):
        finder.has_named |= finder.name_number(finder.as_int(part))


def sizes_given(op: AtenOp) -> list[SSAValue]:
    """The sizes that one of `CREATIONS` is given."""
    given: list[SSAValue] = []
    for operand in op.operands[: CREATIONS[op.schema.full_name]]:
        owner = unwrapped(operand).owner
        given += owner.operands if isinstance(owner, PrimListConstructOp) else [operand]
    return given


def is_found_when_run(number: SSAValue) -> bool:
    """Whether a number is computed when the program runs."""
    return constant_of(number) is UNKNOWN and is_computed(unwrapped(number))


CREATIONS: Mapping[str, int] = {
    **dict.fromkeys(
        ("aten::zeros", "aten::ones", "aten::full", "aten::empty.memory_format", "aten::arange"), 1
    ),
    **dict.fromkeys(("aten::new_zeros", "aten::new_ones", "aten::new_full", "aten::new_empty"), 2),
    **dict.fromkeys(("aten::expand", "aten::arange.start", "aten::repeat", "aten::view", "aten::reshape"), 2),
    **dict.fromkeys(("aten::randn", "aten::rand"), 1),
}
"""Operators that make tensors of sizes which are among so many of their first operands."""
Rule = Callable[..., "SSAValue | list[SSAValue] | tuple[SSAValue, ...] | None"]
RULES: Mapping[str, Rule] = {
    "aten::nonzero": _nonzero,
    "aten::argwhere": _nonzero,
    "aten::nonzero_numpy": _nonzero_list,
    "aten::where": _nonzero_list,
    "aten::masked_select": _masked_select,
    "aten::index.Tensor": _index,
    "aten::index.Tensor_hacked_twin": _index,
    "aten::index_put": _index_put,
    "aten::index_put.hacked_twin": _index_put,
    "aten::masked_scatter": _masked_scatter,
    "aten::slice.Tensor": _slice,
    **dict.fromkeys(CREATIONS, _created),
    **COUNTS,
    **PIECES,
    **dict.fromkeys(("aten::item", *READS), _only_element),
}
"""What is written in place of operators: on the operands of each."""
