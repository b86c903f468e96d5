"""Futures of ``fork``: the work is done at once, in the caller's thread; what it gave is handed out by
``wait``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Future:
    """The result of a forked call: a value or an exception."""

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        self._value = value
        self._error = error

    @classmethod
    def of(cls, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Future:
        """Call `function` now."""
        try:
            return cls(function(*arguments, **keywords))
        except Exception as error:
            return cls(error=error)

    def __class_getitem__(cls, item: Any) -> Any:
        """``Future[Tensor]``, for annotations."""
        from types import GenericAlias

        return GenericAlias(cls, (item,))

    def done(self) -> bool:
        """Whether the work is done: always."""
        return True

    def wait(self) -> Any:
        """The value; raises what the forked call raised."""
        if self._error is not None:
            raise self._error
        return self._value

    value = wait

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of ``callback(self)``."""
        return Future.of(callback, self)
