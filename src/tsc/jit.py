"""`script`, `load`, `freeze`, `optimize_for_inference` and their relatives: PyTorch's ``torch.jit``, each a
few lines.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, cast

from tsc.errors import ArgumentError, CompileError
from tsc.interop import torch as torch_interop
from tsc.markers import annotate
from tsc.modules.loaded_module import IN_TRAINING, frozen_of, itself, load_remembered, optimized_of
from tsc.options import options
from tsc.runtime.fusion_strategy import FusionStrategy
from tsc.runtime.last_called import LastCalled
from tsc.tracebacks import with_short_tracebacks

if TYPE_CHECKING:
    from typing import Final

    from tsc.errors import Error
    from tsc.markers import Attribute, export, ignore, interface, script_method, unused
    from tsc.modules.base_class import ScriptModule
    from tsc.modules.compilation_unit import CompilationUnit
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
    """Compile a function, a module or a class written in TorchScript's subset of Python.

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
def load(
    f: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview,
    map_location: object = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> RecursiveScriptModule:
    """Load a ``.pt`` archive written by ``torch.jit.save`` (or by `save`): from a path, an open file, or the
    bytes. PyTorch is not needed.

    Everything lies on the CPU: `map_location` may say so, and nothing else.
    `_extra_files` maps names to anything; the values become the contents of those files in the archive, empty
    for those it does not have. `_restore_shapes` is accepted, and means nothing.

    >>> archive = io.BytesIO()
    >>> tsc.save(tsc.script(tsc.nn.Linear(3, 2)), archive)
    >>> tsc.load(archive.getvalue())(tsc.zeros(5, 3)).shape
    (5, 2)

    Raises:
        ValueError: `map_location` is no device.
        ArgumentError: `map_location` is another device.
        ArchiveError: the file is damaged, hostile, or not a TorchScript archive.
        FileNotFoundError: there is no such file.
    """
    known = torch_interop.constant_of(map_location)
    is_device = map_location is None or isinstance(map_location, str) or (known or [""])[0] == "device"
    if not is_device:
        raise ValueError(
            f"map_location should be either None, string or torch.device, but got type: {type(map_location)}"
        )
    if map_location is not None and not torch_interop.is_cpu(map_location):
        raise ArgumentError(f"load: map_location: requires None or a CPU device; got {map_location!r}")
    if not _extra_files:
        remembered = load_remembered(f)
        if remembered is not None:
            return remembered
    from tsc.archive.reader import Archive
    from tsc.frontend.archived import ArchiveProgram
    from tsc.modules.script_modules import loaded

    archive = Archive(f)
    program = ArchiveProgram(archive)
    if _extra_files is not None:
        _extra_files.update({name: archive.extra_file(name) or b"" for name in _extra_files})
    return loaded(program)


@with_short_tracebacks
def save(
    m: RecursiveScriptModule | ScriptFunction,
    f: str | os.PathLike[str] | IO[bytes],
    _extra_files: dict[str, Any] | None = None,
) -> None:
    """Write a module or function as an archive that ``torch.jit.load`` and `load` read.

    >>> tsc.save(tsc.script(tsc.nn.ReLU()), os.path.join(tempfile.mkdtemp(), "model.pt"))

    Raises:
        CompileError: a method that must be saved is not TorchScript.
        NotSupportedError: an archive cannot hold an attribute; its path is named.
        ArchiveError: the file cannot be written; what was there before is untouched.
    """
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptFunction

    if not isinstance(m, (RecursiveScriptModule, ScriptFunction)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"save: requires a script module or script function; got {type(m).__name__}")
    m.save(f, _extra_files)


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

    if not isinstance(mod, RecursiveScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise CompileError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
    is_frozen = object.__getattribute__(itself(mod), "_frozen") is not None
    if not is_frozen and getattr(mod, "training", False):
        raise CompileError(IN_TRAINING)
    return freeze_module(mod, tuple(preserved_attrs or ()))


@with_short_tracebacks
def optimize_for_inference(
    mod: RecursiveScriptModule,
    other_methods: Sequence[str] | None = None,
    example_inputs: Sequence[Any] | None = None,
) -> RecursiveScriptModule:
    """Freeze a module unless it is frozen, and compile it: at its first call, or now for `example_inputs`.

    >>> fast = tsc.optimize_for_inference(tsc.script(tsc.nn.Linear(3, 2).eval()))
    >>> fast(numpy.zeros((5, 3), numpy.float32)).shape
    (5, 2)
    """
    remembered = None if other_methods else optimized_of(mod)
    made = _optimized(mod, other_methods) if remembered is None else remembered
    if example_inputs is not None:
        made(*example_inputs)
    return made


def _optimized(mod: RecursiveScriptModule, other_methods: Sequence[str] | None) -> RecursiveScriptModule:
    """A module frozen, if it is not."""
    from tsc.modules.script_modules import RecursiveScriptModule

    if not isinstance(mod, RecursiveScriptModule):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise CompileError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or "
            "torch.jit.trace."
        )
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
