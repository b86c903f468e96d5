"""Types of parameters that nobody annotated, observed while the user's example inputs run as plain Python."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import TscError
from tsc.interop.torch import is_torch_module


class ObservedTypes:
    """What the parameters of functions were given."""

    def __init__(self, infer: Callable[[Any], TorchType | None]) -> None:
        self._infer = infer
        self._seen: dict[CodeType, dict[str, dict[TorchType | None, None]]] = {}

    @contextmanager
    def observing(self) -> Generator[None, None, None]:
        """Note the arguments of every Python function that is called until the context ends."""
        before = sys.getprofile()
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(before)

    @serialized
    def _note(self, frame: FrameType, event: str, _: object) -> None:
        module = inspect.getmodule(frame.f_code) if event == "call" else None
        if module is None or is_torch_module(module):
            return
        code = frame.f_code
        seen = self._seen.setdefault(code, {})
        for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
            if name != "self":
                seen.setdefault(name, {})[self._type_of(frame.f_locals[name])] = None

    def _type_of(self, value: object) -> TorchType | None:
        try:
            return self._infer(value)
        except TscError:
            return None

    def of(self, function: object) -> dict[str, TorchType]:
        """The types of the parameters of a function, as far as they were observed: one type, Optional where
        None was given too, Any where there were several.
        """
        code: Any = getattr(function, "__code__", None)
        seen = self._seen.get(code, {})
        joined = {name: _joined([k for k in kinds if k is not None]) for name, kinds in seen.items()}
        return {name: kind for name, kind in joined.items() if kind is not None}


def _joined(kinds: list[TorchType]) -> TorchType | None:
    if len(kinds) < 2:
        return kinds[0] if kinds else None
    others = [kind for kind in kinds if kind is not tt.NONE]
    return tt.OptionalType(others[0]) if len(others) == 1 else tt.ANY
