"""What a function of the generic tier stands on: its operators, and how it reads constants and attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc.dialects.schema import Schema
from tsc.errors import OperatorError
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.interop import torch_libraries
from tsc.ops.python_forms import PythonForm
from tsc.ops.registry import find
from tsc.runtime.generators import seed_defaults

MODES: dict[str, Callable[..., Any]] = {
    "aten::is_grad_enabled": torch_interop.is_grad_enabled,
    "aten::set_grad_enabled": torch_interop.set_grad_enabled,
    "aten::manual_seed": seed_defaults,
}
"""What is of the whole process. Nothing here records gradients, but programs may ask, and calls of Python run
in the mode they set; of random numbers PyTorch draws its own there.
"""


OWN: dict[str, Callable[..., Any]] = {}
"""What runs the operators of `tsc.library`, on arrays."""


def of_library(schema: Schema) -> Callable[..., Any] | None:
    """What runs an operator of `tsc.library`, or one that a library has registered with PyTorch; None where
    there is no such.
    """
    if schema.full_name in OWN:
        return OWN[schema.full_name]
    keywords = [a.name if a.kwarg_only else None for a in schema.arguments]
    return torch_libraries.function_of(schema.full_name, keywords)


class Operators:
    """What the generated Python stands on: operators, constants and attributes of NumPy arrays."""

    call_python: Callable[..., Any] | None = None
    """What calls Python functions that are not compiled; None: the unit's."""

    fork: Callable[..., Any] | None = None
    """What gives a future of a call; None: the unit's."""

    def find(self, schema: Schema) -> Callable[..., Any] | None:
        """What runs an operator; None where it has no definition."""
        if schema.full_name in MODES:
            return MODES[schema.full_name]
        operator = find(schema.full_name)
        return of_library(schema) if operator is None else operator.eager

    def python(self, schema: Schema) -> PythonForm | None:
        """How a call of an operator is said in Python."""
        operator = None if schema.full_name in MODES else find(schema.full_name)
        return None if operator is None else operator.python

    def literal(self, array: np.ndarray[Any, Any]) -> Any:
        """A constant."""
        return array

    def attribute(self, held: str, name: str) -> str | None:
        """Python that does what `read` does, and raises where that raises; None: it must be called."""
        return f"{held}.attributes[{name!r}]"

    def read(self, held: ScriptObject, name: str) -> Any:
        """An attribute of an object.

        Raises:
            OperatorError: it has not been set, as in an object whose state is just being restored.
        """
        try:
            return held.attributes[name]
        except KeyError:
            raise OperatorError(f"attribute '{name}' of {held.cls.name} has not been set") from None

    def write(self, held: ScriptObject, name: str, value: object) -> None:
        """Set an attribute of an object."""
        held.let_go(name)
        held.attributes[name] = value
