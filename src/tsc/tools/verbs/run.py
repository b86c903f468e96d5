"""Run a method of an archive's module, and describe what it gives.

  python -m tsc run model.pt --input 1x3x224x224xf32
  python -m tsc run model.pt --input image.npy --input int:3 --save out.npz
  python -m tsc run model.pt --input all-arguments.npz --times 10 --json

Without a file, elements are random (--seed): floats normal, bytes (u8) from 0 to 255, other integers 0 or
1, which are indices into any table. A size that may be any ('?batch=8') is its example. Statistics are of
finite elements. With --times, state that the module keeps changes from call to call, and the results are
the last ones.

Keys of --json: archive, method, runs (native, mixed or generic), reason, load_seconds, optimize_seconds,
first_call_seconds, further_calls_seconds, results (path, dtype, shape, value, min, max, mean, std, nans,
infinities), saved, not_saved.
"""

from __future__ import annotations

import argparse

from tsc.errors import ArgumentError
from tsc.tools.shared_options import add_call, add_json, add_unfrozen, subject, timed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    parser.add_argument("--times", type=int, default=1, metavar="N", help="how many calls (default: 1)")
    parser.add_argument("--save", metavar="FILE", help="write the results into a .npz file, by their paths")
    add_unfrozen(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """What the method gives.

    Raises:
        TscError: the archive, the inputs or the program are the cause.
    """
    from tsc.tools.reports import as_json
    from tsc.tools.results import ResultSummary, RunReport, leaves, save_results

    if options.times < 1:
        raise ArgumentError(f"--times: requires a number of at least 1; got {options.times}")
    called = subject(options, is_frozen=not options.unfrozen)
    result, first_seconds = timed(called)
    further: list[float] = []
    for _ in range(options.times - 1):
        result, seconds = timed(called)
        further.append(seconds)
    tier, reason = called.tier()
    report = RunReport(
        archive=options.archive,
        method=options.method,
        runs=tier,
        reason=reason,
        load_seconds=called.load_seconds,
        optimize_seconds=called.optimize_seconds,
        first_call_seconds=first_seconds,
        further_calls_seconds=further,
        results=[ResultSummary.of(path, value) for path, value in leaves(result)],
        saved=options.save,
        not_saved=[] if options.save is None else save_results(options.save, result),
    )
    return as_json(report) if options.json else f"{report}\n"
