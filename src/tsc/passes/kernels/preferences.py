"""Which layouts a kernel would like for its operands and results, given those of the values it is called
with.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import prod

from xdsl.dialects import func
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from tsc.analysis import winograd
from tsc.analysis.affine import address_of, used_dims
from tsc.analysis.kernel_model import (
    Contraction,
    KernelModel,
    KernelStage,
    Operand,
    contraction_of,
    is_permutation,
    read_kernel,
)
from tsc.analysis.layouts import Layout, Panels, element_bytes, layout_of
from tsc.analysis.target import Target
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dims import hint_of, planned
from tsc.passes.schedules.tiles import choose_tile

FEW_CHANNELS = 4
"""Up to here an image is read as it comes: bringing so few channels together costs more than it saves."""
GPU_WIDTH = 64
"""Columns of a panel for a block of GPU threads (half of it for few columns)."""
SMALL_PART = 4
"""A computed operand of a window is brought into the order of a result that is that many times larger."""
FEW_ROWS = 4
"""Packing an operand that is no constant pays when this many rows use it, over all calls that read it."""


@dataclass(frozen=True)
class Preferences:
    """Layouts per argument and per result of a kernel; `kind` where it changes, None for an argument read
    as it is.
    """

    arguments: tuple[Layout | None, ...]
    results: tuple[Layout, ...]
    kind: str


class Origin(Enum):
    """Where an operand of a kernel comes from."""

    CONSTANT = "known when the program is compiled: it can be packed freely"
    ARGUMENT = "given to the program: weights of a live module, for one"
    COMPUTED = "computed by the program"


def preferences(
    function: func.FuncOp,
    given: Sequence[Layout],
    origins: Sequence[Origin],
    target: Target,
    readers: Sequence[int] | None = None,
    *,
    leaves: bool = False,
) -> Preferences:
    """What `function` prefers; `given` are the layouts of its arguments, `origins` where they come from, and
    `readers` how many calls read each (rounds of loops included; one, where it is not said). Results that
    only leave the function (`leaves`) are row-major in the end.
    """
    model = read_kernel(function)
    known = dict(zip(model.arguments, given, strict=True))
    fixed = {a: o is Origin.CONSTANT for a, o in zip(model.arguments, origins, strict=True)}
    if model.kind == "contraction":
        contraction = choose_weights(model, dict(zip(model.arguments, origins, strict=True)))
        calls = dict(zip(model.arguments, readers or [1] * len(given), strict=True))
        return _contraction(model, contraction, known, fixed, target, calls[contraction.weights.value])
    if model.kind in ("fourier", "matrices", "random", "scatter", "sort"):
        return Preferences(tuple(map(_plain, model.arguments)), tuple(map(_plain, model.results)), model.kind)
    if model.kind in (winograd.INPUT, winograd.OUTPUT):
        return _winograd(model, fixed)
    results = tuple(_like_arguments(model, r, known) for r in model.results)
    if model.kind == "window":
        return _window(model, known, fixed, results, _wide_rows(model, target) if leaves else False)
    orders = [_constant_order(model, a, results) if fixed[a] else None for a in model.arguments]
    return Preferences(tuple(orders), results, model.kind)


def _plain(value: SSAValue) -> Layout:
    layout = layout_of(value.type)
    return Layout.row_major(layout.shape, layout.element)


# Kernels that follow their arguments


def _like_arguments(model: KernelModel, result: SSAValue, known: dict[SSAValue, Layout]) -> Layout:
    """The order of the largest argument that is indexed as the result is, if that is not row-major."""
    plain = _plain(result)
    output = next((o for s in model.stages for o in s.outputs if o.value is result), None)
    followers: list[Layout] = []
    for value, layout in known.items():
        if layout.panels is not None or len(layout.shape) != len(plain.shape) or layout.is_row_major:
            continue
        maps = [i.map for s in model.stages for i in s.inputs if i.value is value]
        if output is None or any(_same_places(m, output.map) for m in maps):
            followers.append(layout)
    if not followers:
        return plain
    return plain.with_order(max(followers, key=lambda layout: hint_of(prod(layout.shape))).order)


def _same_places(a: AffineMap, b: AffineMap) -> bool:
    """Whether two maps agree but for dims of size one in either."""
    pairs = zip(a.results, b.results, strict=True)
    dims = [(x, y) for x, y in pairs if isinstance(x, AffineDimExpr) and isinstance(y, AffineDimExpr)]
    return bool(dims) and all(x == y for x, y in dims)


def _constant_order(model: KernelModel, argument: SSAValue, results: Sequence[Layout]) -> Layout | None:
    """A constant lies in the order in which the loops over the first result run."""
    if not model.stages or not results:
        return None
    operands = [(s, i) for s in model.stages for i in s.inputs if i.value is argument]
    if len(operands) != 1 or not is_permutation(operands[0][1].map):
        return None
    output = next((o for s in model.stages for o in s.outputs if o.value is model.results[0]), None)
    if output is None or not is_permutation(output.map):
        return None
    rank = _ranks(output.map, results[0].strides)
    return _ordered(_plain(argument), operands[0][1].map, rank)


def _ranks(map_: AffineMap, strides: Sequence[int]) -> dict[int, int]:
    """For each loop of an operand, the distance in memory it makes."""
    pairs = zip(map_.results, strides, strict=True)
    return {e.position: s for e, s in pairs if isinstance(e, AffineDimExpr)}


def _ordered(layout: Layout, map_: AffineMap, strides: dict[int, int]) -> Layout:
    """Dims sorted by what their loops make in another memory; loops unknown there come first."""
    hints = {d: hint_of(s) for d, s in strides.items()}
    big = max(hints.values(), default=1) + 1
    keys = [hints.get(e.position, big) if isinstance(e, AffineDimExpr) else big for e in map_.results]
    return layout.with_order(sorted(range(len(keys)), key=lambda d: (-keys[d], d)))


# Windows


def _window(
    model: KernelModel,
    known: dict[SSAValue, Layout],
    fixed: dict[SSAValue, bool],
    results: Sequence[Layout],
    stays: bool,
) -> Preferences:
    """Channels last: the dim that no window moves over is vectorised. Data of which little is read, or that
    `stays`, stays as it is. Whatever is padded has its halo.
    """
    (stage,) = model.reductions
    padded = {i.value: i for i in stage.inputs if i.padding is not None and i.padding.is_zero}
    data = max(
        (i for i in stage.inputs if i.value in known),
        key=lambda i: (hint_of(prod(known[i.value].shape)), i.value in padded),
    )
    order = known[data.value].order
    reads = hint_of(prod(stage.sizes))
    if known[data.value].is_row_major and not stays and hint_of(prod(known[data.value].shape)) <= reads:
        order = channels_last(stage, data)
    layout = with_padding(_plain(data.value).with_order(order), data)
    same_rank = [len(r.shape) == len(order) for r in results]
    wanted = tuple(r.with_order(order) if same else r for r, same in zip(results, same_rank, strict=True))
    arguments: list[Layout | None] = []
    for argument in model.arguments:
        if argument is data.value:
            arguments.append(layout)
        elif argument in padded:
            arguments.append(with_padding(_plain(argument), padded[argument]))
        else:
            is_free = fixed[argument] or _is_small(argument, wanted)
            arguments.append(_window_constant(model, stage, argument, wanted) if is_free else None)
    return Preferences(tuple(arguments), wanted, model.kind)


def _wide_rows(model: KernelModel, target: Target) -> bool:
    """Whether the rows of what a window gives fill vectors, so that they can be written as they are."""
    shape = shape_of(model.results[0])
    return bool(shape) and hint_of(shape[-1]) >= target.lanes(
        8 * element_bytes(element_of(model.results[0].type))
    )


def _is_small(argument: SSAValue, results: Sequence[Layout]) -> bool:
    """Whether copying an operand that is no constant, such as weights that are arguments, costs little."""
    return hint_of(prod(layout_of(argument.type).shape)) * SMALL_PART <= hint_of(prod(results[0].shape))


def _window_constant(
    model: KernelModel, stage: KernelStage, argument: SSAValue, results: Sequence[Layout]
) -> Layout | None:
    """In the order of the loops over the sums; what follows may give these another rank."""
    operand = next((i for i in stage.inputs if i.value is argument), None)
    if operand is None or not is_permutation(operand.map):
        return _constant_order(model, argument, results)
    output = stage.outputs[0]
    is_same_rank = len(results[0].shape) == len(output.map.results)
    layout = results[0] if is_same_rank else _plain(output.value)
    return _ordered(_plain(argument), operand.map, _ranks(output.map, layout.strides))


def channels_last(stage: KernelStage, data: Operand) -> tuple[int, ...]:
    """The order with the last dim that no reduction touches moved to the end."""
    reduced = set(stage.reduced)
    rank = len(data.map.results)
    free = [d for d, e in enumerate(data.map.results) if not used_dims(e) & reduced and used_dims(e)]
    if not free:
        return tuple(range(rank))
    return (*(d for d in range(rank) if d != free[-1]), free[-1])


def with_padding(layout: Layout, operand: Operand) -> Layout:
    """With the halo that the operand's padding asks for, if zeros can be it."""
    padding = operand.padding
    if padding is None or not padding.is_zero:
        return layout
    return layout.with_halo(padding.low, padding.high)


def _winograd(model: KernelModel, fixed: dict[SSAValue, bool]) -> Preferences:
    """Images ``(n, c, h, w)`` lie channels last, with their halo, and transformed tiles row-major."""
    data = model.reductions[0].inputs[0]
    images = (0, 2, 3, 1)
    results = tuple(r.with_order(images) if len(r.shape) == 4 else r for r in map(_plain, model.results))
    arguments: list[Layout | None] = []
    for argument in model.arguments:
        layout = _plain(argument)
        if argument is data.value:
            arguments.append(
                with_padding(layout.with_order(images) if len(layout.shape) == 4 else layout, data)
            )
        else:
            arguments.append(_constant_order(model, argument, results) if fixed[argument] else None)
    return Preferences(tuple(arguments), results, model.kind)


# Contractions


def _contraction(
    model: KernelModel,
    contraction: Contraction,
    known: dict[SSAValue, Layout],
    fixed: dict[SSAValue, bool],
    target: Target,
    readers: int,
) -> Preferences:
    """Weights in panels, data with its halo and channels last, results with the columns last."""
    stage = contraction.stage
    results = tuple(_columns_last(model, r, contraction) for r in model.results)
    rows = planned(contraction.count(contraction.rows)) * readers
    if not fixed[contraction.weights.value] and rows < FEW_ROWS:
        plain = tuple(_plain(r) for r in model.results)
        return Preferences(
            (None,) * len(known), plain, "row" if contraction.data.padding is None else "contraction"
        )
    data = _data_layout(contraction, known[contraction.data.value])
    panels = panels_for(contraction, data, results[0], stage, target)
    arguments: list[Layout | None] = []
    for argument in model.arguments:
        if argument is contraction.weights.value:
            arguments.append(replace(_plain(argument), panels=panels))
        elif argument is contraction.data.value:
            arguments.append(data)
        else:
            arguments.append(_constant_order(model, argument, results) if fixed[argument] else None)
    return Preferences(tuple(arguments), results, model.kind)


def choose_weights(model: KernelModel, origins: dict[SSAValue, Origin]) -> Contraction:
    """The roles of the operands: the weights are constant, or an argument, if one of the two is, else such
    that the last result dim is a column. A constant matrix beside a larger one that is an argument (a
    first state of zeros, beside weights of a live module) is no better than that.
    """
    (stage,) = model.reductions
    last = next(
        (e.position for e in reversed(stage.outputs[0].map.results) if isinstance(e, AffineDimExpr)), None
    )
    options = [contraction_of(stage, d) for d in (last, None, *stage.kept)]
    found = [c for c in options if c is not None]
    found.sort(key=lambda c: list(Origin).index(_origin_of_weights(c, origins)))
    return found[0]


def _origin_of_weights(contraction: Contraction, origins: dict[SSAValue, Origin]) -> Origin:
    weights, data = contraction.weights.value, contraction.data.value
    origin = origins.get(weights, Origin.COMPUTED)
    if origin is not Origin.CONSTANT or origins.get(data) is not Origin.ARGUMENT:
        return origin
    is_matrix = len(shape_of(weights)) == len(shape_of(data)) == 2
    is_smaller = hint_of(prod(shape_of(weights))) < hint_of(prod(shape_of(data)))
    return Origin.ARGUMENT if is_matrix and is_smaller else origin


def _columns_last(model: KernelModel, result: SSAValue, contraction: Contraction) -> Layout:
    """Dims in logical order, but those of the columns at the end; a convolution's groups stand before its
    columns.
    """
    output = next(o for s in model.stages for o in s.outputs if o.value is result)
    rank = len(output.map.results)
    used = [used_dims(e) for e in output.map.results]
    rows = set(contraction.rows)
    columns = [d for d, loops in enumerate(used) if loops & set(contraction.columns) and not loops & rows]
    groups = [d for d, loops in enumerate(used) if loops & set(contraction.batch) and d not in columns]
    moved = [*(groups if is_convolution(contraction) else ()), *columns]
    return _plain(result).with_order([*(d for d in range(rank) if d not in moved), *moved])


def is_convolution(contraction: Contraction) -> bool:
    """Whether a window moves over the data."""
    return any(len(used_dims(e)) > 1 for e in contraction.data.map.results)


def _data_layout(contraction: Contraction, given: Layout) -> Layout:
    """A convolution's data: channels last unless there are few; other data stays as it is. The halo is
    added.
    """
    data, depth = contraction.data, set(contraction.depth)
    plain = _plain(data.value)
    channels = [d for d, e in enumerate(data.map.results) if used_dims(e) and used_dims(e) <= depth]
    groups = [
        d for d, e in enumerate(data.map.results) if used_dims(e) and used_dims(e) <= set(contraction.batch)
    ]
    layout = plain.with_order(given.order)
    last = len(data.map.results) - 1
    is_image = is_convolution(contraction) or (last >= 3 and bool(channels) and channels[-1] != last)
    if is_image and given.is_row_major and hint_of(prod(plain.shape[d] for d in channels)) > FEW_CHANNELS:
        moved = [*(groups if is_convolution(contraction) else ()), *channels]
        layout = plain.with_order([*(d for d in range(len(plain.shape)) if d not in moved), *moved])
    return with_padding(layout, data)


def panels_for(
    contraction: Contraction, data: Layout, result: Layout, stage: KernelStage, target: Target
) -> Panels:
    """Columns in the order of the result's memory (of the contraction's own, where what follows it has other
    dims), depth in the order of the data's; the width of the best tile.
    """
    own = _plain(stage.outputs[0].value)
    result = result if len(result.shape) == len(own.shape) else own
    maps = contraction.weights.map.results
    reads = address_of(contraction.data.map, data.strides, data.base, stage.sizes).strides
    writes = address_of(stage.outputs[0].map, result.strides, 0, stage.sizes).strides
    loops = {d: e.position for d, e in enumerate(maps) if isinstance(e, AffineDimExpr)}
    batch = tuple(d for d, loop in loops.items() if loop in contraction.batch)
    columns = sorted(
        (d for d, p in loops.items() if p in contraction.columns),
        key=lambda d: (-hint_of(writes[loops[d]]), d),
    )
    depth = [d for d in range(len(maps)) if d not in batch and d not in columns]
    depth.sort(key=lambda d: (-abs(hint_of(reads[loops[d]])) if d in loops else -(1 << 62), d))
    element = stage.body.args[-1].type
    lanes = target.lanes(8 * element_bytes(element))
    groups = (contraction.rows, contraction.columns, contraction.depth)
    sizes = [planned(contraction.count(group)) for group in groups]
    if target.is_gpu:
        return Panels(
            batch, tuple(columns), tuple(depth), GPU_WIDTH if sizes[1] > GPU_WIDTH // 2 else GPU_WIDTH // 2
        )
    tile = choose_tile(max(1, sizes[0]), max(1, sizes[1]), sizes[2], lanes, target)
    return Panels(batch, tuple(columns), tuple(depth), tile.vectors * lanes)
