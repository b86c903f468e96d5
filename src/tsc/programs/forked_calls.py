"""Calls that a program forks: other threads make them, and native code without the GIL runs them at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tsc import pipeline
from tsc.compiler.entry import Entry
from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import TscError
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import Function, ScriptObject
from tsc.options import options
from tsc.programs.version import Version
from tsc.programs.versions import MOST_PROFILED, Versions
from tsc.runtime.descriptions import describe
from tsc.runtime.futures import Future, forked

if TYPE_CHECKING:
    from tsc.programs.interpreter import Interpreter


class ForkedCalls:
    """Makes the forked calls of one program.

    A function is compiled when it is forked for the second time with arguments of one kind. One that assigns
    attributes or writes to its arguments runs in the generic tier, which does so when the program does and to
    those elements alone: compiled code would write whole tensors back, over what other threads have written.
    """

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._functions: dict[Function, _Forked] = {}

    def fork(self, function: Function, *values: object) -> Future:
        """A future of a call on values of the program. Nothing of it is recorded: a trace records the call of
        the function that forks.
        """
        return forked(partial(self.call, function, *values))

    def call(self, function: Function, *values: object) -> Any:
        """Make the call, in this thread."""
        receiver = values[0] if function.self_type is not None and values else None
        if receiver is None:
            known = self._functions
        elif isinstance(receiver, ScriptObject) and receiver.cls.kind == "module":
            known = receiver.forked
        else:
            return self._interpreter.call(function, *values)
        found = known.get(function)
        if found is None:
            found = self._added(known, function, receiver)
        return found.call(values if receiver is None else values[1:])

    @serialized
    def _added(self, known: Any, function: Function, receiver: ScriptObject | None) -> _Forked:
        if function not in known:
            self._interpreter.compiler.compile(function)
            known[function] = _Forked(self._interpreter, function, receiver)
        return known[function]


class _Forked:
    """One function or method that is forked."""

    def __init__(self, interpreter: Interpreter, function: Function, receiver: ScriptObject | None) -> None:
        self._function = function
        self._receiver = receiver
        self._interpreter = interpreter
        self._generic: Callable[..., Any] = partial(
            interpreter.call, function, *([] if receiver is None else [receiver])
        )
        self._versions = Versions(interpreter, function, receiver, self._generic)
        self._profiled: Counter[tuple[str | None, ...]] = Counter()
        self._is_refused = any(
            p.type is tt.ANY or isinstance(p.type, (tt.UnionType, tt.FutureType)) for p in function.parameters
        )

    def call(self, values: Sequence[Any]) -> Any:
        """Make the call."""
        version = self._version(values)
        if version is None or (version.state is not None and version.state.assigned):
            return self._generic(*values)
        return version.specializations.run_beside_others(values)

    def _version(self, values: Sequence[Any]) -> Version | None:
        if self._is_refused or not options().is_native_enabled or any(value is None for value in values):
            return None
        if self._receiver is not None:
            return self._versions.live(values)
        key = tuple(map(describe, values))
        if self._profiled[key] < options().profiled_runs:
            if len(self._profiled) > MOST_PROFILED:
                self._profiled.clear()
            self._profiled[key] += 1
            return None
        return self._versions.frozen(values) or self._only(values)

    @serialized
    def _only(self, values: Sequence[Any]) -> Version | None:
        unit, pool = self._interpreter.compiler.unit, ConstantPool()
        try:
            module = assemble(unit, pool, [self._function], None)
            pipeline.lower(make_context(pool), module, stop_after="frozen")
        except TscError:  # the generic tier tells, where it matters
            self._is_refused = True
            return None
        return self._versions.only(Entry(module, self._function.name, pool, unit), values)
