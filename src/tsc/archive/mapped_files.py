"""`MappedFile`: the file behind memory that an archive was read into."""

from __future__ import annotations

import mmap
import os

import numpy as np


class MappedFile:
    """A file that is mapped copy-on-write: its memory is the file's until somebody writes to it."""

    def __init__(self, path: str, data: mmap.mmap) -> None:
        self.path = os.path.abspath(path)
        self._data = data
        self._address = _address(memoryview(data))

    def view(self, begin: int, size: int) -> memoryview:
        """The memory of a part of the file."""
        return memoryview(self._data)[begin : begin + size]

    def place_of(self, memory: memoryview) -> int | None:
        """Where in the file `memory` begins; None for memory that is not the file's."""
        begin = _address(memory) - self._address
        return begin if begin >= 0 and begin + memory.nbytes <= len(self._data) else None


def _address(memory: memoryview) -> int:
    return np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
