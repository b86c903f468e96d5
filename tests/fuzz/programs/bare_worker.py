# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The process without PyTorch: loads archives, calls them on arrays, and says what it saw.

It reads `Request` from its input and writes lists of `Observation` to its output until the input ends.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Any

import numpy as np

from .observing import SEED, Observation, observe
from .transport import Request, receive, send, unpacked


def to_array(value: Any) -> Any:
    """An array as itself, also one wrapped in a tensor; None for anything else."""
    if isinstance(value, np.ndarray):
        return value
    array = getattr(value, "array", None)
    return array if isinstance(array, np.ndarray) else None


def answer(request: Request) -> list[Observation]:
    """Run one request."""
    import tsc

    try:
        module = tsc.load(io.BytesIO(request.archive))
        if request.is_optimized:
            module = tsc.optimize_for_inference(module)
    except Exception as error:
        return [Observation(error=f"load: {type(error).__name__}: {str(error).strip():.160}")]
    storages = [bytearray(s) for s in request.storages]
    seen: list[Observation] = []
    tsc.manual_seed(SEED)
    for given in request.calls:
        arguments = unpacked(given, storages)
        seen.append(observe(lambda arguments=arguments: module(*arguments), arguments, to_array))
        if seen[-1].error is not None:
            break
    return seen


def main() -> None:
    """Answer until the input ends."""
    sys.modules["torch"] = None  # pyright: ignore[reportArgumentType] - importing PyTorch fails from here on
    warnings.simplefilter("ignore")
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            request = receive(sys.stdin.buffer)
        except EOFError:
            return
        send(output, answer(request))


if __name__ == "__main__":
    main()
