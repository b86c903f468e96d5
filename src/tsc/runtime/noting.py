"""Eager calls that gradients flow through: which they are, and how they are noted.

Everything here is asked only where something is known of some array (`tsc.runtime.graph.TABLE`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import NotSupportedError
from tsc.interop.torch import is_grad_enabled
from tsc.memory.conjugates import show_one_memory
from tsc.narrowing import is_array
from tsc.ops.definition import Operator
from tsc.ops.derivatives.recorded import CUTS, is_differentiable
from tsc.runtime.graph import find, live_nodes
from tsc.runtime.indexing import Indexing
from tsc.runtime.tape import Tape

if TYPE_CHECKING:
    from tsc.runtime.tensor import Tensor


def _takes_part(value: object) -> bool:
    """Whether something is known of an array, or of one in a list."""
    if isinstance(value, (list, tuple)):
        return any(_takes_part(v) for v in cast("Sequence[object]", value))
    return is_array(value) and find(value) is not None


def is_noted(array: Array) -> bool:
    """Whether indexing of an array is noted: it takes part, or what is written into a part of it may."""
    return is_differentiable(dtypes.by_numpy(array.dtype)) and is_grad_enabled()


def is_call_noted(operator: Operator, values: Sequence[Any]) -> bool:
    """Whether a call is one for the tape: gradients flow through it, or it writes to what was noted, or gives
    a view that may be written.
    """
    if operator.name in CUTS or operator.schema.mutates:
        return True
    if not is_grad_enabled():
        return False
    if operator.may_share and is_array(values[0]):
        return is_noted(values[0])
    return any(map(_takes_part, values))


def call_noted(operator: Operator, values: Sequence[Any], tensors: Sequence[Any]) -> tuple[Any, Tape]:
    """Call an operator, and note it; the tape holds what must be known until tensors are made of the results.
    The `tensors` among the arguments hold what is known of their arrays.
    """
    tape = Tape(is_grad_enabled())
    result = tape.call(operator, values)
    for tensor in tensors:
        hold(tensor)
    return result, tape


def hold(value: Any) -> None:
    """Have tensors hold what is known of their arrays."""
    if isinstance(value, (list, tuple)):
        for inner in cast("Sequence[Any]", value):
            hold(inner)
    elif hasattr(value, "variable"):
        value.variable = find(value.array)


def overwrite(array: Array, value: Array) -> None:
    """Put other elements into an array, which nobody is to note."""
    Tape(is_enabled=False).overwrite(array, value)


def require_unnoted(name: str, values: Sequence[Any]) -> None:
    """
    Raises:
        NotSupportedError: gradients would flow through an operator of a library.
    """
    if is_grad_enabled() and any(_requires(v) for v in values):
        raise NotSupportedError(
            f"{name}: gradients are not recorded through operators of a library; call it under no_grad(), or "
            "with tensors that require none"
        )


def _requires(value: object) -> bool:
    found = find(value) if is_array(value) else None
    return found is not None and found.requires


# --- x[key] ---


def _indexing() -> Indexing:
    from tsc.runtime.tensor import Tensor

    def apply(name: str, overload: str, *arguments: Any) -> Any:
        return operator_of(name)(*arguments)

    return Indexing(apply, lambda v: isinstance(v, Tensor), lambda v: isinstance(v, int), int)


def operator_of(name: str) -> Callable[..., Any]:
    """An operator on tensors."""
    from tsc.runtime.dispatch import operator_function

    return operator_function(name)


def noted_item(tensor: Tensor, key: object) -> Tensor:
    """``tensor[key]`` by operators, which are noted.

    Raises:
        NotSupportedError: the key is of a form that no operators are.
    """
    found = _indexing().read(tensor, _key(key))
    if found is NotImplemented:
        raise NotSupportedError(_refused(key))
    return found


def is_write_noted(array: Array, value: object) -> bool:
    """Whether ``x[key] = value`` is for the tape: gradients flow to them, or noted calls read there."""
    if is_grad_enabled() and (find(array) is not None or _takes_part(value)):
        return True
    return any(show_one_memory(read, array) for node in live_nodes() for read in node.arrays())


def note_item_written(tensor: Tensor, key: object, value: object) -> None:
    """``tensor[key] = value`` by operators, which are noted.

    Raises:
        NotSupportedError: the key is of a form that no operators are.
    """
    from tsc.runtime.tensor import Tensor

    def as_tensor(value: Any, like: Tensor) -> Tensor:
        return Tensor(np.asarray(value, like.array.dtype))

    given = Tensor(value) if is_array(value) else value
    if not _indexing().write(tensor, _key(key), given, as_tensor):
        raise NotSupportedError(_refused(key))


def _key(key: object) -> Any:
    """A key, arrays and lists in it as tensors."""
    from tsc.runtime.tensor import Tensor

    if isinstance(key, tuple):
        return tuple(_key(part) for part in cast("tuple[object, ...]", key))
    if isinstance(key, np.integer):
        return int(cast("Any", key))
    if isinstance(key, (list, np.ndarray)):
        return Tensor(np.asarray(key))  # pyright: ignore[reportUnknownArgumentType]
    return key


def _refused(key: object) -> str:
    return (
        "indexing: requires ints, slices, None, ... and tensors where gradients are recorded; got "
        f"{key!r:.100}"
    )
