"""`script`, `load`, `freeze`, `optimize_for_inference` and their relatives: PyTorch's ``torch.jit``, each a
few lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from tsc.errors import ArgumentError, CompileError
from tsc.markers import annotate
from tsc.modules.loaded_module import IN_TRAINING, frozen_of, itself, optimized_of
from tsc.options import PRECISIONS, options
from tsc.runtime.fusion_strategy import FusionStrategy
from tsc.runtime.last_called import LastCalled
from tsc.tracebacks import with_short_tracebacks

if TYPE_CHECKING:
    from typing import Final

    from tsc.errors import Error
    from tsc.markers import Attribute, export, ignore, interface, script_method, unused
    from tsc.modules.base_class import ScriptModule
    from tsc.modules.compilation_unit import CompilationUnit
    from tsc.modules.files import load, save
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.printing.graph import Graph
    from tsc.programs.explaining import Explanation
    from tsc.programs.profiling import Profile
    from tsc.programs.script_functions import ScriptFunction, ScriptMethod
    from tsc.runtime.contexts import (
        enable_onednn_fusion,
        fuser,
        onednn_fusion_enabled,
        optimized_execution,
        strict_fusion,
    )
    from tsc.runtime.futures import Future, fork, wait
    from tsc.tracing.api import (
        TopLevelTracedModule,
        TracedModule,
        TracerWarning,
        TracingCheckError,
        is_tracing,
        script_if_tracing,
        trace,
        trace_module,
    )

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction",
    "ScriptMethod", "ScriptModule", "TopLevelTracedModule", "TracedModule", "TracerWarning",
    "TracingCheckError", "annotate", "enable_onednn_fusion", "explain", "export", "fork", "freeze", "fuser",
    "ignore", "interface", "is_scripting", "is_tracing", "last_executed_optimized_graph", "load",
    "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution", "profile",
    "run_frozen_optimizations", "save", "script", "script_if_tracing", "script_method",
    "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip


@with_short_tracebacks
def script(
    obj: object,
    optimize: None = None,
    _frames_up: int = 0,
    _rcb: object = None,
    example_inputs: object = None,
) -> Any:
    """Compile a function, a module or a class written in TorchScript's subset of Python. A list or dict
    becomes one that programs it is given to and Python share.

    `example_inputs` say the types of parameters that nobody annotated: a list of tuples of arguments for
    `obj`, or a dict from functions, modules or methods to such lists. They run as plain Python, and every
    function they reach learns from them; a parameter given None as well is Optional, one given several types
    is Any. `optimize`, `_frames_up` and `_rcb` are accepted, and mean nothing.

    >>> def doubled(x: tsc.Tensor, times: int) -> tsc.Tensor:
    ...     for _ in range(times):
    ...         x = x * 2
    ...     return x
    >>> f = tsc.script(doubled)
    >>> f(tsc.tensor([1.0, 3.0]), 2)
    tensor([ 4., 12.])
    >>> f(numpy.ones(2, numpy.float32), 1)
    array([2., 2.], dtype=float32)

    Raises:
        ValueError: `example_inputs` is neither a list nor a dict.
        ArgumentError: `obj` is nothing of the kind.
        CompileError: the source is not TorchScript; the message shows where and why.
    """
    if not options().is_jit_enabled:
        return obj
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=3,  # of who calls what is around this function
        )
    from tsc.modules.scripting import run_examples, scripted

    if example_inputs is not None:
        run_examples(obj, example_inputs)
    return scripted(obj)


@with_short_tracebacks
def freeze(
    mod: RecursiveScriptModule, preserved_attrs: Sequence[str] | None = None, optimize_numerics: bool = True
) -> RecursiveScriptModule:
    """Make a module's attributes constants of its methods, and fold what that lets fold.

    `preserved_attrs` names attributes and methods to keep. `optimize_numerics` is accepted; the folds are
    always done.

    >>> module = tsc.script(tsc.nn.Linear(3, 2).eval())
    >>> "CONSTANTS" in module.code, "CONSTANTS" in tsc.freeze(module).code
    (False, True)

    Raises:
        CompileError: the module is in training mode.
    """
    if isinstance(preserved_attrs, str):
        raise ArgumentError(f"freeze: preserved_attrs: requires a list of names; got {preserved_attrs!r}")
    remembered = None if preserved_attrs else frozen_of(mod)
    if remembered is not None:
        return remembered
    from tsc.modules.script_modules import RecursiveScriptModule, freeze_module
    from tsc.modules.scripting import how_to_script

    if not isinstance(mod, RecursiveScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        words = (
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
        raise CompileError(words + how_to_script(mod))
    is_frozen = object.__getattribute__(itself(mod), "_frozen") is not None
    if not is_frozen and getattr(mod, "training", False):
        raise CompileError(IN_TRAINING)
    return freeze_module(mod, tuple(preserved_attrs or ()))


@with_short_tracebacks
def optimize_for_inference(
    mod: RecursiveScriptModule,
    other_methods: Sequence[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
    *,
    precision: str | None = None,
) -> RecursiveScriptModule:
    """Freeze a module unless it is frozen, and compile it: at its first call, or now for `example_inputs`.

    With a `precision` the weights of its linear layers (and other products with constant matrices) are
    rounded: to ``"bf16"`` (relative error of a weight up to 0.4 %), or to ``"int8"``, whole numbers from -127
    to 127 times a scale for each output (up to 0.4 % of the largest weight that leads to it). All else is
    computed in float32. Products of few rows, as in decoding, wait for their weights, of which there are a
    half or a quarter as many bytes then; others are as fast as before.

    >>> fast = tsc.optimize_for_inference(tsc.script(tsc.nn.Linear(3, 2).eval()))
    >>> fast(numpy.zeros((5, 3), numpy.float32)).shape
    (5, 2)

    Raises:
        ArgumentError: there is no such precision.
        CompileError: `mod` is no ScriptModule.
    """
    if precision not in (None, *PRECISIONS):
        raise ArgumentError(f"precision: requires one of {list(PRECISIONS)}, or None; got {precision!r}")
    remembered = None if other_methods else optimized_of(mod)
    made = _optimized(mod, other_methods) if remembered is None else remembered
    if precision is not None:
        from tsc.modules.script_modules import with_rounded_weights

        made = with_rounded_weights(itself(made), precision)
    if example_inputs is not None:
        made(*example_inputs)
    return made


def _optimized(mod: RecursiveScriptModule, other_methods: Sequence[str] | None) -> RecursiveScriptModule:
    """A module frozen, if it is not."""
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.modules.scripting import how_to_script

    if not isinstance(mod, RecursiveScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        words = (
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace."
        )
        raise CompileError(words + how_to_script(mod))
    frozen = object.__getattribute__(itself(mod), "_frozen")
    return mod if frozen is not None else freeze(mod.eval(), other_methods)


@with_short_tracebacks
def explain(
    m: RecursiveScriptModule | ScriptFunction | ScriptMethod, *inputs: object, **kwargs: object
) -> Explanation:
    """What of a call ``m(*inputs, **kwargs)`` is native code, and in which kernel; what runs in Python, and
    why; and what is folded when it is compiled. Each operator has its place in the source.

    The program is not run, and nothing of it or of `m` changes: what such a call would run is compiled as the
    call would, looked at, and dropped. (A module that is not frozen runs in the generic tier when it is first
    called with arguments of a kind; this tells of the calls after that. Of a module with hooks it tells of
    ``forward`` alone.)

    >>> def f(x: tsc.Tensor) -> tsc.Tensor:
    ...     return tsc.relu(x) + 1
    >>> tsc.explain(tsc.script(f), numpy.ones(4, numpy.float32)).kernels
    1

    Raises:
        ArgumentError: `m` is nothing of the kind, or cannot be called with these arguments.
    """
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptFunction, ScriptMethod

    if isinstance(m, RecursiveScriptModule):
        return m.forward.explain(inputs, kwargs)
    if isinstance(m, (ScriptFunction, ScriptMethod)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return m.explain(inputs, kwargs)
    raise ArgumentError(
        f"explain: requires a script module, a script function or a method of one; got {type(m).__name__}"
    )


@with_short_tracebacks
def profile(
    m: RecursiveScriptModule | ScriptFunction | ScriptMethod, *inputs: object, **kwargs: object
) -> Profile:
    """What calls ``m(*inputs, **kwargs)`` spend their time on: each kernel with its source lines, native code
    outside kernels, and Python.

    The function is compiled once more, with clocks around its kernels, and is called some twenty times; what
    `m` was compiled to stays as it is. What calls do to the state of `m` or to the arguments, these do too.

    >>> def f(x: tsc.Tensor) -> tsc.Tensor:
    ...     return tsc.relu(x) + 1
    >>> tsc.profile(tsc.script(f), numpy.ones(4, numpy.float32)).times > 0
    True

    Raises:
        ArgumentError: `m` is nothing of the kind, or cannot be called with these arguments.
    """
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.profiling import profile as profiled
    from tsc.programs.script_functions import ScriptFunction, ScriptMethod

    if isinstance(m, RecursiveScriptModule):
        return profiled(m.forward, inputs, kwargs)
    if isinstance(m, (ScriptFunction, ScriptMethod)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return profiled(m, inputs, kwargs)
    raise ArgumentError(
        f"profile: requires a script module, a script function or a method of one; got {type(m).__name__}"
    )


def set_fusion_strategy(strategy: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Set how many specializations functions get: ``[("STATIC", 2), ("DYNAMIC", 10)]`` by default;
    returns the previous strategy.

    A STATIC entry compiles for the shapes of a call; a DYNAMIC one for all sizes that have differed from call
    to call, under guards where the program tells sizes apart. Calls that no compilation is for, when there
    are as many as there may be, run in the generic tier (and a log line says so).

    >>> before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    >>> tsc.set_fusion_strategy(before)
    [('STATIC', 1), ('DYNAMIC', 1)]
    """
    return FusionStrategy.set(strategy)


def isinstance_of(obj: object, target_type: object) -> bool:
    """Whether `obj` has a TorchScript type, containers with their elements: ``isinstance(x, List[int])``."""
    from tsc.dialects import torch_types as tt
    from tsc.modules.scripting import live_program
    from tsc.runtime.instances import has_type
    from tsc.runtime.values import Inputs

    kinds = cast("tuple[Any, ...]", target_type) if type(target_type) is tuple else (target_type,)
    program, _ = live_program()
    held = Inputs().convert(obj, tt.ANY, "obj")
    return any(has_type(held, program.annotation(kind)) for kind in kinds)


def is_scripting() -> bool:
    """Whether this runs as compiled code: False in Python, True in TorchScript."""
    return False


def run_frozen_optimizations(
    mod: RecursiveScriptModule, optimize_numerics: bool = True, preserved_methods: Sequence[str] | None = None
) -> None:
    """Accepted for compatibility: `freeze` has done all of it.

    Raises:
        CompileError: the module is not frozen.
    """
    if object.__getattribute__(itself(mod), "_frozen") is None:
        raise CompileError("run_frozen_optimizations requires a frozen module; call freeze first")


def last_executed_optimized_graph() -> Graph:
    """The graph of the function called last (calls that went straight to native code are not seen).

    Raises:
        CompileError: nothing has been called yet, or what was is gone.
    """
    called = LastCalled.get()
    if called is None:
        raise CompileError("last_executed_optimized_graph requires a call of a function that still exists")
    return called.optimized_graph()


annotate.__dict__["__tsc_builtin__"] = "form::annotate"
is_scripting.__dict__["__tsc_builtin__"] = "form::is_scripting"
isinstance_of.__dict__["__tsc_builtin__"] = "form::isinstance"
isinstance_of.__name__ = "isinstance"

_ELSEWHERE = {
    "RecursiveScriptModule": "tsc.modules.script_modules", "onednn_fusion_enabled": "tsc.runtime.contexts",
    "CompilationUnit": "tsc.modules.compilation_unit", "ScriptFunction": "tsc.programs.script_functions",
    "ScriptMethod": "tsc.programs.script_functions", "enable_onednn_fusion": "tsc.runtime.contexts",
    "optimized_execution": "tsc.runtime.contexts", "TopLevelTracedModule": "tsc.tracing.api",
    "ScriptModule": "tsc.modules.base_class", "strict_fusion": "tsc.runtime.contexts", "Final": "typing",
    "TracingCheckError": "tsc.tracing.api", "script_if_tracing": "tsc.tracing.api", "export": "tsc.markers",
    "TracerWarning": "tsc.tracing.api", "TracedModule": "tsc.tracing.api", "fuser": "tsc.runtime.contexts",
    "trace_module": "tsc.tracing.api", "Future": "tsc.runtime.futures", "is_tracing": "tsc.tracing.api",
    "script_method": "tsc.markers", "fork": "tsc.runtime.futures", "wait": "tsc.runtime.futures",
    "Attribute": "tsc.markers", "interface": "tsc.markers", "trace": "tsc.tracing.api",
    "ignore": "tsc.markers", "unused": "tsc.markers", "Error": "tsc.errors",
    "load": "tsc.modules.files", "save": "tsc.modules.files",
}  # fmt: skip
"""Names of ``torch.jit`` that have a file of their own."""


if not TYPE_CHECKING:  # checkers see the imports above, and that there is nothing else

    def __getattr__(name: str) -> Any:
        if name == "isinstance":
            return isinstance_of
        if name in _ELSEWHERE:
            return getattr(import_module(_ELSEWHERE[name]), name)
        raise AttributeError(f"module 'tsc.jit' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The names of ``torch.jit`` that are here."""
    return [*__all__, "isinstance"]
