"""What loading an archive may not do: write files, start processes, open connections, import what it names,
run text as Python, take memory or time out of proportion, change what all programs share.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.", "socket.", "os.remove",
    "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
    "os.putenv",
    "os.unsetenv", "os.chdir", "os.kill", "shutil.", "tempfile.", "pickle.find_class", "marshal.loads",
    "pty.",
    "ctypes.dlopen", "code.__new__", "function.__new__", "sys.addaudithook", "sys.setprofile", "sys.settrace",
    "urllib.", "webbrowser.", "signal.pthread_kill",
)  # fmt: skip
GENERATED = ("<tsc generic tier:", "<tsc call:")
"""How the name of Python text begins that is written from the IR: it names operators and variables alone."""
LIBRARIES = ("tsc", "xdsl", "numpy", "llvmlite", "ml_dtypes")
"""What may be imported later than at the start."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
ADDRESS_SPACE = 8 << 30
"""Bytes of addresses a worker may have beyond those it begins with."""
STATUS, PEAK_RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Overtime(BaseException):
    """A step took more time than it may."""


@dataclass
class Watch:
    """What the audit hook saw while it was on."""

    seen: list[str] = field(default_factory=list[str])
    is_on: bool = False

    def install(self) -> None:
        """Listen from now on; a hook cannot be taken away again."""
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note an event that loading has no use for."""
        if not self.is_on or threading.current_thread() is not threading.main_thread():
            return
        told = _told(event, arguments)
        if told:
            self.seen.append(told)

    @contextmanager
    def watching(self) -> Generator[None]:
        """Listen meanwhile."""
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False

    def taken(self) -> list[str]:
        """What was seen since the last time."""
        seen, self.seen = self.seen, []
        return seen


def _told(event: str, arguments: tuple[Any, ...]) -> str:
    """An event that may not happen in words, or nothing."""
    if event == "open":
        flags: Any = arguments[2] or 0
        return f"opens {arguments[0]!r} for writing" if flags & WRITING else ""
    if event == "import":
        name = str(arguments[0])
        is_known = name.partition(".")[0] in LIBRARIES
        return "" if is_known or name in sys.modules else f"imports {name}"
    if event == "exec":
        code: Any = arguments[0]
        is_file = isinstance(code, CodeType) and Path(code.co_filename).is_file()
        is_ours = isinstance(code, CodeType) and (
            code.co_filename.startswith(GENERATED) or code.co_names == ("__create_fn__",)  # of dataclasses
        )
        return "" if is_file or is_ours or "importlib" in str(code) else f"executes {code!r:.80}"
    if event == "marshal.loads" and _is_import():
        return ""  # which is told itself
    return f"event {event} {arguments!r:.80}" if event.startswith(FORBIDDEN) else ""


def _is_import() -> bool:
    """Whether Python's import reads compiled code just now."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    return any(f.f_code.co_filename == "<frozen importlib._bootstrap_external>" for f in _outward(frame, 3))


def _outward(frame: FrameType, count: int) -> Generator[FrameType]:
    """A frame, and those that led to it."""
    at: FrameType | None = frame
    while at is not None and count:
        yield at
        at, count = at.f_back, count - 1


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """Stop what takes longer; only between two steps of Python."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Overtime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def limit_memory() -> None:
    """Let a request for very much memory fail, rather than the machine."""
    used = _status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE, used + ADDRESS_SPACE))


def forget_peak() -> None:
    """Begin to measure the most memory anew."""
    try:
        PEAK_RESET.write_text("5", encoding="ascii")
    except OSError:  # a system that does not let us: the peak is that of the whole process
        return


def peak() -> int:
    """The most memory since then, in bytes."""
    return _status("VmHWM")


def resident() -> int:
    """The memory there is now."""
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{STATUS} does not tell {name}")


def shared_state() -> Mapping[str, Any]:
    """What no archive may change."""
    from tsc import dtypes
    from tsc.archive.pickles import STORAGES
    from tsc.dialects import schema, torch_types
    from tsc.frontend.annotations import SCALARS
    from tsc.frontend.archived import CONSTANTS, FORMS
    from tsc.ops import registry
    from tsc.options import options

    return {
        "storages": {name: (dtype.name, dtype.code) for name, dtype in STORAGES.items()},
        "options": dict(vars(options())), "scalars": dict(SCALARS), "forms": sorted(FORMS),
        "constants": {k: str(v) for k, v in CONSTANTS.items()}, "operators": len(registry.operators()),
        "names": [sorted(vars(module)) for module in (dtypes, schema, torch_types)],
        "limit": sys.getrecursionlimit(), "folder": str(Path.cwd()), "environment": dict(os.environ),
    }  # fmt: skip


def cpu_seconds() -> float:
    """The time this process has worked."""
    return time.process_time()
