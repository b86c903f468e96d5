"""How several arrays lie in memory: with which strides, and which of them in the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.memory.roots import root_of

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Place:
    """Where an array lies: in which memory, how many bytes behind its beginning, with which strides."""

    memory: int
    offset: int
    strides: tuple[int, ...]
    """In bytes; of dims of one element too, which programs can ask for."""


@dataclass(frozen=True)
class Layout:
    """A place for each of some arrays, in memories of so many bytes."""

    sizes: tuple[int, ...]
    places: tuple[Place, ...]

    @classmethod
    def of(cls, arrays: Sequence[Array]) -> Layout:
        """How `arrays` lie."""
        roots = [id(root_of(array)) for array in arrays]
        alike: dict[int, list[Array]] = {}
        for array, root in zip(arrays, roots, strict=True):
            alike.setdefault(root, []).append(array)
        bounds = {root: _bounds(among) for root, among in alike.items()}
        numbers = {root: number for number, root in enumerate(alike)}
        places = (
            Place(numbers[r], _address(a) - bounds[r][0] if a.size else 0, a.strides)
            for a, r in zip(arrays, roots, strict=True)
        )
        return cls(tuple(high - low for low, high in bounds.values()), tuple(places))

    def filled(self, arrays: Iterable[Array]) -> list[Array]:
        """New arrays with the elements of `arrays`, that lie so."""
        memories = [np.empty(size, np.uint8) for size in self.sizes]
        made: list[Array] = []
        for place, array in zip(self.places, arrays, strict=True):
            made.append(
                np.ndarray(array.shape, array.dtype, memories[place.memory], place.offset, place.strides)
            )
            made[-1][...] = array
        return made


@dataclass(frozen=True)
class DimOrders:
    """Each of some arrays in memory of its own, without gaps, its dims in some order: whatever their sizes
    are.
    """

    orders: tuple[tuple[int, ...], ...]
    """The dims of each, the slowest first."""

    @classmethod
    def of(cls, layout: Layout, arrays: Sequence[Array]) -> DimOrders | None:
        """`layout`, in which `arrays` lie, without their sizes; None where that does not say all."""
        orders: list[tuple[int, ...]] = []
        is_shared = len(layout.sizes) < len(layout.places)
        for place, array in zip(layout.places, arrays, strict=True):
            order = sorted(range(array.ndim), key=lambda dim, strides=place.strides: -strides[dim])
            if is_shared or place.strides != _dense(array, order) or any(n < 2 for n in array.shape):
                return None
            orders.append(tuple(order))
        return cls(tuple(orders))

    def filled(self, arrays: Iterable[Array]) -> list[Array]:
        """New arrays with the elements of `arrays`, that lie so."""
        made: list[Array] = []
        for order, array in zip(self.orders, arrays, strict=True):
            memory = np.empty(array.size, array.dtype)
            made.append(np.ndarray(array.shape, array.dtype, memory, 0, _dense(array, order)))
            made[-1][...] = array
        return made


def _dense(array: Array, order: Sequence[int]) -> tuple[int, ...]:
    """The strides of an array like this one without gaps, with its dims in an order, the slowest first."""
    strides, step = [0] * array.ndim, array.itemsize
    for dim in reversed(order):
        strides[dim] = step
        step *= max(array.shape[dim], 1)
    return tuple(strides)


def _bounds(arrays: Iterable[Array]) -> tuple[int, int]:
    """Where the memory that `arrays` show begins and ends."""
    bounds = [np.lib.array_utils.byte_bounds(array) for array in arrays if array.size]
    return min((low for low, _ in bounds), default=0), max((high for _, high in bounds), default=0)


def _address(array: Array) -> int:
    return array.__array_interface__["data"][0]
