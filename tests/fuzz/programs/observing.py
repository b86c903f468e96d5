# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What can be seen of a call: its result, the arguments after it, and which of them share memory.

Only NumPy is used: the process without PyTorch observes with the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ToArray = Callable[[Any], Any]
SEED = 11
"""Where generators of random numbers begin before the first call."""


@dataclass
class Leaf:
    """A tensor or Python value of a result or an argument."""

    path: str
    value: Any
    """A copy, for tensors."""
    strides: tuple[int, ...] | None = None
    """In elements; None for Python values."""


@dataclass
class Observation:
    """One call, or the exception it raised."""

    error: str | None = None
    structure: str = ""
    results: list[Leaf] = field(default_factory=list[Leaf])
    arguments: list[Leaf] = field(default_factory=list[Leaf])
    sharing: frozenset[tuple[str, str]] = frozenset()
    """The pairs of paths whose tensors overlap."""
    notes: tuple[str, ...] = ()
    """Warnings of the compiler."""


def observe(
    call: Callable[[], Any], arguments: Sequence[Any], to_array: ToArray, state: Sequence[Any] = ()
) -> Observation:
    """Run `call` and look at what it gives, and at `arguments` and a module's `state` afterwards."""
    try:
        result = call()
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        said = lines[-1] if "TorchScript interpreter" in lines[0] else lines[0]
        return Observation(error=f"{type(error).__name__}: {said.strip():.160}")
    leaves: list[Leaf] = []
    alive: list[tuple[str, Any]] = []
    structure = _walk(result, "result", to_array, leaves, alive)
    count = len(leaves)
    for i, argument in enumerate(arguments):
        _walk(argument, f"argument {i}", to_array, leaves, alive)
    for i, held in enumerate(state):
        _walk(held, f"state {i}", to_array, leaves, alive)
    return Observation(None, structure, leaves[:count], leaves[count:], _sharing(alive))


def _walk(value: Any, path: str, to_array: ToArray, leaves: list[Leaf], alive: list[tuple[str, Any]]) -> str:
    array = to_array(value)
    if array is not None:
        leaves.append(Leaf(path, array.copy(), _strides(value, array)))
        alive.append((path, array))
        return "T"
    if isinstance(value, dict):
        parts = [f"{k!r}: {_walk(v, f'{path}[{k!r}]', to_array, leaves, alive)}" for k, v in value.items()]
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, (list, tuple)):
        parts = [_walk(v, f"{path}[{i}]", to_array, leaves, alive) for i, v in enumerate(value)]
        return ("[" if isinstance(value, list) else "(") + ", ".join(parts) + "]"
    leaves.append(Leaf(path, value))
    return type(value).__name__


def _strides(value: Any, array: Any) -> tuple[int, ...]:
    """In elements: of a tensor that PyTorch conjugates when it is read, and not of what was read."""
    if hasattr(value, "is_conj") and value.is_conj():
        return tuple(value.stride())
    return tuple(s // array.itemsize for s in array.strides)


def _sharing(alive: Sequence[tuple[str, Any]]) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for i, (path, array) in enumerate(alive):
        for other, second in alive[i + 1 :]:
            if np.may_share_memory(array, second) and np.shares_memory(array, second):
                found.add((path, other))
    return frozenset(found)
