"""A process that loads a model, answers once, and says when: ``first_answer.py RUNTIME MODEL INPUTS``.

It imports nothing but what a user of that runtime would. The last line of its output is JSON: the time of the
answer (seconds since the epoch), seconds of the processor, bytes of memory at most, and where the time went,
as far as the runtime tells.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Parts = dict[str, float]
Answer = Callable[[str, str], Parts]


class _Clock:
    """Seconds per part of the work."""

    def __init__(self) -> None:
        self.parts: Parts = {}
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """What came since the last mark was `part`."""
        now = time.perf_counter()
        self.parts[part] = now - self._last
        self._last = now


def _arrays(file: str) -> list[Any]:
    with import_module("numpy").load(file) as held:
        return [held[name] for name in held.files]


def own(model: str, inputs: str) -> Parts:
    """What this project makes."""
    clock = _Clock()
    tsc: Any = import_module("tsc")

    clock.mark("import")
    arrays = _arrays(inputs)
    module = tsc.load(model)
    clock.mark("load")
    module = tsc.optimize_for_inference(module.eval())
    clock.mark("freeze")
    module(*arrays)
    clock.mark("first call")
    return clock.parts


def torch_jit(model: str, inputs: str) -> Parts:
    """PyTorch's TorchScript, frozen and optimized; the first call of those that it profiles."""
    clock = _Clock()
    torch: Any = import_module("torch")
    clock.mark("import")
    tensors = [torch.from_numpy(array) for array in _arrays(inputs)]
    module = torch.jit.load(model)
    clock.mark("load")
    module = torch.jit.optimize_for_inference(torch.jit.freeze(module.eval()))
    clock.mark("freeze")
    with torch.inference_mode():
        module(*tensors)
    clock.mark("first call")
    return clock.parts


def onnxruntime(model: str, inputs: str) -> Parts:
    """ONNX Runtime on the CPU, all graph optimizations."""
    clock = _Clock()
    runtime: Any = import_module("onnxruntime")
    clock.mark("import")
    arrays = _arrays(inputs)
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    clock.mark("load")
    session.run(None, {meta.name: a for meta, a in zip(session.get_inputs(), arrays, strict=True)})
    clock.mark("first call")
    return clock.parts


def openvino(model: str, inputs: str) -> Parts:
    """OpenVINO on the CPU in float32."""
    clock = _Clock()
    runtime: Any = import_module("openvino")
    clock.mark("import")
    arrays = _arrays(inputs)
    compiled = runtime.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    clock.mark("load")
    compiled.create_infer_request().infer(arrays)
    clock.mark("first call")
    return clock.parts


RUNTIMES: dict[str, Answer] = {
    "tsc": own, "torch.jit": torch_jit, "onnxruntime": onnxruntime, "openvino": openvino,
}  # fmt: skip


def _peak_bytes() -> int:
    """The most memory that this process had. (``ru_maxrss`` counts that of the process which began it.)"""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main() -> None:
    """Answer once."""
    runtime, model, inputs = sys.argv[1:]
    parts = RUNTIMES[runtime](model, inputs)
    answered = time.time()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "answered": answered,
        "processor": usage.ru_utime + usage.ru_stime,
        "memory": _peak_bytes(),
        "parts": parts,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
