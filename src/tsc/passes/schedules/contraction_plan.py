"""Decides about a contraction before code is written: roles, merged loops, panels and register tile."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.ir import Attribute, Operation
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from tsc.analysis.affine import Address, LoopOrder, merge_loops
from tsc.analysis.kernel_model import CASTS, Contraction, KernelStage, contraction_of
from tsc.analysis.layouts import Panels
from tsc.analysis.target import Target
from tsc.dims import hint_of, is_known, planned
from tsc.errors import CodegenError
from tsc.passes.schedules.body import Access, indexed_loops
from tsc.passes.schedules.kernel import ScheduleBuilder, widened
from tsc.passes.schedules.microkernel import DepthLoop
from tsc.passes.schedules.tiles import Tile, choose_rows, cut_rows


@dataclass(frozen=True)
class ContractionPlan:
    """Everything decided about a contraction before code is written.

    The merged loops are `batch`, then `rows`, then `columns` (their trip counts are given); the depth loops
    are not
    among them.
    """

    contraction: Contraction
    panels: Panels
    order: LoopOrder
    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    data: Access
    depth: tuple[DepthLoop, ...]
    lanes: int
    tile: Tile
    flat_rows: bool
    element: Attribute

    @property
    def width(self) -> int:
        """Columns of one panel."""
        return self.panels.width

    @property
    def panel_count(self) -> int:
        """Panels of one batch entry."""
        return -(-prod(self.columns) // self.width)

    @property
    def depth_size(self) -> int:
        """Steps along the whole depth."""
        return prod(loop.size for loop in self.depth)

    @property
    def tiled_rows(self) -> int:
        """Rows that are cut into tiles: all of them, or the innermost row loop."""
        return prod(self.rows) if self.flat_rows else self.rows[-1]

    @property
    def outer_rows(self) -> tuple[int, ...]:
        """Row loops around the tiled one."""
        return () if self.flat_rows else self.rows[:-1]


def plan_contraction(kernel: ScheduleBuilder) -> ContractionPlan:
    """Classify, merge and order the loops, and choose the tile."""
    stage = kernel.model.reductions[0]
    contraction, panels = _packed_contraction(kernel, stage)
    sizes = stage.sizes
    data = kernel.address(contraction.data, sizes)
    kept = _kept_addresses(kernel, stage)
    weights_loops = contraction.weights.map.results
    groups = (
        _loops(weights_loops, panels.batch),
        tuple(sorted(contraction.rows, key=lambda d: (-hint_of(kept[0].strides[d]), d))),
        _loops(weights_loops, panels.columns),
    )
    pinned = set[int]().union(*(indexed_loops(s) for s in kernel.model.stages if s is not stage))
    merged = [merge_loops(sizes, [data, *kept], group, pinned) for group in groups]
    order = LoopOrder(tuple(g for m in merged for g in m.groups), tuple(n for m in merged for n in m.sizes))
    merged_depth = merge_loops(sizes, [data], _loops(weights_loops, panels.depth), set())
    strides = merged_depth.apply(data).strides
    depth = tuple(DepthLoop(n, s) for n, s in zip(merged_depth.sizes, strides, strict=True))
    element = stage.body.args[-1].type
    lanes = kernel.lanes_of(element)
    rows = merged[1].sizes
    tile, flat = choose_row_tile(rows, panels.width // lanes, prod(merged_depth.sizes), kernel.target)
    access = Access(kernel.memory[contraction.data.value].buffer, order.apply(data))
    return ContractionPlan(
        contraction,
        panels,
        order,
        merged[0].sizes,
        rows,
        merged[2].sizes,
        access,
        depth,
        lanes,
        tile,
        flat,
        element,
    )


def choose_row_tile(rows: Sequence[int], vectors: int, depth: int, target: Target) -> tuple[Tile, bool]:
    """The tile, and whether it spans several of the outer row loops (each row's place is then computed)."""
    inner = choose_rows(planned(rows[-1]), vectors, planned(depth), target)
    if len(rows) == 1 or not is_known(rows[-1]):
        return inner, False
    flat = choose_rows(planned(prod(rows)), vectors, planned(depth), target)
    tiles = cut_rows(rows[-1], inner.rows)
    efficient = tiles.rows * vectors >= 8 or tiles.rows == flat.rows
    return (inner, False) if efficient else (flat, True)


def _packed_contraction(kernel: ScheduleBuilder, stage: KernelStage) -> tuple[Contraction, Panels]:
    for innermost in (None, *stage.kept):
        contraction = contraction_of(stage, innermost)
        if contraction is None:
            continue
        panels = kernel.memory[contraction.weights.value].layout.panels
        if panels is not None:
            return contraction, panels
    raise CodegenError(
        f"{kernel.model.func.sym_name.data}: requires one operand packed into panels; got none"
    )


def _loops(expressions: Sequence[AffineExpr], dims: Sequence[int]) -> tuple[int, ...]:
    """The loops that index some dims of the weights (none for a dim of size one)."""
    chosen = (expressions[d] for d in dims)
    return tuple(e.position for e in chosen if isinstance(e, AffineDimExpr))


def _kept_addresses(kernel: ScheduleBuilder, stage: KernelStage) -> list[Address]:
    """Addresses over the loops of `stage` of all that initial values and epilogue touch; a result comes
    first.
    """
    rank = len(stage.sizes)
    results: list[Address] = []
    others: list[Address] = []
    for other in kernel.model.stages:
        operands = other.outputs if other is stage else (*other.inputs, *other.outputs)
        inits = [i for i in other.inits if i is not None]
        for operand in (*operands, *inits):
            if operand.value not in kernel.memory:
                continue
            address = widened(kernel.address(operand, other.sizes), rank)
            (results if operand in other.outputs else others).append(address)
    return results + others


def widening_casts(contraction: Contraction) -> tuple[Operation | None, Operation | None]:
    """The casts that the body applies to data and weights before it multiplies them."""
    stage = contraction.stage
    product = next(op for op in stage.body.ops if isinstance(op, arith.MulfOp | arith.MuliOp))
    casts = {f.owner.operands[0]: f.owner for f in product.operands if isinstance(f.owner, CASTS)}
    arguments = stage.body.args
    return casts.get(arguments[contraction.data_argument]), casts.get(arguments[contraction.weights_argument])
