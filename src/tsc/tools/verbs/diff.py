"""Run a method of two archives operator by operator, and name the first that gives something else.

  python -m tsc diff before.pt after.pt --input 1x3x224x224xf32
  python -m tsc diff model.pt --against torch --input 1x3x224x224xf32
  python -m tsc diff before.pt after.pt --input 4xf32 --atol 0 --rtol 0

Both run on the same inputs as they are in the archive, in Python, by tsc's operators; --against torch runs
one archive by tsc's operators and by PyTorch's, where that is installed. Operators are paired in their order,
by name; those that one of them alone runs are listed, and are no difference as such. What all operators give
is kept until the end. Without --atol and --rtol, floats may be apart by a share of the greatest element:
1e-3 of float32, 1e-6 of float64, 2e-2 of float16, 1e-1 of bfloat16. The exit code is 1 where something
differs.

Keys of --json: archive, other, method, compared (operators, up to the first that differs), only_first and
only_second (names), first_difference (operator, number, places: those of the first and of the second, reads,
difference; null where all are equal), result_difference (path, text, greatest, relative, elements; null where
results are equal), errors, is_equal.
"""

from __future__ import annotations

import argparse

from tsc.errors import ArgumentError
from tsc.tools.reports import Finding, as_json
from tsc.tools.shared_options import add_call, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    parser.add_argument("other", nargs="?", help="the archive to compare with")
    parser.add_argument("--against", choices=("torch",), help="compare with PyTorch's operators: torch")
    parser.add_argument("--atol", type=float, metavar="X", help="how far elements may be apart")
    parser.add_argument(
        "--rtol", type=float, metavar="X", help="the same, as a share of the element of the first"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Finding:
    """Whether they do the same.

    Raises:
        TscError: an archive, the inputs, or PyTorch that is missing are the cause.
    """
    from tsc.tools.differing import Tolerance, compared

    if (options.other is None) == (options.against is None):
        raise ArgumentError("requires a second archive or --against torch, and not both")
    for name in ("atol", "rtol"):
        given = getattr(options, name)
        if given is not None and not given >= 0:
            raise ArgumentError(f"--{name}: requires a number of at least 0; got {given}")
    report = compared(options, Tolerance(options.atol, options.rtol))
    return Finding(as_json(report) if options.json else f"{report}\n", report.is_equal)
