"""Holds the passes of stage `frozen` to what a function did as it was written."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from tsc.analysis.operator_effects import UNKNOWN_CALLS, acts
from tsc.dialects.constants import ConstantPool
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.frontend.unit import ScriptObject, Unit
from tsc.narrowing import is_array
from tsc.runtime.descriptions import Varying
from tsc.runtime.generic import GenericFunction
from tsc.runtime.values import mapped
from tsc.verification.comparing import Outcome, difference
from tsc.verification.stages import Call
from tsc.verification.verifier import verification_error, words_of


class FreezingVerifier:
    """Runs the function `name` of a module on values of the program, after each pass that leads to stage
    `frozen`.
    """

    def __init__(
        self, name: str, pool: ConstantPool, unit: Unit, values: Sequence[Any], call: Call,
        receiver: ScriptObject | None = None,
    ) -> None:  # fmt: skip
        self.name, self.pool, self.unit = name, pool, unit
        self.values, self.call, self.receiver = values, call, receiver
        self.last: Outcome | None = None
        self.checked: list[str] = []
        """What the function was run after."""
        self.frozen: ModuleOp | None = None
        """The function alone, right after `freeze`, if it holds all that it reads."""

    def begin(self, module: ModuleOp, inlined: FuncOp) -> bool:
        """Run the function as it is written; whether a second run does the same and neither changes its
        object, so that passes can be held to it. `inlined` is the function with all calls inlined: what acts
        or calls unknown code is not run at all.
        """
        if any(isinstance(op, UNKNOWN_CALLS) or acts(op) for op in walk(inlined)):
            return False
        function, before = self._function(module), self._state()
        outcome = self._run(function)
        if difference(outcome, self._run(function)) or difference(before, self._state()):
            return False
        self.last = outcome
        return True

    def _state(self) -> Outcome:
        """All that the object holds, as it is now."""
        return Outcome([] if self.receiver is None else copy.deepcopy(list(_held(self.receiver, set()))))

    def check(self, stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        """Run `module`, which `compiler_pass` has just changed.

        Raises:
            VerificationError: it does not do what it did before.
        """
        if self.last is None or stage != "frozen":
            return
        function = self._function(module)
        outcome = self._run(function)
        wrong = difference(self.last, outcome)
        if wrong is not None:
            raise verification_error(self.name, stage, compiler_pass.name, wrong, self)
        self.last = outcome
        self.checked.append(words_of(stage, compiler_pass.name))
        if compiler_pass.name == "freeze" and len(function.body.block.args) == len(self.values):
            self.frozen = ModuleOp([function.clone()])

    def _function(self, module: ModuleOp) -> FuncOp:
        return next(f for f in module.ops if isinstance(f, FuncOp) and f.sym_name.data == self.name)

    def _run(self, function: FuncOp) -> Outcome:
        values = [copy.deepcopy(mapped(value, _given)) for value in self.values]
        takes_self = len(function.body.block.args) > len(values)
        run = GenericFunction(function, self.pool, self.unit, self.call)
        try:
            result = run(self.receiver, *values) if takes_self else run(*values)
        except OPERATOR_FAILURES as error:
            return Outcome(error=str(error).strip().splitlines()[-1])
        return Outcome(mapped(result, _plain), values)


def _held(held: ScriptObject, seen: set[int]) -> Iterator[Any]:
    """What an object and those below it hold."""
    seen.add(id(held))
    for value in held.attributes.values():
        if not isinstance(value, ScriptObject):
            yield mapped(value, _plain)
        elif id(value) not in seen:
            yield from _held(value, seen)


def _given(value: Any) -> Any:
    return value.number if isinstance(value, Varying) else value


def _plain(value: Any) -> Any:
    """A value that can be compared: objects of the program by their types alone."""
    is_comparable = value is None or is_array(value) or isinstance(value, (bool, int, float, complex, str))
    return value if is_comparable else type(value).__name__
