"""What verbs say: text for people, JSON for programs, and whether all is well."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, cast


@dataclass(frozen=True)
class Finding:
    """What a verb that asks whether something is well has to say: the exit code tells it too."""

    text: str
    is_well: bool


def as_json(report: object) -> str:
    """A report as JSON, its fields as keys; numbers that JSON does not have (NaN, infinities) are null."""
    return f"{json.dumps(_plain(report), indent=2, allow_nan=False)}\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in cast("list[Any]", value)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def seconds_text(seconds: float) -> str:
    """A time as people read it: ``1.25 s``, ``31.4 ms``, ``2.15 us``."""
    for size, unit in ((1.0, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
