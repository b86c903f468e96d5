"""`CompilationUnit`: functions compiled from text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.concurrency import serialized
from tsc.frontend.unit import Function
from tsc.interop import torch as torch_interop
from tsc.modules.scripting import live_program
from tsc.programs.definitions import TextResolver, define_functions, names_around
from tsc.programs.script_functions import ScriptFunction
from tsc.runtime.tensor import Tensor


class CompilationUnit:
    """Functions from TorchScript source text; each is an attribute. The text may name functions, classes and
    modules of the code around the call; `_frames_up` is how many calls further up that is.

    >>> unit = tsc.CompilationUnit("def half(x): return x / 2")
    >>> unit.half(tsc.tensor([2.0]))
    tensor([1.])

    Raises:
        FrontendError: the text is not Python.
        CompileError: a function is not TorchScript.
    """

    def __init__(self, lang: str | None = None, _frames_up: int = 0) -> None:
        self._functions: dict[str, Function] = {}
        self._script_functions: dict[tuple[Function, Any], ScriptFunction] = {}
        if lang is not None:
            self._define(lang, names_around(_frames_up))

    def define(self, lang: str, rcb: object = None, _frames_up: int = 0) -> None:
        """Add the functions of a text. `rcb` is accepted, and means nothing."""
        self._define(lang, names_around(_frames_up))

    @serialized
    def _define(self, lang: str, names: Mapping[str, Any]) -> None:
        program, _ = live_program()
        resolver = TextResolver(program, names)
        for function in define_functions(lang, resolver):
            program.compiler.compile(function)
        self._functions.update(resolver.own)

    def find_function(self, name: str) -> ScriptFunction | None:
        """The function called `name`; None where there is none."""
        return getattr(self, name, None)

    def get_functions(self) -> list[ScriptFunction]:
        """All functions, in the order in which they were defined."""
        return [getattr(self, name) for name in self._functions]

    def __getattr__(self, name: str) -> ScriptFunction:
        function = None if name.startswith("_") else self._functions.get(name)
        if function is None:
            raise AttributeError(f"'CompilationUnit' has no attribute '{name}'")
        return self._made(function)

    @serialized
    def _made(self, function: Function) -> ScriptFunction:
        """What calls of a function share: its specializations are compiled once."""
        _, interpreter = live_program()
        default = torch_interop.wrapper() or Tensor
        known = self._script_functions.get((function, default))
        if known is None:
            known = ScriptFunction(interpreter, function, default)
            self._script_functions[function, default] = known
        return known
