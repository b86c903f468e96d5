"""Loads a real archive without PyTorch, optimizes it, runs it, and shows what happened at every step."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import tsc

os.environ["TSC_HINTS"] = "0"  # what is not frozen is called on purpose

FOLDER = Path(__file__).parent / "demo"
DUMP = Path("tsc-dump")


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * median(times)


def main() -> int:
    """Run the demonstration; 0 when the results agree with PyTorch's."""
    with np.load(FOLDER / "example.npz") as recorded:
        image, expected = recorded["input"], recorded["output"]
    archive = FOLDER / "model.pt"
    print(
        f"1. load      {archive.name}: {archive.stat().st_size / 1e6:.1f} MB, written by torch.jit.save; "
        "PyTorch is "
        f"{'imported' if 'torch' in sys.modules else 'not imported'}"
    )
    model = tsc.load(archive)
    plain = model(image)

    with tsc.dump_ir(DUMP):
        print("2. optimize  tsc.optimize_for_inference(model); the first call compiles for its shapes")
        fast = tsc.optimize_for_inference(model)
        begin = time.perf_counter()
        result = fast(image)
        seconds = time.perf_counter() - begin

    compiled = fast.forward.last
    torch_ops = str(model.ir["torch"]).count(" = torch.")
    print(
        f"             compiled in {seconds:.1f} s: "
        f"{'one native function' if compiled.is_native else compiled.reason}\n"
    )
    print("   stage     operations")
    print(f"   torch     {torch_ops:6d}   as the archive says it")
    for stage, count in {
        "frozen": str(fast.ir["frozen"]).count("\n"),
        **compiled.compilation.report.op_counts,
    }.items():
        print(f"   {stage:9s} {count:6d}")
    print("\n   kernels (what was fused into each)")
    for name, count in kernel_counts(compiled.compilation.kernels).items():
        print(f"   {count:3d} x {name}")

    print(
        f"\n3. check     largest difference to PyTorch's recorded output: "
        f"{np.abs(result - expected).max():.1e}"
    )
    print(f"             (generic tier: {np.abs(plain - expected).max():.1e}; the outputs are probabilities)")
    begin = time.perf_counter()
    tsc.load(archive)(image)
    generic_ms = 1e3 * (time.perf_counter() - begin)
    frozen_ms, live_ms = milliseconds(lambda: fast(image), 50), milliseconds(lambda: model(image), 50)
    print(
        f"4. time      frozen {frozen_ms:.2f} ms; not frozen {live_ms:.2f} ms, compiled when called again\n"
        f"             (its first call, in the generic tier: {generic_ms:.0f} ms)"
    )
    print(f"5. look      the IR after every pass: {DUMP}/  (tsc-opt reads those files too)")
    return 0 if np.allclose(result, expected, rtol=1e-4, atol=1e-5) else 1


def kernel_counts(names: list[str]) -> dict[str, int]:
    """How many kernels have the same name but for the number at the end."""
    counts: dict[str, int] = {}
    for name in names:
        stem = name.rstrip("0123456789.").rstrip("_").replace("_", " + ") or name
        if name.startswith("zero_halo"):
            stem = "zeros around a padded input"
        counts[stem] = counts.get(stem, 0) + 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
