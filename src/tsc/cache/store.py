"""`read` and `write`: bytes by key, in files of the cache's folder. Whatever goes wrong is a miss, which the
log explains.
"""

from __future__ import annotations

import hashlib
import logging
import math
import mmap
import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tsc.cache.entry_file import Buffer, DamagedError, decoded, encoded
from tsc.cache.folder import RefusedError, is_enabled, opened_folder, warn_once
from tsc.cache.keys import is_current
from tsc.options import options

LOG = logging.getLogger("tsc.cache")
SUFFIX, UNFINISHED = ".tsc", ".part"
STALE_SECONDS = 3600
"""The age from which an unfinished file is one that nobody finishes any more."""
_ROOM, _SHARE = 0.9, 0.05
"""Of the size that the cache may have: what pruning leaves, so that not each write prunes; and what is
written until all files are looked at again, so that a write does not cost more the more there are.
"""
WRITTEN, _UNIT = "written", 1024
"""The file whose length says how much was written since, and how many bytes one of its bytes stands for."""


@dataclass(frozen=True)
class StoredFile:
    """A file of the cache."""

    name: str
    size_bytes: int
    used: float
    """When it was written or read last, in seconds."""

    @property
    def kind(self) -> str:
        """What it holds."""
        return "unfinished" if self.name.endswith(UNFINISHED) else self.name.partition("-")[0]


def name_of(kind: str, key: str) -> str:
    """The name of the file of an entry."""
    return f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:40]}{SUFFIX}"


def read(kind: str, key: str) -> memoryview | None:
    """What was written for `key`, checked; None where there is nothing to be had.

    It is the mapped file itself, read-only, which stays as it is when the file is replaced or deleted.
    """
    if not is_enabled():
        return None
    name = name_of(kind, key)
    try:
        with opened_folder() as folder:
            payload = _checked(folder, name, key)
    except RefusedError as error:
        warn_once(str(error))
    except FileNotFoundError:
        LOG.info("miss: %s %s: nothing is stored for this key", kind, name)
    except (DamagedError, OSError, ValueError) as error:
        LOG.info("miss: %s %s: %s", kind, name, error)
    else:
        LOG.debug("hit: %s %s", kind, name)
        return payload
    return None


def _checked(folder: int, name: str, key: str) -> memoryview:
    """The payload of a file, which is deleted if it is damaged, so that it is written anew.

    Raises:
        DamagedError: it is damaged, or for another key.
    """
    try:
        own, payload = decoded(mapped(folder, name))
        if own != key.encode():
            raise DamagedError("it is for another key")
    except DamagedError:
        delete(folder, name)
        raise
    with suppress(OSError):  # another process has deleted it
        os.utime(name, dir_fd=folder)
    return payload


def mapped(folder: int, name: str) -> memoryview:
    """The bytes of a file.

    Raises:
        DamagedError: it is no plain file of this user.
    """
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or not found.st_size:
            raise DamagedError("it is no file that this user has written")
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)


def write(kind: str, key: str, payload: Buffer) -> bool:
    """Store `payload` for `key`; whether it is stored now. Readers see all of it or nothing."""
    if not is_enabled():
        return False
    name = name_of(kind, key)
    size = memoryview(payload).nbytes
    if not is_current():
        LOG.info("not stored: %s %s: tsc's own files have changed", kind, name)
        return False
    if size > options().cache_bytes * _ROOM:
        LOG.info("not stored: %s %s: %d bytes are too many (TSC_CACHE_SIZE)", kind, name, size)
        return False
    try:
        with opened_folder(creates=True) as folder:
            _write_file(folder, name, encoded(key.encode(), payload))
            _make_room(folder, size)
    except RefusedError as error:
        warn_once(str(error))
    except OSError as error:
        LOG.info("not stored: %s %s: %s", kind, name, error)
    else:
        LOG.debug("stored: %s %s, %d bytes", kind, name, size)
        return True
    return False


def _write_file(folder: int, name: str, parts: list[Buffer]) -> None:
    """A whole file under its name, or none."""
    unfinished = f".{name}.{os.getpid()}.{os.urandom(4).hex()}{UNFINISHED}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(unfinished, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise


# --- what is there, and what goes ---


def is_stored(kind: str, key: str) -> bool:
    """Whether there is a file for `key`; it is not looked into."""
    if not is_enabled():
        return False
    try:
        with opened_folder() as folder:
            os.stat(name_of(kind, key), dir_fd=folder, follow_symlinks=False)
    except (OSError, RefusedError):
        return False
    return True


def files(folder: int) -> Iterator[StoredFile]:
    """The files of the cache, the unfinished ones too; others in its folder are none of its own."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((SUFFIX, UNFINISHED)):
                with suppress(OSError):  # deleted meanwhile
                    found = entry.stat(follow_symlinks=False)
                    yield StoredFile(entry.name, found.st_size, found.st_mtime)


def delete(folder: int, name: str) -> bool:
    """Delete a file; whether it was still there. Who has it mapped keeps it."""
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _make_room(folder: int, size_bytes: int) -> None:
    """Count what was written, and prune what has become too large each time that it makes a share of it."""
    limit = options().cache_bytes
    if _counted(folder, size_bytes) < limit * _SHARE:
        return
    if sum(file.size_bytes for file in files(folder)) > limit * (1 - _SHARE):
        prune_to(folder, int(limit * _ROOM))


def _counted(folder: int, size_bytes: int) -> float:
    """The bytes that were written since all files were looked at last, with these; they are to be looked at
    now if this is much, and counting begins anew. Processes may count at once.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(WRITTEN, flags, 0o600, dir_fd=folder), "ab", buffering=0) as file:
            is_new = not file.tell()
            file.write(b"." * -(-size_bytes // _UNIT))
            written = file.tell() * _UNIT
            if written >= options().cache_bytes * _SHARE:
                file.truncate(1)  # empty is new
    except OSError as error:
        LOG.info("what is written is not counted: %s", error)
        return math.inf
    return math.inf if is_new else written


def prune_to(folder: int, size_bytes: int) -> int:
    """Delete what was not used longest, and what was left unfinished, until the rest has at most
    `size_bytes`; the bytes that were freed. Several processes may do this at once.
    """
    stale = time.time() - STALE_SECONDS
    found = sorted(files(folder), key=lambda file: file.used)
    size, freed = sum(file.size_bytes for file in found), 0
    for file in found:
        is_unfinished = file.name.endswith(UNFINISHED)
        goes = file.used < stale if is_unfinished else size - freed > size_bytes
        if goes and delete(folder, file.name):
            freed += file.size_bytes
    LOG.debug("pruned: %d bytes of %d", freed, size)
    return freed
