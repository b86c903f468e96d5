"""Native code into the cache, and back: the object file, how it is called, and where its constants lie.

A constant that is part of the program's file stays there, and is named by its place. What was packed or
folded is stored: what is small beside the code, the rest in a file of its own, which is mapped, so that
processes, and specializations with the same weights, share its memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.cache import store
from tsc.errors import CodegenError
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import Assembled, load_objects
from tsc.runtime.native import ArraySpec, SizesFunction
from tsc.runtime.native_code import CallPlan, NativeCode, native_code

LOG = logging.getLogger("tsc.cache")
CODE, WEIGHTS = "code", "weights"
"""The kinds of cache entries: of code with its plan, and of the large constants of some code."""
SMALL_BYTES = 1 << 12
"""Constants up to this size are stored beside the code."""
_ALIGNMENT = 64

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Notes = dict[str, Any]
"""What else is stored with code: JSON."""


@dataclass(frozen=True)
class ProgramMemory:
    """The bytes of the program's file, and the weights that were mapped for its code so far."""

    file: Bytes
    weights: dict[str, Bytes] = field(default_factory=dict[str, Bytes])

    def place_of(self, array: np.ndarray[Any, Any]) -> int | None:
        """Where an array that is a part of the file begins in it."""
        place = array.__array_interface__["data"][0] - self.file.__array_interface__["data"][0]
        return place if place >= 0 and place + array.nbytes <= self.file.nbytes else None


# --- storing ---


class _Gathered:
    """Arrays one after the other, each at a multiple of 64 bytes."""

    def __init__(self) -> None:
        self.parts: list[Any] = []
        self.size = 0

    def add(self, data: Bytes | bytes) -> int:
        """Where `data` begins."""
        padding = -self.size % _ALIGNMENT
        self.parts += [bytes(padding), data]
        place = self.size + padding
        self.size = place + len(data)
        return place

    def joined(self) -> bytes:
        """All of them."""
        return b"".join(self.parts)


def store_code(key: str, code: NativeCode, memory: ProgramMemory, notes: Notes) -> bool:
    """Store native code under a key; whether it is stored now."""
    plan = code.plan
    if plan is None:
        return False
    small, large, places = _Gathered(), _Gathered(), list[tuple[str, int, int]]()
    for array in code.constants:
        place = memory.place_of(array)
        if place is not None:
            places.append(("file", place, array.nbytes))
            continue
        is_small = array.nbytes <= SMALL_BYTES
        flat = np.frombuffer(array.tobytes(), np.uint8) if is_small else array.reshape(-1).view(np.uint8)
        places.append(
            ("beside" if is_small else "weights", (small if is_small else large).add(flat), array.nbytes)
        )
    weights = large.joined()
    weights_key = hashlib.sha256(weights).hexdigest() if weights else ""
    if (
        weights
        and not store.is_stored(WEIGHTS, weights_key)
        and not store.write(WEIGHTS, weights_key, weights)
    ):
        return False
    head = {
        "plan": _plan_words(plan), "constants": places, "weights": weights_key,
        "objects": [len(data) for data in code.objects], "notes": notes,
    }  # fmt: skip
    text = json.dumps(head).encode()
    data = _Gathered()
    for part in (len(text).to_bytes(8, "little"), text, *code.objects, small.joined()):
        data.add(part)
    return store.write(CODE, key, data.joined())


def _plan_words(plan: CallPlan) -> Notes:
    return {
        "inputs": _spec_words(plan.inputs),
        "outputs": _spec_words(plan.outputs),
        "arena_bytes": plan.arena_bytes,
        "releases_gil": plan.releases_gil,
        "is_flagged": plan.is_flagged,
        "sizes": None if plan.sizes is None else [plan.sizes.name, plan.sizes.symbols],
    }


def _spec_words(specs: Sequence[ArraySpec]) -> list[Any]:
    return [[dtypes.by_numpy(spec.dtype).mlir, list(spec.shape)] for spec in specs]


# --- loading ---


def load_code(key: str, memory: ProgramMemory, slow: Callable[..., Any]) -> tuple[NativeCode, Notes] | None:
    """The native code that was stored under a key, with what was noted; None where there is none to be had.
    Calls whose arguments are others go to `slow`.
    """
    stored = store.read(CODE, key)
    if stored is None:
        return None
    try:
        return _loaded(stored, memory, slow)
    except (ValueError, LookupError, TypeError, CodegenError) as error:
        LOG.info("miss: code %s: %r", store.name_of(CODE, key), error)
        return None


def _loaded(stored: memoryview, memory: ProgramMemory, slow: Callable[..., Any]) -> tuple[NativeCode, Notes]:
    size = int.from_bytes(stored[:8], "little")
    head: Notes = json.loads(bytes(stored[_ALIGNMENT : _ALIGNMENT + size]))
    begin, objects = _up(_ALIGNMENT + size), list[Assembled]()
    for length in head["objects"]:
        objects.append(Assembled(bytes(stored[begin : begin + length])))
        begin = _up(begin + length)
    beside = np.frombuffer(stored[begin:], np.uint8)
    regions = {"file": memory.file, "beside": beside, "weights": _weights(head["weights"], memory)}
    constants = [_part(regions[where], place, count) for where, place, count in head["constants"]]
    compiled = load_objects(objects, host_target())
    return native_code(compiled, _plan(head["plan"]), constants, slow), head["notes"]


def _up(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _weights(key: str, memory: ProgramMemory) -> Bytes:
    """The large constants, mapped."""
    if not key:
        return np.empty(0, np.uint8)
    if key not in memory.weights:
        stored = store.read(WEIGHTS, key)
        if stored is None:
            raise LookupError("its weights are not stored")
        memory.weights[key] = np.frombuffer(stored, np.uint8)
    return memory.weights[key]


def _part(region: Bytes, place: int, count: int) -> Bytes:
    if place < 0 or place + count > region.nbytes:
        raise ValueError("a constant lies beyond its file")
    return region[place : place + count]


def _plan(words: Notes) -> CallPlan:
    sizes = None if words["sizes"] is None else SizesFunction(*words["sizes"])
    inputs, outputs = _specs(words["inputs"]), _specs(words["outputs"])
    return CallPlan(inputs, outputs, words["arena_bytes"], words["releases_gil"], sizes, words["is_flagged"])


def _specs(words: list[Any]) -> list[ArraySpec]:
    return [ArraySpec(dtypes.by_mlir(dtype).numpy, tuple(shape)) for dtype, shape in words]
