"""What generated Python calls beside operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsc.errors import UnsuitedError, UnsupportedOperatorError


def unsupported(name: str) -> Callable[..., Any]:
    """What stands for an operator without a definition."""

    def run(*_: object) -> Any:
        raise UnsupportedOperatorError(f"operator {name} has no definition in this version of tsc")

    return run


def require(condition: bool) -> None:
    """Have the generic tier do the call unless `condition` holds.

    Raises:
        UnsuitedError: it does not.
    """
    if not condition:
        raise UnsuitedError("the generic tier is needed")


def unpack(values: Any, count: int) -> Any:
    """A list, which must have `count` elements.

    Raises:
        RuntimeError: it has others.
    """
    if len(values) != count:
        raise RuntimeError(f"Expected {count} elements in a list but found {len(values)}")
    return values
