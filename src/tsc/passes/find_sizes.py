"""Pass `find-sizes`: operators whose results are as large as elements say become ones whose sizes have
names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import IntAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue, Use

from tsc import dtypes
from tsc.analysis.fusion import reads_values
from tsc.analysis.index_ranges import BELOW
from tsc.analysis.known_values import (
    UNKNOWN,
    argument_of,
    constant_of,
    known_spec,
    unwrapped,
    writes_anything,
    writes_operand,
)
from tsc.analysis.memory_aliases import shared_operands
from tsc.analysis.module_functions import functions
from tsc.analysis.number_reads import READS, is_number_read
from tsc.analysis.operator_effects import asks_gradients
from tsc.analysis.result_layouts import is_row_major
from tsc.analysis.shown_results import is_in_loop, is_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of, sizes_of
from tsc.dialects.torch_ops import DerefineOp, PrimListConstructOp
from tsc.dialects.tsc import FindSizeOp, RequireOp
from tsc.dialects.walking import walk
from tsc.dims import certainly_equal, is_known, minimum
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.advanced_indexing import require_index_tensors, require_mask_shapes
from tsc.ops.composite import Aten
from tsc.ops.indexing import MASK_DTYPES
from tsc.ops.shapes import broadcast, wrap_dim
from tsc.passes import Rewriting
from tsc.passes.decompose import building_aten
from tsc.passes.eliminate_common_subexpressions import merge_equal


@dataclass(frozen=True)
class FindSizes(Rewriting):
    """Count where masks hold, and let the counts be sizes: symbols between 0 and the size of the mask, which
    what follows computes with as with any other size.

    Requires: stage `value`; tensors are values.
    Leaves: what is found in a branch or loop unknown outside.

    ```mlir
    %1 = torch.aten.masked_select %x, %m
    // %n = sum(%m); tsc.find_size %n {size = u0}
    // %p = nonzero_static(%m, u0); %1 = index(%x, [%p])
    ```
    """

    name = "find-sizes"
    before_writes: bool = False
    """Whether tensors may change yet: what is written, or differentiated, may be as large as elements say."""

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Find the sizes of every function of the module."""
        every = list(functions(module))
        if self.before_writes:
            every = [f for f in every if asks_gradients(f) or any(map(writes_anything, walk(f)))]
        return any([_rewrite(function, ctx, self.before_writes) for function in every])


def has_sizes_to_find(function: Operation) -> bool:
    """Whether a function may have operators whose results are as large as elements say."""
    return any(isinstance(op, AtenOp) and _may_find(op) for op in walk(function))


def _may_find(op: AtenOp) -> bool:
    name = op.schema.full_name
    return name in RULES and (name != "aten::slice.Tensor" or any(map(_reads_number, op.operands[2:4])))


def _reads_number(value: SSAValue) -> bool:
    owner = unwrapped(value).owner
    return isinstance(owner, AtenOp) and owner.schema.full_name in READS


def _rewrite(function: FuncOp, context: Context, before_writes: bool) -> bool:
    # Loops may be unrolled before tensors are values, and each round finds sizes of its own.
    ready = [op for op in walk(function) if _is_ready(op)]
    candidates = [op for op in ready if (not is_in_loop(op) if before_writes else reads_values(op))]
    if not candidates:
        return False
    if not before_writes:
        merge_equal(function, [])  # masks that are equal are one
    changed = False
    for op in candidates:
        if isinstance(op, AtenOp) and op.parent is not None:
            changed |= _replace(op, context)
    return changed


def _is_ready(op: Operation) -> bool:
    if not isinstance(op, AtenOp) or not _may_find(op):
        return False
    return all(argument_of(o) is not UNKNOWN or _reads_number(o) for o in op.operands)


def _replace(op: AtenOp, context: Context) -> bool:
    """Rewrite one operator, where there is a way; whether there was."""
    before = op.prev_op
    finder = _Finder(op, context)
    try:
        made = RULES[op.schema.full_name](finder, *op.operands)
    except OPERATOR_FAILURES:  # the call is wrong: it stays, and raises when the program runs
        made = None
    if made is None:
        while (new := op.prev_op) is not before:
            assert new is not None
            new.detach()
            new.erase()
        return False
    (result,) = op.results
    if isinstance(made, list):
        kind = result.type
        assert isinstance(kind, tt.ListType)
        made = finder.builder.list(kind.data, made)
    else:
        made.name_hint = made.name_hint or result.name_hint
        if not isinstance(result.type, tt.ValueTensorType):
            kind = made.type
            assert isinstance(kind, tt.TensorType)
            made._type = tt.TensorType(kind.data)  # pyright: ignore[reportPrivateUsage]
    result.replace_all_uses_with(made)
    op.detach()
    op.erase()
    return True


class _Finder:
    """Writes what stands for `op`, before it."""

    def __init__(self, op: AtenOp, context: Context) -> None:
        self.op = op
        self.context = context
        self.sizes = sizes_of(context)
        self.builder = TorchBuilder(before=op)
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
        return self._below(self.aten("reshape", found, [size]), prod(shape))

    def limit(self, value: SSAValue, extent: int) -> Any:
        """A limit of a slice of a dim: as it is known, or found in the tensor that holds it."""
        known = constant_of(value)
        if known is not UNKNOWN:
            return known
        owner = unwrapped(value).owner
        if not isinstance(owner, AtenOp) or not is_number_read(owner) or (is_known(extent) and not extent):
            return UNKNOWN
        number = self.aten("to.dtype", self.aten("reshape", owner.operands[0], []), dtypes.I64.code)
        turned = self.aten("add.Scalar", number, extent)
        counted = self.aten("where.self", self.aten("lt.Scalar", number, 0), turned, number)
        size = self.sizes.find(extent)
        self.builder.insert(FindSizeOp.of(self.aten("clamp", counted, 0, extent), size))
        return size

    def require_at_most(self, places: SSAValue, most: int) -> None:
        """Require that there are no more places than that; else the program raises."""
        count = self.aten("sum", self.aten("ge.Scalar", places, 0), None)
        holds = self.aten("le.Scalar", count, most)
        number = self.builder.aten("aten::Bool.Tensor", [holds], [tt.BOOL]).results[0]
        self.builder.insert(RequireOp.create(operands=[number]))

    def _below(self, places: SSAValue, extent: int) -> SSAValue:
        assert isinstance(places.owner, Operation)
        places.owner.attributes[BELOW] = IntAttr(extent)
        return places

    def _found_before(self, mask: SSAValue) -> SSAValue | None:
        for other in _earlier(self.op):
            found = other.operands[0].owner if BELOW in other.attributes else None
            if isinstance(found, AtenOp) and found.schema.full_name == "aten::nonzero_static":
                flat = found.operands[0]
                if flat is mask or _is_flat(flat, mask):
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
            made.append(self._below(self.aten("remainder.Scalar", column, extent) if i else column, extent))
        return made


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
    before = op.prev_op
    while before is not None:
        yield before
        before = before.prev_op


def _is_flat(flat: SSAValue, mask: SSAValue) -> bool:
    """Whether one is the other in one dim."""
    owner = flat.owner
    return (
        isinstance(owner, AtenOp)
        and owner.schema.full_name == "aten::reshape"
        and unwrapped(owner.operands[0]) is mask
        and known_spec(flat).ndim == 1
    )


# --- operators ---


def _nonzero(finder: _Finder, x: SSAValue) -> SSAValue | None:
    columns = finder.columns(finder.mask(x))
    if columns is None:
        return None
    _give_columns(finder.op, columns)
    size = finder.aten.shape(columns[0])[0]
    if len(columns) == 1:
        return finder.aten("t", finder.aten("reshape", columns[0], [1, size]))
    return finder.aten("t", finder.aten("stack", columns, 0))


def _give_columns(op: AtenOp, columns: Sequence[SSAValue]) -> None:
    """Let who takes one column of the result, which nobody else sees, take that."""
    if is_shown(op.results[0]):
        return
    for use in list(op.results[0].uses):
        user = use.operation
        if isinstance(user, AtenOp) and user.schema.full_name == "aten::select.int" and not use.index:
            dim: Any = constant_of(user.operands[1])
            number: Any = constant_of(user.operands[2])
            if dim in (1, -1) and number in range(-len(columns), len(columns)):
                user.results[0].replace_all_uses_with(columns[int(number)])


def _nonzero_list(finder: _Finder, x: SSAValue) -> list[SSAValue] | None:
    return finder.columns(finder.mask(x))


def _masked_select(finder: _Finder, x: SSAValue, mask: SSAValue) -> SSAValue | None:
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


def _indices(finder: _Finder, x: SSAValue, listed: SSAValue) -> _Indexed | None:
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


def _flat(finder: _Finder, x: SSAValue, axis: int, mask: SSAValue) -> _Indexed | None:
    """The dims of the only mask as one."""
    places, shape = finder.places(finder.mask(mask)), known_spec(x).shape
    if places is None:
        return None
    count = known_spec(mask).ndim
    flat = [*shape[:axis], prod(shape[axis : axis + count]), *shape[axis + count :]]
    source = x if count == 1 else finder.aten("reshape", x, flat)
    return _Indexed(source, [*[None] * axis, places])


def _index(finder: _Finder, x: SSAValue, listed: SSAValue) -> SSAValue | None:
    given = _indices(finder, x, listed)
    if given is None:
        return None
    return finder.aten("index.Tensor", given.source, given.indices)


def _index_put(
    finder: _Finder, x: SSAValue, listed: SSAValue, values: SSAValue, accumulate: SSAValue
) -> SSAValue | None:
    known = constant_of(accumulate)
    if known is UNKNOWN or all(is_known(n) for n in known_spec(values).shape):
        return None  # masks are chosen by then
    given = _indices(finder, x, listed)
    if given is None:
        return None
    made = finder.aten("index_put", given.source, given.indices, values, known)
    return made if given.source is x else finder.aten("reshape", made, list(known_spec(x).shape))


def _masked_scatter(finder: _Finder, x: SSAValue, mask: SSAValue, source: SSAValue) -> SSAValue | None:
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
    finder: _Finder, x: SSAValue, dim: SSAValue, start: SSAValue, end: SSAValue, step: SSAValue
) -> SSAValue | None:
    """Limits that tensors hold are sizes, once they are counted from the beginning and cut off at the end."""
    shape = known_spec(x).shape
    extent = shape[wrap_dim(constant_of(dim), len(shape))]
    limits = [finder.limit(limit, extent) for limit in (start, end)]
    if any(limit is UNKNOWN for limit in limits):
        return None
    return finder.aten("slice.Tensor", x, constant_of(dim), *limits, constant_of(step))


Rule = Callable[..., "SSAValue | list[SSAValue] | None"]
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
}
"""What is written in place of operators: on the operands of each."""
