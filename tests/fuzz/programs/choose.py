"""``python -m tests.fuzz.programs.choose COUNT``: print the first seeds where all variants agree.

`tests/fuzz/test_programs.py` takes its seeds from here; when the templates change, so do the programs.
"""

from __future__ import annotations

import sys
import warnings

import torch

from .bare_process import BareProcess
from .evaluating import evaluate
from .generator import generate
from .variants import VARIANTS


def agreeing(count: int) -> list[int]:
    """The seeds, from 0 on."""
    bare, found, seed = BareProcess(), list[int](), 0
    while len(found) < count:
        outcome = evaluate(generate(seed), VARIANTS, bare)
        if outcome.status != "dropped" and not outcome.findings and not outcome.ill_conditioned:
            found.append(seed)
        seed += 1
    bare.close()
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    print(agreeing(int(sys.argv[1])))
