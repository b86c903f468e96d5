"""tsc: a standalone optimizing compiler and runtime for TorchScript.

    fast = tsc.optimize_for_inference(tsc.load("model.pt"))
    y = fast(x)                                             # NumPy arrays, or PyTorch's tensors

`tsc.script` and `tsc.trace` compile Python. The names of `torch` that programs use are here too, and every
other name is an operator: ``tsc.relu(x)``. All is loaded when it is first used. What checkers of types see is
in ``__init__.pyi``, which is written from the tables below.
"""

from __future__ import annotations

import builtins
import math
import os
import sys
from importlib import import_module
from typing import Any

__version__ = "0.2.0.dev0"

_JIT = (
    "Attribute", "CompilationUnit", "Error", "Final", "Future", "RecursiveScriptModule", "ScriptFunction",
    "ScriptModule", "annotate", "enable_onednn_fusion", "explain", "export", "fork", "freeze", "fuser",
    "ignore", "interface", "is_scripting", "isinstance", "last_executed_optimized_graph", "load",
    "onednn_fusion_enabled", "optimize_for_inference", "optimized_execution", "profile",
    "run_frozen_optimizations", "save", "script", "script_method", "set_fusion_strategy", "strict_fusion",
    "unused", "wait",
)  # fmt: skip
_DTYPES = {
    name: name
    for name in (
        "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
        "complex64", "complex128", "bool", "bfloat16",
    )
} | {
    "float": "float32", "double": "float64", "half": "float16",
    "long": "int64", "int": "int32", "short": "int16",
}  # fmt: skip
_TRACING = (
    "TopLevelTracedModule", "TracedModule", "TracerWarning", "TracingCheckError", "is_tracing",
    "script_if_tracing", "trace", "trace_module",
)  # fmt: skip
_RANDOM = (
    "Generator", "default_generator", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state",
)  # fmt: skip
_CREATION = (
    "as_tensor", "from_dlpack", "from_numpy", "get_default_dtype", "is_tensor", "set_default_dtype", "tensor",
)  # fmt: skip
_GRAD_MODES = ("enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled")
_MODULES = {
    name: f"tsc.{name}" for name in ("autograd", "cache", "dtypes", "errors", "jit", "nn", "onnx", "testing")
} | {"library": "tsc.runtime.libraries"}
_NAMESPACES = ("cuda", "fft", "linalg", "special")
_NUMBERS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan, "newaxis": None}
_LAZY = (
    {name: "tsc.jit" for name in _JIT}
    | {name: "tsc.tracing.api" for name in _TRACING}
    | {name: "tsc.runtime.generators" for name in _RANDOM}
    | {name: "tsc.runtime.creation" for name in _CREATION}
    | {name: "tsc.runtime.number_limits" for name in ("finfo", "iinfo")}
    | {name: "tsc.runtime.grad_modes" for name in _GRAD_MODES}
    | {
        "Progress": "tsc.progress",
        "Tensor": "tsc.runtime.tensor",
        "on_progress": "tsc.progress",
        "set_background_compilation": "tsc.runtime.background",
        "set_num_threads": "tsc.runtime.threads",
        "get_num_threads": "tsc.runtime.threads",
        "dump_ir": "tsc.compiler.dumps",
        "load": "tsc.modules.files",
        "save": "tsc.modules.files",
        "wait_for_compilation": "tsc.runtime.background",
    }
)
_NAMES = ("__version__", *_LAZY, *_MODULES, *_NAMESPACES, *_DTYPES, *_NUMBERS)
__all__ = [name for name in _NAMES if not hasattr(builtins, name)]  # pyright: ignore[reportUnsupportedDunderAll] - of a stub


def __dir__() -> list[str]:
    """The names of `torch` that are here, operators among them: those that ``__init__.pyi`` declares."""
    with open(f"{__file__.removesuffix('.py')}.pyi", encoding="utf-8") as stub:
        operators = [line[4 : line.index("(")] for line in stub if line.startswith("def ")]
    return sorted({*_NAMES, *operators})


_RENAMED = {"load": "load_value", "save": "save_value"}
"""Names of functions that do more than those of ``tsc.jit`` of the same name."""


def _imported(name: str) -> Any:
    """A module, which no child is forked within the import of."""
    found = sys.modules.get(name)
    if found is not None and not getattr(found.__spec__, "_initializing", False):
        return found
    from tsc.concurrency import IMPORTING

    with IMPORTING:
        return import_module(name)


def __getattr__(name: str) -> Any:
    """Public names are loaded when first used (``import tsc`` stays cheap); other names are operators."""
    if name in _LAZY:
        return getattr(_imported(_LAZY[name]), _RENAMED.get(name, name))
    if name in _MODULES:
        return _imported(_MODULES[name])
    if name in _DTYPES:
        return import_module("tsc.dtypes").by_name(_DTYPES[name])
    if name in _NUMBERS:
        return _NUMBERS[name]
    if name.startswith("__") or _is_submodule(name):
        raise AttributeError(f"module 'tsc' has no attribute {name!r}")
    if name in _NAMESPACES:
        return import_module("tsc.runtime.namespaces").namespace(name)
    absent = import_module("tsc.runtime.namespaces").ABSENT.get(name)
    if absent is not None:
        raise AttributeError(f"tsc has no {name!r}: {absent}")
    try:
        return import_module("tsc.runtime.dispatch").operator_function(name)
    except AttributeError:
        raise import_module("tsc.errors").MissingNameError(name, __dir__) from None


def _is_submodule(name: str) -> bool:
    """Whether ``tsc.<name>`` is a file or folder of the package: those are found by importing them."""
    path = os.path.join(os.path.dirname(__file__), name)
    return os.path.exists(f"{path}.py") or os.path.isdir(path)
