"""The file of an entry: a header, the key, and the payload, with a checksum over all of them.

| bytes | what |
|---|---|
| 8 | ``TSCCACHE`` |
| 4, 4 | version of this format, bytes of the key |
| 8, 8 | where the payload begins (a multiple of 64), and its bytes |
| 32 | the checksum of everything else |
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

MAGIC, VERSION = b"TSCCACHE", 1
_HEADER = struct.Struct("<8sIIQQ")
_DIGEST = 32
HEADER_BYTES = _HEADER.size + _DIGEST
ALIGNMENT = 64
_CHUNK = 1 << 20
_COLUMNS = 1 << 10

Buffer = bytes | memoryview


class DamagedError(Exception):
    """A file is not what it says it is."""


def checksum(data: Buffer) -> bytes:
    """A checksum against accidents: SHA-256 of what is short; of each whole MiB of what is long, SHA-256 of
    the sums of its columns, taken as a table of 1024 64-bit numbers a row, which runs as fast as memory.
    """
    digest = hashlib.sha256()
    view = memoryview(data).cast("B")
    whole = len(view) // _CHUNK * _CHUNK
    if whole:
        for chunk in np.frombuffer(view[:whole], np.uint64).reshape(whole // _CHUNK, -1, _COLUMNS):
            digest.update(np.add.reduce(chunk, axis=0))
    digest.update(view[whole:])
    return digest.digest()


def encoded(key: bytes, payload: Buffer) -> list[Buffer]:
    """The parts of a file."""
    start = -(-(HEADER_BYTES + len(key)) // ALIGNMENT) * ALIGNMENT
    head = _HEADER.pack(MAGIC, VERSION, len(key), start, memoryview(payload).nbytes)
    padded = key.ljust(start - HEADER_BYTES, b"\0")
    return [head, _digest(head, padded, payload), padded, payload]


def _digest(head: Buffer, padded_key: Buffer, payload: Buffer) -> bytes:
    return hashlib.sha256(b"".join([head, checksum(padded_key), checksum(payload)])).digest()


def decoded(data: memoryview) -> tuple[bytes, memoryview]:
    """The key and the payload of a file.

    Raises:
        DamagedError: it is damaged, or of another version.
    """
    if len(data) < HEADER_BYTES:
        raise DamagedError(f"{len(data)} bytes are no file of the cache")
    head = data[: _HEADER.size]
    magic, version, key_bytes, start, size = _HEADER.unpack(head)
    if magic != MAGIC or version != VERSION:
        raise DamagedError(f"it is no file of version {VERSION}")
    if start < HEADER_BYTES + key_bytes or start % ALIGNMENT or start + size != len(data):
        raise DamagedError("its lengths are wrong")
    padded, payload = data[HEADER_BYTES:start], data[start:]
    if _digest(head, padded, payload) != bytes(data[_HEADER.size : HEADER_BYTES]):
        raise DamagedError("its checksum is wrong")
    return bytes(padded[:key_bytes]), payload
