"""Views without memory: which element of the source each element of a view is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from tsc.dims import certainly_equal, certainly_natural, holds_found, is_known, maximum, minimum
from tsc.errors import FoundSizeError
from tsc.narrowing import is_tuple


@dataclass(frozen=True)
class Step:
    """How far along each dim of the source a step along a dim of the view goes: what a stride is in
    memory.
    """

    along: tuple[tuple[int, int], ...]
    """Dims of the source, and how many elements of each."""

    def __mul__(self, factor: int) -> Step:
        return Step(tuple((d, n * factor) for d, n in self.along))


NO_END = 1 << 62
"""An end of a slice that is beyond any dim: archives say the largest integer where a slice has none."""
STILL = Step(())
"""The step of a dim along which all elements are the same one."""


@dataclass(frozen=True, eq=False)
class IndexView:
    """A view of a tensor that is nowhere, with the interface of NumPy's arrays as far as views need it. Sizes
    may be symbolic.
    """

    shape: tuple[int, ...]
    strides: tuple[Step, ...]
    starts: tuple[int, ...]
    """The index of its first element in the source."""
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, shape: Sequence[int], dtype: np.dtype[Any]) -> IndexView:
        """A whole tensor."""
        steps = tuple(Step(((d, 1),)) for d in range(len(shape)))
        return cls(tuple(shape), steps, (0,) * len(shape), dtype)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)

    @property
    def flags(self) -> SimpleNamespace:
        """There is nothing that could be written to."""
        return SimpleNamespace(writeable=False)

    @property
    def T(self) -> IndexView:  # noqa: N802 - NumPy's name
        """All dims reversed."""
        return self.transpose(range(self.ndim)[::-1])

    def view(self) -> IndexView:
        """The same again."""
        return self

    def transpose(self, dims: Sequence[int]) -> IndexView:
        """Dims reordered."""
        if sorted(dims) != list(range(self.ndim)):
            raise ValueError("axes don't match array")
        return self._with([(self.shape[d], self.strides[d]) for d in dims])

    def swapaxes(self, a: int, b: int) -> IndexView:
        """Two dims exchanged."""
        order = list(range(self.ndim))
        order[a], order[b] = order[b], order[a]
        return self.transpose(order)

    def squeeze(self, dims: Sequence[int]) -> IndexView:
        """Dims of size 1 dropped."""
        return self._with([p for d, p in enumerate(self._dims) if d not in dims])

    def reshape(self, *shape: int) -> IndexView:
        """Of a tensor without dims, one with a dim of size 1."""
        if self.ndim or shape != (1,):
            raise ValueError("a view cannot be reshaped")
        return self._with([(1, STILL)])

    def restrided(self, shape: Sequence[int], strides: Sequence[Step | int]) -> IndexView:
        """Other sizes, and steps made of those there are; 0 for `STILL`."""
        steps = [s if isinstance(s, Step) else STILL for s in strides]
        return self._with(list(zip(shape, steps, strict=True)))

    def __getitem__(self, key: object) -> IndexView:
        keys: list[Any] = list(key) if is_tuple(key) else [key]
        if Ellipsis not in keys:
            keys.append(Ellipsis)
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        starts, dims = list(self.starts), list[tuple[int, Step]]()
        for part, (size, step) in zip(keys, self._dims, strict=True):
            is_cut = isinstance(part, slice)
            start, length, pace = cut(cast("slice[Any, Any, Any]", part), size) if is_cut else (part, None, 1)
            for dim, distance in step.along:
                starts[dim] += start * distance
            if length is not None:
                dims.append((length, step * pace))
        return replace(self._with(dims), starts=tuple(starts))

    @property
    def _dims(self) -> list[tuple[int, Step]]:
        return list(zip(self.shape, self.strides, strict=True))

    def _with(self, dims: Sequence[tuple[int, Step]]) -> IndexView:
        return replace(self, shape=tuple(n for n, _ in dims), strides=tuple(s for _, s in dims))

    def __array_function__(self, function: Any, types: object, arguments: Any, named: Any) -> Any:
        return _FUNCTIONS[function](*arguments, **named)


def cut(part: slice[Any, Any, Any], size: int) -> tuple[int, int, int]:
    """Where a slice of a dim begins, how long it is, and its step, which is positive."""
    step = 1 if part.step is None else part.step
    begin, end = 0 if part.start is None else part.start, part.stop
    if end is not None and is_known(end) and end >= NO_END:
        end = None  # no size is asked whether it is more
    if any(holds_found(n) for n in (begin, end, size) if n is not None):
        start = _found_limit(begin, size)
        stop = size if end is None else _found_limit(end, size)
        length = maximum(stop - start, 0) if end is not None else _left(begin, size)
        return start, (length + step - 1) // step, step
    start = _limit(begin, size)
    stop = size if end is None else _limit(end, size)
    if certainly_equal(start, 0) and certainly_equal(stop, size) and step == 1:
        return 0, size, 1
    return start, ((stop - start - 1) // step + 1 if start < stop else 0), step


def _left(start: int, size: int) -> int:
    """How much of a dim comes behind a limit that `_found_limit` knows."""
    return maximum(size - start, 0) if certainly_natural(start) else minimum(-start, size)


def _found_limit(value: int, size: int) -> int:
    """Where a limit lies in a dim, where nothing is asked of sizes that are found.

    Raises:
        FoundSizeError: it is not known from which end it is counted.
    """
    if certainly_natural(value):
        return minimum(value, size)
    if not certainly_natural(-value):
        raise FoundSizeError(f"slice: requires to know whether {value} is negative")
    return maximum(size + value, 0)


def _limit(at: int, size: int) -> int:
    if at < 0:
        at = at + size
        return at if at >= 0 else 0
    return at if at <= size else size


def _expand_dims(view: IndexView, axis: int) -> IndexView:
    dims = list(zip(view.shape, view.strides, strict=True))
    return view.restrided(*zip(*[*dims[:axis], (1, STILL), *dims[axis:]], strict=True))


def _moveaxis(view: IndexView, source: int | Sequence[int], destination: int | Sequence[int]) -> IndexView:
    order = np.moveaxis(np.empty(range(view.ndim)), source, destination).shape
    return view.transpose(order)


def _diagonal(view: IndexView, offset: int, first: int, second: int) -> IndexView:
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    corner = view[
        tuple(
            slice(max(0, -offset), None)
            if d == first
            else slice(max(0, offset), None)
            if d == second
            else slice(None)
            for d in range(view.ndim)
        )
    ]
    rows, columns = corner.shape[first], corner.shape[second]
    length = rows if rows <= columns else columns
    kept = [d for d in range(view.ndim) if d not in (first, second)]
    along = Step((*corner.strides[first].along, *corner.strides[second].along))
    shape = [*(corner.shape[d] for d in kept), length]
    return corner.restrided(shape, [*(corner.strides[d] for d in kept), along])


_FUNCTIONS: dict[Any, Any] = {np.expand_dims: _expand_dims, np.moveaxis: _moveaxis, np.diagonal: _diagonal}
