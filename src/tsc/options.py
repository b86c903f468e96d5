"""Every option and every ``TSC_*`` environment variable, in one place."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields

from tsc.errors import ArgumentError


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0") not in ("", "0", "false", "no")


def _threads() -> int:
    """What ``TSC_NUM_THREADS`` says, else ``OMP_NUM_THREADS`` where that is a number (or begins a list)."""
    given = os.environ.get("TSC_NUM_THREADS")
    if given is not None:
        if not given.isdecimal():
            raise ArgumentError(f"TSC_NUM_THREADS: requires a number of threads, or 0; got {given!r}")
        return int(given)
    shared = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(shared) if shared.isdecimal() else 0


def _profiled_runs() -> int:
    given = os.environ.get("TSC_PROFILED_RUNS", "1")
    if not given.isdecimal():
        raise ArgumentError(f"TSC_PROFILED_RUNS: requires a number of calls; got {given!r}")
    return int(given)


NATIVE_GRADIENTS = ("auto", "always", "never")


def _native_gradients() -> str:
    given = os.environ.get("TSC_NATIVE_GRADIENTS", "auto")
    if given not in NATIVE_GRADIENTS:
        raise ArgumentError(f"TSC_NATIVE_GRADIENTS: requires auto, always or never; got {given!r}")
    return given


def _traceback() -> str:
    given = os.environ.get("TSC_TRACEBACK", "short")
    if given not in ("short", "full"):
        raise ArgumentError(f"TSC_TRACEBACK: requires short or full; got {given!r}")
    return given


def _variables(*names: str) -> dict[str, tuple[str, ...]]:
    """What the metadata of an option says: the environment variables that set it."""
    return {"variables": names}


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _size(name: str, default: str) -> int:
    """The bytes that an environment variable says."""
    return size_of(name, os.environ.get(name, default))


def size_of(name: str, given: str) -> int:
    """Bytes: a number, or one with a unit (``512M``); `name` is what gives it.

    Raises:
        ArgumentError: it is something else.
    """
    found = re.fullmatch(r"(\d+)\s*([kmg]?)i?b?", given.strip().lower())
    if found is None:
        raise ArgumentError(f"{name}: requires bytes, as 1000000, 512M or 2G; got {given!r}")
    return int(found[1]) * _UNITS[found[2]]


PRECISIONS = ("bf16", "int8")
"""What the weights of linear layers may be rounded to: `optimize_for_inference`."""


@dataclass
class Options:
    """The state of all options; `options()` gives the process's own."""

    is_jit_enabled: bool = field(
        default_factory=lambda: _flag("PYTORCH_JIT", True) and _flag("TSC_JIT", True),
        metadata=_variables("TSC_JIT", "PYTORCH_JIT"),
    )
    """``PYTORCH_JIT=0`` or ``TSC_JIT=0``: `script` and `trace` return what they are given, and it runs as
    plain Python.
    """
    is_strict: bool = field(default_factory=lambda: _flag("TSC_STRICT"), metadata=_variables("TSC_STRICT"))
    """``TSC_STRICT=1``: where a specialization cannot be compiled, raise instead of running the generic tier.
    """
    is_verified: bool = field(default_factory=lambda: _flag("TSC_VERIFY"), metadata=_variables("TSC_VERIFY"))
    """``TSC_VERIFY=1``: after every pass the function runs again on the arguments it is compiled for, and the
    first pass that changes what it does raises `VerificationError`. Slow.
    """
    is_profiled: bool = False
    """Native code that is compiled has clocks around its kernels: `tsc.profile`."""
    archive_depth: int = 200
    """How deep the values of an archive's pickles may nest."""
    archive_sharing: int = 16
    """How many values an archive's pickle may stand for, for each of its bytes, where it holds some of them
    several times.
    """
    archive_expansion: int = 16
    """How many times its size an archive may expand to (and 16 MiB)."""
    dump_folder: str | None = field(
        default_factory=lambda: os.environ.get("TSC_DUMP") or None, metadata=_variables("TSC_DUMP")
    )
    """``TSC_DUMP=dir``: write every stage of every compilation there."""
    num_threads: int = field(
        default_factory=_threads, metadata=_variables("TSC_NUM_THREADS", "OMP_NUM_THREADS")
    )
    """``TSC_NUM_THREADS``, else ``OMP_NUM_THREADS``: threads of native code before `set_num_threads`;
    0 means one for each core the process may use.
    """
    is_native_enabled: bool = field(
        default_factory=lambda: _flag("TSC_NATIVE", True), metadata=_variables("TSC_NATIVE")
    )
    """``TSC_NATIVE=0``: never compile to native code; everything runs in the generic tier."""
    is_background: bool = field(
        default_factory=lambda: _flag("TSC_BACKGROUND"), metadata=_variables("TSC_BACKGROUND")
    )
    """``TSC_BACKGROUND=1``: calls for which there is no code yet run in the generic tier while a thread
    compiles for them: `set_background_compilation`.
    """
    profiled_runs: int = field(default_factory=_profiled_runs, metadata=_variables("TSC_PROFILED_RUNS"))
    """``TSC_PROFILED_RUNS``: how many calls with arguments of new shapes a module that is not frozen runs in
    the generic tier before it is compiled for them.
    """
    native_gradients: str = field(
        default_factory=_native_gradients, metadata=_variables("TSC_NATIVE_GRADIENTS")
    )
    """``TSC_NATIVE_GRADIENTS``: whether calls whose gradients are recorded are native, forward and backward,
    where it is certain what the gradients are: ``always`` or ``never``; ``auto``, the default: of PyTorch's
    tensors only where that is likely to be faster than PyTorch's own operators.
    """
    is_winograd_enabled: bool = field(
        default_factory=lambda: _flag("TSC_WINOGRAD", True), metadata=_variables("TSC_WINOGRAD")
    )
    """``TSC_WINOGRAD=0``: convolutions are summed directly, never by products of transformed tiles, whose
    rounding errors are about twice as large.
    """
    is_contraction_fusion_enabled: bool = False
    """``enable_onednn_fusion(True)``: contractions are fused with what follows them in graphs that are not
    frozen as well.
    """
    shows_progress: bool = field(
        default_factory=lambda: _flag("TSC_PROGRESS", True), metadata=_variables("TSC_PROGRESS")
    )
    """``TSC_PROGRESS=0``: compiling shows no line of what takes over a second, and logs none; `on_progress`
    works all the same.
    """
    traceback: str = field(default_factory=_traceback, metadata=_variables("TSC_TRACEBACK"))
    """``TSC_TRACEBACK=full``: tracebacks of errors show the frames of the library too, which ``short``, the
    default, leaves out.
    """
    hints_at_freezing: bool = field(
        default_factory=lambda: _flag("TSC_HINTS", True), metadata=_variables("TSC_HINTS")
    )
    """``TSC_HINTS=0``: nothing is logged where a module is called often that would be faster frozen, or under
    ``no_grad``.
    """
    writes_perf_map: bool = field(default_factory=lambda: _flag("TSC_PERF"), metadata=_variables("TSC_PERF"))
    """``TSC_PERF=1``: the names of native functions and kernels are written to ``/tmp/perf-PID.map``, where
    Linux's ``perf`` looks for them (on x86-64).
    """
    is_cache_enabled: bool = field(
        default_factory=lambda: _flag("TSC_CACHE", True), metadata=_variables("TSC_CACHE")
    )
    """``TSC_CACHE=0``: nothing compiled is kept on disk, nor read from there (``docs/caching.md``)."""
    cache_folder: str | None = field(
        default_factory=lambda: os.environ.get("TSC_CACHE_DIR") or None, metadata=_variables("TSC_CACHE_DIR")
    )
    """``TSC_CACHE_DIR``: where it is kept; else ``$XDG_CACHE_HOME/tsc``, else ``~/.cache/tsc``."""
    cache_bytes: int = field(
        default_factory=lambda: _size("TSC_CACHE_SIZE", "1G"), metadata=_variables("TSC_CACHE_SIZE")
    )
    """``TSC_CACHE_SIZE``: bytes it may take (``512M``, ``2G``); what was not used longest goes first."""


def environment_variables() -> dict[str, str]:
    """Each environment variable that sets an option, and the name of that."""
    return {name: option.name for option in fields(Options) for name in option.metadata.get("variables", ())}


_STATE = Options()


def options() -> Options:
    """The options of this process."""
    return _STATE
