"""An archive opened: its object graph, its constants, and its code as AST, class by class and function by
function.
"""

from __future__ import annotations

import ast
import bisect
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tsc.archive.container import Container, Source
from tsc.archive.mapped_files import MappedFile
from tsc.archive.pickles import ArchiveObject, load_pickle
from tsc.archive.quiet_parsing import parsed_quietly
from tsc.archive.text import encoded
from tsc.errors import ArchiveError, SavedValueError, SourceRange

OLDEST, NEWEST = 3, 10
"""Format versions this reader knows; the version tells which operators an archive may use."""


@dataclass(eq=False)
class CodeFile:
    """One file of ``code/``: its text, its definitions, and the ranges of the user's source behind it."""

    member: str
    text: str
    definitions: dict[str, ast.stmt]
    debug: Any = None
    _ranges: tuple[list[int], list[SourceRange | None]] | None = field(default=None, repr=False)
    _line_starts: list[int] | None = field(default=None, repr=False)

    def original(self, line: int, column: int) -> SourceRange | None:
        """The user's range behind (line, column) of the generated code."""
        if self._ranges is None:
            self._ranges = _decode_ranges(self.debug() if self.debug is not None else None)
        if self._line_starts is None:
            starts, at = [0], 0
            for text in self.text.splitlines(keepends=True):
                at += len(encoded(text))
                starts.append(at)
            self._line_starts = starts
        offsets, ranges = self._ranges
        if not offsets or line > len(self._line_starts):
            return None
        i = bisect.bisect_right(offsets, self._line_starts[line - 1] + column) - 1
        return ranges[i] if i >= 0 else None


class Archive:
    """A ``torch.jit.save`` archive.

    Raises:
        ArchiveError: damaged, hostile, or not a TorchScript archive.
    """

    def __init__(
        self,
        source: Source | mmap.mmap,
        name: str = "",
        elsewhere: Mapping[str, tuple[MappedFile, int, int]] | None = None,
    ) -> None:
        self.container = Container(source, name, elsewhere)
        self.version = self._version()
        if "constants.pkl" not in self.container:
            names = self.container.names()
            is_value = "data.pkl" in names and not any(name.startswith("code/") for name in names)
            kind = "a state dict of torch.save, which tsc.load reads" if is_value else "another kind of file"
            raise (SavedValueError if is_value else ArchiveError)(
                f"{self.container.name}: not a TorchScript archive: constants.pkl is missing (this may be "
                f"{kind})"
            )
        constants = (
            "constants/" if any(n.startswith("constants/") for n in self.container.names()) else "data/"
        )
        held = load_pickle(self.container, "constants.pkl", constants)
        if not isinstance(held, tuple):
            raise ArchiveError(
                f"{self.container.name}: constants.pkl holds a {type(held).__name__}, not a tuple"
            )
        self.constants = cast("tuple[Any, ...]", held)
        root = load_pickle(self.container, "data.pkl", "data/")
        if not isinstance(root, ArchiveObject):
            raise ArchiveError(f"{self.container.name}: data.pkl holds {type(root).__name__}, not a module")
        self.root = root
        self._files: dict[str, CodeFile | None] = {}

    def _version(self) -> int:
        for member in (".data/version", "version"):
            if member in self.container:
                text = self.container.text(member).strip()
                if (
                    not (text.isascii() and text.isdigit() and len(text) < 4)
                    or not OLDEST <= int(text) <= NEWEST
                ):
                    raise ArchiveError(
                        f"{self.container.name}: format version must be {OLDEST} to {NEWEST}; got "
                        f"{text[:20]!r}"
                    )
                return int(text)
        raise ArchiveError(f"{self.container.name}: not a TorchScript archive: it has no version")

    def extra_file(self, name: str) -> bytes | None:
        """A file stored beside the model by ``_extra_files``; None if there is none of that name."""
        member = f"extra/{name}"
        return self.container.read(member) if member in self.container else None

    def _file(self, module: str) -> CodeFile | None:
        if module not in self._files:
            member = f"code/{module.replace('.', '/')}.py"
            self._files[module] = self._parse(member) if member in self.container else None
        return self._files[module]

    def _parse(self, member: str) -> CodeFile:
        text = self.container.text(member)
        try:
            tree = cast("ast.Module", parsed_quietly(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ArchiveError(f"{self.container.name}: {member} is not TorchScript: {error}") from None
        definitions = {s.name: s for s in tree.body if isinstance(s, (ast.ClassDef, ast.FunctionDef))}
        debug_member = f"{member}.debug_pkl"
        debug = None
        if debug_member in self.container:
            debug = lambda: load_pickle(self.container, debug_member, "data/")  # noqa: E731 - read when an error needs it
        return CodeFile(member, text, dict(definitions), debug)

    def definition(self, qualified: str) -> tuple[ast.stmt, CodeFile] | None:
        """The class or function called ``__torch__.a.b.Name`` and the file it stands in."""
        module, _, name = qualified.rpartition(".")
        file = self._file(module)
        if file is None or name not in file.definitions:
            return None
        return file.definitions[name], file


def _decode_ranges(debug: Any) -> tuple[list[int], list[SourceRange | None]]:
    """The table offset -> user's source range of a ``debug_pkl``; empty when its form is not known, or it is
    damaged: it only tells where errors come from.
    """
    if not (isinstance(debug, tuple) and len(debug) == 3 and debug[0] == "FORMAT_WITH_STRING_TABLE"):  # pyright: ignore[reportUnknownArgumentType]
        return [], []
    _, strings, entries = debug  # pyright: ignore[reportUnknownVariableType]
    offsets: list[int] = []
    ranges: list[SourceRange | None] = []
    try:
        for entry in entries:  # pyright: ignore[reportUnknownVariableType]
            ranges.append(_decode_range(strings, entry[1]))
            offsets.append(int(entry[0]))  # pyright: ignore[reportUnknownArgumentType]
    except (TypeError, ValueError, LookupError, AttributeError):
        return [], []
    return (offsets, ranges) if offsets == sorted(offsets) else ([], [])


def _decode_range(strings: Any, record: Any) -> SourceRange | None:
    (pieces, file, first_line), start, end = record
    text = "".join(strings[i] for i in pieces)
    if not text or not isinstance(file, int):
        return None
    name, places = strings[file], (first_line, start, end)
    if not isinstance(name, str) or not all(type(n) is int for n in places):
        raise TypeError("a range holds a name and three numbers")
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    number = first_line + text.count("\n", 0, start)
    return SourceRange(name, number, start - line_start, min(end - line_start, len(line)), line)
