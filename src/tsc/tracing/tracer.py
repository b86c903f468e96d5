"""One trace: run a callable on example inputs while a recorder listens, and make a function of the record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from xdsl.ir import Block

from tsc.concurrency import COMPILING, TRACING
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.frontend.unit import Function, FunctionParameter, ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.interop.patching import patched
from tsc.interop.torch_tracing import TorchBackend
from tsc.programs.script_functions import BoundFunction
from tsc.runtime.recording import RECORDER
from tsc.runtime.tensor import Tensor
from tsc.tracing.backends import Backend
from tsc.tracing.boundary import enter, input_types, leave
from tsc.tracing.eager import EagerBackend
from tsc.tracing.modules import announce
from tsc.tracing.outlining import Outliner, make_function
from tsc.tracing.recorder import Recorder
from tsc.tracing.scripted import recording_call, recording_torch_call


def backend_for(subject: Any, inputs: Any) -> Backend:
    """PyTorch's tensors if the module or an input is PyTorch's, else `tsc`'s own."""
    is_torch = torch_interop.is_module(subject) or _holds_torch(inputs)
    if not is_torch and not _holds(inputs, Tensor) and not hasattr(subject, "__tsc_module__"):
        is_torch = torch_interop.torch() is not None and torch_interop.uses_torch(subject)
    return TorchBackend() if is_torch else EagerBackend()


def _holds_torch(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds_torch(v) for v in cast("Sequence[Any]", value))
    if isinstance(value, dict):
        return any(_holds_torch(v) for v in cast("dict[Any, Any]", value).values())
    return torch_interop.is_tensor(value)


def _holds(value: object, kind: type) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_holds(v, kind) for v in cast("Sequence[Any]", value))
    if isinstance(value, dict):
        return any(_holds(v, kind) for v in cast("dict[Any, Any]", value).values())
    return isinstance(value, kind)


class Trace:
    """One trace into `unit`: of a function, or (with `module` and its object `held`) of a method."""

    def __init__(
        self,
        unit: Unit,
        backend: Backend,
        strict: bool,
        module: object = None,
        held: ScriptObject | None = None,
        *,
        force_outplace: bool = False,
    ) -> None:
        self.unit = unit
        self.force_outplace = force_outplace
        self.backend = backend
        self.strict = strict
        self.module = module
        self.held = held

    def function(
        self,
        name: str,
        run: Callable[..., Any],
        inputs: Sequence[Any] | Mapping[str, Any],
        names: Sequence[str],
    ) -> Function:
        """The function `name` (with a number, where that is taken), recorded from ``run(*inputs)`` or
        ``run(**inputs)``, called on `names`.
        """
        given = inputs
        if isinstance(inputs, Mapping):
            given = {n: inputs[n] for n in names if n in inputs}
            given.update({n: v for n, v in inputs.items() if n not in given})
            names = list(given)
        values = list(given.values()) if isinstance(given, Mapping) else list(given)
        kinds = self._types(values, is_keywords=isinstance(given, Mapping))
        parameters = [
            FunctionParameter(n, k) for n, k in zip(_parameter_names(names, len(kinds)), kinds, strict=True)
        ]
        own = tt.ModuleType(self.held.cls.name) if self.held is not None else None
        block = Block(arg_types=[*([] if own is None else [own]), *kinds])
        arguments = block.args if own is None else block.args[1:]
        for parameter, argument in zip(parameters, arguments, strict=True):
            hint(argument, parameter.name)
        recorder = Recorder(self.unit, self.backend, force_outplace=self.force_outplace)
        if self.held is not None:
            hint(block.args[0], "self")
            announce(recorder, self.module, self.held)
        entered = [enter(recorder, v, a) for v, a in zip(values, arguments, strict=True)]
        result = self._run(recorder, run, entered, list(given) if isinstance(given, Mapping) else None)
        with COMPILING:
            Outliner(recorder, self.held).fill(block, result)
            return make_function(self.unit, self.unit.unique_name(name), parameters, block, own)

    def _types(self, values: Sequence[Any], is_keywords: bool) -> list[TorchType]:
        if not is_keywords:
            return input_types(self.backend, values)
        for value in values:
            try:
                input_types(self.backend, [value])
            except RuntimeError:
                raise RuntimeError(
                    "Only tensors or (possibly nested) dict or tuples of tensors can be inputs to traced "
                    f"functions. Got {type(value).__name__}"
                ) from None
        return input_types(self.backend, values)

    def _run(
        self, recorder: Recorder, run: Callable[..., Any], values: Sequence[Any], names: Sequence[str] | None
    ) -> Any:
        with (
            TRACING,
            patched(BoundFunction, {"__call__": recording_call(BoundFunction.__call__)}),
            _torch_functions_recorded(),
            self.backend.recording(recorder),
        ):
            token = RECORDER.set(recorder)
            try:
                live = run(*values) if names is None else run(**dict(zip(names, values, strict=True)))
                return leave(recorder, live, self.strict)
            finally:
                RECORDER.reset(token)


def _torch_functions_recorded() -> AbstractContextManager[None]:
    module = torch_interop.torch()
    if module is None:
        return nullcontext()
    cls = module.jit.ScriptFunction
    return patched(cls, {"__call__": recording_torch_call(cls.__call__)})


def _parameter_names(names: Sequence[str], count: int) -> list[str]:
    return [names[i] if i < len(names) else f"argument_{i}" for i in range(count)]


def argument_names(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters that can be given by position or by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
