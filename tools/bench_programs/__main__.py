"""Programs with sizes, loops and state that change, held to what native programs promise, beside torch.jit,
in turn. Prints tables, and writes ``bench-results/programs.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TSC_CACHE", "0")  # what compiling takes is measured

import torch

import tsc
from tools.bench_programs import caches, decoding, live_modules, streams, values
from tools.bench_programs.measuring import Finding, table


def main() -> int:
    """Parse the command line, run, write the results; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_programs", description=__doc__)
    parser.add_argument("goals", nargs="*", help="streams, decoding, live, caches, values (default: all)")
    parser.add_argument("--shapes", type=int, default=1000, help="of a stream")
    parser.add_argument("--compared", type=int, default=20, help="shapes that get code of their own too")
    parser.add_argument("--calls", type=int, default=10_000, help="of modules with state")
    parser.add_argument(
        "--only", default="", help="decoders, caches and functions of values whose name has this in it"
    )
    parser.add_argument("--threads", type=int, default=2, help="of streams; all else has one")
    parser.add_argument("--no-peers", action="store_true", help="streams without torch.jit")
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    given = parser.parse_args()
    kinds: dict[str, Callable[[], Iterator[Finding]]] = {
        "streams": lambda: streams.findings(given.shapes, given.compared, not given.no_peers),
        "decoding": lambda: decoding.findings(given.only),
        "live": lambda: live_modules.findings(given.calls),
        "caches": lambda: caches.findings(given.only),
        "values": lambda: values.findings(given.only),
    }
    results: dict[str, list[Finding]] = {}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for goal in given.goals or kinds:
            results[goal] = []
            threads = (
                given.threads if goal == "streams" else 1
            )  # small tensors: threads would wait for others
            tsc.set_num_threads(threads)
            torch.set_num_threads(threads)
            for found in kinds[goal]():
                print(
                    f"  {goal}: {found.program}: {found.what} {found.value:.3g}", file=sys.stderr, flush=True
                )
                results[goal].append(found)
            print(f"\n{table(results[goal])}\n", flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    held = {goal: [{**vars(f), "holds": f.holds} for f in found] for goal, found in results.items()}
    (given.output / "programs.json").write_text(json.dumps(held, indent=2) + "\n")
    return int(not all(f.holds for found in results.values() for f in found))


if __name__ == "__main__":
    sys.exit(main())
