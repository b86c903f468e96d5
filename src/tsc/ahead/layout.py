"""Where things lie in what a library shares with its caller, and in an instance: offsets in bytes."""

from __future__ import annotations

from enum import IntEnum

from tsc.runtime import pool_ir


class Status(IntEnum):
    """What the functions of a library return."""

    OK = 0
    ARGUMENT = 1
    """Something is missing, or out of range."""
    DTYPE = 2
    SHAPE = 3
    MEMORY_OVERLAP = 4
    """A result lies where something else lies."""
    DATA = 5
    """The data are none that native code can do the call with."""
    BUSY = 6
    """Another thread is in a call of this instance."""
    CPU = 7
    """The processor lacks what the code uses."""
    MEMORY = 8
    """The system gives no more memory."""
    THREADS = 9
    """The system gives no more threads."""
    WEIGHTS = 10
    """The file of weights is missing, or another."""


# A tensor, as the header declares it.
DATA, DTYPE, NDIM, SIZES = 0, 8, 12, 16


def tensor_bytes(most_dims: int) -> int:
    """Bytes of the header's tensor structure."""
    return SIZES + 8 * most_dims


# The options of `create`.
OPTION_THREADS, OPTION_WEIGHTS = 0, 8

# An instance. It begins with the control block of its thread pool.
POOL = 0
BUSY = 8 * pool_ir.WORDS
LEVEL = BUSY + 8
MEMORY = BUSY + 16
"""Scratch memory, which grows when a call needs more."""
MEMORY_BYTES = BUSY + 24
WORKERS = BUSY + 32
"""How many threads there are beside the caller's."""
HANDLES = BUSY + 40
PROCESS = BUSY + 48
STATE = BUSY + 56
"""The memory that all cells lie in."""
SPINS = BUSY + 64
"""How many pauses an idle worker makes before it sleeps."""
CELLS = BUSY + 72
"""For each cell: where it lies, and where its next value is made."""


def instance_bytes(cells: int) -> int:
    """Bytes of an instance, a multiple of 64."""
    return -(-(CELLS + 16 * cells) // 64) * 64


def current(cell: int) -> int:
    """The word that says where a cell lies."""
    return CELLS + 16 * cell


def following(cell: int) -> int:
    """The word that says where its next value is made."""
    return CELLS + 16 * cell + 8
