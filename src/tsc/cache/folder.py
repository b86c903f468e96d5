"""The folder of the cache: where it is, and whether it is to be trusted.

What lies in it is run as machine code, so it must be the user's own: nobody else may own it, or write to it.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress

from tsc.options import options

LOG = logging.getLogger("tsc.cache")
_WARNED: set[str] = set()
"""What was warned of in this process."""


class RefusedError(Exception):
    """The folder is not to be used; the message says why."""


def is_enabled() -> bool:
    """Whether there is a cache at all: it is off where each compilation is to be seen or checked."""
    state = options()
    is_watched = state.is_verified or state.dump_folder is not None
    return state.is_cache_enabled and state.is_native_enabled and not is_watched and hasattr(os, "geteuid")


def folder_path() -> str:
    """Where the cache is, or would be."""
    given = options().cache_folder
    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "tsc")


@contextmanager
def opened_folder(*, creates: bool = False) -> Generator[int]:
    """The folder, open and checked: what is done relative to this descriptor is done in the folder that was
    checked, whatever becomes of its name.

    Raises:
        RefusedError: it is not the user's own.
        OSError: it is not there, or cannot be made or read.
    """
    path = folder_path()
    if creates and not os.path.isdir(path):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with suppress(FileExistsError):  # another process was first
            os.mkdir(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        reason = _why_refused(os.fstat(descriptor))
        if reason is not None:
            raise RefusedError(f"{path}: requires a folder of this user alone that can be written; {reason}")
        yield descriptor
    finally:
        os.close(descriptor)


def _why_refused(found: os.stat_result) -> str | None:
    if found.st_uid != os.geteuid():
        return f"this one belongs to user {found.st_uid}"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to this one (mode {stat.S_IMODE(found.st_mode):o})"
    if not found.st_mode & stat.S_IWUSR:
        return f"this one is read-only (mode {stat.S_IMODE(found.st_mode):o})"
    return None


def warn_once(message: str) -> None:
    """Warn, once in a process."""
    if message not in _WARNED:
        _WARNED.add(message)
        LOG.warning("the cache is not used: %s", message)
