"""Copies of plain values: numbers and strings, and lists, tuples and dicts of them, which stay what they are
when they cross the border of a compiled function.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, Final, cast

from xdsl.ir import Attribute

from tsc.dialects import torch_types as tt

UNLIKE: Final[Any] = object()
"""What stands for no copy: the value is perhaps of the type all the same, after some conversion."""
Copier = Callable[[Any], Any]
"""A copy of a value that is exactly of a plain type, nothing in it converted; else `UNLIKE`."""
LEAST, GREATEST = -(2**63), 2**63 - 1
"""The ints that a program has."""
_EXACT: dict[Any, type] = {tt.INT: int, tt.FLOAT: float, tt.BOOL: bool, tt.STRING: str, tt.NONE: type(None)}


@cache
def copier_of(kind: Attribute | None) -> Copier | None:
    """What copies values of a type; None for types whose values may hold tensors, objects or others that
    are something else outside.
    """
    if kind in _EXACT:
        return _copier_of_leaves(_EXACT[kind])
    if isinstance(kind, tt.OptionalType):
        inner = copier_of(kind.data)
        return None if inner is None else _copier_of_optional(inner)
    if isinstance(kind, tt.ListType):
        inner = copier_of(kind.data)
        return None if inner is None else _copier_of_lists(inner, _EXACT.get(kind.data))
    if isinstance(kind, tt.DictType):
        return _copier_of_dicts(_EXACT.get(kind.key), copier_of(kind.value), _EXACT.get(kind.value))
    if isinstance(kind, tt.TupleType):
        inners = [copier_of(k) for k in kind.data]
        known = [c for c in inners if c is not None]
        return _copier_of_tuples(known) if len(known) == len(inners) else None
    return None


def _copier_of_leaves(exact: type) -> Copier:
    if exact is int:
        return lambda value: value if type(value) is int and LEAST <= value <= GREATEST else UNLIKE
    return lambda value: value if type(value) is exact else UNLIKE


def _are(values: Collection[Any], exact: type) -> bool:
    """Whether all of `values` are of a class without parts; ints also such as a program has."""
    if not {*map(type, values)} <= {exact}:
        return False
    if exact is int:
        try:
            array("q", values)
        except OverflowError:
            return False
    return True


def _copier_of_optional(inner: Copier) -> Copier:
    return lambda value: None if value is None else inner(value)


def _copier_of_lists(inner: Copier, exact: type | None) -> Copier:
    def copied(value: Any) -> Any:
        if cast("type[Any]", type(value)) is not list:
            return UNLIKE
        return _elements(value, inner, exact)

    return copied


def _elements(values: list[Any], inner: Copier, exact: type | None) -> Any:
    """A list of the copies of `values`; those of a type without parts, which is then known, as they are."""
    if exact is not None:
        return values.copy() if _are(values, exact) else UNLIKE
    copies = [*map(inner, values)]
    return UNLIKE if any(copy is UNLIKE for copy in copies) else copies


def _copier_of_dicts(key: type | None, inner: Copier | None, exact: type | None) -> Copier | None:
    if key is None or inner is None:
        return None

    def copied(value: Any) -> Any:
        if cast("type[Any]", type(value)) is not dict or not _are(value, key):
            return UNLIKE
        copies = _elements([*value.values()], inner, exact)
        return UNLIKE if copies is UNLIKE else dict(zip(value, copies, strict=True))

    return copied


def _copier_of_tuples(inners: list[Copier]) -> Copier:
    def copied(value: Any) -> Any:
        if cast("type[Any]", type(value)) is not tuple or len(value) != len(inners):
            return UNLIKE
        copies = tuple(copy(part) for copy, part in zip(inners, value, strict=True))
        return UNLIKE if any(copy is UNLIKE for copy in copies) else copies

    return copied


def copies_of(values: Sequence[Any], copiers: Sequence[Copier | None]) -> list[Any]:
    """Copies of arguments; `UNLIKE` for those that are to be converted, or may hold what is."""
    return [UNLIKE if copy is None else copy(v) for v, copy in zip(values, copiers, strict=True)]


def plain_call(
    run: Callable[[Sequence[Any]], Any],
    copiers: Sequence[Copier | None],
    give_back: Callable[[Any], Any],
    otherwise: Callable[..., Any],
) -> Callable[..., Any]:
    """The shortest way to call what computes with Python's values alone: `run` takes copies of them, and
    `give_back` makes of what it gives what that is outside. Calls with other arguments go `otherwise`.
    """
    known = [copy for copy in copiers if copy is not None]
    if len(known) != len(copiers):
        return otherwise

    def call(*arguments: object) -> Any:
        if len(arguments) != len(known):
            return otherwise(*arguments)
        values = [copy(argument) for copy, argument in zip(known, arguments, strict=True)]
        is_unlike = any(value is UNLIKE for value in values)
        return otherwise(*arguments) if is_unlike else give_back(run(values))

    return call
