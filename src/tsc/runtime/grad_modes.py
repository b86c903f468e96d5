"""Contexts that say whether gradients are recorded, and whether they are now.

The mode is PyTorch's own where PyTorch is imported, and else the thread's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self, cast, overload

from tsc.interop import torch as torch_interop


def is_grad_enabled() -> bool:
    """Whether gradients are recorded."""
    return torch_interop.is_grad_enabled()


class GradMode:
    """A context in which gradients are recorded or not, or a decorator: each call of the function, or each
    step of the generator, runs in such a context.
    """

    _wanted = True

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> Self:
        self._before.append(is_grad_enabled())
        torch_interop.set_grad_enabled(self._wanted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        torch_interop.set_grad_enabled(self._before.pop())

    def _again(self) -> GradMode:
        """Another context of this kind."""
        return type(self)()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, in such a context."""
        if inspect.isgeneratorfunction(function):
            return self._around_steps(function)

        @functools.wraps(function)
        def call(*arguments: object, **keywords: object) -> Any:
            with self._again():
                return function(*arguments, **keywords)

        return call

    def _around_steps(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator whose own code runs in the context, and nobody else's."""

        @functools.wraps(function)
        def call(*arguments: object, **keywords: object) -> Generator[Any, Any, Any]:
            steps = function(*arguments, **keywords)
            advance, given = steps.send, None
            while True:
                try:
                    with self._again():
                        found = advance(given)
                except StopIteration as end:
                    return end.value
                try:
                    advance, given = steps.send, (yield found)
                except GeneratorExit:
                    with self._again():
                        steps.close()
                    raise
                except BaseException as error:
                    advance, given = steps.throw, cast("Any", error)

        return call


class _Bare(GradMode):
    """A mode whose class decorates as it is: ``@no_grad``."""

    @overload
    def __new__(cls, function: None = None) -> Self: ...
    @overload
    def __new__(cls, function: Callable[..., Any]) -> Callable[..., Any]: ...
    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """The context, or what it makes of a function."""
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()
        return made(function)

    def __init__(self, function: Any = None) -> None:
        super().__init__()


class no_grad(_Bare):  # noqa: N801 - as PyTorch calls it
    """``with no_grad():``, or a decorator: record no gradients."""

    _wanted = False


class enable_grad(_Bare):  # noqa: N801
    """``with enable_grad():``, or a decorator: record gradients."""


class inference_mode(GradMode):  # noqa: N801
    """As `no_grad`, or nothing where `mode` is false. Tensors made in it are as others."""

    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: Callable[..., Any]) -> Callable[..., Any]: ...
    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        """The context, or what it makes of a function."""
        return super().__new__(cls) if isinstance(mode, bool) else cls()(mode)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.mode: bool = mode
        self._wanted = not mode and is_grad_enabled()

    def _again(self) -> GradMode:
        return inference_mode(self.mode)


class set_grad_enabled(GradMode):  # noqa: N801
    """Record gradients from now on, or do not: until the context is left, where it is one."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = self._wanted = mode
        self._former = is_grad_enabled()
        torch_interop.set_grad_enabled(mode)

    def __enter__(self) -> Self:
        torch_interop.set_grad_enabled(self.mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        torch_interop.set_grad_enabled(self._former)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself, in such a context."""
        torch_interop.set_grad_enabled(self._former)
        return super().__call__(function)

    def _again(self) -> GradMode:
        return set_grad_enabled(self.mode)


for _class in (no_grad, inference_mode, enable_grad, set_grad_enabled):
    setattr(_class, "__tsc_builtin__", f"form::{_class.__name__}")  # noqa: B010 - of the class
is_grad_enabled.__dict__["__tsc_builtin__"] = "aten::is_grad_enabled"
