"""The cache of compiled code on disk: what is in it, and what of it goes (``docs/caching.md``)."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from tsc.cache.entry_file import DamagedError, decoded
from tsc.cache.folder import RefusedError, folder_path, is_enabled, opened_folder, warn_once
from tsc.cache.store import SUFFIX, WRITTEN, StoredFile, delete, files, mapped, prune_to
from tsc.options import options

LOG = logging.getLogger("tsc.cache")


@dataclass(frozen=True)
class CacheInfo:
    """What `info` says."""

    folder: str
    is_enabled: bool
    size_bytes: int
    limit_bytes: int
    """``TSC_CACHE_SIZE``."""
    files: dict[str, int]
    """How many files there are of each kind."""


def info() -> CacheInfo:
    """Where the cache is, and how large."""
    counts: dict[str, int] = {}
    size = 0
    with _folder() as folder:
        for file in () if folder is None else files(folder):
            counts[file.kind] = counts.get(file.kind, 0) + 1
            size += file.size_bytes
    return CacheInfo(folder_path(), is_enabled(), size, options().cache_bytes, counts)


def entries() -> list[StoredFile]:
    """The files of the cache, those used last first."""
    with _folder() as folder:
        found = [] if folder is None else list(files(folder))
    return sorted(found, key=lambda file: (-file.used, file.name))


def verify() -> dict[str, str]:
    """The damaged files, by name, and what is wrong with each. They are never used."""
    found: dict[str, str] = {}
    with _folder() as folder:
        if folder is None:
            return found
        for file in [file for file in files(folder) if file.name.endswith(SUFFIX)]:
            try:
                decoded(mapped(folder, file.name))
            except (DamagedError, OSError) as error:
                found[file.name] = str(error)
    return found


def prune(size_bytes: int | None = None) -> int:
    """Delete what was not used longest until the rest has at most `size_bytes` (or ``TSC_CACHE_SIZE``); the
    bytes that were freed.
    """
    with _folder() as folder:
        return (
            0
            if folder is None
            else prune_to(folder, options().cache_bytes if size_bytes is None else size_bytes)
        )


def clear() -> int:
    """Delete all of the cache's files; how many there were. Nothing else in the folder is touched."""
    with _folder() as folder:
        if folder is None:
            return 0
        delete(folder, WRITTEN)
        return sum(delete(folder, file.name) for file in list(files(folder)))


def _folder() -> AbstractContextManager[int | None]:
    """The folder, open; None where there is none to be used."""
    try:
        with opened_folder():
            return opened_folder()
    except RefusedError as error:
        warn_once(str(error))
    except OSError as error:
        LOG.debug("no cache: %s", error)
    return nullcontext()
