"""Load, compile, freeze and perhaps run one archive, and tell what it did that no archive may."""

from __future__ import annotations

import io
import re
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tsc
from tests.fuzz.archives import watching
from tests.fuzz.archives.watching import Overtime, Watch
from tsc.errors import IRError, TscError, VerificationError

LOAD_SECONDS, FREEZE_SECONDS, RUN_SECONDS = 1.0, 10.0, 3.0
"""CPU time of a step. A program that runs longer is no finding."""
MEMORY_FACTOR, MEMORY_FLOOR = 10, 64 << 20
"""What loading may take beyond what is there: so many times the archive, and so much."""


@dataclass(frozen=True)
class Finding:
    """What an archive did that it may not."""

    step: str
    kind: str
    """``raises``, ``slow``, ``memory``, ``acts``, ``changes``, ``crash`` or ``hang``."""
    detail: str
    where: str = ""
    """The end of the traceback."""

    def key(self) -> tuple[str, ...]:
        """What findings with one cause share."""
        if self.where:
            return (self.kind, self.where, self.detail.partition(":")[0])
        return (self.step, self.kind, re.sub(r"\d+(\.\d+)?", "N", self.detail)[:60])

    def is_like(self, other: Finding) -> bool:
        """Whether the cause is the same, as far as can be told."""
        return self.key() == other.key()


@dataclass
class Outcome:
    """How far an archive came, and what was found."""

    status: str = "refused"
    findings: list[Finding] = field(default_factory=list[Finding])


class Trial:
    """Tries archives in this process."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.shared = watching.shared_state()
        self.outcome = Outcome()

    def attempt(self, data: bytes, is_run: bool, announce: Callable[[str], None]) -> Outcome:
        """The outcome of an archive; `announce` is told each step before it begins."""
        self.outcome = Outcome()
        announce("load")
        module = self._loaded(data)
        if module is not None:
            self.outcome.status = "loaded"
            announce("compile")
            compiled, _ = self._step("graph", FREEZE_SECONDS, lambda: _text(module, "graph"))
            self._step("code", FREEZE_SECONDS, lambda: _text(module, "code"))
            frozen, held = self._step("freeze", FREEZE_SECONDS, lambda: tsc.freeze(module))
            if compiled:
                self.outcome.status = "compiled"
            if compiled and is_run:
                announce("run")
                self._run(module, held if frozen else None)
        self._check_shared()
        return self.outcome

    def _loaded(self, data: bytes) -> Any:
        watching.forget_peak()
        before = watching.resident()
        done, module = self._step("load", LOAD_SECONDS, lambda: tsc.load(io.BytesIO(data)))
        grown = watching.peak() - before
        if grown > MEMORY_FACTOR * len(data) + MEMORY_FLOOR:
            self._found("load", "memory", f"{grown >> 20} MiB for {len(data)} bytes")
        return module if done else None

    def _run(self, module: Any, frozen: Any) -> None:
        from tests.fuzz.archives.corpus import argument

        self._step("forward", RUN_SECONDS, lambda: module(argument()))
        if frozen is not None:
            self._step("frozen forward", RUN_SECONDS, lambda: frozen(argument()))

    def _step(self, name: str, seconds: float, action: Callable[[], Any]) -> tuple[bool, Any]:
        """Whether a step succeeded, and what it gave."""
        begin = watching.cpu_seconds()
        is_done, value = False, None
        try:
            with watching.at_most(2 * seconds), self.watch.watching(), np.errstate(all="ignore"):
                is_done, value = self._attempted(name, action)
        except Overtime:
            is_done = False  # the time it took is told below
        spent = watching.cpu_seconds() - begin
        if spent > seconds and "forward" not in name:
            spent = min(spent, _unwatched(action))  # the audit hook is told of each call of `id`
        if spent > seconds and "forward" not in name:
            self._found(name, "slow", f"{spent:.1f} s of CPU time")
        for told in self.watch.taken():
            self._found(name, "acts", told)
        return is_done, value

    def _attempted(self, name: str, action: Callable[[], Any]) -> tuple[bool, Any]:
        try:
            return True, action()
        except TscError as error:
            if isinstance(error, (IRError, VerificationError)):
                self._raised(name, error)
            self._told(name, error)
        except Exception as error:
            self._raised(name, error)
        return False, None

    def _told(self, name: str, error: TscError) -> None:
        """The text of an error, which is made when it is asked for, of what the archive says."""
        try:
            text = str(error)
        except Exception as inner:
            self._raised(f"message of {name}", inner)
        else:
            if len(text) > 100_000:
                self._found(name, "long", f"a message of {len(text)} letters: {text[:200]}")

    def _raised(self, name: str, error: Exception) -> None:
        self._found(name, "raises", f"{type(error).__name__}: {error!s:.200}", _end_of(error))

    def _check_shared(self) -> None:
        now = watching.shared_state()
        for name, value in self.shared.items():
            if now[name] != value:
                self._found("load", "changes", f"{name}: {value!r:.100} became {now[name]!r:.100}")
        self.shared = now

    def _found(self, step: str, kind: str, detail: str, where: str = "") -> None:
        self.outcome.findings.append(Finding(step, kind, detail, where))


def _unwatched(action: Callable[[], Any]) -> float:
    """The CPU time of a step without the audit hook."""
    begin = watching.cpu_seconds()
    with suppress(Exception, Overtime), watching.at_most(FREEZE_SECONDS):
        action()
    return watching.cpu_seconds() - begin


def _text(module: Any, kind: str) -> str:
    """The graph or code of a module that can be called."""
    return str(getattr(module, kind)) if hasattr(module, "forward") else ""


def _end_of(error: BaseException) -> str:
    """The innermost line of this project in a traceback; of a recursion, the function that is met most."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tsc/" in f.filename]
    if isinstance(error, RecursionError) and frames:
        names = [f"{f.filename.rpartition('/tsc/')[2]}: {f.name}" for f in frames]
        return max(set(names), key=lambda n: (names.count(n), n))
    return (
        f"{frames[-1].filename.rpartition('/tsc/')[2]}:{frames[-1].lineno} {frames[-1].name}"
        if frames
        else ""
    )
