"""What is written in place of operators that cut a size which is found into pieces that are unpacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, argument_of, known_spec
from tsc.dialects.torch_ops import PrimListUnpackOp
from tsc.dims import floordiv, holds_found, is_known
from tsc.ops.shapes import wrap_dim
from tsc.passes.found.finder import Finder


def _elements(finder: Finder, x: SSAValue, dim: SSAValue) -> list[SSAValue] | None:
    """Of each place along a dim, what is there."""
    cut = _Cut.of(finder, x, dim)
    if cut is None:
        return None
    finder.require_size(cut.size, cut.count)
    return [finder.aten("select.int", x, cut.dim, i) for i in range(cut.count)]


def _chunks(finder: Finder, x: SSAValue, chunks: SSAValue, dim: SSAValue) -> list[SSAValue] | None:
    """As many pieces as that or fewer."""
    cut, most = _Cut.of(finder, x, dim), argument_of(chunks)
    if cut is None or most is UNKNOWN or most < 1:
        return None
    return cut.pieces(finder, x, floordiv(cut.size + most - 1, most))


def _splits(finder: Finder, x: SSAValue, length: SSAValue, dim: SSAValue) -> list[SSAValue] | None:
    """Pieces of one length, but the last."""
    cut, step = _Cut.of(finder, x, dim), argument_of(length)
    if cut is None or step is UNKNOWN or not is_known(step) or step < 1:
        return None
    if step == 1:
        elements = _elements(finder, x, dim) or []
        return [finder.aten("unsqueeze", element, cut.dim) for element in elements]
    return cut.pieces(finder, x, step)


@dataclass(frozen=True)
class _Cut:
    """A dim of a size that is found, and how many pieces of it are unpacked."""

    dim: int
    size: Any
    count: int

    @classmethod
    def of(cls, finder: Finder, x: SSAValue, dim: SSAValue) -> _Cut | None:
        """None where the size is known beforehand, or the list is more than unpacked."""
        axis, shape = argument_of(dim), known_spec(x).shape
        users = [use.operation for use in finder.op.results[0].uses]
        counts = {len(user.results) for user in users if isinstance(user, PrimListUnpackOp)}
        if axis is UNKNOWN or len(counts) != 1 or not all(isinstance(u, PrimListUnpackOp) for u in users):
            return None
        axis = wrap_dim(axis, len(shape))
        return cls(axis, shape[axis], *counts) if holds_found(shape[axis]) else None

    def pieces(self, finder: Finder, x: SSAValue, step: Any) -> list[SSAValue]:
        """Pieces of `step`, and the last one as long as what is left, which is required to be something."""
        left = self.size - (self.count - 1) * step
        rest = finder.aten("full", [], left, dtypes.I64.code)
        finder.require(finder.aten("gt.Scalar", rest, 0))
        whole = finder.aten("full", [], left - step, dtypes.I64.code)
        finder.require(finder.aten("le.Scalar", whole, 0))
        ends = [*((i + 1) * step for i in range(self.count - 1)), self.size]
        return [finder.aten("slice.Tensor", x, self.dim, i * step, end, 1) for i, end in enumerate(ends)]


PIECES: Mapping[str, Callable[..., list[SSAValue] | None]] = {
    "aten::unbind.int": _elements,
    "aten::chunk": _chunks,
    "aten::split.Tensor": _splits,
}
"""What is written in place of each, where what it cuts has a size that is found."""
