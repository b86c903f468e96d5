"""Variables whose types must be said."""

import torch


@torch.jit.script
def collect(flag: bool):
    table: dict[str, int] = {}
    table["one"] = 1
    chosen: int | None = None
    if flag:
        chosen = 7
    return table, chosen


result = [collect(True), collect(False)]
