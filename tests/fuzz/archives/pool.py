"""A worker process as the parent sees it: started when needed, and again after it died or hung."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.fuzz.archives.jobs import READY, Job
from tests.fuzz.archives.mutating import Recipe
from tests.fuzz.archives.trying import FREEZE_SECONDS, Finding, Outcome
from tests.fuzz.programs.transport import receive, send

PATIENCE_SECONDS = {"load": 30.0, "compile": 6 * FREEZE_SECONDS, "run": 20.0}
"""How long a step may be silent: it must end itself before."""
JOBS_PER_PROCESS = 2000


class Worker:
    """Tries hostile archives in a process of its own."""

    def __init__(self, corpus: Mapping[str, bytes]) -> None:
        self._corpus = dict(corpus)
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0

    def ask(self, recipe: Recipe) -> Outcome:
        """The outcome of a recipe. A process that dies or hangs is one as well."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        step = "load"
        try:
            send(process.stdin, Job(recipe))
            while True:
                if not select.select([process.stdout], [], [], PATIENCE_SECONDS[step])[0]:
                    self.close()
                    is_finding = step != "run"  # programs may run as long as they like
                    return Outcome(step, [Finding(step, "hang", "no answer")] if is_finding else [])
                answer = receive(process.stdout)
                if isinstance(answer, Outcome):
                    return answer
                step = answer.name
        except (EOFError, BrokenPipeError):
            status = process.wait()
            self.close()
            return Outcome(step, [Finding(step, "crash", f"the process ended with status {status}")])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._jobs >= JOBS_PER_PROCESS:
            self.close()
        if self._process is None:
            self._process, self._jobs = self._started(), 0
        self._jobs += 1
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        """A process whose answers are read without a buffer: `select` would not see what lies in one."""
        environment: dict[str, Any] = {
            **os.environ, "TSC_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.fuzz.archives.worker"]
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, bufsize=0)
        assert process.stdin is not None
        assert process.stdout is not None
        send(process.stdin, self._corpus)
        first = receive(process.stdout)
        assert first == READY, f"a worker begins with {READY}; got {first}"
        return process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
