"""Archives, arguments and observations through the pipes of a process, and arguments that share memory."""

from __future__ import annotations

import pickle
import struct
from dataclasses import dataclass
from typing import IO, Any

import ml_dtypes
import numpy as np


@dataclass(frozen=True)
class Packed:
    """A tensor as a window on a storage, which several may share."""

    storage: int
    dtype: str
    shape: tuple[int, ...]
    offset_bytes: int
    strides_bytes: tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """Load an archive, perhaps optimize it, and call it with each list of arguments."""

    archive: bytes
    is_optimized: bool
    calls: list[list[Any]]
    storages: list[bytes]


def unpacked(value: Any, storages: list[bytearray], made: dict[int, Any] | None = None) -> Any:
    """Arguments as arrays over `storages`; what is given twice is one array (`made`, by identity)."""
    made = {} if made is None else made
    if isinstance(value, Packed):
        return made.setdefault(id(value), _array(value, storages))
    if isinstance(value, (list, tuple)):
        return [unpacked(v, storages, made) for v in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _array(value: Packed, storages: list[bytearray]) -> np.ndarray[Any, Any]:
    dtype: Any = ml_dtypes.bfloat16 if value.dtype == "bfloat16" else value.dtype
    if 0 in value.shape:
        return np.empty(value.shape, np.dtype(dtype))
    memory = np.frombuffer(storages[value.storage], np.uint8)  # the base of all views of the storage
    return np.ndarray(value.shape, np.dtype(dtype), memory, value.offset_bytes, value.strides_bytes)


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message with its length before it."""
    body = pickle.dumps(message)
    pipe.write(struct.pack("<Q", len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read a message.

    Raises:
        EOFError: the other end is gone.
    """
    return pickle.loads(_exactly(pipe, struct.unpack("<Q", _exactly(pipe, 8))[0]))


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    """So many bytes, also of a pipe that gives fewer at a time."""
    body = bytearray()
    while len(body) < count:
        part = pipe.read(count - len(body))
        if not part:
            raise EOFError("the other process has ended")
        body += part
    return bytes(body)
