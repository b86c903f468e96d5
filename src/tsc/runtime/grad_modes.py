"""Contexts that say whether gradients are recorded. Without PyTorch none ever are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

from tsc.errors import UnsupportedOperatorError


class no_grad:  # noqa: N801 - as PyTorch calls it
    """``with no_grad():``, or a decorator: record no gradients, as always."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, in such a context."""

        @functools.wraps(function)
        def call(*arguments: object, **keywords: object) -> Any:
            with self:
                return function(*arguments, **keywords)

        return call


class inference_mode(no_grad):  # noqa: N801
    """As `no_grad`."""

    def __init__(self, mode: bool = True) -> None:
        if not mode:
            _refuse("inference_mode(False)")


class enable_grad(no_grad):  # noqa: N801
    """Refused: gradients are not recorded.

    Raises:
        UnsupportedOperatorError: always.
    """

    def __init__(self) -> None:
        _refuse("enable_grad")


def _refuse(name: str) -> None:
    raise UnsupportedOperatorError(f"{name}: gradients are not recorded without PyTorch")


for _class in (no_grad, inference_mode, enable_grad):
    setattr(_class, "__tsc_builtin__", f"form::{_class.__name__}")  # noqa: B010 - of the class
