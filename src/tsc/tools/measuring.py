"""How long calls of a method take, also in other libraries."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tsc.narrowing import is_array
from tsc.printing.columns import columns
from tsc.programs.specialization_table import size_text
from tsc.runtime.threads import get_num_threads
from tsc.runtime.values import mapped
from tsc.tools.reports import seconds_text
from tsc.tools.shared_options import Subject, subject, timed

Call = Callable[[], object]


@dataclass(frozen=True)
class Runner:
    """The measured calls of one library."""

    name: str
    median_seconds: float
    first_quartile_seconds: float
    third_quartile_seconds: float
    calls_per_second: float
    """Of the median."""

    @classmethod
    def of(cls, name: str, seconds: Sequence[float]) -> Runner:
        """Of the times of calls."""
        low, middle, high = (float(np.quantile(seconds, share)) for share in (0.25, 0.5, 0.75))
        return cls(name, middle, low, high, 1 / middle if middle else float("inf"))

    @property
    def row(self) -> tuple[str, ...]:
        """The cells of its row in a table."""
        low, high = seconds_text(self.first_quartile_seconds), seconds_text(self.third_quartile_seconds)
        return (
            self.name,
            seconds_text(self.median_seconds),
            f"{low} - {high}",
            f"{self.calls_per_second:.4g}",
        )


@dataclass(frozen=True)
class BenchReport:
    """Measured calls of a method; its `str` is a page of text."""

    archive: str
    method: str
    runs: str
    threads: int
    warmup: int
    times: int
    first_call_seconds: float
    resident_bytes: int | None
    runners: list[Runner]
    missing: dict[str, str]
    """The libraries that were asked for and are not there, and why."""

    def __str__(self) -> str:
        resident = "not known" if self.resident_bytes is None else size_text(self.resident_bytes)
        header = ("", "median", "middle half", "calls/s")
        lines = [
            f"{self.archive}: {self.method} runs {self.runs}; threads: {self.threads}",
            f"first call {seconds_text(self.first_call_seconds)}, resident memory {resident}",
            f"{self.times} calls after {self.warmup} to warm up:",
            "",
            *columns([header, *(runner.row for runner in self.runners)]),
        ]
        return "\n".join([*lines, *(f"missing: {name}: {why}" for name, why in self.missing.items())])


class MissingPeerError(Exception):
    """Another library is not there, or cannot run the model: why."""


def measured(options: argparse.Namespace) -> BenchReport:
    """Measure calls, those of all libraries in turn."""
    own = subject(options, is_frozen=not options.unfrozen)
    _, first_seconds = timed(own)
    resident = resident_bytes()
    calls, missing = dict[str, Call](tsc=own), dict[str, str]()
    for name, make in PEERS.items() if options.peers else ():
        try:
            calls[name] = make(options, own)
            calls[name]()
        except Exception as error:  # another library may raise anything: it is named in the report
            calls.pop(name, None)
            missing[name] = str(error).strip().partition("\n")[0] or type(error).__name__
    seconds = _in_turn(calls, options.warmup, options.times)
    return BenchReport(
        archive=options.archive,
        method=options.method,
        runs=own.tier()[0],
        threads=get_num_threads(),
        warmup=options.warmup,
        times=options.times,
        first_call_seconds=first_seconds,
        resident_bytes=resident,
        runners=[Runner.of(name, found) for name, found in seconds.items()],
        missing=missing,
    )


def _in_turn(calls: dict[str, Call], warmup: int, times: int) -> dict[str, list[float]]:
    """The times of calls, after some that are not measured."""
    found = {name: list[float]() for name in calls}
    for number in range(warmup + times):
        for name, call in calls.items():
            _, seconds = timed(call)
            if number >= warmup:
                found[name].append(seconds)
    return found


def resident_bytes() -> int | None:
    """The memory of this process that is in use now; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- peers ---


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise MissingPeerError("not installed") from None


def _torch_jit(options: argparse.Namespace, own: Subject) -> Call:
    """The method as PyTorch runs it, frozen and optimized for inference."""
    torch = _imported("torch")
    torch.set_num_threads(get_num_threads())
    others = [options.method] if options.method != "forward" else []
    module = torch.jit.load(options.archive)
    if not options.unfrozen:
        module = torch.jit.optimize_for_inference(torch.jit.freeze(module.eval(), others), others)
    method = getattr(module, options.method)

    def shown(value: Any) -> Any:
        return torch.from_numpy(np.array(value)) if is_array(value) else value

    arguments = [mapped(argument, shown) for argument in own.arguments]

    def call() -> object:
        with torch.inference_mode():
            return method(*arguments)

    return call


def _onnx_runtime(options: argparse.Namespace, own: Subject) -> Call:
    """The model of ``--onnx``, which takes the same arguments in the same order."""
    runtime = _imported("onnxruntime")
    if options.onnx is None:
        raise MissingPeerError("requires the model as ONNX: --onnx FILE")
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = get_num_threads()
    session = runtime.InferenceSession(options.onnx, settings, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    if len(names) != len(own.arguments):
        raise MissingPeerError(f"{options.onnx} takes {len(names)} inputs; got {len(own.arguments)}")
    given = dict(zip(names, map(np.asarray, own.arguments), strict=True))
    return lambda: session.run(None, given)


PEERS: dict[str, Callable[[argparse.Namespace, Subject], Call]] = {
    "torch.jit": _torch_jit,
    "onnxruntime": _onnx_runtime,
}
