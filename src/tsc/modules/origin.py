"""`Origin`: the file of an archive, and what is known of it from earlier processes."""

from __future__ import annotations

import json
import mmap
import os
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

import numpy as np

from tsc.cache import is_enabled, store
from tsc.cache.file_digest import file_digest, state_of
from tsc.cache.keys import key_of, options_key
from tsc.concurrency import serialized
from tsc.interop.torch import torch
from tsc.runtime.stored_code import ProgramMemory

if TYPE_CHECKING:
    from tsc.modules.script_modules import RecursiveScriptModule

PROGRAM = "program"
"""The kind of cache entry that says what an archive was found to be."""
RESTORES = "__setstate__"
"""The method that an archive's objects are restored by: loading runs code of the program."""


class Follower(Protocol):
    """What was made of an origin while nothing had changed it."""

    def settle(self) -> None:
        """Become what it would be if it had been made at once, before anything changes."""
        ...


class Origin:
    """A module as its archive has it: neither it, nor what was frozen of it, has been changed or looked into.
    As long as that holds, the bytes of the archive say all about it.
    """

    def __init__(self, path: str, data: mmap.mmap, digest: str, state: str) -> None:
        self.path = path
        self.digest = digest
        self.memory = ProgramMemory(np.frombuffer(data, np.uint8))
        self.is_evaluated = False
        """Whether `eval` was called."""
        self.is_touched = False
        """Whether it may have been changed."""
        self.followers: WeakSet[Follower] = WeakSet()
        self._data = data
        self._state = state
        self._module: RecursiveScriptModule | None = None

    @classmethod
    def of_file(cls, path: str) -> Origin:
        """The origin in a file.

        Raises:
            OSError, ValueError: it cannot be read, or mapped.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            state = state_of(os.fstat(descriptor))
            digest = file_digest(descriptor)
            # Copy-on-write: a program that changes a parameter changes its own memory, never the file.
            return cls(path, mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY), digest, state)
        finally:
            os.close(descriptor)

    # --- the module itself ---

    @serialized
    def module(self) -> RecursiveScriptModule:
        """The module, read from the archive.

        Raises:
            ArchiveError: the archive is damaged, hostile, or not a TorchScript archive.
        """
        if self._module is None:
            from tsc.archive.reader import Archive
            from tsc.frontend.archived import ArchiveProgram
            from tsc.modules.script_modules import loaded

            made = loaded(ArchiveProgram(Archive(self._data, self.path)))
            self._module = made.eval() if self.is_evaluated else made
        return self._module

    @serialized
    def evaluate(self) -> None:
        """Leave training mode."""
        if not self.is_evaluated:
            for follower in list(self.followers):
                follower.settle()
            self.is_evaluated = True
            if self._module is not None:
                self._module.eval()

    @serialized
    def touch(self) -> None:
        """It, or what was frozen of it, may be changed from now on."""
        if not self.is_touched:
            for follower in list(self.followers):
                follower.settle()
            self.is_touched = True

    # --- what earlier processes found ---

    @property
    def is_remembered(self) -> bool:
        """Whether what is found now, and what was found before, is about this origin: nobody has changed
        anything, and PyTorch's tensors are nowhere.
        """
        return not self.is_touched and is_enabled() and torch() is None

    @property
    def is_unchanged(self) -> bool:
        """Whether the file still is the one whose digest was taken: its pages are the system's."""
        try:
            return state_of(os.stat(self.path)) == self._state
        except OSError:
            return False

    def known(self, step: str) -> dict[str, Any] | None:
        """What an earlier process noted of a step that succeeded."""
        stored = store.read(PROGRAM, self._step_key(step))
        return None if stored is None else json.loads(bytes(stored))

    def note(self, step: str, facts: dict[str, Any]) -> None:
        """Note that a step succeeded."""
        if self.is_remembered and self.is_unchanged:
            store.write(PROGRAM, self._step_key(step), json.dumps(facts).encode())

    def _step_key(self, step: str) -> str:
        return key_of(step=step, archive=self.digest, is_evaluated=self.is_evaluated, options=options_key())


def opened_origin(path: object) -> Origin | None:
    """The origin in the file `path`; None where nothing is to be remembered of it, or it cannot be read."""
    if not isinstance(path, (str, os.PathLike)) or not is_enabled() or torch() is not None:
        return None
    try:
        name: str | bytes = os.fspath(path)
        return Origin.of_file(os.fsdecode(name)) if os.path.isfile(name) else None
    except (OSError, ValueError):
        return None
