"""Functions and methods defined by text: ``define`` of modules and compilation units."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import FrontendError
from tsc.frontend.annotations import parse_annotation
from tsc.frontend.live import Program
from tsc.frontend.sources import Source, literal_value, parsed
from tsc.frontend.sugared import ScriptFunctionRef, Sugared
from tsc.frontend.unit import Class, Function
from tsc.interop import torch as torch_interop

FILE = "<string>"
DEFINED = "_tsc_defined"
"""Where a module being built keeps what its ``define`` was given: texts, and the names around each call."""


def names_around(frames_up: int) -> dict[str, Any]:
    """What names mean to the caller of the function that calls this, or `frames_up` calls further up."""
    frame = inspect.currentframe()
    for _ in range(2 + frames_up):
        frame = None if frame is None else frame.f_back
    return {} if frame is None else {**frame.f_globals, **frame.f_locals}


def defined_texts(module: object) -> list[tuple[str, dict[str, Any]]]:
    """What the ``define`` of a module being built was given, in order."""
    return vars(module).get(DEFINED, [])


class TextResolver:
    """Names in the text: its own functions, those of who defines it, ``torch``, ``math`` and Python's
    builtins.
    """

    def __init__(self, program: Program, names: Mapping[str, Any] | None = None) -> None:
        self.program = program
        self.own: dict[str, Function] = {}
        self.names = names or {}

    def lookup(self, name: str) -> Sugared | None:
        """The sugared value of a free name."""
        if name in self.own:
            return ScriptFunctionRef(self.own[name])
        if name in self.names:
            return self.program.sugar(self.names[name])
        import tsc

        modules = {"torch": torch_interop.torch() or tsc, "math": math}
        if name in modules:
            return self.program.sugar(modules[name])
        return self.program.sugar(getattr(builtins, name)) if hasattr(builtins, name) else None

    def annotation(self, node: ast.expr) -> Any:
        """The type of an annotation."""
        return parse_annotation(node, self._named)

    def _named(self, name: str) -> TorchType | None:
        """The type that a name of who defines the text stands for."""
        first, *rest = name.split(".")
        held = self.names.get(first)
        for part in rest:
            held = getattr(held, part, None)
        return None if held is None else self.program.annotation(held)

    def literal(self, node: ast.expr) -> Any:
        """The value of a default."""
        return literal_value(node)


def definitions(text: str) -> list[tuple[ast.FunctionDef, Source]]:
    """The functions of a text, which may be indented as a whole."""
    text = textwrap.dedent(text)
    source = Source(FILE, text)
    tree = parsed(text, file=FILE)
    for definition in tree.body:
        if not isinstance(definition, ast.FunctionDef):
            raise FrontendError("only function definitions are allowed here", source.range(definition))
    return [(d, source) for d in tree.body if isinstance(d, ast.FunctionDef)]


def define_functions(text: str, resolver: TextResolver) -> list[Function]:
    """Add the functions of a text to a program, and to the names in it; they are not compiled yet."""
    program, added = resolver.program, list[Function]()
    for definition, source in definitions(text):
        name = program.unit.unique_name(definition.name)
        added.append(Function(name, definition, source, resolver))
        program.unit.functions[name] = resolver.own[definition.name] = added[-1]
    return added


def define_methods(cls: Class, text: str, program: Program, names: Mapping[str, Any]) -> list[Function]:
    """Add the functions of a text to the methods of a module's class; they are not compiled yet."""
    own, resolver, added = tt.ModuleType(cls.name), TextResolver(program, names), list[Function]()
    for definition, source in definitions(text):
        name = f"{cls.name}.{definition.name}"
        added.append(Function(name, definition, source, resolver, own))
        cls.methods[definition.name] = program.unit.functions[name] = added[-1]
    return added
