"""Runs archives as a user does: ``python run_archive.py a.pt:2x64,3x64 b.pt:1x8 ...``; prints what came out
of each call, and what the process had to import.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from typing import Any

import numpy as np

import tsc

COMPILER = ("xdsl", "llvmlite", "tsc.frontend", "tsc.pipeline", "tsc.modules.script_modules")


class Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


def words(value: Any) -> Any:
    """A result, to the bit."""
    if isinstance(value, dict):
        return {str(k): words(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (tuple, list)):
        return [words(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    array = np.asarray(value)
    return [array.dtype.name, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]


def results_of(archive: str, shapes: list[str]) -> list[Any]:
    """What a frozen module gives for arguments of these shapes, each twice."""
    model = tsc.optimize_for_inference(tsc.load(archive))
    found: list[Any] = []
    for shape in shapes:
        sizes = [int(n) for n in shape.split("x")]
        x = (np.arange(np.prod(sizes), dtype=np.float32) % 13.0 - 6.0).reshape(sizes)
        found.append([words(model(x)), words(model(x))])
    return found


def main() -> None:
    kept = Kept()
    logging.getLogger("tsc.cache").addHandler(kept)
    logging.getLogger("tsc.cache").setLevel(logging.DEBUG)
    results: list[Any] = []
    for task in sys.argv[1:]:
        archive, _, shapes = task.partition(":")
        results.append(results_of(archive, shapes.split(",")))
    imported = [name for name in COMPILER if name in sys.modules]
    print(json.dumps({"results": results, "imported": imported, "log": kept.lines}))


if __name__ == "__main__":
    main()
