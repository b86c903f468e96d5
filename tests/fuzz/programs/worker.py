"""The process that tries programs: it reads jobs from its input and writes outcomes to its output.

A program that kills or hangs it is the parent's (`pool`) to notice.
"""

from __future__ import annotations

import sys
import warnings

import torch

from tsc.options import options

from .bare_process import BareProcess
from .evaluating import evaluate
from .generator import generate
from .jobs import READY, Answer, Job
from .program import Program
from .transport import receive, send

ALWAYS_VERIFIED = options().is_verified
"""``TSC_VERIFY=1``: all programs are verified, not only those that differ."""


def answer(job: Job, bare: BareProcess) -> Answer:
    """Make the program of a seed, unless one is given, and try it."""
    program = Program(job.body) if job.body else generate(job.seed)
    options().is_verified = job.is_verified or ALWAYS_VERIFIED
    return Answer(program.body, evaluate(program, job.variants, bare, job.calls))


def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    bare = BareProcess()
    send(output, READY)
    while True:
        try:
            job = receive(sys.stdin.buffer)
        except EOFError:
            bare.close()
            return
        send(output, answer(job, bare))


if __name__ == "__main__":
    main()
