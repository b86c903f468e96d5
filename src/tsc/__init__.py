"""tsc: a standalone optimizing compiler and runtime for TorchScript."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_JIT = ("script", "load", "freeze", "optimize_for_inference", "set_fusion_strategy")
_LAZY = {name: "tsc.jit" for name in _JIT} | {
    "Tensor": "tsc.runtime.tensor",
    "set_num_threads": "tsc.runtime.threads",
    "get_num_threads": "tsc.runtime.threads",
    "dump_ir": "tsc.dumps",
}


def __getattr__(name: str) -> Any:
    """Public names are loaded when first used, so that ``import tsc`` stays cheap."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name == "jit":
        return import_module("tsc.jit")
    raise AttributeError(f"module 'tsc' has no attribute {name!r}")
