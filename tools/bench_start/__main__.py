"""Times from process start to first answer, beside peers: each answer in a process of its own, all runtimes
in turn, `--rounds` times. Writes ``bench-results/start.json`` and prints tables.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from tests.models import example_inputs, make
from tools.bench_start.layers import Chain

_TORCH: Any = torch
MODELS = ("mlp", "resnet18", "resnet50", "mobilenet_v3_large", "bert_base")
GROWTH = (100, 200, 400, 800)
"""Layers."""
FIRST_ANSWER = Path(__file__).with_name("first_answer.py")


@dataclass(frozen=True)
class Start:
    """One process's first answer."""

    seconds: float
    """From before the process began."""
    processor_seconds: float
    memory_bytes: float
    parts: Mapping[str, float]
    """Seconds, as the process saw them."""


def start(runtime: str, model: Path, inputs: Path, environment: Mapping[str, str]) -> Start:
    """Have a new process answer once.

    Raises:
        CalledProcessError: it did not answer.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, str(FIRST_ANSWER), runtime, str(model), str(inputs)]
    begun = time.time()
    done = subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, check=True)
    told: Any = json.loads(done.stdout.splitlines()[-1])
    return Start(told["answered"] - begun, told["processor"], told["memory"], told["parts"])


@dataclass(frozen=True)
class Files:
    """A model and its inputs, as each runtime wants them."""

    folder: Path
    module: torch.nn.Module
    inputs: tuple[torch.Tensor, ...]

    def write(self) -> None:
        """Write the archive and the inputs."""
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = _TORCH.jit.trace(self.module, self.inputs, check_trace=False)
            _TORCH.jit.save(traced, str(self.archive))
        np.savez(self.arrays, *(tensor.numpy() for tensor in self.inputs))

    def write_onnx(self) -> None:
        """Write the model for the runtimes that read ONNX."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _TORCH.onnx.export(self.module, self.inputs, str(self.onnx), dynamo=True, verbose=False)

    @property
    def archive(self) -> Path:
        """The TorchScript archive."""
        return self.folder / "model.pt"

    @property
    def onnx(self) -> Path:
        """The ONNX file."""
        return self.folder / "model.onnx"

    @property
    def arrays(self) -> Path:
        """The inputs."""
        return self.folder / "inputs.npz"


def runtimes(cache: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """What is compared: the runtime, and the environment of its processes."""
    found: dict[str, tuple[str, dict[str, str]]] = {
        "tsc, nothing cached": ("tsc", {"TSC_CACHE": "0"}),
        "tsc, in the background": ("tsc", {"TSC_CACHE": "0", "TSC_BACKGROUND": "1"}),
        "tsc, from its cache": ("tsc", {"TSC_CACHE": "1", "TSC_CACHE_DIR": str(cache)}),
        "torch.jit": ("torch.jit", {}),
    }
    exports = all(find_spec(name) for name in ("onnx", "onnxscript"))
    for name in ("onnxruntime", "openvino"):
        if exports and find_spec(name):
            found[name] = (name, {})
        else:
            print(f"{name} is left out: it is not installed", file=sys.stderr)
    return found


def compare(files: Files, rounds: int, cache: Path) -> dict[str, list[Start]]:
    """The starts of every runtime; the first of each, which fills caches of files, is not counted."""
    files.write()
    compared = runtimes(cache)
    if any(runtime in ("onnxruntime", "openvino") for runtime, _ in compared.values()):
        files.write_onnx()
    found: dict[str, list[Start]] = {name: [] for name in compared}
    for number in range(rounds + 1):
        for name, (runtime, environment) in compared.items():
            model = files.onnx if runtime in ("onnxruntime", "openvino") else files.archive
            made = start(runtime, model, files.arrays, environment)
            if number:
                found[name].append(made)
    return found


def growth(folder: Path, rounds: int) -> dict[int, list[Start]]:
    """Starts of nothing cached, of chains of more and more layers."""
    found: dict[int, list[Start]] = {}
    for count in GROWTH:
        own = folder / f"layers-{count}"
        own.mkdir()
        files = Files(own, Chain(count).eval(), (torch.randn(4, 32),))
        files.write()
        found[count] = [start("tsc", files.archive, files.arrays, {"TSC_CACHE": "0"}) for _ in range(rounds)]
    return found


def middle(values: Iterable[float]) -> float:
    """The median."""
    return median(list(values))


def tables(results: Mapping[str, Mapping[str, Sequence[Start]]]) -> str:
    """Medians of the first answers, and of the parts of what is not cached, as Markdown."""
    names = list(dict.fromkeys(name for row in results.values() for name in row))
    lines = [f"| seconds | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for model, row in results.items():
        cells = [f"{middle(s.seconds for s in row[name]):.2f}" for name in names]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    lines += ["", f"| MB | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for model, row in results.items():
        cells = [f"{middle(s.memory_bytes for s in row[name]) / 1e6:.0f}" for name in names]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", parts_table({m: row["tsc, nothing cached"] for m, row in results.items()})])


def parts_table(starts: Mapping[str, Sequence[Start]]) -> str:
    """Where the time went, in medians."""
    parts = list(next(iter(starts.values()))[0].parts)
    lines = [f"| tsc | {' | '.join(parts)} | processor |", "|---" * (len(parts) + 2) + "|"]
    for name, found in starts.items():
        cells = [f"{middle(s.parts[part] for s in found):.2f}" for part in parts]
        lines.append(f"| {name} | {' | '.join(cells)} | {middle(s.processor_seconds for s in found):.2f} |")
    return "\n".join(lines)


def main() -> int:
    """Parse the command line, run, write the results."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_start", description=__doc__)
    parser.add_argument("models", nargs="*", help=f"which models (default: all): {', '.join(MODELS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true", help=f"also chains of {GROWTH} layers")
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    given = parser.parse_args()
    results: dict[str, dict[str, list[Start]]] = {}
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        for name in given.models or MODELS:
            print(f"  {name}", file=sys.stderr, flush=True)
            own = folder / name
            own.mkdir()
            cache = own / "cache"
            cache.mkdir(mode=0o700)
            results[name] = compare(Files(own, make(name), example_inputs(name)), given.rounds, cache)
        print(tables(results))
        longer = growth(folder, given.rounds) if given.growth else {}
    if longer:
        print(f"\n{parts_table({f'{count} layers': found for count, found in longer.items()})}")
    given.output.mkdir(parents=True, exist_ok=True)
    told = {
        model: {n: [vars(s) for s in found] for n, found in row.items()} for model, row in results.items()
    }
    (given.output / "start.json").write_text(json.dumps(told, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
