"""Script functions and modules called while a trace runs: one call in the trace, which keeps their control
flow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsc.concurrency import serialized
from tsc.dialects import torch_ops as ops
from tsc.frontend.sources import location_of
from tsc.modules.scripting import scripted
from tsc.programs.script_functions import BoundFunction
from tsc.runtime.recording import RECORDER
from tsc.tracing.boundary import map_values
from tsc.tracing.diagnostics import user_place
from tsc.tracing.recorder import Recorder


def recording_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """``BoundFunction.__call__`` while a trace runs: the call is made as ever, and recorded."""

    def call(self: BoundFunction, *arguments: object, **keywords: object) -> Any:
        recorder = RECORDER.get()
        if not isinstance(recorder, Recorder):
            return original(self, *arguments, **keywords)
        given = self._positional(arguments, keywords)  # pyright: ignore[reportPrivateUsage]
        plain = [map_values(a, lambda v: getattr(v, "traced_value", v)) for a in given]
        with recorder.paused():
            result = original(self, *plain)
        _record(recorder, self, given, result)
        return result

    return call


def recording_torch_call(original: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.jit.ScriptFunction.__call__`` while a trace runs: our form of the function is called, and so
    recorded with its control flow.
    """

    def call(self: object, *arguments: object, **keywords: object) -> Any:
        if not isinstance(RECORDER.get(), Recorder):
            return original(self, *arguments, **keywords)
        return scripted(self)(*arguments, **keywords)

    return call


@serialized
def _record(recorder: Recorder, called: BoundFunction, given: list[Any], result: object) -> None:
    builder, function = recorder.builder, called.function
    builder.location = location_of(user_place())
    operands = [recorder.operand(_held(g), p.type) for g, p in zip(given, called.parameters, strict=True)]
    assert function.result is not None
    if called.receiver is None:
        recorder.unit.functions.setdefault(function.name, function)
        made: Any = builder.call(function.name, operands, function.result)
    else:
        receiver = recorder.object_value(called.receiver)
        attributes = {"name": builder.string(_method_name(called))}
        made = builder.create(
            ops.PrimCallMethodOp, [receiver, *operands], [function.result], attributes=attributes
        )
    recorder.bind(result, made.results[0])


def _held(value: object) -> Any:
    return getattr(value, "_object", value)


def _method_name(called: BoundFunction) -> str:
    receiver = called.receiver
    assert receiver is not None
    methods = receiver.cls.methods
    return next((n for n, m in methods.items() if m is called.function), called.function.short_name)
