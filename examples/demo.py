"""Loads a real archive without PyTorch, optimizes it, runs it, and shows what happened at every step."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import tsc

os.environ["TSC_HINTS"] = "0"  # what is not frozen is called on purpose

FOLDER = Path(__file__).parent / "demo"
ARCHIVE = FOLDER / "model.pt"
DUMP = Path("tsc-dump")
PAGE = DUMP / "page.html"
SHOWN_KERNELS = 8


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of a call."""
    times: list[float] = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * median(times)


def shown(value: object) -> str:
    """What an object says of itself, below what the demonstration says."""
    return "\n".join(f"   {line}".rstrip() for line in str(value).splitlines())


def stages(model: Any, fast: Any) -> str:
    """How many operations there are at each stage, and what they are."""
    counts = {
        "torch": str(model.ir["torch"]).count(" = torch."),
        "frozen": str(fast.ir["frozen"]).count(" = torch."),
        **fast.forward.last.compilation.report.op_counts,
    }
    means = {
        "torch": "as the archive says it",
        "frozen": "weights are constants; batch norms are in the convolutions",
        "value": "no branches that cannot be, nothing is written in place",
        "fused": "groups, each to be one kernel",
        "linalg": "the kernels, as mathematics",
        "loop": "the kernels, as loops over vectors in memory",
    }
    return "\n".join(f"   {name:7} {count:6}  {means[name]}" for name, count in counts.items())


def main() -> int:
    """Run the demonstration; 0 when the results agree with PyTorch's."""
    with np.load(FOLDER / "example.npz") as recorded:
        image, expected = recorded["input"], recorded["output"]
    model = tsc.load(ARCHIVE)
    torch = "imported" if sys.modules.get("torch") else "not imported"
    print(f"1. load      {ARCHIVE.stat().st_size / 1e6:.1f} MB, by torch.jit.save; PyTorch is {torch}")
    begin = time.perf_counter()
    plain = model(image)
    generic_ms = 1e3 * (time.perf_counter() - begin)

    print("2. optimize  fast = tsc.optimize_for_inference(model); the first call compiles for its shapes")
    with tsc.dump_ir(DUMP):
        fast = tsc.optimize_for_inference(model)
        begin = time.perf_counter()
        result = fast(image)
        print(f"             {time.perf_counter() - begin:.1f} s; print(fast):")
    print(f"{shown(fast)}\n\n   stage   operations\n{stages(model, fast)}\n")

    print("3. check     largest difference to what PyTorch gave (probabilities):")
    print(f"             native {np.abs(result - expected).max():.1e}", end="; ")
    print(f"in Python, as it was loaded, {np.abs(plain - expected).max():.1e}")

    frozen_ms, live_ms = milliseconds(lambda: fast(image), 50), milliseconds(lambda: model(image), 50)
    print(
        f"4. time      {frozen_ms:.2f} ms a call; not frozen {live_ms:.2f} ms, after a first call in Python"
    )
    print(f"             of {generic_ms:.0f} ms. print(tsc.profile(fast, image)), the slowest kernels:")
    lines = str(tsc.profile(fast, image)).splitlines()
    print(shown("\n".join(lines[: 5 + SHOWN_KERNELS])))

    words = ["view", os.path.relpath(ARCHIVE), "--input", "x".join(map(str, image.shape)) + "xf32"]
    subprocess.run([sys.executable, "-m", "tsc", *words, "-o", str(PAGE)], stdout=subprocess.PIPE, check=True)
    print(f"\n5. look      {PAGE}: all stages side by side, for a browser, by\n")
    print(f"   python -m tsc {' '.join(words)} -o {PAGE}\n")
    print(f"             {DUMP}/ has the IR after every pass; tsc-opt reads it")
    print("   next      docs/tutorial.md")
    return 0 if np.allclose(result, expected, rtol=1e-4, atol=1e-5) else 1


if __name__ == "__main__":
    sys.exit(main())
