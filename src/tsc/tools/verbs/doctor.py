"""Look at this installation: versions, processor, threads, settings, and whether native code works.

  python -m tsc doctor
  python -m tsc doctor --json

A small function is compiled in a process of its own, run, and compared with NumPy. The exit code is 1 where
something is broken; what to do about it is said there.

Keys of --json: versions, processor (name, triple, vector_bits, has_fma, features), threads (used, reason,
processors, affinity, control_group), environment (variable to value, option and option_value), optional,
problems (what, advice), is_well.
"""

from __future__ import annotations

import argparse

from tsc.tools.reports import Finding, as_json
from tsc.tools.shared_options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(options: argparse.Namespace) -> Finding:
    """The report."""
    from tsc.tools.diagnosis import diagnosed

    report = diagnosed()
    return Finding(as_json(report) if options.json else f"{report}\n", report.is_well)
