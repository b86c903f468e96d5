"""``python -m tests.fuzz.programs.show SEED``: print the program of a seed."""

from __future__ import annotations

import sys
import warnings

import torch

from .generator import generate

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    sys.stdout.write(generate(int(sys.argv[1])).body)
