"""What the keys of the cache are made of: versions, the machine, and the options that change the code.

A key is a text of several lines. What is not in one (the number of threads, paths) changes no code.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from importlib.util import find_spec

import numpy as np

import tsc
from tsc.options import options

CODE_OPTIONS = (
    "is_strict",
    "is_profiled",
    "is_winograd_enabled",
    "is_contraction_fusion_enabled",
    "archive_depth",
    "archive_sharing",
    "archive_expansion",
)
"""Options that stand in the keys of programs: they say what is compiled, or which archives are refused."""
OTHER_OPTIONS = {
    "is_jit_enabled": "what is off compiles nothing",
    "is_native_enabled": "what is off compiles nothing",
    "is_verified": "the cache is off where each pass is checked",
    "dump_folder": "the cache is off where each stage is written",
    "num_threads": "results and code do not depend on threads",
    "shows_progress": "it changes what is shown",
    "is_background": "it says when something is compiled, not to what",
    "native_gradients": "it says which calls are compiled, not to what",
    "profiled_runs": "it says when a module is compiled, not to what",
    "traceback": "it changes what is shown",
    "writes_perf_map": "it changes what is told of code",
    "hints_at_freezing": "it changes what is logged",
    "is_cache_enabled": "it is about the cache itself",
    "cache_folder": "it is about the cache itself",
    "cache_bytes": "it is about the cache itself",
}
"""The others, and why they stand in no key."""
_CPU_FIELDS = {
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features",
}  # fmt: skip


def digest(text: str | bytes) -> str:
    """A name for a text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def key_of(**fields: object) -> str:
    """A key with these fields, and those that stand in all keys."""
    return "\n".join(f"{name}: {value}" for name, value in {**fields, "versions": versions()}.items())


def options_key() -> str:
    """The options that change what is compiled."""
    return ", ".join(f"{name}={getattr(options(), name)!r}" for name in CODE_OPTIONS)


@cache
def versions() -> str:
    """What compiles: this package and those below it. None of them is imported for this."""
    found = [f"{name} {_installed(name)}" for name in ("llvmlite", "xdsl", "ml_dtypes")]
    python = f"{sys.implementation.name} {platform.python_version()}"
    return ", ".join([f"tsc {_first_version()}", python, f"numpy {np.__version__}", *found])


def _installed(name: str) -> str:
    """The version of a package, as the folder beside it says."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return "none"
    beside = os.path.dirname(os.path.dirname(spec.origin))
    names = sorted(entry for entry in os.listdir(beside) if entry.lower().startswith(f"{name}-"))
    found = [entry for entry in names if entry.endswith((".dist-info", ".egg-info"))]
    if found:
        return ", ".join(entry.partition("-")[2].rpartition(".")[0] for entry in found)
    from importlib.metadata import version

    return version(name)


@cache
def _first_version() -> str:
    """The version as it was when this process first asked."""
    return _own_version()


def is_current() -> bool:
    """Whether no source file was changed since this process first asked for versions: what it compiles now is
    what the versions in its keys say.
    """
    return _own_version() == _first_version()


def _own_version() -> str:
    """The version; of one that is being developed, also when which of its files was changed."""
    if ".dev" not in tsc.__version__:
        return tsc.__version__
    files = sorted(stamps(os.path.dirname(os.path.dirname(__file__))))
    return f"{tsc.__version__} {digest(repr(files))[:16]}"


def stamps(folder: str | os.PathLike[str]) -> list[tuple[str, int, int]]:
    """Name, size and time of each source file."""
    found: list[tuple[str, int, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".txt")):
                state = entry.stat()
                found.append((entry.name, state.st_size, state.st_mtime_ns))
            elif entry.name != "__pycache__" and entry.is_dir():
                found += [(f"{entry.name}/{name}", size, time) for name, size, time in stamps(entry.path)]
    return found


@cache
def processor() -> str | None:
    """The processor as the system describes it: what its code generator would find out is a function of
    this. None where the system does not say.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            block = first_block(file.read(1 << 16))
    except OSError:
        return None
    known = {name: value for name, value in block.items() if name in _CPU_FIELDS}
    if not known.keys() & {"flags", "Features"}:
        return None
    return digest(repr([sys.platform, platform.machine(), sys.byteorder, sorted(known.items())]))


def first_block(text: str) -> dict[str, str]:
    """The fields up to the first empty line."""
    block: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if not line.strip():
            break
        block[name.strip()] = value.strip()
    return block
