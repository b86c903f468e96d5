# pyright: reportUnknownMemberType=false
"""The archives that are changed: of `modules`, as PyTorch and as `tsc` write them.

They are made in a process of their own, so that they are the same in every process that asks.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from functools import cache
from typing import Any

from tests.fuzz.archives.zips import Draft, Entry, read, written


@cache
def corpus() -> dict[str, bytes]:
    """The archives by name."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.archives.make_corpus"], stdout=subprocess.PIPE, check=True
    )
    return {name: base64.b64decode(text) for name, text in json.loads(made.stdout).items()}


def make() -> dict[str, bytes]:
    """Make them all."""
    import torch

    import tsc
    from tests.fuzz.archives.modules import MODULES, State

    torch.manual_seed(0)
    archives: dict[str, bytes] = {}
    for kind in MODULES:
        scripted = torch.jit.script(kind().eval())
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer, _extra_files={"extra.txt": b"words"})
        archives[kind.__name__] = buffer.getvalue()
        if kind is not State:
            ours = io.BytesIO()
            tsc.save(tsc.load(io.BytesIO(buffer.getvalue())), ours)
            archives[f"{kind.__name__}_saved"] = ours.getvalue()
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(MODULES[0]().eval(), torch.ones(3, 4)), buffer)
    archives["Traced"] = buffer.getvalue()
    archives["Shared_old"] = _old(archives["Shared"])
    return archives


def _old(data: bytes) -> bytes:
    """As PyTorch wrote archives before version 4: constants are in the folder of the data, no byte order."""
    draft: Draft = read(data)
    kept: list[Entry] = []
    for entry in draft.entries:
        entry.name = entry.name.replace(b"/constants/", b"/data/c")
        if entry.path == "version":
            entry.data = b"3\n"
        if entry.path not in ("byteorder", ".data/serialization_id"):
            kept.append(entry)
    return written(Draft(kept))


def argument() -> Any:
    """What every program is called with."""
    import numpy as np

    return np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
