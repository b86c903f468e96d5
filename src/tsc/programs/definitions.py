"""Functions and methods defined by text: ``define`` of modules and compilation units."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.errors import FrontendError
from tsc.frontend.annotations import parse_annotation
from tsc.frontend.compile import Compiler
from tsc.frontend.live import Program
from tsc.frontend.sources import Source, parsed
from tsc.frontend.sugared import ScriptFunctionRef, Sugared
from tsc.frontend.unit import Class, Function
from tsc.interop import torch as torch_interop

FILE = "<string>"


class TextResolver:
    """Names in the text: its own functions, ``torch``, ``math`` and Python's builtins."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def lookup(self, name: str) -> Sugared | None:
        """The sugared value of a free name."""
        own = self.program.unit.functions.get(name)
        if own is not None:
            return ScriptFunctionRef(own)
        import builtins
        import math

        import tsc

        modules = {"torch": torch_interop.torch() or tsc, "math": math}
        if name in modules:
            return self.program.sugar(modules[name])
        return self.program.sugar(getattr(builtins, name)) if hasattr(builtins, name) else None

    def annotation(self, node: ast.expr) -> Any:
        """The type of an annotation."""
        return parse_annotation(node, lambda name: None)

    def literal(self, node: ast.expr) -> Any:
        """The value of a default."""
        return ast.literal_eval(node)


def definitions(text: str) -> list[tuple[ast.FunctionDef, Source]]:
    """The functions of a text."""
    source = Source(FILE, text)
    tree = parsed(text, file=FILE)
    for definition in tree.body:
        if not isinstance(definition, ast.FunctionDef):
            raise FrontendError("only function definitions are allowed here", source.range(definition))
    return [(d, source) for d in tree.body if isinstance(d, ast.FunctionDef)]


def define_methods(cls: Class, text: str, compiler: Compiler) -> None:
    """Add the functions of a text to the methods of a module's class."""
    own, resolver = tt.ModuleType(cls.name), TextResolver(Program())
    added: list[Function] = []
    for definition, source in definitions(textwrap.dedent(text)):
        name = f"{cls.name}.{definition.name}"
        added.append(Function(name, definition, source, resolver, own))
        cls.methods[definition.name] = compiler.unit.functions[name] = added[-1]
    for method in added:
        compiler.compile(method)
