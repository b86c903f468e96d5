"""`trace`, `trace_module` and their relatives: PyTorch's, with its signatures."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from tsc.errors import NotSupportedError
from tsc.frontend.sources import qualified_name
from tsc.interop import torch as torch_interop
from tsc.modules.script_modules import RecursiveScriptModule
from tsc.modules.scripting import live_program, scripted
from tsc.options import options
from tsc.programs.script_functions import ScriptFunction
from tsc.runtime.dispatch import operator_function
from tsc.runtime.recording import RECORDER
from tsc.runtime.tensor import Tensor
from tsc.tracebacks import with_short_tracebacks
from tsc.tracing.backends import Backend
from tsc.tracing.checking import Check, Traced
from tsc.tracing.diagnostics import TracerWarning, TracingCheckError
from tsc.tracing.modules import ModuleTracer, TopLevelTracedModule, TracedModule
from tsc.tracing.tracer import Trace, argument_names, backend_for

__all__ = [
    "TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError", "is_tracing",
    "script_if_tracing", "trace", "trace_module",
]  # fmt: skip


def is_tracing() -> bool:
    """Whether this runs inside a trace."""
    return RECORDER.get() is not None


is_tracing.__dict__["__tsc_builtin__"] = "form::is_tracing"


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `fn` when it is first called inside a trace; outside traces it stays Python."""

    @functools.wraps(fn)
    def wrapper(*arguments: object, **keywords: object) -> Any:
        run = scripted(fn) if is_tracing() else fn
        return run(*arguments, **keywords)

    wrapper.__dict__["__original_fn"] = fn
    wrapper.__dict__["__script_if_tracing_wrapper"] = True
    return wrapper


@with_short_tracebacks
def trace(
    func: Any, example_inputs: Any = None, optimize: Any = None, check_trace: bool = True,
    check_inputs: Any = None, check_tolerance: float = 1e-5, strict: bool = True,
    _force_outplace: bool = False, _module_class: Any = None, _compilation_unit: Any = None,
    example_kwarg_inputs: Mapping[str, Any] | None = None, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """Run `func` on example inputs and return what it did to tensors as a script function; of a module, as a
    script module whose ``forward`` it is.

    Control flow is not recorded: what ran, runs again, on inputs of any shape that the operators take. Sizes
    that operators are called with follow the inputs. With `check_trace` the trace is made and run again, on
    `check_inputs` if given, and compared within `check_tolerance`. `strict` refuses dicts as results. With
    `_force_outplace`, operators that write to a tensor are recorded as those that make a new one.
    ``trace(tensor)`` is the operator: the sum of the diagonal.

    >>> f = tsc.trace(lambda x: tsc.relu(x) + x.shape[0], tsc.zeros(3))
    >>> f(tsc.tensor([-1.0, 1.0]))
    tensor([2., 3.])

    Raises:
        RuntimeError: inputs or results are not made of tensors, or a captured tensor requires gradients.
        TracingCheckError: the check found another graph, or failed to run.
    """
    if example_inputs is None and example_kwarg_inputs is None and _is_tensor(func):
        return operator_function("trace")(func)
    if not options().is_jit_enabled:
        return func
    _refuse_module_class(_module_class)
    _warn_of_optimize(optimize)
    if isinstance(func, RecursiveScriptModule):
        warnings.warn(
            "The input to trace is already a ScriptModule, tracing it is a no-op. Returning the object as "
            "is.",
            stacklevel=3,
        )
        return func
    module = _module_of_forward(func)
    if module is not None:
        by_name = isinstance(example_kwarg_inputs, Mapping)
        if example_inputs is None and not by_name:
            raise RuntimeError("example_kwarg_inputs should be a dict")
        given = example_kwarg_inputs if example_inputs is None else example_inputs
        checked = None if check_inputs is None else [{"forward": c} for c in check_inputs]
        return trace_module(
            module, {"forward": given}, None, check_trace, checked, check_tolerance, strict, _force_outplace,
            example_inputs_is_kwarg=by_name,
        )  # fmt: skip
    return _trace_function(
        func, example_inputs, check_trace, check_inputs, check_tolerance, strict, example_kwarg_inputs,
        force_outplace=_force_outplace,
    )  # fmt: skip


def _refuse_module_class(given: object) -> None:
    """Refuse the argument of PyTorch's own exporters."""
    if given is not None:
        raise NotSupportedError("trace: the argument _module_class is not supported")


def _warn_of_optimize(optimize: object) -> None:
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=4,
        )


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor) or torch_interop.is_tensor(value)


def _is_module(value: object) -> bool:
    return torch_interop.is_module(value) or hasattr(value, "__tsc_module__")


def _module_of_forward(func: Any) -> Any:
    """The module that `func` is, or whose ``forward`` it is."""
    if _is_module(func):
        return func
    owner = getattr(func, "__self__", None)
    if owner is None or not _is_module(owner):
        return None
    if func.__name__ != "forward":
        raise AttributeError(
            "trace doesn't support compiling individual module's functions.\nPlease use trace_module"
        )
    return owner


def _trace_function(
    func: Any, example_inputs: Any, check_trace: bool, check_inputs: Any, tolerance: float, strict: bool,
    keywords: Mapping[str, Any] | None, *, force_outplace: bool,
) -> ScriptFunction:  # fmt: skip
    if not hasattr(func, "__name__") and not hasattr(func, "func"):
        raise RuntimeError(f"Could not get name of python class object: {func!r}")
    inputs: Any = keywords if keywords is not None else as_tuple(example_inputs)
    backend = backend_for(func, inputs)
    program, interpreter = live_program()
    default = backend.wrap

    def make(inputs: Any) -> ScriptFunction:
        trace = Trace(program.unit, backend, strict, force_outplace=force_outplace)
        function = trace.function(
            qualified_name(getattr(func, "func", func)), func, inputs, argument_names(func)
        )
        return ScriptFunction(interpreter, function, default)

    made = make(inputs)
    made.__doc__ = getattr(func, "__doc__", None)
    made.function.python = None
    if check_trace:
        check = Check(backend, tolerance, keywords is not None)
        for one in [inputs] if check_inputs is None else check_inputs:
            given: Any = cast("Any", one) if isinstance(one, Mapping) else as_tuple(one)
            again = check.again(lambda given=given: make(check.cloned(given)))
            check.compare(Traced(made), func, Traced(again), given)
            program.unit.functions.pop(again.function.name, None)
    return made


def as_tuple(inputs: Any) -> tuple[Any, ...]:
    """Example inputs as a tuple: one tensor or dict is one input."""
    if _is_tensor(inputs) or isinstance(inputs, dict):
        return (cast("Any", inputs),)
    return cast("tuple[Any, ...]", inputs) if isinstance(inputs, tuple) else tuple(inputs)


@with_short_tracebacks
def trace_module(
    mod: Any, inputs: Mapping[str, Any], optimize: Any = None, check_trace: bool = True,
    check_inputs: Sequence[Mapping[str, Any]] | None = None, check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False, _module_class: Any = None, _compilation_unit: Any = None,
    example_inputs_is_kwarg: bool = False, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """Trace methods of a module: `inputs` maps their names to example inputs.

    Parameters, buffers and submodules become those of the script module returned.

    Raises:
        AttributeError: `mod` is no module, or `inputs` no dict.
        RuntimeError: inputs or results are not made of tensors, or a captured tensor requires gradients.
        TracingCheckError: the check found another graph, or failed to run.
    """
    if not options().is_jit_enabled:
        return mod
    _refuse_module_class(_module_class)
    _warn_of_optimize(optimize)
    if not _is_module(mod):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    backend = backend_for(mod, inputs)

    def traced(given: Mapping[str, Any]) -> tuple[TopLevelTracedModule, ModuleTracer]:
        return _trace_methods(
            mod, given, backend, strict, example_inputs_is_kwarg, force_outplace=_force_outplace
        )

    made, _ = traced(inputs)
    if check_trace:
        check = Check(backend, check_tolerance, example_inputs_is_kwarg)
        for given in [inputs] if check_inputs is None else check_inputs:
            again, tracer = check.again(lambda given=given: traced(check.cloned(given)))
            for name in inputs:
                run = mod if name == "forward" else getattr(mod, name)
                example = _example(given[name], example_inputs_is_kwarg)
                check.compare(Traced(made, name), run, Traced(again, name), example)
            tracer.forget()
    return made


def _example(given: object, by_name: bool) -> Any:
    return given if by_name else as_tuple(given)


def _trace_methods(
    mod: Any, inputs: Mapping[str, Any], backend: Backend, strict: bool, by_name: bool, *,
    force_outplace: bool,
) -> tuple[TopLevelTracedModule, ModuleTracer]:  # fmt: skip
    program, interpreter = live_program()
    tracer = ModuleTracer(program.compiler)
    held = tracer.object(mod)
    for name, example in inputs.items():
        method = getattr(mod, name)
        names = argument_names(method)
        given = _example(example, by_name)
        if by_name:
            _check_names(given, names)
        run = mod if name == "forward" else method
        trace = Trace(program.unit, backend, strict, mod, held, force_outplace=force_outplace)
        held.cls.methods[name] = trace.function(f"{held.cls.name}.{name}", run, given, names)
    return TopLevelTracedModule(held, interpreter, backend.wrap), tracer


def _check_names(given: Mapping[str, Any], names: Sequence[str]) -> None:
    for key in given:
        if key not in names:
            raise NameError(
                f"'{key}' is not in forward() method's arguments,\n"
                f"                         valid arguments name are [{','.join(names)}]"
            )
