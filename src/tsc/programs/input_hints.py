"""What to do about errors that come of what was given, and not of the program."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsc.errors import TscError
from tsc.frontend.unit import FunctionParameter


def hint_at_inputs(
    error: TscError, parameters: Sequence[FunctionParameter], arguments: Sequence[object]
) -> None:
    """Say in an error about float64 what to do, where arrays of that were given: NumPy makes them of Python's
    floats, and they are seldom meant.
    """
    if error.hint or "Double" not in error.message:
        return
    named = zip((parameter.name for parameter in parameters), arguments, strict=False)
    name = next((name for name, argument in named if _is_double(argument)), None)
    if name is not None:
        error.hint = (
            f"argument '{name}' is an array of float64, which NumPy makes of Python's floats: give "
            f"{name}.astype(numpy.float32)"
        )


def _is_double(value: object) -> bool:
    """Whether it is an array of float64, or what gives one; no tensor, which says so on purpose."""
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype == np.float64
