"""Find the pass that changes what a method does, and cut the program to the smallest it does that to.

  python -m tsc bisect model.pt --input 1x3x64x64xf32
  python -m tsc bisect model.pt --input 1x3x64x64xf32 --output fault

The pass is found as by verify. Then the function is compiled again and again with fewer operations, tensors
that it computed as arguments, and smaller arguments, as long as the same pass changes its result. With
--output fault, the program is written as fault.mlir (which tsc-opt reads), its arguments and constants as
fault.npz, and a test that fails until the pass is right as test_fault.py. Operations in branches and loops
stay together; a fault of inline or freeze is named, and not reduced. The exit code is 1 where something is at
fault.

Keys of --json: archive, method, culprit (stage, name, text; null where there is none), other_difference (what
differs though no pass alone does that), before and after (operators, elements), tries, program, operators
(operator, places), files, not_reduced (why not).
"""

from __future__ import annotations

import argparse

from tsc.errors import ArgumentError
from tsc.tools.reports import Finding, as_json
from tsc.tools.shared_options import add_call, add_json, output_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    parser.add_argument(
        "-o", "--output", metavar="NAME", help="write the program as NAME.mlir, with NAME.npz and a test"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Finding:
    """Which pass it is.

    Raises:
        TscError: the archive or the inputs are the cause, or the method fails on them also as it was loaded.
        OSError: a file cannot be read or written.
    """
    from tsc.tools.bisecting import bisected

    if options.output is not None:
        output = output_path(options.output)
        if not output.name.isidentifier():
            raise ArgumentError(f"--output: requires a name of Python; got {output.name!r}")
    report = bisected(options)
    return Finding(as_json(report) if options.json else f"{report}\n", report.is_equal)
