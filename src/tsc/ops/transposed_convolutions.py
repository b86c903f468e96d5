"""Transposed convolutions as one contraction each, whose result is written through an interleaving map.

Along a dim of stride ``s``, element ``q * s + r`` of what would be the result without padding is the sum over
``t`` of ``x[q - t] * w[t * s + r]``. So all phases ``r`` are columns of one stride-1 convolution over cells
``q``, as in Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.ir.affine import AffineExpr

from tsc.dtypes import DType
from tsc.errors import CodegenError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.contractions import multiply_add
from tsc.ops.definition import TensorSpec
from tsc.ops.kernel_builder import KernelBuilder, KernelValue, Output, affine, dim


@dataclass(frozen=True)
class Axis:
    """One spatial dim: `taps` of the kernel, `step` elements of the input apart, reach each cell of `stride`
    elements.
    """

    size: int
    result: int
    stride: int
    padding: int
    taps: int
    step: int

    @staticmethod
    def of(size: int, kernel: int, result: int, stride: int, padding: int, dilation: int) -> Axis:
        """The axis of a `kernel` that strides divide.

        Raises:
            CodegenError: they do not, or elements that a strided kernel reaches lie apart.
        """
        if stride > 1 and (dilation > 1 or kernel % stride):
            raise CodegenError(
                "convolution: requires a transposed kernel without dilation that the stride divides; got "
                f"{kernel} elements, stride {stride}, dilation {dilation}"
            )
        return Axis(size, result, stride, padding, kernel // stride, dilation if stride == 1 else 1)

    @property
    def first(self) -> int:
        """The first cell of which the result has elements."""
        return self.padding // self.stride

    @property
    def cells(self) -> int:
        """How many cells the result touches."""
        return -(-(self.padding + self.result) // self.stride) - self.first

    @property
    def cropped(self) -> int:
        """Elements of the first cell that are no part of the result."""
        return self.padding - self.first * self.stride

    @property
    def low(self) -> int:
        """Zeros before the input."""
        return max(0, (self.taps - 1) * self.step - self.first)

    @property
    def high(self) -> int:
        """Zeros after the input."""
        return max(0, self.first + self.cells - self.size)

    @property
    def phases(self) -> list[int]:
        """The stride, if there are several phases."""
        return [self.stride] if self.stride > 1 else []

    def read(self, cell: AffineExpr, tap: AffineExpr) -> AffineExpr:
        """Where in the padded input `tap` of `cell` is."""
        return cell - tap * self.step + (self.first + self.low)

    def written(self, cell: AffineExpr, phase: Sequence[AffineExpr]) -> AffineExpr:
        """Where in the result of whole cells an element is."""
        return cell * self.stride + phase[0] if phase else cell


@dataclass
class Loops:
    """The iterators of a generic while they are listed."""

    sizes: list[int] = field(default_factory=list[int])
    iterators: str = ""

    def add(self, size: int, iterator: str = "p") -> AffineExpr:
        """One more, the last; its variable."""
        self.sizes.append(size)
        self.iterators += iterator
        return dim(len(self.sizes) - 1)


def transposed_convolution(
    kernel: KernelBuilder,
    x: KernelValue,
    weight: KernelValue,
    spec: TensorSpec,
    wide: DType,
    axes: Sequence[Axis],
    groups: int,
) -> KernelValue:
    """Iterators ``(n, g, oc, qh, rh, qw, rw | ic, th, tw)``: without ``g`` for one group, and without a phase
    ``r`` where the stride is 1. What padding cuts off the whole cells is computed, and left out by a view.
    """
    loops, inputs, outputs = Loops(), x.spec.shape[1] // groups, spec.shape[1] // groups
    split = [groups] if groups > 1 else []
    image = loops.add(spec.shape[0])
    group = [loops.add(n) for n in split]
    result = loops.add(outputs)
    places = [(loops.add(a.cells), [loops.add(s) for s in a.phases]) for a in axes]
    depth = loops.add(inputs, "r")
    taps = [loops.add(a.taps, "r") for a in axes]

    lead = [0] * (2 + len(split))
    data = kernel.reshape(x, (spec.shape[0], *split, inputs, *x.spec.shape[2:]))
    data = kernel.pad(data, [*lead, *(a.low for a in axes)], [*lead, *(a.high for a in axes)])
    cut = [n for a in axes for n in (a.taps, *a.phases)]
    weights = kernel.reshape(weight, (*split, inputs, outputs, *cut))
    whole = TensorSpec((*spec.shape[:2], *(a.cells * a.stride for a in axes)), wide)

    reads = [a.read(cell, tap) for a, (cell, _), tap in zip(axes, places, taps, strict=True)]
    steps = [e for tap, (_, phase) in zip(taps, places, strict=True) for e in (tap, *phase)]
    channel = group[0] * outputs + result if group else result
    writes = [a.written(*place) for a, place in zip(axes, places, strict=True)]
    rank = len(loops.sizes)
    pairs = [
        (data, affine(rank, [image, *group, depth, *reads])),
        (weights, affine(rank, [*group, depth, result, *steps])),
    ]
    output = Output(whole, affine(rank, [image, channel, *writes]), 0)
    body, doc = multiply_add(wide), "aten::convolution"
    product = kernel.generic(pairs, [output], loops.iterators, body, doc, loops.sizes)[0]
    if whole.shape == spec.shape:
        return product
    return product.view(spec.shape, [dim(0), dim(1), *(dim(2 + i) + a.cropped for i, a in enumerate(axes))])


def strided_kernel(
    aten: Aten, weight: AnyTensor, stride: Sequence[int], dilation: Sequence[int]
) -> AnyTensor:
    """`weight` with zeros in it, so that along dims of stride more than 1 there is no dilation, and strides
    divide the kernel.
    """
    lead, sizes = list(aten.shape(weight)[:2]), list(aten.shape(weight)[2:])
    spread = [d if s > 1 else 1 for s, d in zip(stride, dilation, strict=True)]
    if any(d > 1 for d in spread):
        apart = aten("reshape", weight, [*lead, *(n for size in sizes for n in (size, 1))])
        apart = aten("constant_pad_nd", apart, [n for d in reversed(spread) for n in (0, d - 1, 0, 0)])
        sizes = [n * d for n, d in zip(sizes, spread, strict=True)]
        weight = aten("reshape", apart, [*lead, *sizes])
    missing = [-n % s for n, s in zip(sizes, stride, strict=True)]
    if not any(missing):
        return weight
    return aten("constant_pad_nd", weight, [n for m in reversed(missing) for n in (0, m)])
