"""An installation into what can be said of it: versions, processor, threads, settings, and a self-test.

Nothing that tsc needs is imported before it is known to be there.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import tsc

OLDEST_PYTHON = (3, 11)
REQUIRED = ("numpy", "xdsl", "llvmlite", "ml_dtypes")
OPTIONAL = ("torch", "onnxruntime")
SELF_TEST = "import sys; from tsc.tools.self_test import failure; sys.exit(failure())"
SELF_TEST_SECONDS = 120
REINSTALL = "install tsc again, or this package: python -m pip install --force-reinstall"


@dataclass(frozen=True)
class Problem:
    """Something that is broken."""

    what: str
    advice: str


@dataclass(frozen=True)
class Processor:
    """The processor as native code is made for it."""

    name: str
    triple: str
    vector_bits: int
    has_fma: bool
    features: list[str]


@dataclass(frozen=True)
class Threads:
    """How many threads native code uses, and why."""

    used: int
    reason: str
    processors: int
    affinity: int
    """Processors that this process may run on."""
    control_group: int | None
    """Processors whose time its control groups grant; None for no limit."""

    def __str__(self) -> str:
        granted = "no limit" if self.control_group is None else str(self.control_group)
        return (
            f"{self.used} ({self.reason}); processors: {self.processors}, affinity: {self.affinity}, "
            f"control group: {granted}"
        )


@dataclass(frozen=True)
class Setting:
    """An environment variable that sets an option."""

    value: str | None
    """None where it is not set."""
    option: str
    option_value: str


@dataclass(frozen=True)
class Diagnosis:
    """What was found; its `str` is a page of text."""

    versions: dict[str, str | None]
    """None for what is not installed."""
    processor: Processor | None
    """None where packages are missing that are needed to look."""
    threads: Threads | None
    environment: dict[str, Setting]
    optional: dict[str, str | None]
    problems: list[Problem]
    is_well: bool

    def __str__(self) -> str:
        lines = [f"{name}: {version or 'not installed'}" for name, version in self.versions.items()]
        if self.processor is not None:
            cpu = self.processor
            fma = "with" if cpu.has_fma else "without"
            lines.append(f"processor: {cpu.name}, {cpu.triple}, vectors of {cpu.vector_bits} bits, {fma} FMA")
            lines.append(f"features: {' '.join(cpu.features)}")
        lines += [f"threads: {self.threads}"] if self.threads is not None else []
        for name, setting in self.environment.items():
            value = "not set" if setting.value is None else f"= {setting.value}"
            lines.append(f"{name} {value} ({setting.option}: {setting.option_value})")
        for name, version in self.optional.items():
            lines.append(f"optional: {name} {version or 'not installed'}")
        if self.is_well:
            return "\n".join([*lines, "self-test: native code gives what NumPy gives", "all is well"])
        return "\n".join([*lines, *(f"BROKEN: {p.what}\n  to do: {p.advice}" for p in self.problems)])


def diagnosed() -> Diagnosis:
    """Look at everything."""
    problems = list(_problems_of_packages())
    versions = _versions()
    processor = threads = None
    if not problems:
        versions["llvm"] = _llvm_version()
        processor, threads = _processor(), _threads()
        problems += _problems_of_native_code()
    return Diagnosis(
        versions=versions,
        processor=processor,
        threads=threads,
        environment=_environment(),
        optional={name: _version(name) for name in OPTIONAL},
        problems=problems,
        is_well=not problems,
    )


# --- packages ---


def _version(package: str) -> str | None:
    """The version of a package; None where it is not installed."""
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "tsc": tsc.__version__}
    return found | {name: _version(name) for name in REQUIRED}


def _llvm_version() -> str:
    llvm: Any = import_module("llvmlite.binding")
    return ".".join(map(str, llvm.llvm_version_info))


def _problems_of_packages() -> Iterator[Problem]:
    if sys.version_info < OLDEST_PYTHON:
        yield Problem(f"Python {platform.python_version()} is too old", "install Python 3.11 or later")
    for name in REQUIRED:
        if importlib.util.find_spec(name) is None:
            yield Problem(f"{name} is not installed", f"python -m pip install {name}")
            continue
        try:
            import_module(name if name != "llvmlite" else "llvmlite.binding")
        except (ImportError, OSError, RuntimeError) as error:
            yield Problem(f"{name} cannot be imported: {error}", f"{REINSTALL} {name}")


# --- the machine ---


def _processor() -> Processor:
    from tsc.runtime.host import host_target

    target = host_target()
    features = sorted(entry[1:] for entry in target.features.split(",") if entry.startswith("+"))
    return Processor(target.cpu, target.triple, target.vector_bits, target.has_fma, features)


def _threads() -> Threads:
    from tsc.options import options
    from tsc.runtime.host import UNLIMITED_CORES, granted_cores
    from tsc.runtime.threads import get_num_threads

    processors = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors
    granted = granted_cores(Path("/"))
    if options().num_threads:
        name = "TSC_NUM_THREADS" if os.environ.get("TSC_NUM_THREADS") is not None else "OMP_NUM_THREADS"
        reason = f"{name} says so"
    elif granted < affinity:
        reason = "the control group grants no more"
    elif affinity < processors:
        reason = "this process may run on no more processors"
    else:
        reason = "one for each processor"
    limit = None if granted == UNLIMITED_CORES else granted
    return Threads(get_num_threads(), reason, processors, affinity, limit)


def _environment() -> dict[str, Setting]:
    from tsc.options import environment_variables, options

    return {
        name: Setting(os.environ.get(name), option, repr(getattr(options(), option)))
        for name, option in environment_variables().items()
    }


# --- native code ---


def _problems_of_native_code() -> Iterator[Problem]:
    from tsc.options import options

    if not options().is_native_enabled:
        yield Problem("native code is switched off", "unset TSC_NATIVE, which is 0")
        return
    folder = str(Path(tsc.__file__).parents[1])
    path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-c", SELF_TEST]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=SELF_TEST_SECONDS,
            env={**os.environ, "PYTHONPATH": path, "TSC_CACHE": "0"},  # or nothing might be compiled
        )
    except subprocess.TimeoutExpired:
        yield Problem(f"the self-test did not end in {SELF_TEST_SECONDS} s", "report it, with this page")
        return
    if done.returncode < 0:
        yield Problem(
            f"native code ended the process of the self-test by signal {-done.returncode}",
            "the processor may lack a feature that it claims: report it, with this page",
        )
    elif done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        yield Problem(f"the self-test failed: {said[-1]}", f"{REINSTALL} llvmlite; report it if that fails")
