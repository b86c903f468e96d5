"""The constants of a library, each once, as one block of bytes: in the library, or in a file beside it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ALIGNMENT = 64
HEADER_BYTES = 64
"""What a file of weights begins with."""
MAGIC = b"tsc-weights-1\0\0\0"


@dataclass
class Weights:
    """Collects arrays; equal ones share a place."""

    _chunks: list[bytes] = field(default_factory=list[bytes])
    _places: dict[bytes, int] = field(default_factory=dict[bytes, int])
    size_bytes: int = 0

    def add(self, array: np.ndarray[Any, Any]) -> int:
        """The place of an array's bytes in the block."""
        data = np.ascontiguousarray(array).tobytes()
        key = hashlib.sha256(data).digest()
        if key not in self._places:
            self._places[key] = self.size_bytes
            padding = bytes(-len(data) % ALIGNMENT)
            self._chunks += [data, padding]
            self.size_bytes += len(data) + len(padding)
        return self._places[key]

    def block(self) -> bytes:
        """All of it (never empty)."""
        return b"".join(self._chunks) or bytes(ALIGNMENT)

    def header(self) -> bytes:
        """What a file of these weights begins with, and no other."""
        block = self.block()
        digest = hashlib.sha256(block).digest()
        return MAGIC + len(block).to_bytes(8, "little") + digest + bytes(8)

    def write(self, path: Path) -> None:
        """Write the file that a library maps; one that is mapped now stays as it is, under no name."""
        whole = path.with_name(f"{path.name}.part")
        whole.write_bytes(self.header() + self.block())
        whole.replace(path)
