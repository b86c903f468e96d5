"""Times operators, and the usual pairs of them, beside PyTorch's eager ones: three sizes and two dtypes, in
turn. Prints a table, the slowest by ratio first, and writes ``bench-results/ops.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import tsc
from tools.bench_ops.cases import Case, cases, typed
from tools.bench_programs.measuring import in_turn

_TORCH: Any = torch
SCALES = {"small": 1, "medium": 2, "large": 4}
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Row:
    """One operator at one size: microseconds, and how many times PyTorch's it takes."""

    name: str
    size: str
    dtype: str
    tsc: float
    torch: float

    @property
    def ratio(self) -> float:
        """Below 1 where tsc is faster."""
        return self.tsc / self.torch


def measured(case: Case, size: str, dtype: str, rounds: int) -> Row:
    """Compile it, and time both in turn."""
    _TORCH.manual_seed(0)
    module, inputs = case.make(SCALES[size])
    module = typed(module.eval(), DTYPES[dtype])
    arguments = tuple(typed(x, DTYPES[dtype]) for x in inputs)
    scripted: Any = tsc.script(module)
    ours: Any = tsc.optimize_for_inference(tsc.freeze(scripted))
    with torch.no_grad():
        times = in_turn([lambda: ours(*arguments), lambda: module(*arguments)], rounds)
    return Row(case.name, size, dtype, 1e6 * times[0], 1e6 * times[1])


def table(rows: list[Row]) -> str:
    """The rows, the slowest first, and the geometric mean."""
    lines = ["| operator | size | dtype | tsc, us | torch, us | ratio |", "|---|---|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | {row.size} | {row.dtype} | {row.tsc:.1f} | {row.torch:.1f} | {row.ratio:.2f} |"
        for row in sorted(rows, key=lambda r: -r.ratio)
    ]
    mean = math.exp(sum(math.log(r.ratio) for r in rows) / max(1, len(rows)))
    above = sum(r.ratio > 1.2 for r in rows)
    return "\n".join([*lines, "", f"geometric mean {mean:.2f}; {above} of {len(rows)} above 1.2"])


def main() -> int:
    """Parse the command line, run, write the results."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench_ops", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of operators (default: all)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", default=",".join(SCALES), help="comma-separated")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="comma-separated")
    parser.add_argument("--output", type=Path, default=Path("bench-results"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    tsc.set_num_threads(options.threads)
    chosen = [c for c in cases() if not options.names or any(n in c.name for n in options.names)]
    rows: list[Row] = []
    for case in chosen:
        print(f"  {case.name}", file=sys.stderr, flush=True)
        for dtype in options.dtypes.split(","):
            if dtype == "float32" or case.takes_double:
                rows += [measured(case, size, dtype, options.rounds) for size in options.sizes.split(",")]
    print(table(rows))
    options.output.mkdir(parents=True, exist_ok=True)
    facts = {"threads": options.threads, "unit": "us, median", "rows": [asdict(row) for row in rows]}
    (options.output / "ops.json").write_text(json.dumps(facts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
