"""Finds the convolution of stride 1 that a kernel begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import StringAttr, f32
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr

from tsc.analysis.kernel_model import KernelStage, constant_number, read_stage
from tsc.analysis.winograd import TAPS, ConvolutionSize
from tsc.dialects.loop_extents import shape_of
from tsc.dims import is_known


@dataclass(frozen=True, eq=False)
class Convolution:
    """The convolution in a kernel: its generic, the tensors it reads, and its zeros around the image."""

    op: linalg.GenericOp
    image: SSAValue
    filters: SSAValue
    low: tuple[int, ...]
    high: tuple[int, ...]
    size: ConvolutionSize


def convolution_in(kernel: func.FuncOp) -> Convolution | None:
    """The convolution that a kernel begins with, if it is of the kind that is rewritten."""
    if kernel.attributes.get("tsc.kind") != StringAttr("contraction"):
        return None
    op = next(o for o in kernel.body.block.ops if isinstance(o, linalg.GenericOp))
    stage = read_stage(op)
    kept, reduced = stage.kept, stage.reduced
    if len(op.inputs) != 2 or len(reduced) != 3 or not _starts_at_zero(op):
        return None
    maps = [m.data.results for m in op.indexing_maps.data]
    filters = next((n for n in (0, 1) if _are_filters(maps[n], stage)), None)
    if filters is None or any(a.type != f32 for a in op.body.block.args):
        return None
    image, output = maps[1 - filters], maps[2]
    channel, *taps = reduced
    if not _is_image(image, output, channel, taps) or not _multiplies(op):
        return None
    source, low, high = _without_padding(op.inputs[1 - filters])
    shape, result = shape_of(source), shape_of(op.results[0])
    are_arguments = all(isinstance(v.owner, Block) for v in (source, op.inputs[filters]))
    if not are_arguments or source is op.inputs[filters] or not all(map(is_known, (shape[1], result[1]))):
        return None
    if len(kept) not in (3, 4):
        return None
    size = ConvolutionSize(result[0], shape[1], result[1], result[2], result[3])
    return Convolution(op, source, op.inputs[filters], low, high, size)


def _starts_at_zero(op: linalg.GenericOp) -> bool:
    fill = op.outputs[0].owner
    return isinstance(fill, linalg.FillOp) and constant_number(fill.inputs[0]) == 0


def _are_filters(results: Sequence[AffineExpr], stage: KernelStage) -> bool:
    """Whether an operand is read as ``(out, in, kh, kw)``, 3 x 3 of them."""
    positions = [e.position for e in results if isinstance(e, AffineDimExpr)]
    return (
        len(positions) == len(results) == 4
        and positions[1:] == list(stage.reduced)
        and all(stage.sizes[d] == TAPS for d in stage.reduced[1:])
    )


def _is_image(
    image: Sequence[AffineExpr], output: Sequence[AffineExpr], channel: int, taps: Sequence[int]
) -> bool:
    """Whether it is read as ``(n, in, h + kh, w + kw)`` where the result is written at ``(n, out, h, w)``."""
    if len(image) != 4 or len(output) != 4 or not isinstance(output[1], AffineDimExpr):
        return False
    dims = [AffineExpr.dimension(d) for d in taps]
    wanted = [output[0], AffineExpr.dimension(channel), output[2] + dims[0], output[3] + dims[1]]
    is_batch = isinstance(output[0], AffineDimExpr) or output[0] == AffineConstantExpr(0)
    spatial = all(isinstance(e, AffineDimExpr) for e in output[2:])
    return is_batch and spatial and list(image) == wanted


def _multiplies(op: linalg.GenericOp) -> bool:
    """Whether the body adds the product of its inputs."""
    names = [o.name for o in op.body.block.ops]
    return names == ["arith.mulf", "arith.addf", "linalg.yield"]


def _without_padding(value: SSAValue) -> tuple[SSAValue, tuple[int, ...], tuple[int, ...]]:
    """The tensor that is padded with zeros, and how far; a value that is not is its own."""
    owner = value.owner
    if not isinstance(owner, tensor.PadOp):
        return value, (0,) * 4, (0,) * 4
    last = owner.region.block.last_op
    assert last is not None
    low, high = tuple(owner.static_low.get_values()), tuple(owner.static_high.get_values())
    is_zero = constant_number(last.operands[0]) == 0
    if not is_zero or any(n < 0 for n in (*low, *high)) or any((*low[:2], *high[:2])):
        return value, (0,) * 4, (0,) * 4
    return owner.source, low, high
