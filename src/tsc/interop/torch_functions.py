"""Functions of a program as functions of PyTorch's own TorchScript, which its tracer records with their
control flow.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from tsc.errors import NotSupportedError
from tsc.interop.torch import torch


def is_traced() -> bool:
    """Whether ``torch.jit.trace`` (or an exporter that uses it) runs in this thread."""
    return torch() is not None and torch()._C._get_tracing_state() is not None


@contextmanager
def _untraced() -> Generator[None]:
    state = torch()._C._get_tracing_state()
    torch()._C._set_tracing_state(None)
    try:
        yield
    finally:
        torch()._C._set_tracing_state(state)


def function_of_archive(archive: bytes, method: str) -> Callable[..., Any]:
    """A method of the module in an archive as a function of PyTorch; its attributes are constants.

    Raises:
        NotSupportedError: it writes to its attributes.
    """
    module = torch()
    with _untraced():
        loaded = module.jit.load(io.BytesIO(archive)).eval()
        frozen = module.jit.freeze(loaded, [] if method == "forward" else [method])
        graph = getattr(frozen, method).graph.copy()
        if list(next(graph.inputs()).uses()):
            raise NotSupportedError(
                f"torch.jit.trace: requires methods that leave attributes as they are; got {method}, which "
                "writes to them. Trace the module it was made of"
            )
        graph.eraseInput(0)
        name = (
            f"__torch__.tsc.{method}"  # PyTorch's own unit keeps it: traces refer to it as long as they live
        )
        return module.jit._state._python_cu.create_function(name, graph, True)
