"""Which functions of a program another one calls, and what is known of a function through these."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Operation

from tsc.analysis.operator_effects import asks_gradients, draws
from tsc.analysis.unread_draws import may_draw_for_nothing
from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimCallMethodOp
from tsc.dialects.walking import walk
from tsc.frontend.compile import Compiler
from tsc.frontend.unit import Function, Unit


class KnownOfFunctions:
    """What functions do, themselves or by way of those that they call; of each it is found out once."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._known: dict[tuple[Callable[..., bool], Function], bool] = {}

    def asks_gradients(self, function: Function) -> bool:
        """Whether it asks for gradients."""
        return self._any(asks_gradients, function)

    def may_draw_for_nothing(self, function: Function) -> bool:
        """Whether it might draw random numbers that nobody needs."""
        return self._any(self._wastes, function)

    def _any(self, question: Callable[[FuncOp], bool], function: Function) -> bool:
        """Whether the answer is yes for `function`, or for one that it calls."""
        found = self._known.get((question, function))
        return self._look(question, function) if found is None else found

    @serialized
    def _look(self, question: Callable[[FuncOp], bool], function: Function) -> bool:
        found = any(map(question, self._reached(function)))
        self._known[question, function] = found
        return found

    def _reached(self, function: Function) -> Iterator[FuncOp]:
        """The code of `function`, and of all that it calls."""
        seen = {function}
        pending = [function]
        while pending:
            current = pending.pop()
            self._compiler.compile(current)
            if current.op is None:
                continue
            yield current.op
            fresh = set(called_functions(current.op, self._compiler.unit)) - seen
            seen |= fresh
            pending += fresh

    def _wastes(self, code: FuncOp) -> bool:
        return may_draw_for_nothing(code, self._called, self._draws)

    def _called(self, call: Operation) -> list[FuncOp]:
        found = list(called_functions(call, self._compiler.unit))
        for function in found:
            self._compiler.compile(function)
        return [function.op for function in found if function.op is not None]

    def _draws(self, call: Operation) -> bool:
        return any(self._any(_draws, function) for function in called_functions(call, self._compiler.unit))


def _draws(code: FuncOp) -> bool:
    return any(map(draws, walk(code)))


def called_functions(root: Operation, unit: Unit) -> Iterator[Function]:
    """The functions and methods that are called below `root`; of an interface the compiled ones of all
    classes that have such a method.
    """
    for op in walk(root):
        if isinstance(op, CallOp):
            found = unit.functions.get(op.callee.root_reference.data)
            if found is not None:
                yield found
        elif isinstance(op, PrimCallMethodOp):
            kind = op.operands[0].type
            if isinstance(kind, (tt.ModuleType, tt.ClassType)):
                found = unit.class_named(kind.data).methods.get(op.method)
                yield from () if found is None else (found,)
            else:
                named = (cls.methods.get(op.method) for cls in list(unit.classes.values()))
                yield from (found for found in named if found is not None and found.op is not None)
