"""The process that tries hostile archives: it is given the corpus, then jobs, and answers with outcomes.

PyTorch is not imported. What kills or hangs it is the parent's (`pool`) to notice.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

import tsc
from tests.fuzz.archives import watching
from tests.fuzz.archives.corpus import argument
from tests.fuzz.archives.jobs import READY, Step
from tests.fuzz.archives.mutating import Recipe, mutant_of
from tests.fuzz.archives.trying import Finding, Outcome, Trial
from tests.fuzz.archives.watching import Watch
from tests.fuzz.programs.transport import receive, send

JOBS_PER_CHECK = 40
"""After so many archives a sound one must still give what it gave at first."""


class Tester:
    """Tries the archives of recipes."""

    def __init__(self, corpus: Mapping[str, bytes]) -> None:
        self.corpus = corpus
        self.sound = {name: self._result(name) for name in corpus}
        self.names = sorted(corpus)
        self.tried = 0
        watch = Watch()
        watch.install()
        self.trial = Trial(watch)

    def attempt(self, recipe: Recipe, announce: Any) -> Outcome:
        """Make an archive and try it."""
        mutant = mutant_of(recipe, self.corpus)
        outcome = self.trial.attempt(mutant.data, mutant.is_code_kept, announce)
        self.tried += 1
        if self.tried % JOBS_PER_CHECK == 0:
            self._check(outcome)
        return outcome

    def _result(self, name: str) -> str:
        """What a sound archive gives, frozen too."""
        module = tsc.load(io.BytesIO(self.corpus[name]))
        str(module.graph)
        str(module.code)
        results = [module(argument()), tsc.freeze(module)(argument())]
        with np.printoptions(precision=9, floatmode="fixed", threshold=10_000):
            return repr(results)

    def _check(self, outcome: Outcome) -> None:
        name = self.names[self.tried // JOBS_PER_CHECK % len(self.names)]
        if self._result(name) != self.sound[name]:
            outcome.findings.append(Finding("check", "changes", f"{name} no longer gives what it gave"))


def main() -> None:
    """Answer until the input ends."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    corpus = receive(sys.stdin.buffer)
    tester = Tester(corpus)
    watching.limit_memory()
    send(output, READY)

    def announce(name: str) -> None:
        send(output, Step(name))

    while True:
        try:
            job = receive(sys.stdin.buffer)
        except EOFError:
            return
        send(output, tester.attempt(job.recipe, announce))


if __name__ == "__main__":
    main()
