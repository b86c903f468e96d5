"""Times tsc beside its peers on the test models, interleaved, and writes a table, JSON and a plot to
``bench-results/``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.models import MODELS, example_inputs, make
from tools.bench.peers import PEERS, Unavailable
from tools.bench.report import plot, table

Times = dict[str, dict[str, float]]


def measure(call: Callable[[], object], seconds: float) -> float:
    """The median time of a call in milliseconds, over at least `seconds` of calls."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return 1e3 * median(times)


def bench_model(name: str, peers: list[str], rounds: int, seconds: float, threads: int) -> dict[str, float]:
    """Median milliseconds per peer: all peers in turn, `rounds` times, so that drift of the machine hits them
    alike.
    """
    model, inputs = make(name), example_inputs(name)
    calls: dict[str, Callable[[], object]] = {}
    for peer in peers:
        print(f"  {name}: preparing {peer}", file=sys.stderr, flush=True)
        try:
            calls[peer] = PEERS[peer](model, inputs, threads)
        except Unavailable as reason:
            print(f"  {name}: {peer} is left out: {reason}", file=sys.stderr)
    samples: dict[str, list[float]] = {peer: [] for peer in calls}
    for _ in range(rounds):
        for peer, call in calls.items():
            samples[peer].append(measure(call, seconds))
    return {peer: median(found) for peer, found in samples.items()}


def main() -> int:
    """Parse the command line, run, write the results."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("models", nargs="*", help=f"which models (default: all): {', '.join(MODELS)}")
    parser.add_argument(
        "--peers", default=",".join(PEERS), help="comma-separated (default: all that are installed)"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="per peer and round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    names = options.models or list(MODELS)
    results: Times = {}
    for name in names:
        results[name] = bench_model(
            name, options.peers.split(","), options.rounds, options.seconds, options.threads
        )
    print(table(results))
    options.output.mkdir(parents=True, exist_ok=True)
    facts = {
        "machine": platform.processor() or platform.machine(),
        "threads": options.threads,
        "unit": "ms, median",
    }
    (options.output / "bench.json").write_text(json.dumps({**facts, "results": results}, indent=2) + "\n")
    plot(results, options.output / "bench.png")
    print(f"\nwritten: {options.output}/bench.json, {options.output}/bench.png", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
