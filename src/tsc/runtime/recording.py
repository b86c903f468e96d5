"""Who watches eager operators: the recorder of a running trace, if there is one in this thread."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from tsc.dialects.schema import Schema


class EagerRecorder(Protocol):
    """What `runtime.dispatch` tells of a call on live tensors, after it was made."""

    def record(self, schema: Schema, given: Sequence[Any], result: object) -> None:
        """Note one call: a value per argument of the schema, and the result."""
        ...


RECORDER: ContextVar[EagerRecorder | None] = ContextVar("tsc_recorder", default=None)
"""The recorder of the trace that runs; None outside traces, and while an operator itself computes."""


@contextmanager
def paused() -> Generator[None]:
    """Nothing is recorded inside."""
    token = RECORDER.set(None)
    try:
        yield
    finally:
        RECORDER.reset(token)
