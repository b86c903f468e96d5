"""`NativeCode`: the code of a function with all that calling it takes, as two builtins."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsc.runtime.machine_code import CompiledObject
from tsc.runtime.native import MISS, ArraySpec, SizesFunction, calls_of, native_function

Run = Callable[..., Any]
MAIN, CONSTANTS = "main", "tsc_constants"
"""The function of the code that runs a call, and the table with the addresses of its constants."""


@dataclass(frozen=True)
class CallPlan:
    """How code is called."""

    inputs: Sequence[ArraySpec]
    outputs: Sequence[ArraySpec]
    arena_bytes: int
    """Scratch memory of one call; where sizes are symbolic, of a usual one."""
    releases_gil: bool
    sizes: SizesFunction | None = None
    """Where sizes are symbolic: the function that says what they are in a call."""
    is_flagged: bool = False
    """Whether the last output says that the code could not do the call: an index was out of range, say."""


@dataclass(frozen=True)
class NativeCode:
    """Native code as two builtins; arrays in, array or tuple of arrays out."""

    entry: Run
    """Calls whose arguments are others go the slow way."""
    strict: Run
    """Gives `MISS` for those."""
    arena_bytes: int = 0
    """Scratch memory of one call."""
    code_bytes: int = 0
    """The object files: machine code with its tables."""
    plan: CallPlan | None = field(default=None, repr=False)
    objects: Sequence[bytes] = field(default=(), repr=False)
    constants: Sequence[np.ndarray[Any, Any]] = field(default=(), repr=False)
    """The arrays that the code reads, in the order of its table."""

    @property
    def is_flagged(self) -> bool:
        """Whether the last of what it gives says that it could not do the call."""
        return self.plan is not None and self.plan.is_flagged

    @property
    def calls(self) -> int:
        """How many calls have computed."""
        return calls_of(self.entry) + calls_of(self.strict)


def native_code(
    compiled: CompiledObject,
    plan: CallPlan,
    constants: Sequence[np.ndarray[Any, Any]],
    slow: Run,
    arena_bytes: int | None = None,
) -> NativeCode:
    """The code of `compiled`, with its constants; `slow` takes calls whose arguments are others.

    `constants` are arrays that lie as the code reads them; `arena_bytes` is what is told of the plan's.
    """
    fill_constants(compiled, constants)

    def builtin(otherwise: Run) -> Run:
        held = _Slow(otherwise, constants)
        return native_function(
            compiled, MAIN, plan.inputs, plan.outputs, plan.arena_bytes, held,
            release_gil=plan.releases_gil, sizes=plan.sizes,
        )  # fmt: skip

    told = plan.arena_bytes if arena_bytes is None else arena_bytes
    objects = compiled.objects
    size = sum(map(len, objects))
    return NativeCode(builtin(slow), builtin(_missed), told, size, plan, objects, constants)


def fill_constants(compiled: CompiledObject, constants: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write the addresses of arrays into the object's table."""
    if constants:
        table = (ctypes.c_void_p * len(constants)).from_address(compiled.address(CONSTANTS))
        table[:] = [array.__array_interface__["data"][0] for array in constants]


def _missed(*arguments: object) -> Any:
    return MISS


class _Slow:
    """The Python path of a native entry; also what keeps the arrays of the constants alive."""

    def __init__(self, run: Run, constants: object) -> None:
        self.run = run
        self.constants = constants

    def __call__(self, *arguments: object) -> Any:
        return self.run(*arguments)
