"""Measure the kernels of a method, and say which lines of the program they come from.

  python -m tsc profile model.pt --input 1x3x224x224xf32
  python -m tsc profile model.pt --input 1x3x224x224xf32 --threads 1 --trace trace.json

The method is compiled with clocks around its kernels and called. Times are medians of runs; a kernel's
operations are those of float arithmetic in its loops, and its bytes those of its buffers, each counted once,
where that is known when it is compiled. Beside them stands what the machine can do, measured in the same
process: multiply-adds of float32, and copies of memory that caches do not hold (what they hold may be
faster). A trace opens in Perfetto (ui.perfetto.dev) and in Chrome's about:tracing.

Keys of --json: archive, method, runs (native, mixed or generic), reason, threads, warmup, times,
median_seconds, kernel_seconds, host_seconds (in native code outside kernels), python_seconds,
peak_operations_per_second, peak_bytes_per_second, kernels (part, kernel, kind, schedule, operators, places,
calls, median_seconds, share, operations, bytes, operations_per_second, bytes_per_second; operations and
bytes are of one call, and null where they depend on data), trace (the file).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tsc.tools.shared_options import add_call, add_json, add_repeats, add_unfrozen, require_repeats, subject

if TYPE_CHECKING:
    from tsc.programs.profiling import Profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    add_repeats(parser, times=20, warmup=3)
    parser.add_argument("--trace", metavar="FILE", help="write all runs in the Trace Event format")
    add_unfrozen(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """The table of kernels.

    Raises:
        TscError: the archive, the inputs or the program are the cause.
    """
    from tsc.programs.profiling import profile
    from tsc.tools.reports import as_json

    require_repeats(options)
    called = subject(options, is_frozen=not options.unfrozen)
    found = profile(called.method, called.arguments, {}, options.times, options.warmup)
    if options.trace is not None:
        with open(options.trace, "w", encoding="utf-8") as file:
            file.write(found.trace())
    return as_json(_report(options, found)) if options.json else f"{options.archive}: {found}\n"


def _report(options: argparse.Namespace, found: Profile) -> dict[str, Any]:
    return {
        "archive": options.archive,
        "method": options.method,
        "runs": found.tier,
        "reason": found.reason,
        "threads": found.threads,
        "warmup": options.warmup,
        "times": found.times,
        "median_seconds": found.seconds,
        "kernel_seconds": found.kernel_seconds,
        "host_seconds": found.host_seconds,
        "python_seconds": found.python_seconds,
        "peak_operations_per_second": found.peaks.operations_per_second,
        "peak_bytes_per_second": found.peaks.bytes_per_second,
        "kernels": [
            {
                "part": kernel.part,
                "kernel": kernel.kernel,
                "kind": kernel.kind,
                "schedule": kernel.schedule,
                "operators": kernel.operators,
                "places": [
                    [
                        {"file": place.file, "line": place.line, "source": place.text.strip()}
                        for place in stack
                    ]
                    for stack in kernel.sources
                ],
                "calls": kernel.calls,
                "median_seconds": kernel.seconds,
                "share": kernel.share,
                "operations": kernel.operations,
                "bytes": kernel.bytes,
                "operations_per_second": kernel.operations_per_second,
                "bytes_per_second": kernel.bytes_per_second,
            }
            for kernel in found.kernels
        ],
        "trace": options.trace,
    }
