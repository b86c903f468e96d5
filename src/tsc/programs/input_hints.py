"""What to do about errors that come of what was given, and not of the program."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Protocol, TypeVar

import numpy as np

from tsc.errors import TscError
from tsc.frontend.unit import FunctionParameter


class _Function(Protocol):
    parameters: Sequence[FunctionParameter]


Self = TypeVar("Self", bound=_Function)


def hinting_at_inputs(
    dispatch: Callable[Concatenate[Self, ...], Any],
) -> Callable[Concatenate[Self, ...], Any]:
    """`dispatch`, whose errors about float64 say what to do where arrays of that were given: NumPy makes them
    of Python's floats, and they are seldom meant.
    """

    @functools.wraps(dispatch)
    def dispatched(self: Self, *arguments: Any) -> Any:
        try:
            return dispatch(self, *arguments)
        except TscError as error:
            named = zip((p.name for p in self.parameters), arguments, strict=False)
            name = next((name for name, argument in named if _is_double(argument)), None)
            if name is not None and "Double" in error.message:
                error.hint = error.hint or (
                    f"argument '{name}' is an array of float64, which NumPy makes of Python's floats: give "
                    f"{name}.astype(numpy.float32)"
                )
            raise

    return dispatched


def _is_double(value: object) -> bool:
    """Whether it is an array of float64, or what gives one; no tensor, which says so on purpose."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype == np.float64
