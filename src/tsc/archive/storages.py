"""Which memory an archive stores for which arrays: arrays that overlap share one storage, as tensors do."""

from __future__ import annotations

import bisect
import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.archive.pickles import STORAGES
from tsc.dtypes import Array, DType
from tsc.errors import NotSupportedError

_NAMES = {dtype.name: name for name, dtype in STORAGES.items()}
"""PyTorch's names of typed storages, by dtype name."""


@dataclass(frozen=True)
class StoragePiece:
    """Where an array lies: a storage, and offset and strides in it, in elements."""

    key: str
    storage_name: str
    count: int
    """Elements of the storage."""
    offset: int
    strides: tuple[int, ...]


@dataclass
class _Region:
    low: int
    high: int
    dtype: DType
    key: str = ""


class Storages:
    """The storages for `arrays`, which must be all that will be placed; keys are given in order of use."""

    def __init__(self, arrays: Iterable[Array]) -> None:
        self._copies: dict[int, Array] = {}
        self._kept = list(arrays)
        self._regions: dict[str, list[_Region]] = {}
        for array in self._kept:
            self._add(self._storable(array))
        for dtype, regions in self._regions.items():
            self._regions[dtype] = _merged(regions)
        self._in_use: list[_Region] = []

    def _storable(self, array: Array) -> Array:
        """`array`, or a copy of one whose strides no tensor can have."""
        itemsize = array.dtype.itemsize
        if all(s >= 0 and s % itemsize == 0 for s in array.strides) or array.size == 0:
            return array
        return self._copies.setdefault(id(array), np.ascontiguousarray(array))

    def _add(self, array: Array) -> None:
        if array.size:
            low, high = _bounds(array)
            dtype = dtypes.by_numpy(array.dtype)
            self._regions.setdefault(dtype.name, []).append(_Region(low, high, dtype))

    def place(self, array: Array, path: str) -> StoragePiece:
        """The piece of a storage that is `array`."""
        array = self._storable(array)
        dtype = dtypes.by_numpy(array.dtype)
        itemsize = dtype.size_bytes
        name = _NAMES[dtype.name]
        if array.size == 0:
            self._in_use.append(_Region(0, 0, dtype, str(len(self._in_use))))
            return StoragePiece(self._in_use[-1].key, name, 0, 0, _contiguous_strides(array.shape))
        region = self._region(array, dtype, path)
        if not region.key:
            region.key = str(len(self._in_use))
            self._in_use.append(region)
        offset, rest = divmod(_bounds(array)[0] - region.low, itemsize)
        if rest:
            raise NotSupportedError(f"save: tensor {path} lies across the elements of another tensor")
        strides = tuple(s // itemsize for s in array.strides)
        return StoragePiece(region.key, name, (region.high - region.low) // itemsize, offset, strides)

    def _region(self, array: Array, dtype: DType, path: str) -> _Region:
        regions = self._regions.get(dtype.name, [])
        at = bisect.bisect_right(regions, _bounds(array)[0], key=lambda r: r.low) - 1
        if at < 0 or regions[at].high < _bounds(array)[1]:
            raise NotSupportedError(f"save: tensor {path} changed while it was being saved")
        return regions[at]

    def contents(self) -> list[tuple[str, memoryview]]:
        """Keys and bytes of the storages that were placed, in order. The bytes keep their arrays alive."""
        owners = [*self._kept, *self._copies.values()]
        return [(r.key, _memory(r.low, r.high, owners)) for r in self._in_use]


def _contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.insert(0, step)
        step *= max(n, 1)
    return tuple(strides)


def _bounds(array: Array) -> tuple[int, int]:
    """First address and the address after the last byte; strides are not negative."""
    low = array.__array_interface__["data"][0]
    last = sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    return low, low + last + array.dtype.itemsize


def _merged(regions: list[_Region]) -> list[_Region]:
    """Overlapping regions as one; those that merely touch stay apart."""
    merged: list[_Region] = []
    for region in sorted(regions, key=lambda r: (r.low, r.high)):
        if merged and region.low < merged[-1].high:
            merged[-1].high = max(merged[-1].high, region.high)
        else:
            merged.append(_Region(region.low, region.high, region.dtype))
    return merged


def _memory(low: int, high: int, owners: list[Array]) -> memoryview:
    if low == high:
        return memoryview(b"")
    block: Any = (ctypes.c_char * (high - low)).from_address(low)
    block.owners = owners
    return memoryview(block).cast("B")
