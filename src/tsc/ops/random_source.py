"""`RandomSource`: PyTorch's CPU generator, a Mersenne twister and what it keeps between two draws."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tsc.concurrency import DRAWING, interned
from tsc.dialects.tsc_random import HAS_KEPT, IS_FRESH, KEPT, STREAM_WORDS
from tsc.dialects.tsc_random import TWISTER_WORDS as WORDS
from tsc.dtypes import Array
from tsc.errors import OperatorError

DEFAULT_SEED = 67280421310721
"""What a generator begins with that nobody seeded."""
STREAM = "stream"
"""The attribute that a source has for native code."""

_STATE: np.dtype[Any] = np.dtype([
    ("initial_seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", (WORDS,)),
    ("normal_x", "<f8"), ("normal_y", "<f8"), ("normal_rho", "<f8"), ("normal_is_valid", "<i4"),
    ("padding", "<i4"), ("float_normal", "<f4"), ("float_normal_is_valid", "u1"), ("rest", "u1", (3,)),
])  # fmt: skip
_INSTEAD: ContextVar[RandomSource | None] = ContextVar("random source", default=None)
STATE_BYTES = _STATE.itemsize
"""5056. Source: ``CPUGeneratorImplState`` (aten/src/ATen/CPUGeneratorImpl.cpp)."""


class RandomSource:
    """A seeded stream of random bits: MT19937 (Matsumoto and Nishimura, 1998), and the second half of a pair
    of normally distributed numbers of which the first was asked for.

    Native code takes all of that as an array (see `tsc.dialects.tsc_random`), and gives another one.
    """

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._twister = np.random.MT19937(0)
        self._numbers = np.random.Generator(self._twister)
        self._memory = _memory_of(self._twister)
        self._attributes: dict[str, Any] = {}
        self._published: Array | None = None
        self.restart(seed)

    @staticmethod
    def over(stream: Array) -> RandomSource:
        """One that goes on from a stream."""
        made = RandomSource()
        made._take(stream)
        return made

    @property
    def attributes(self) -> dict[str, Any]:
        """Where the stream is from now on, under `STREAM`, and where one that is further on may take its
        place; under the lock.
        """
        if not self._attributes:
            self._attributes[STREAM] = self._published = self.stream()
        return self._attributes

    def stream(self) -> Array:
        """Where the source is, as an array of its own."""
        made: Array = np.zeros(STREAM_WORDS, np.int32)
        made[: WORDS + 1] = self._memory
        made[IS_FRESH] = self._is_fresh
        if self.next_normal is not None:
            made[HAS_KEPT] = 1
            made[KEPT : KEPT + 2] = np.float64(self.next_normal).reshape(1).view(np.int32)
        return made

    def _take(self, stream: Array) -> None:
        self._memory[:] = stream[: WORDS + 1]
        self._is_fresh = bool(stream[IS_FRESH])
        kept = np.ascontiguousarray(stream[KEPT : KEPT + 2]).view(np.float64)
        self.next_normal = float(kept[0]) if stream[HAS_KEPT] else None

    def catch_up(self) -> None:
        """Go to where native code has left the stream."""
        stream: Array | None = self._attributes.get(STREAM)
        if stream is not None and stream is not self._published:
            self._take(stream)
            self._published = stream

    def publish(self) -> None:
        """Let native code go on from here."""
        if self._attributes:
            self._attributes[STREAM] = self._published = self.stream()

    def restart(self, seed: int) -> None:
        """Begin again. Of the seed the lower 32 bits count.

        Raises:
            OperatorError: `seed` has more than 64 bits.
        """
        if not -(2**63) <= seed < 2**64:
            raise OperatorError("Overflow when unpacking long long")
        with DRAWING:
            self.initial_seed = seed % 2**64
            begun: Any = np.random.RandomState(seed % 2**32).get_state(legacy=False)
            self._twister.state = begun
            self._is_fresh = True
            self.next_normal: float | None = None
            self._next_float_normal: float | None = None
            self.publish()

    def words(self, count: int) -> Array:
        """The next `count` uint32."""
        self._is_fresh &= count == 0
        return self._numbers.integers(0, 2**32, count, np.uint32)

    def wide_words(self, count: int) -> Array:
        """The next `count` uint64, of two words each, the upper half first."""
        pairs = self.words(2 * count).astype(np.uint64)
        return pairs[0::2] << np.uint64(32) | pairs[1::2]

    def position(self) -> tuple[Any, bool]:
        """Where the bits are; `return_to` goes back there."""
        return self._twister.state, self._is_fresh

    def return_to(self, position: tuple[Any, bool]) -> None:
        """Give the bits again that followed on `position`."""
        self._twister.state, self._is_fresh = position

    def begin(self) -> None:
        """Called before a draw, under the lock."""

    def end(self) -> None:
        """Called after a draw, under the lock."""

    def state(self) -> Array:
        """All of it, as the bytes PyTorch's generators give and take."""
        with DRAWING:
            self.catch_up()
            key, at = self._key()
            record = np.zeros((), _STATE)
            record["initial_seed"], record["seeded"], record["words"] = self.initial_seed, 1, key
            record["left"], record["next"] = WORDS + 1 - at, 0 if self._is_fresh else at
            if self.next_normal is not None:
                record["normal_y"], record["normal_is_valid"] = self.next_normal, 1
            if self._next_float_normal is not None:
                record["float_normal"], record["float_normal_is_valid"] = self._next_float_normal, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: Array) -> None:
        """Go on where the source was that gave `state`.

        Raises:
            OperatorError: it is not the state of a generator.
        """
        if state.dtype != np.uint8:
            raise OperatorError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise OperatorError(f"RNG state is wrong size: requires {STATE_BYTES} bytes; got {state.size}")
        record = np.frombuffer(np.ascontiguousarray(state).tobytes(), _STATE)[0]
        left, at = int(record["left"]), int(record["next"])
        if not (record["seeded"] == 1 and 1 <= left <= WORDS and at <= WORDS):
            raise OperatorError("Invalid mt19937 state")
        with DRAWING:
            self.initial_seed = int(record["initial_seed"])
            self._is_fresh = left == 1 and at == 0
            key = record["words"].astype(np.uint32)
            self._twister.state = {
                "bit_generator": "MT19937",
                "state": {"key": key, "pos": WORDS + 1 - left},
            }
            self.next_normal = float(record["normal_y"]) if record["normal_is_valid"] else None
            is_valid = record["float_normal_is_valid"]
            self._next_float_normal = float(record["float_normal"]) if is_valid else None
            self.publish()

    def _key(self) -> tuple[Array, int]:
        state: Any = self._twister.state["state"]
        return state["key"], int(state["pos"])


def random_seed() -> int:
    """A seed that nobody can guess: an int64 that is not negative."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) >> 1


@interned
def shared_source() -> RandomSource:
    """The source that all draw from."""
    return RandomSource(random_seed())


def default_source() -> RandomSource:
    """The source used where a program names none."""
    return _INSTEAD.get() or shared_source()


@contextmanager
def drawing_from(source: RandomSource) -> Generator[None]:
    """`source` is used where a program names none."""
    token = _INSTEAD.set(source)
    try:
        yield
    finally:
        _INSTEAD.reset(token)


def _memory_of(twister: np.random.MT19937) -> Array:
    """The words of a twister and the number of the next one, where they lie."""
    address = twister.ctypes.state_address
    return np.ctypeslib.as_array((ctypes.c_int32 * (WORDS + 1)).from_address(address))


@contextmanager
def drawing(source: RandomSource | None) -> Generator[RandomSource]:
    """`source`, or the default one, for a draw that no other interrupts."""
    with DRAWING:
        numbers = source or default_source()
        numbers.catch_up()
        numbers.begin()
        try:
            yield numbers
        finally:
            numbers.end()
            numbers.publish()
