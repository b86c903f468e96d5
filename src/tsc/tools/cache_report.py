"""The cache of compiled code into what is in it, which of it is damaged, and what was deleted."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import tsc.cache
from tsc.cache.folder import RefusedError, opened_folder
from tsc.cache.store import StoredFile
from tsc.printing.columns import columns
from tsc.programs.specialization_table import size_text

AGES = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@dataclass(frozen=True)
class Entry:
    """A file of the cache."""

    name: str
    kind: str
    size_bytes: int
    age_seconds: float
    """Since it was written or read last."""


@dataclass(frozen=True)
class KindSummary:
    """The files of one kind."""

    files: int
    size_bytes: int


@dataclass(frozen=True)
class CacheReport:
    """What is in the cache; its `str` is a page of text."""

    folder: str
    is_enabled: bool
    size_bytes: int
    limit_bytes: int
    kinds: dict[str, KindSummary]
    entries: list[Entry]
    damaged: dict[str, str] | None
    """What is wrong with files, by name; None where they were not checked."""
    freed_bytes: int | None
    """None where nothing was to be deleted."""
    freed_files: int | None

    def __str__(self) -> str:
        size, limit = size_text(self.size_bytes), size_text(self.limit_bytes)
        state = "" if self.is_enabled else " (the cache is off)"
        lines = [f"{self.folder}{state}: {len(self.entries)} files, {size} of {limit}"]
        lines += [
            f"  {kind}: {summary.files} files, {size_text(summary.size_bytes)}"
            for kind, summary in self.kinds.items()
        ]
        if self.freed_bytes is not None:
            return "\n".join([*lines, f"deleted: {self.freed_files} files, {size_text(self.freed_bytes)}"])
        if self.damaged is not None:
            found = [f"DAMAGED: {name}: {reason}" for name, reason in self.damaged.items()]
            return "\n".join([*lines, *(found or [f"all {self._checked} checksums are right"])])
        header = ("kind", "size", "last used", "file")
        rows = [(e.kind, size_text(e.size_bytes), _age_text(e.age_seconds), e.name) for e in self.entries]
        return "\n".join([*lines, "", *columns([header, *rows])] if rows else lines)

    @property
    def _checked(self) -> int:
        return sum(entry.kind != "unfinished" for entry in self.entries)


def cache_report(action: str, size_bytes: int | None) -> CacheReport:
    """List, verify or prune; `size_bytes` is what may stay of what is pruned.

    Raises:
        PermissionError: the folder is not one that this user alone can write to.
        OSError: it cannot be read.
    """
    _require_own()
    before = tsc.cache.entries()
    freed = tsc.cache.prune(size_bytes) if action == "prune" else None
    left = before if freed is None else tsc.cache.entries()
    damaged = tsc.cache.verify() if action == "verify" else None
    info, now = tsc.cache.info(), time.time()
    return CacheReport(
        info.folder,
        info.is_enabled,
        sum(file.size_bytes for file in left),
        info.limit_bytes,
        _kinds(left),
        [Entry(f.name, f.kind, f.size_bytes, max(0.0, now - f.used)) for f in left],
        damaged,
        freed,
        None if freed is None else len({f.name for f in before} - {f.name for f in left}),
    )


def _require_own() -> None:
    try:
        with opened_folder():
            pass
    except FileNotFoundError:
        pass  # nothing was stored yet
    except RefusedError as error:
        raise PermissionError(str(error)) from None


def _kinds(files: Iterable[StoredFile]) -> dict[str, KindSummary]:
    found: dict[str, KindSummary] = {}
    for file in sorted(files, key=lambda f: f.kind):
        held = found.get(file.kind, KindSummary(0, 0))
        found[file.kind] = KindSummary(held.files + 1, held.size_bytes + file.size_bytes)
    return found


def _age_text(seconds: float) -> str:
    size, unit = next(((size, unit) for size, unit in AGES if seconds >= 2 * size), AGES[-1])
    return f"{seconds / size:.0f} {unit} ago"
