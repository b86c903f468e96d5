"""`CompilationUnit`: functions compiled from text."""

from __future__ import annotations

from tsc.concurrency import serialized
from tsc.frontend.live import Program
from tsc.frontend.unit import Function
from tsc.interop import torch as torch_interop
from tsc.modules.script_modules import interpreter
from tsc.programs.definitions import TextResolver, definitions
from tsc.programs.script_functions import ScriptFunction
from tsc.runtime.tensor import Tensor


class CompilationUnit:
    """Functions from TorchScript source text; each is an attribute.

    >>> unit = tsc.CompilationUnit("def half(x): return x / 2")
    >>> unit.half(tsc.tensor([2.0]))
    tensor([1.])

    Raises:
        FrontendError: the text is not Python.
        CompileError: a function is not TorchScript.
    """

    def __init__(self, lang: str | None = None) -> None:
        self._program = Program()
        self._interpreter = interpreter(self._program.compiler)
        if lang is not None:
            self.define(lang)

    @serialized
    def define(self, lang: str) -> None:
        """Add the functions of a text."""
        resolver = TextResolver(self._program)
        for definition, source in definitions(lang):
            function = Function(definition.name, definition, source, resolver)
            self._program.unit.functions[definition.name] = function
        for function in list(self._program.unit.functions.values()):
            self._program.compiler.compile(function)

    def find_function(self, name: str) -> ScriptFunction | None:
        """The function called `name`; None where there is none."""
        return getattr(self, name, None)

    def __getattr__(self, name: str) -> ScriptFunction:
        function = None if name.startswith("_") else self._program.unit.functions.get(name)
        if function is None:
            raise AttributeError(f"'CompilationUnit' object has no attribute '{name}'")
        default = torch_interop.wrapper() or Tensor
        return ScriptFunction(self._interpreter, function, default)
