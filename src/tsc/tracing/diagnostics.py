"""What tracing tells the user: warnings, errors, and the source lines both point at."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from types import FrameType

from tsc.errors import SourceRange

DATA_FLOW = (
    " might cause the trace to be incorrect. We can't record the data flow of Python values, so this "
    "value will be treated as a constant in the future. This means that the trace might not generalize "
    "to other inputs!"
)
CONSTRUCTOR = (
    " results are registered as constants in the trace. You can safely ignore this warning if you use this "
    "function to create tensors out of constant variables that would be the same every time you call this "
    "function. In any other case, this might cause the trace to be incorrect."
)
CONTAINER = (
    " might cause the trace to be incorrect, this is only valid if the container structure does not "
    "change based on the module's inputs. Consider using a constant container instead (e.g. for "
    "`list`, use a `tuple` instead. for `dict`, use a `NamedTuple` instead). If you absolutely need "
    "this and know the side effects, pass strict=False to trace() to allow this behavior."
)
LENGTH = (
    "Using len to get tensor shape might cause the trace to be incorrect. Recommended usage would be "
    "tensor.shape[0]. Passing a tensor of different shape might lead to errors or silently give "
    "incorrect results."
)
ITERATION = (
    "Iterating over a tensor might cause the trace to be incorrect. Passing a tensor of different "
    "shape won't change the number of iterations executed (and might lead to errors or silently give "
    "incorrect results)."
)
RESIZED = (
    " can't be represented in the JIT at the moment, so we won't connect any uses of this value with its "
    "current trace. If you happen to use it again, it will show up as a constant in the graph. Consider "
    "using `view` or `reshape` to make it traceable."
)
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_MACHINERY = ("contextlib.py", "torch/_ops.py", "torch/_library/utils.py", "torch/utils/_python_dispatch.py")
"""Files between the user's line and `tsc` when PyTorch's dispatcher calls back."""


class TracerWarning(Warning):
    """The trace may not do what the Python code does on other inputs."""


class TracingCheckError(Exception):
    """The trace, made again or run again, is not what it was."""

    def __init__(
        self, graph_diff_error: str | None, tensor_compare_error: str | None, extra_msg: str | None = None
    ) -> None:
        self.message = "Tracing failed sanity checks!\n"
        if extra_msg is not None:
            self.message += extra_msg + "\n"
        if graph_diff_error is not None:
            self.message += "ERROR: Graphs differed across invocations!\n" + indent(graph_diff_error) + "\n"
        if tensor_compare_error is not None:
            self.message += (
                "ERROR: Tensor-valued Constant nodes differed in value across invocations. This often "
                "indicates that the tracer has encountered untraceable code.\n"
                + indent(tensor_compare_error)
                + "\n"
            )
        super().__init__(self.message)


def indent(text: str) -> str:
    """Every line of `text` after a tab."""
    return "\n".join("\t" + line for line in text.splitlines())


def warn(message: str) -> None:
    """Warn at the innermost line outside `tsc`; inside PyTorch's own library code nothing is said."""
    frame = caller(_is_own)
    if frame is None or _is_library_module(frame.f_globals.get("__name__", "")):
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    name = frame.f_globals.get("__name__", "")
    warnings.warn_explicit(
        message, TracerWarning, frame.f_code.co_filename, frame.f_lineno, module=name, registry=registry
    )


def user_place() -> SourceRange | None:
    """The innermost line of the running program outside `tsc` and PyTorch."""
    frame = caller(_is_own_or_torch)
    if frame is None:
        return None
    return SourceRange(frame.f_code.co_filename, frame.f_lineno, function=frame.f_code.co_name)


def caller(is_skipped: Callable[[str], bool]) -> FrameType | None:
    """The innermost frame whose file `is_skipped` does not name."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and is_skipped(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def variable_name(tensor: object) -> str | None:
    """What the user's code calls `tensor` just now."""
    frame = caller(_is_own_or_torch)
    if frame is None:
        return None
    return next((name for name, held in frame.f_locals.items() if held is tensor and name != "self"), None)


def _is_own(file: str) -> bool:
    return file.startswith(_HERE) or file.endswith(_MACHINERY)


def _is_own_or_torch(file: str) -> bool:
    return _is_own(file) or file.startswith(_torch_folder())


def _torch_folder() -> str:
    module = sys.modules.get("torch")
    file = getattr(module, "__file__", None)
    return os.path.dirname(file) + os.sep if file else _HERE


def _is_library_module(name: str) -> bool:
    return re.match(r"torch\.(?!jit)", name) is not None
