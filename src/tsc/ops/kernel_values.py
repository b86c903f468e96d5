"""Tensors inside a kernel while it is built: in memory, seen through views, or as parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap

from tsc.dtypes import Number
from tsc.ops.definition import TensorSpec
from tsc.ops.parts_emitter import PART_DTYPES


@dataclass(frozen=True, eq=False)
class KernelValue:
    """A tensor inside a kernel: the SSA value (signless elements) and the spec with PyTorch's dtype.

    A view (transpose, slice, broadcast) is the same SSA value with an `access` map from its own indices to
    the stored ones; it costs nothing until a consumer composes the map into its own.
    """

    ssa: SSAValue
    spec: TensorSpec
    access: AffineMap | None = None
    constant: Number | None = None
    """The only element of a 0-dim tensor that is known now: formulas use it instead of the tensor."""

    def view(self, shape: Sequence[int], results: Sequence[AffineExpr | int]) -> KernelValue:
        """The view whose element ``i...`` is this tensor's element ``results(i...)``."""
        mapping = affine(len(shape), results)
        access = mapping if self.access is None else self.access.compose(mapping)
        return KernelValue(self.ssa, TensorSpec(tuple(shape), self.spec.dtype), access)


@dataclass(frozen=True)
class KernelPair:
    """A complex tensor inside a kernel: its parts."""

    real: KernelValue
    imag: KernelValue

    @classmethod
    def of(cls, x: KernelValue | KernelPair) -> KernelPair:
        """A complex tensor as its parts: in memory they are every other element."""
        if isinstance(x, KernelPair):
            return x
        rank, spec = x.spec.ndim, TensorSpec(x.spec.shape, PART_DTYPES[x.spec.dtype])
        places = (affine(rank, [*(dim(i) for i in range(rank)), part]) for part in (0, 1))
        return cls(*(KernelValue(x.ssa, spec, p) for p in places))

    @property
    def spec(self) -> TensorSpec:
        """Its shape, and the complex dtype."""
        dtype = next(c for c, part in PART_DTYPES.items() if part is self.real.spec.dtype)
        return TensorSpec(self.real.spec.shape, dtype)


@dataclass(frozen=True)
class Output:
    """What a generic writes: its spec, its map (identity when None), and where an accumulation starts."""

    spec: TensorSpec
    map: AffineMap | None = None
    init: Number | None = None


def dim(position: int) -> AffineExpr:
    """The iteration variable `position`, for building maps."""
    return AffineExpr.dimension(position)


def affine(rank: int, results: Sequence[AffineExpr | int]) -> AffineMap:
    """The map from `rank` iteration variables to `results`."""
    return AffineMap(rank, 0, tuple(map(constant, results)))


def constant(value: AffineExpr | int) -> AffineExpr:
    """A number in a map; an expression as it is."""
    return value if isinstance(value, AffineExpr) else AffineExpr.constant(value)
