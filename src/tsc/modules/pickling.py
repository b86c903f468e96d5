"""Modules as pickles: what a file holds is pickled as a reference to that file, and the rest by value.

A `Reference` is the path of an archive and the digest of its bytes. Who unpickles it gets what the pickled
module was, or one error: nothing else is ever read from a file that is another now.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tsc.cache.file_digest import file_digest
from tsc.errors import ArchiveError, MissingArchiveError

if TYPE_CHECKING:
    from tsc.archive.mapped_files import MappedFile
    from tsc.archive.writer import Record

PIECE = 1 << 20
"""Bytes of a file that are compared at once."""
Places = dict[str, tuple[int, int]]
"""Members of an archive, and where their bytes begin in a file, and how many there are."""


@dataclass(frozen=True)
class Reference:
    """A file by its path and its contents."""

    path: str
    digest: str

    def require(self) -> None:
        """
        Raises:
            MissingArchiveError: there is no such file.
            ArchiveError: it has other contents, or cannot be read.
        """
        what = "unpickle: requires the archive that the module was loaded from, as it was when pickled"
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise MissingArchiveError(f"{what}; {self.path} does not exist here") from None
        except OSError as error:
            raise ArchiveError(f"{what}; {self.path} cannot be read: {error.strerror}") from None
        try:
            found = file_digest(descriptor)
        finally:
            os.close(descriptor)
        if found != self.digest:
            raise ArchiveError(f"{what}; {self.path} has other contents now")


# --- modules that are what their archive says ---


def loaded_again(reference: Reference, is_evaluated: bool, is_frozen: bool) -> Any:
    """The module of an archive that was only loaded, put into eval mode, and frozen.

    Raises:
        ArchiveError: the archive is gone, or another.
    """
    from tsc.modules.files import load
    from tsc.modules.loaded_module import frozen_of

    reference.require()
    made = load(reference.path)
    made = made.eval() if is_evaluated else made
    if not is_frozen:
        return made
    frozen = frozen_of(made)
    if frozen is not None:
        return frozen
    from tsc.modules.script_modules import freeze_module

    return freeze_module(made, ())


# --- other modules: an archive, whose weights may lie in files ---


def reduced(
    records: Sequence[Record], files: Iterable[MappedFile], preserved: tuple[str, ...] | None
) -> tuple[Any, ...]:
    """What ``__reduce__`` gives for a module of `records`; `preserved` are what a frozen one keeps.

    What lies in the memory of `files` and is there in the file itself, byte by byte, is left to the file.
    """
    from tsc.archive.writer import archive_bytes

    references: list[tuple[Reference, Places]] = []
    for file in files:
        found = _found_in(file, records)
        if found is not None:
            references.append(found)
            records = [record for record in records if record.name not in found[1]]
    return rebuilt, (archive_bytes(records, "archive"), references, preserved)


def _found_in(file: MappedFile, records: Sequence[Record]) -> tuple[Reference, Places] | None:
    """The records that a file holds, and where; None if there are none, or it is gone."""
    places = {r.name: p for r in records if (p := _place(file, r.data)) is not None}
    if not places:
        return None
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        held = {
            r.name: (places[r.name], len(r.data))
            for r in records
            if r.name in places and _is_at(descriptor, places[r.name], r.data)
        }
        return (Reference(file.path, file_digest(descriptor)), held) if held else None
    finally:
        os.close(descriptor)


def _place(file: MappedFile, data: bytes | memoryview) -> int | None:
    return file.place_of(data) if isinstance(data, memoryview) and data.nbytes else None


def _is_at(descriptor: int, begin: int, data: bytes | memoryview) -> bool:
    """Whether a file has these bytes there."""
    pieces = range(0, len(data), PIECE)
    return all(
        os.pread(descriptor, PIECE, begin + at)[: len(data) - at] == data[at : at + PIECE] for at in pieces
    )


def rebuilt(
    archive: bytes, references: Sequence[tuple[Reference, Places]], preserved: tuple[str, ...] | None
) -> Any:
    """The module of a pickle that `reduced` made.

    Raises:
        ArchiveError: a file that it refers to is gone, or another.
    """
    from tsc.archive.container import mapped
    from tsc.archive.mapped_files import MappedFile
    from tsc.archive.reader import Archive
    from tsc.frontend.archived import ArchiveProgram
    from tsc.modules.script_modules import freeze_module, loaded

    elsewhere: dict[str, tuple[MappedFile, int, int]] = {}
    for reference, places in references:
        reference.require()
        file = MappedFile(reference.path, mapped(reference.path, reference.path))
        elsewhere |= {name: (file, begin, size) for name, (begin, size) in places.items()}
    made = loaded(ArchiveProgram(Archive(archive, "<pickle>", elsewhere)))
    return made if preserved is None else freeze_module(made, preserved)
