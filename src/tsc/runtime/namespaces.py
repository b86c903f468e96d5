"""``tsc.linalg``, ``tsc.fft``, ``tsc.special``: operators whose names begin so; `cuda`."""

from __future__ import annotations

import types
from typing import Any

from tsc.concurrency import interned
from tsc.runtime.dispatch import operator_function

OPERATORS = ("linalg", "fft", "special")
ABSENT = {
    "optim": "it runs programs, and does not train them",
    "distributed": "it runs in one process",
    "utils": "data sets and the like are PyTorch's",
    "compile": "tsc.script, or tsc.trace, compiles",
    "vmap": "functions are not mapped over dims",
    "func": "functions are not transformed",
    "multiprocessing": "Python's own module does it",
}
"""What `torch` has, and why `tsc` has not."""


class OperatorNamespace(types.ModuleType):
    """``tsc.linalg.norm`` is the operator ``aten::linalg_norm``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return operator_function(f"{self.__name__.rpartition('.')[2]}_{name}")
        except AttributeError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None


@interned
def namespace(name: str) -> types.ModuleType:
    """The namespace ``tsc.<name>``."""
    if name == "cuda":
        made = types.ModuleType("tsc.cuda", "Graphics processors, of which none can be used.")
        made.__dict__.update(is_available=lambda: False, device_count=lambda: 0)
        return made
    return OperatorNamespace(f"tsc.{name}", f"The operators of ``torch.{name}``.")
