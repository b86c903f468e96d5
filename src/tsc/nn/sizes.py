"""Sizes given as one number or one for each dim, and flags that choose between functions: in Python, and as
compiled code knows them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from tsc.narrowing import is_list, is_tuple

T = TypeVar("T")
BroadcastingList1 = T | Sequence[T]
"""One value for each of so many dims; a single one stands for all. TorchScript's name for such parameters."""
BroadcastingList2 = T | Sequence[T]
BroadcastingList3 = T | Sequence[T]
Size = int | tuple[int, ...]
"""One number for all dims, or one for each."""
Device = object
"""Where tensors are: on the CPU, however it is spelt."""


def repeated(value: Any, count: int) -> tuple[Any, ...]:
    """`value` as a tuple: itself if it has parts, else `count` times."""
    return tuple(value) if is_list(value) or is_tuple(value) else (value,) * count


def single(value: Any) -> Any:
    """One value as a tuple."""
    return repeated(value, 1)


def pair(value: Any) -> Any:
    """One value for both of two dims, or one for each."""
    return repeated(value, 2)


def triple(value: Any) -> Any:
    """One value for all of three dims, or one for each."""
    return repeated(value, 3)


def list_with_default(out_size: Any, defaults: Sequence[int]) -> Any:
    """`out_size`, in which None stands for what `defaults` has in that place, counted from the end."""
    if isinstance(out_size, int):
        return out_size
    given = list(out_size)
    if len(defaults) <= len(given):
        raise ValueError(f"Input dimension should be at least {len(given) + 1}")
    known = list(defaults)[-len(given) :]
    return [kept if size is None else size for size, kept in zip(given, known, strict=True)]


for _function, _form in (
    (single, "ntuple1"), (pair, "ntuple2"), (triple, "ntuple3"), (list_with_default, "list_with_default"),
):  # fmt: skip
    _function.__dict__["__tsc_builtin__"] = f"form::{_form}"


def chosen_by_flag(
    flag: str, position: int, if_true: Callable[..., Any], if_false: Callable[..., Any]
) -> Callable[..., Any]:
    """A function that is one of two, by a bool argument `flag`, False where it is not given; compiled code
    must know which.
    """

    @wraps(if_true)
    def choose(*arguments: Any, **keywords: Any) -> Any:
        given = arguments[position] if len(arguments) > position else keywords.get(flag, False)
        return (if_true if given else if_false)(*arguments, **keywords)

    choose.__name__ = choose.__qualname__ = if_true.__name__.removesuffix("_with_indices")
    choose.__dict__["__tsc_dispatch__"] = (if_true, if_false, flag, position, False)
    return choose
