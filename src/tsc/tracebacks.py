"""Where errors and warnings seem to come from: the frames of the library itself are left out."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import ParamSpec, TypeVar

from tsc.errors import TscError
from tsc.options import options

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_GENERATED = "<tsc "


def shorten(error: TscError) -> None:
    """Take the frames of the library, and of what it generates, out of the traceback of `error`, but for the
    first, which is where the user called it. Frames of the user's own code between them stay.
    ``TSC_TRACEBACK=full`` leaves all.
    """
    if options().traceback == "full":
        return
    last = error.__traceback__
    while last is not None:
        following = last.tb_next
        while following is not None and _is_own(following):
            following = following.tb_next
        last.tb_next = following
        last = following


def _is_own(frame: TracebackType) -> bool:
    return _is_of_library(frame.tb_frame.f_code.co_filename)


def _is_of_library(file: str) -> bool:
    return file.startswith((_FOLDER, _GENERATED))


def with_short_tracebacks(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """A public function whose errors have short tracebacks."""

    @functools.wraps(function)
    def run(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        try:
            return function(*arguments, **keywords)
        except TscError as error:
            shorten(error)
            raise

    return run


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something in the line of the user that led here: once for each line and cause."""
    frame: FrameType = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] - as `warnings` does
    while frame.f_back is not None and _is_of_library(frame.f_code.co_filename):
        frame = frame.f_back
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    file = frame.f_code.co_filename
    warnings.warn_explicit(text, category, file, frame.f_lineno, frame.f_globals.get("__name__"), registry)
