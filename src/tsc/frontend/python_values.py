"""Live objects that are no values of the program, as the reader sees them: what can be done with each."""

from __future__ import annotations

import ast
import enum
import inspect
from typing import TYPE_CHECKING, Any

from xdsl.ir import SSAValue

from tsc.errors import NotSupportedError
from tsc.frontend.exceptions import made_exception
from tsc.frontend.hints import PYTHON_ONLY
from tsc.frontend.sugared import Arguments, ScriptFunctionRef, Sugared
from tsc.frontend.unit import FunctionParameter
from tsc.interop import torch as torch_interop

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


class PythonValue(Sugared):
    """A live object that TorchScript cannot hold: using it is an error that says so."""

    def __init__(self, python: object) -> None:
        self.python = python

    def describe(self) -> str:
        return f"python value of type '{type(self.python).__name__}'"

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        raise reader.error(
            f"{self.describe()} cannot be used as a value. Perhaps it is a closed over global variable? If "
            "so, please consider passing it in as an argument or use a local variable instead.",
            node,
        )

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        exception = _exception_class(self.python)
        if exception is not None:
            return made_exception(reader, exception, arguments, node)
        if inspect.isbuiltin(self.python) or isinstance(self.python, type(len)):
            raise reader.error(
                f"Python builtin {self.python!r} is currently not supported in Torchscript",
                node,
                NotSupportedError,
                PYTHON_ONLY,
            )
        if hasattr(self.python, "_method") or torch_interop.is_module(self.python):
            raise reader.error("Cannot call a ScriptModule that is not a submodule of the caller", node)
        message = f"{self.describe()} cannot be called in TorchScript"
        raise reader.error(message, node, NotSupportedError, PYTHON_ONLY)

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        raise reader.error(
            f"{self.describe()} has no attribute '{name}' that TorchScript knows", node, NotSupportedError
        )


def _exception_class(python: object) -> type[BaseException] | None:
    return python if isinstance(python, type) and issubclass(python, BaseException) else None


class ModuleClass(PythonValue):
    """A class of modules: only its static methods mean something."""

    def attribute(self, reader: Any, name: str, node: ast.AST) -> Sugared:
        member = inspect.getattr_static(self.python, name, None)
        if isinstance(member, staticmethod):
            return reader.function.resolver.program.sugar(member.__func__)
        return super().attribute(reader, name, node)


class AutogradFunction(PythonValue):
    """A ``torch.autograd.Function``: its ``apply`` is a call of Python whose result is a tensor."""

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        return AutogradCall(self.python) if name == "apply" else super().attribute(reader, name, node)


class AutogradCall(Sugared):
    """``MyFunction.apply``."""

    def __init__(self, python: object) -> None:
        self.python = python

    def call(self, reader: Any, arguments: Arguments, node: ast.AST) -> Sugared:
        """A call back into Python with whatever is given."""
        values = [reader.plain(a, node) for a in arguments.positional]
        given = [FunctionParameter(f"argument_{i}", value.type) for i, value in enumerate(values)]
        function = reader.function.resolver.program.python_function(self.python, given)
        return ScriptFunctionRef(function).call(reader, arguments, node)


class EnumMember(Sugared):
    """A live enum member used as a value."""

    def __init__(self, python: enum.Enum) -> None:
        self.python = python

    def value(self, reader: Any, node: ast.AST) -> SSAValue:
        owner = reader.function.resolver.program.sugar(type(self.python))
        return owner.attribute(reader, self.python.name, node).value(reader, node)


class PythonType(PythonValue):
    """A typing construct used as an expression (inside ``isinstance`` or ``annotate`` it is read as an
    annotation).
    """


class BooleanDispatch(Sugared):
    """A pair of functions of which a constant bool argument chooses one (``return_indices=True``)."""

    def __init__(
        self, if_true: object, if_false: object, argument: str, position: int, default: bool
    ) -> None:
        self.choices = {True: if_true, False: if_false}
        self.argument = argument
        self.position = position
        self.default = default

    def call(self, reader: Any, arguments: Arguments, node: ast.AST) -> Sugared:
        chosen: Any = self.default
        if self.argument in arguments.keywords:
            _, chosen = arguments.keywords[self.argument].static()
        elif self.position < len(arguments.positional):
            _, chosen = arguments.positional[self.position].static()
        if not isinstance(chosen, bool):
            raise reader.error(f"argument '{self.argument}' must be a constant bool", node)
        return reader.function.resolver.program.sugar(self.choices[chosen]).call(reader, arguments, node)
