# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The ways of running a program, and what each call of each looks like."""

from __future__ import annotations

import faulthandler
import io
import signal
import traceback
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import tsc
from tsc.options import options

from .bare_process import BareProcess
from .memory import to_array
from .observing import SEED, Observation, observe
from .program import Loaded

VARIANTS = ("scripted", "optimized", "frozen", "symbolic", "loaded", "saved")
SECONDS = 20
"""Of the CPU's time, after which a program hangs."""
PATIENCE = 10
"""How many times as long it may take by the clock: others may keep the machine busy."""
STATE = ("weight", "state")


class HangError(BaseException):
    """A program took too long; no handler of exceptions may take it for one of its own."""


def _array(value: Any) -> Any:
    return to_array(value) if isinstance(value, torch.Tensor) else None


def applies(variant: str, loaded: Loaded) -> bool:
    """Whether a variant is one for this kind of program: functions are optimized, modules frozen."""
    is_module = isinstance(loaded.subject(), torch.nn.Module)
    return {"optimized": not is_module, "frozen": is_module}.get(variant, True)


def eager(loaded: Loaded) -> list[Observation]:
    """PyTorch, uncompiled."""
    return seen(loaded.subject(), loaded.calls())


def jitted(loaded: Loaded) -> list[Observation] | None:
    """``torch.jit.script``; None if it refuses the program."""
    compiled = compiled_by_torch(loaded)
    return None if compiled is None else seen(compiled, loaded.calls())


def compiled_by_torch(loaded: Loaded) -> Any:
    """What ``torch.jit.script`` makes of the program, or None."""
    try:
        return torch.jit.script(loaded.subject())
    except Exception:
        return None


def run(variant: str, loaded: Loaded, bare: BareProcess) -> list[Observation]:
    """The calls of a variant; fewer where one raises."""
    try:
        with limited():
            return _RUNS[variant](loaded, bare)
    except HangError as error:
        return [
            Observation(error=f"hang: more than {SECONDS} s of the CPU, or {PATIENCE} times that, in {error}")
        ]


def seen(subject: Any, calls: Sequence[list[Any]]) -> list[Observation]:
    """What each call looks like, until one raises."""
    made: list[Observation] = []
    torch.manual_seed(SEED)
    tsc.manual_seed(SEED)
    for arguments in calls:
        state = [getattr(subject, name) for name in STATE if hasattr(subject, name)]
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            made.append(observe(lambda a=arguments: subject(*a), arguments, _array, state))
        made[-1].notes = tuple(str(w.message)[:160] for w in given if "not compiled" in str(w.message))
        if made[-1].error is not None:
            break
    return made


def _scripted(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    return _compiled(loaded, is_native=False, prepare=lambda subject: subject)


def _optimized(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    return _compiled(loaded, is_native=True, prepare=lambda subject: subject)


def _frozen(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    return _compiled(loaded, is_native=True, prepare=lambda m: tsc.optimize_for_inference(tsc.freeze(m)))


def _symbolic(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    """Compiled for symbolic sizes, from the first call on."""
    is_module = isinstance(loaded.subject(), torch.nn.Module)
    before = tsc.set_fusion_strategy([("DYNAMIC", 8)])
    try:
        return (_frozen if is_module else _optimized)(loaded, bare)
    finally:
        tsc.set_fusion_strategy(before)


def _compiled(loaded: Loaded, is_native: bool, prepare: Callable[[Any], Any]) -> list[Observation]:
    with native(is_native):
        try:
            subject = prepare(tsc.script(loaded.subject()))
        except Exception as error:
            return [refused("script", error)]
        return seen(subject, loaded.calls())


def refused(step: str, error: Exception) -> Observation:
    """A step before the first call that failed."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return Observation(error=f"{step}: {type(error).__name__}: {lines[0].strip():.160}")


def _loaded(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    buffer = io.BytesIO()
    torch.jit.save(compiled_by_torch(loaded), buffer)
    return bare.run(buffer.getvalue(), False, loaded.calls())


def _saved(loaded: Loaded, bare: BareProcess) -> list[Observation]:
    buffer = io.BytesIO()
    subject = loaded.subject()
    try:
        tsc.save(tsc.script(subject), buffer)
    except Exception as error:
        return [refused("save", error)]
    return bare.run(buffer.getvalue(), isinstance(subject, torch.nn.Module), loaded.calls())


_RUNS: dict[str, Callable[[Loaded, BareProcess], list[Observation]]] = {
    "scripted": _scripted,
    "optimized": _optimized,
    "frozen": _frozen,
    "symbolic": _symbolic,
    "loaded": _loaded,
    "saved": _saved,
}


@contextmanager
def native(is_enabled: bool) -> Generator[None]:
    """Native code, or the generic tier alone."""
    before, options().is_native_enabled = options().is_native_enabled, is_enabled
    try:
        yield
    finally:
        options().is_native_enabled = before


@contextmanager
def limited() -> Generator[None]:
    """Raise `HangError`, which says where, after `SECONDS`; where the other threads are goes to the log."""

    def interrupt(number: int, frame: Any) -> None:
        faulthandler.dump_traceback()
        places = [f"{Path(f.f_code.co_filename).stem}:{n}" for f, n in traceback.walk_stack(frame)]
        raise HangError(" < ".join(places[:6]))

    timers = {
        signal.ITIMER_PROF: (signal.SIGPROF, SECONDS),
        signal.ITIMER_REAL: (signal.SIGALRM, SECONDS * PATIENCE),
    }
    before = {number: signal.signal(number, interrupt) for number, _ in timers.values()}
    for timer, (_, seconds) in timers.items():
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer in timers:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
