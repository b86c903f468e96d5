"""Run a method after every pass of its compilation, and say whether a pass changes what it does.

  python -m tsc verify model.pt --input 1x3x64x64xf32

The method is frozen and compiled for the inputs; after each pass, those that freeze it included, the function
runs once more on them, as with TSC_VERIFY=1. Results, the arguments afterwards, and exceptions must be what
they were; sums may be ordered anew, so floats are compared with tolerances. At last they are compared with
those of the module as it was loaded, all of it run in Python. What draws, prints or calls unknown code is not
run twice, and the report says so. The exit code is 1 where something differs, in which case the first pass
that changed it is named (bisect cuts the program down), and where nothing could be checked. It is slow.

Keys of --json: archive, method, runs (native, mixed or generic), reason, checked (after what the function
was run), not_checked (why something was not), first_difference (null where all is equal), is_equal.
"""

from __future__ import annotations

import argparse

from tsc.tools.reports import Finding, as_json
from tsc.tools.shared_options import add_call, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> Finding:
    """Whether it is equal at every stage.

    Raises:
        TscError: the archive or the inputs are the cause, or the method fails on them also as it was loaded.
    """
    from tsc.tools.verifying import verified

    report, _ = verified(options)
    return Finding(as_json(report) if options.json else f"{report}\n", report.is_equal)
