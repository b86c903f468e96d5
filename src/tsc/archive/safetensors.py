"""Files of tensors by name, without code: eight bytes that say how long a header is, the header as JSON, and
the elements.

Source: the description of the safetensors format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import ArchiveError
from tsc.narrowing import is_array, is_dict, is_list

DTYPES: dict[str, DType] = {
    "F64": dtypes.F64, "F32": dtypes.F32, "F16": dtypes.F16, "BF16": dtypes.BF16, "I64": dtypes.I64,
    "I32": dtypes.I32, "I16": dtypes.I16, "I8": dtypes.I8, "U8": dtypes.U8, "BOOL": dtypes.BOOL,
    "C64": dtypes.C64,
}  # fmt: skip
"""The names of element types."""
NAMES = {dtype: name for name, dtype in DTYPES.items()}
LENGTH_BYTES = 8
LARGEST_HEADER = 100_000_000
"""Bytes. Source: the format's own limit."""
METADATA = "__metadata__"
"""The name in the header that is no tensor's: it has texts by name."""


def read_tensors(data: Any, name: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays of a file, over its own memory, and its texts; `name` is what messages call it.

    Raises:
        ArchiveError: it is damaged, or no such file.
    """
    memory = memoryview(data)
    header, begin = _header(memory, name)
    texts = header.pop(METADATA, {})
    if not is_dict(texts) or not all(isinstance(t, str) for t in texts.values()):
        raise ArchiveError(f"{name}: its metadata must be texts by name")
    room = memory[begin:]
    arrays = {key: _array(room, described, f"{name}: tensor {key!r}") for key, described in header.items()}
    _check_places([d["data_offsets"] for d in header.values()], len(room), name)
    return arrays, cast("dict[str, str]", texts)


def _header(memory: memoryview, name: str) -> tuple[dict[str, Any], int]:
    """What the header says, and where the elements begin."""
    size = int.from_bytes(memory[:LENGTH_BYTES], "little")
    if len(memory) < LENGTH_BYTES or size > min(LARGEST_HEADER, len(memory) - LENGTH_BYTES):
        raise ArchiveError(f"{name}: not a safetensors file: a header of {size} bytes does not fit in it")
    text = bytes(memory[LENGTH_BYTES : LENGTH_BYTES + size])
    try:
        header = json.loads(text.decode(), object_pairs_hook=_unique) if text[:1] == b"{" else None
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{name}: not a safetensors file: its header is no JSON: {error}") from None
    if not is_dict(header):
        raise ArchiveError(f"{name}: not a safetensors file: its header is no JSON object")
    return header, LENGTH_BYTES + size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _array(room: memoryview, described: Any, what: str) -> Array:
    """One tensor."""
    if not is_dict(described) or set(described) != {"dtype", "shape", "data_offsets"}:
        raise ArchiveError(f"{what}: must have a dtype, a shape and data_offsets")
    dtype = DTYPES.get(described["dtype"]) if isinstance(described["dtype"], str) else None
    if dtype is None:
        raise ArchiveError(f"{what}: dtype {described['dtype']!r} is not one of {', '.join(DTYPES)}")
    shape, places = described["shape"], described["data_offsets"]
    if not _are_counts(shape) or not _are_counts(places) or len(places) != 2:
        raise ArchiveError(f"{what}: shape and data_offsets must be lists of numbers from 0")
    low, high = places
    if not low <= high <= len(room) or high - low != math.prod(shape) * dtype.size_bytes:
        raise ArchiveError(f"{what}: shape {shape} of {dtype.name} does not fit bytes {low} to {high}")
    return np.frombuffer(room[low:high], dtype.numpy).reshape(shape)


def _are_counts(numbers: object) -> bool:
    return is_list(numbers) and len(numbers) <= 64 and all(type(n) is int and n >= 0 for n in numbers)


def _check_places(places: list[Any], size: int, name: str) -> None:
    """Refuse elements that no tensor, or more than one, has."""
    end = 0
    for low, high in sorted(places):
        if low != end:
            raise ArchiveError(
                f"{name}: bytes {min(low, end)} to {max(low, end)} are of no tensor, or of two"
            )
        end = high
    if end != size:
        raise ArchiveError(f"{name}: bytes {end} to {size} belong to no tensor")


def tensor_bytes(arrays: Mapping[str, Any], texts: Mapping[str, str] | None = None) -> bytes:
    """A file of arrays by name, and of texts: those with larger elements come first, so that all are aligned.

    Raises:
        ArchiveError: a file cannot hold one of them.
    """
    header: dict[str, Any] = {METADATA: dict(texts)} if texts else {}
    parts: list[bytes] = []
    at = 0
    for key, array in sorted(arrays.items(), key=lambda item: (-_itemsize(*item), item[0])):
        data = np.ascontiguousarray(array).tobytes()
        name = NAMES[dtypes.by_numpy(array.dtype)]
        header[key] = {"dtype": name, "shape": list(array.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return b"".join([len(text).to_bytes(LENGTH_BYTES, "little"), text, *parts])


def _itemsize(key: object, array: Any) -> int:
    if not isinstance(key, str) or key == METADATA:
        raise ArchiveError(f"save: {key!r} is no name of a tensor")
    if not is_array(array) or dtypes.by_numpy(array.dtype) not in NAMES:
        raise ArchiveError(f"save: {key}: requires a tensor of {', '.join(DTYPES)}; got {array!r}")
    return array.dtype.itemsize
