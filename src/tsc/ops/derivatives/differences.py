"""Derivatives of ``torch.gradient``, by its differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import formula
from tsc.ops.elementwise import is_tensor
from tsc.ops.parts_emitter import PartsEmitter


@dataclass(frozen=True)
class _Line:
    """A tensor along one of its dims, and the distances of neighbours there."""

    aten: Aten
    x: AnyTensor
    dim: int
    spacing: Any
    """A number, or the places."""

    @property
    def size(self) -> int:
        """How many places there are."""
        return self.aten.shape(self.x)[self.dim]

    def at(self, start: int, end: int) -> AnyTensor:
        """The elements between places."""
        return self.aten("slice.Tensor", self.x, self.dim, start, end, 1)

    def gap(self, start: int, end: int) -> Any:
        """The distances of the places from `start` on from the next ones: a number where all are the same."""
        if not is_tensor(self.spacing):
            return self.spacing
        here, there = (self.aten("slice.Tensor", self.spacing, 0, start + i, end + i, 1) for i in (0, 1))
        after = [1] * (len(self.aten.shape(self.x)) - 1 - self.dim)
        return self.aten("reshape", self.aten("sub.Tensor", there, here), [-1, *after])

    def weighted(self, *terms: tuple[AnyTensor, Any]) -> AnyTensor:
        """The sum of elements times weights."""
        on = PartsEmitter(self.aten)
        total = on.multiply(*terms[0])
        for term in terms[1:]:
            total = on.add(total, on.multiply(*term))
        return total

    def over(self, a: Any, b: Any) -> Any:
        """``a / b``."""
        if not is_tensor(b):
            return a / b if not is_tensor(a) else self.aten("div.Scalar", a, b)
        return PartsEmitter(self.aten).multiply(self.aten.reciprocal(b), a)

    def within(self) -> AnyTensor:
        """Central differences, right to the second order where distances differ, too."""
        on, size = PartsEmitter(self.aten), self.size
        left, right = self.gap(0, size - 2), self.gap(1, size - 1)
        both = on.add(left, right)
        return self.weighted(
            (self.at(0, size - 2), on.negative(self.over(right, on.multiply(left, both)))),
            (self.at(1, size - 1), self.over(on.subtract(right, left), on.multiply(left, right))),
            (self.at(2, size), self.over(left, on.multiply(right, both))),
        )

    def end(self, places: Sequence[int], near: Any, far: Any) -> AnyTensor:
        """The one-sided difference at the first of two or three places, and the distances of neighbours."""
        on = PartsEmitter(self.aten)
        elements = [self.at(place, place + 1) for place in places]
        if len(places) == 2:
            slope = self.over(1.0, near)
            return self.weighted((elements[0], on.negative(slope)), (elements[1], slope))
        both = on.add(near, far)
        return self.weighted(
            (elements[0], on.negative(self.over(on.add(both, near), on.multiply(near, both)))),
            (elements[1], self.over(both, on.multiply(near, far))),
            (elements[2], on.negative(self.over(near, on.multiply(far, both)))),
        )

    def slopes(self, edge_order: int) -> AnyTensor:
        """Those of all places."""
        on, size = PartsEmitter(self.aten), self.size
        first = self.end(range(edge_order + 1), self.gap(0, 1), self.gap(1, 2))
        near, far = (on.negative(self.gap(n, n + 1)) for n in (size - 2, size - 3))
        last = self.end([size - 1 - i for i in range(edge_order + 1)], near, far)
        return self.aten("cat", [first, self.within(), last], self.dim)


def _gradient(
    aten: Aten, x: AnyTensor, spacings: Sequence[Any], dims: Sequence[int], edge_order: int
) -> list[AnyTensor]:
    pairs = zip(spacings, dims, strict=True)
    return [_Line(aten, x, dim, spacing).slopes(edge_order) for spacing, dim in pairs]


def _dims(aten: Aten, x: AnyTensor, dim: Any) -> list[int]:
    rank = len(aten.shape(x))
    if dim is None:
        return list(range(rank))
    return [d % rank for d in ([dim] if isinstance(dim, int) else dim)]


@formula("gradient.scalarint", "gradient.scalararray", "gradient.scalarrayint", "gradient.scalarrayarray",
         "gradient.tensorarrayint", "gradient.tensorarray")  # fmt: skip
def _gradient_spaced(aten: Aten, x: AnyTensor, spacing: Any, dim: Any, edge_order: int) -> list[AnyTensor]:
    dims = _dims(aten, x, dim)
    if isinstance(spacing, (list, tuple)):
        return _gradient(aten, x, cast("Sequence[Any]", spacing), dims, edge_order)
    return _gradient(aten, x, [1.0 if spacing is None else spacing] * len(dims), dims, edge_order)


@formula("gradient.array")
def _gradient_plain(aten: Aten, x: AnyTensor, dim: Any, edge_order: int) -> list[AnyTensor]:
    dims = _dims(aten, x, dim)
    return _gradient(aten, x, [1.0] * len(dims), dims, edge_order)
