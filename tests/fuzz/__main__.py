"""``python -m tests.fuzz [all|NAME] --seconds 600 --seed S``: run fuzzers; fails if they find something."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.fuzz import task


def main() -> int:
    """Parse the command line, run, print the reports."""
    known = task.names()
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", nargs="?", default="all", choices=["all", *known])
    parser.add_argument("--seconds", type=float, default=60.0, help="for all fuzzers together")
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="printed, so that it can be repeated"
    )
    parser.add_argument(
        "--count", type=int, help="tries of each fuzzer, if they come before the time is over"
    )
    parser.add_argument("--variants", default="", help="scripted,optimized,frozen,loaded; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--folder", type=Path, default=Path("fuzz-failures"), help="for minimal failures")
    given = parser.parse_args()
    # What is compiled here nobody needs again, and what an earlier run has compiled would hide faults.
    os.environ.setdefault("TSC_CACHE", "0")
    chosen = known if given.name == "all" else [given.name]
    print(f"seed {given.seed}", flush=True)
    failures = 0
    for name in chosen:
        report = task.run(
            name,
            task.Task(
                seed=given.seed,
                seconds=given.seconds / len(chosen),
                count=given.count,
                variants=tuple(v for v in given.variants.split(",") if v),
                jobs=given.jobs,
                folder=given.folder,
            ),
        )
        print(report, flush=True)
        failures += report.failures
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
