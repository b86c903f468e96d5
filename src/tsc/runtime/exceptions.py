"""Exceptions that a running TorchScript program raises, and where in the program they arose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, NameLoc
from xdsl.ir import Attribute, Operation

from tsc.dialects.aten import AtenOp
from tsc.errors import BoundsError, Error, OperatorError, SourceRange, TscError
from tsc.frontend.sources import line_of
from tsc.interop import torch as torch_interop

FAILURES = (
    ValueError, TypeError, ArithmeticError, LookupError, AttributeError, OSError, AssertionError, MemoryError,
)  # fmt: skip
"""What Python and NumPy raise when an operator is given what it cannot take."""


def raise_from_script(message: object, qualified: object) -> NoReturn:
    """Raise what ``raise`` or ``assert`` of the program says.

    Raises:
        Error: always; the message is the program's.
    """
    raise Error(str(message), raised=str(qualified) if qualified else "RuntimeError")


def contexts_left(entered: list[Any], is_grad_enabled: bool, call: Callable[..., Any]) -> None:
    """Leave the contexts that an exception leaves: ``__exit__`` of each; gradients are recorded as before."""
    while entered:
        held = entered.pop()
        call(held.cls.methods["__exit__"], held, None, None, None)
    torch_interop.set_grad_enabled(is_grad_enabled)


def explain(error: Exception, op: Operation, function: str) -> Exception:
    """`error` of operation `op` as callers should see it: one of `tsc`'s, with the place in the program."""
    explained = _as_ours(error, op)
    if isinstance(explained, TscError):
        explained.frames += places_of(op.location, function)
    return explained


def defined(value: object, position: int, name: str) -> Any:
    """`value`, a tensor that an operator takes.

    Raises:
        OperatorError: it is None, which callers may pass for any tensor.
    """
    if value is None:
        raise OperatorError(
            f"Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #{position} "
            f"'{name}'"
        )
    return value


def _as_ours(error: Exception, op: Operation) -> Exception:
    if isinstance(error, TscError) or not isinstance(op, AtenOp) or not isinstance(error, FAILURES):
        return error
    if isinstance(error, IndexError):
        return BoundsError(str(error))
    text = f"KeyError: {error.args[0]}" if isinstance(error, KeyError) else str(error)
    return OperatorError(text)


def places_of(location: Attribute, function: str) -> list[SourceRange]:
    """The stack of an operation inlined into `function`, innermost first."""
    if isinstance(location, CallSiteLoc):
        return [*places_of(location.callee, ""), *places_of(location.caller, function)]
    if isinstance(location, NameLoc):
        return places_of(location.location, function)
    return [_place(location, function)] if isinstance(location, FileLineColLoc) else []


def _place(location: FileLineColLoc, function: str) -> SourceRange:
    file, line, column = location.filename.data, location.line.data, location.column.data
    text = line_of(file, line)
    return SourceRange(file, line, column, len(text.rstrip()), text, function.rpartition(".")[2])
