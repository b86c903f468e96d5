"""Measure calls of a method of an archive's module.

  python -m tsc bench model.pt --input 1x3x224x224xf32
  python -m tsc bench model.pt --input 1x3x224x224xf32 --times 200 --threads 1 --json
  python -m tsc bench model.pt --input 1x3x224x224xf32 --peers --onnx model.onnx

With --peers, calls of torch.jit (frozen and optimized for inference) and ONNX Runtime take turns with those
of tsc, with as many threads; what is not installed, or cannot run the model, is named. Inputs are as for
run.

Keys of --json: archive, method, runs (native, mixed or generic), threads, warmup, times,
first_call_seconds, resident_bytes (of the process after the first call, before peers are loaded; null where
the system does not say), runners (name, median_seconds, first_quartile_seconds, third_quartile_seconds,
calls_per_second), missing (name to reason).
"""

from __future__ import annotations

import argparse

from tsc.errors import ArgumentError
from tsc.tools.shared_options import add_call, add_json, add_repeats, add_unfrozen, require_repeats


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    add_repeats(parser, times=50, warmup=5)
    parser.add_argument("--peers", action="store_true", help="measure torch.jit and ONNX Runtime as well")
    parser.add_argument("--onnx", metavar="FILE", help="with --peers: the same model for ONNX Runtime")
    add_unfrozen(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """The measurements.

    Raises:
        TscError: the archive, the inputs or the program are the cause.
    """
    from tsc.tools.measuring import measured
    from tsc.tools.reports import as_json

    require_repeats(options)
    if options.onnx is not None and not options.peers:
        raise ArgumentError("--onnx: requires --peers")
    report = measured(options)
    return as_json(report) if options.json else f"{report}\n"
