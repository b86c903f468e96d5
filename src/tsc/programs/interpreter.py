"""`Interpreter`: runs the functions of a program in the generic tier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.frontend.compile import Compiler
from tsc.frontend.unit import Function, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.passes.eliminate_dead_code import eliminate_dead_code
from tsc.programs.called_functions import KnownOfFunctions
from tsc.programs.forked_calls import ForkedCalls
from tsc.runtime.futures import Future
from tsc.runtime.generic import GenericFunction
from tsc.runtime.operators import Operators
from tsc.runtime.recording_gradients import TorchInputs, TorchOperators
from tsc.runtime.taping import TAPE, TapeOperators, taping
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs


class Interpreter:
    """Runs functions of a unit in the generic tier, compiling each to Python once."""

    def __init__(self, compiler: Compiler, instance: Callable[[ScriptObject, Interpreter], Any]) -> None:
        """`instance` makes what stands for an object of the program outside it."""
        self.compiler = compiler
        self._instance = instance
        self._functions: dict[Function, GenericFunction] = {}
        self._recording: dict[Function, GenericFunction] = {}
        self._taping: dict[Function, GenericFunction] = {}
        self.known = KnownOfFunctions(compiler)
        self._tape_operators = TapeOperators()
        self.torch_operators = TorchOperators()
        self.torch_operators.call_python = self._call_python_recording
        self.torch_operators.fork = partial(Future.of, self.call_recording)
        self.forked_calls = ForkedCalls(self)
        compiler.unit.fork = self.forked_calls.fork
        compiler.unit.call_python = self.call_python
        compiler.unit.call = self.call

    def call(self, function: Function, *arguments: object) -> Any:
        """Run `function` on runtime values."""
        if TAPE.get() is not None or self.known.asks_gradients(function):
            with taping():
                return self._call_taping(function, *arguments)
        found = self._functions.get(function)
        if found is None:
            found = self._made(self._functions, function, self.call, Operators())
        return found(*arguments)

    def call_recording(self, function: Function, *arguments: object) -> Any:
        """Run `function` on PyTorch's tensors with PyTorch's operators, which record gradients."""
        found = self._recording.get(function)
        if found is None:
            found = self._made(self._recording, function, self.call_recording, self.torch_operators)
        return found(*arguments)

    def _call_taping(self, function: Function, *arguments: object) -> Any:
        """Run `function`, which differentiates or is called by what does: what it computes is noted."""
        found = self._taping.get(function)
        if found is None:
            found = self._made(self._taping, function, self.call, self._tape_operators)
        return found(*arguments)

    @serialized
    def _made(
        self,
        table: dict[Function, GenericFunction],
        function: Function,
        call: Callable[..., Any],
        operators: Operators,
    ) -> GenericFunction:
        if function not in table:
            self.compiler.compile(function)
            assert function.op is not None
            unit, body = self.compiler.unit, function.op.clone()
            eliminate_dead_code(body)  # what nobody needs neither draws nor raises, as in PyTorch
            table[function] = GenericFunction(body, unit.pool, unit, call, operators=operators)
        return table[function]

    def call_python(self, function: Function, *arguments: object) -> Any:
        """Call the Python function behind a function that is not compiled (``@ignore``)."""
        wrap = torch_interop.from_numpy if torch_interop.uses_torch(function.python) else Tensor
        return self._call_between(Inputs(wrap), function, arguments)

    def _call_python_recording(self, function: Function, *arguments: object) -> Any:
        return self._call_between(TorchInputs(), function, arguments)

    def _call_between(self, inputs: Inputs, function: Function, arguments: Sequence[Any]) -> Any:
        inputs.wrap_object = self.instance
        given = [inputs.give_back(a) for a in arguments]
        return inputs.convert(function.python(*given), function.result or tt.NONE, function.short_name)

    def instance(self, held: ScriptObject) -> Any:
        """An object of the program as users see it."""
        return self._instance(held, self)
