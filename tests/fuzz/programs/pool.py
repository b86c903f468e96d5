"""A worker process as the parent sees it: started when needed, and again after it died, hung or grew."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from .evaluating import Finding, Outcome
from .jobs import READY, Answer, Job
from .transport import receive, send
from .variants import PATIENCE, SECONDS

JOBS_PER_PROCESS = 400
"""A process compiles many programs and frees few of them."""


class Worker:
    """Tries programs in a process of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def ask(self, job: Job) -> Answer:
        """The outcome of a job. A dead or hung process is one as well, and does not end this one."""
        process = self._running()  # outside of the try: one that does not start is no program's fault
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, job)
            limit = SECONDS * PATIENCE * (len(job.variants) + 1)
            if not select.select([process.stdout], [], [], limit)[0]:
                return self._ended(job, "hang", f"no answer in {limit} s")
            return receive(process.stdout)
        except (EOFError, BrokenPipeError):
            return self._ended(job, "crash", f"the process ended with status {process.wait()}")

    def _ended(self, job: Job, aspect: str, detail: str) -> Answer:
        """Find out which variant it was, unless there is only one."""
        self.close()
        if len(job.variants) > 1:
            answers = [self.ask(Job((variant,), job.seed, job.body)) for variant in job.variants]
            findings = [f for a in answers for f in a.outcome.findings]
            return Answer(answers[0].body, Outcome("runs", findings))
        body = job.body or made_text(job.seed)
        return Answer(body, Outcome("runs", [Finding("".join(job.variants), aspect, detail)]))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._jobs >= JOBS_PER_PROCESS:
            self.close()
        if self._process is None:
            self._process, self._jobs = _started("tests.fuzz.programs.worker"), 0
            assert self._process.stdout is not None
            first = receive(self._process.stdout)
            assert first == READY, f"a worker begins with {READY}; got {first}"
        self._jobs += 1
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # what it has started too
            self._process.communicate()
            self._process = None


def _started(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    environment: dict[str, Any] = {**os.environ, "TSC_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, start_new_session=True)


def made_text(seed: int) -> str:
    """The program of a seed, made in a process of its own: here PyTorch's state may be another."""
    process = _started("tests.fuzz.programs.show", str(seed))
    return process.communicate()[0].decode()
