"""The name of a file's contents: a digest, remembered by what the system says of a file."""

from __future__ import annotations

import hashlib
import os
import time

from tsc.cache import store

FILE = "file"
"""The kind of cache entry that holds the digest of a file."""
SETTLED_SECONDS = 2.0
"""The age from which a change of a file surely changes its times."""


def state_of(found: os.stat_result) -> str:
    """What is another when a file is another, or was changed: not its name."""
    return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def file_digest(descriptor: int) -> str:
    """SHA-256 of an open file. It is computed once, as long as the file is not changed."""
    before = os.fstat(descriptor)
    key = f"file: {state_of(before)}"
    stored = store.read(FILE, key)
    if stored is not None:
        return bytes(stored).decode()
    found = _computed(descriptor)
    age = time.time() - max(before.st_mtime, before.st_ctime)
    if age > SETTLED_SECONDS and state_of(os.fstat(descriptor)) == state_of(before):
        store.write(FILE, key, found.encode())
    return found


def _computed(descriptor: int) -> str:
    """Read piece by piece and not through a mapping, so that its pages stay the system's."""
    digest, place = hashlib.sha256(), 0
    while piece := os.pread(descriptor, 1 << 20, place):
        digest.update(piece)
        place += len(piece)
    return digest.hexdigest()
