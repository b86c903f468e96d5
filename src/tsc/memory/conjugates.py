"""Conjugates that follow what is written: in PyTorch ``x.conj()`` is the memory of `x`, conjugated whenever
it is read; here it is memory of its own, and who writes to one of the two brings the other up to date.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tsc.dtypes import Array
from tsc.memory.roots import root_of


@dataclass(frozen=True, eq=False)
class _Pair:
    function: np.ufunc
    """What makes either side of the other: it is its own inverse."""
    source: Array
    """The tensor that was conjugated: a view of its own, which no change of shape in place reaches."""
    memory: Callable[[], Array | None]
    """The memory of the conjugates, flat, as long as something shows it."""

    @property
    def made(self) -> Array | None:
        """The conjugates, which lie as `source` does."""
        memory, source = self.memory(), self.source
        if memory is None:
            return None
        backward = sum((n - 1) * -s for n, s in zip(source.shape, source.strides, strict=True) if s < 0)
        start = backward if source.size else 0
        return np.ndarray(source.shape, source.dtype, memory, start, source.strides)

    def other_side(self, array: Array) -> tuple[Array, Array] | None:
        """The side that `array` is memory of, and the other one; None where it is of neither."""
        made = self.made
        if made is None:
            return None
        if np.may_share_memory(array, self.source):
            return self.source, made
        return (made, self.source) if np.may_share_memory(array, made) else None


PAIRS: dict[int, _Pair] = {}
"""The conjugates there are, by the identity of their memory. Empty in programs that take none."""


def conjugate_view(array: Array) -> Array:
    """The conjugates of a tensor of complex numbers, to which writes to it come through, and whose writes
    reach it.
    """
    return _following(np.conjugate, array)


def negative_view(array: Array) -> Array:
    """As `conjugate_view`, of numbers negated: in PyTorch, the imaginary parts of conjugates are some."""
    return _following(np.negative, array)


def _following(function: np.ufunc, array: Array) -> Array:
    reach = sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides, strict=True))
    memory = np.empty(reach // array.itemsize + 1 if array.size else 0, array.dtype)
    identity = id(memory)
    pair = _Pair(function, array.view(), weakref.ref(memory, lambda _: PAIRS.pop(identity, None)))
    made = pair.made
    assert made is not None
    function(array, out=made)
    PAIRS[identity] = pair
    made.flags.writeable = array.flags.writeable
    return made


def is_conjugate_view(array: Array) -> bool:
    """Whether an array shows memory that `conjugate_view` or `negative_view` made."""
    return bool(PAIRS) and id(root_of(array)) in PAIRS


def follow_writes(written: Array) -> None:
    """Bring up to date what is conjugated, or conjugates, of memory that was written."""
    for function, changed, following in _followers(written):
        function(changed, out=following)


def show_one_memory(a: Array, b: Array) -> bool:
    """Whether a write to one of two arrays may be seen in the other."""
    if np.may_share_memory(a, b):
        return True
    return bool(PAIRS) and any(np.may_share_memory(following, b) for _, _, following in _followers(a))


def _followers(array: Array) -> Iterator[tuple[np.ufunc, Array, Array]]:
    """The sides of pairs that a write to `array` changes, in order, each with that which is to follow, and
    how.
    """
    pairs, changed = list(PAIRS.values()), [array]
    while pairs and changed:
        reached = changed.pop()
        for pair in list(pairs):
            sides = pair.other_side(reached)
            if sides is not None:
                pairs.remove(pair)
                changed.append(sides[1])
                yield pair.function, *sides
