"""A relocatable ELF object, read: its sections, symbols and relocations.

Symbols are read before loading, because an undefined one aborts the process in LLVM's own loader.
"""

import struct
from typing import NamedTuple

from tsc.concurrency import computed_once

X86_64 = 62
NULL_SECTION, ABSOLUTE = 0, 0xFFF1
NO_BITS = 8
WRITABLE, ALLOCATED, EXECUTABLE, THREAD_LOCAL = 0x1, 0x2, 0x4, 0x400
_SYMBOL_TABLE, _RELOCATIONS, _INITIALIZERS = 2, 4, (14, 15, 16)
_LOCAL, _WEAK = 0, 2
_INTERNAL, _HIDDEN = 1, 2
_FUNCTION = 2


class UnsupportedObjectError(Exception):
    """An object is of another format, or needs what is not known here."""


class Symbols(NamedTuple):
    """Exported names, and names the object needs from elsewhere."""

    defined: frozenset[str] = frozenset()
    undefined: frozenset[str] = frozenset()


class Section(NamedTuple):
    """A section: where its bytes are in the file, and what memory it wants."""

    name: str
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class Symbol(NamedTuple):
    """A symbol: `value` is an offset in its section."""

    name: str
    binding: int
    visibility: int
    section: int
    value: int
    kind: int
    size_bytes: int

    @property
    def is_function(self) -> bool:
        """Whether it is code."""
        return self.kind == _FUNCTION

    @property
    def is_local(self) -> bool:
        """Whether other objects do not see it."""
        return self.binding == _LOCAL

    @property
    def is_exported(self) -> bool:
        """Whether a library that it is linked into shows it."""
        return not self.is_local and self.visibility not in (_INTERNAL, _HIDDEN)

    @property
    def is_weak(self) -> bool:
        """Whether it may be missing."""
        return self.binding == _WEAK


class Relocation(NamedTuple):
    """A place in a section, which gets the address of a symbol in some way."""

    section: int
    offset: int
    kind: int
    symbol: int
    addend: int


class ElfObject:
    """A 64-bit little-endian relocatable object.

    Raises:
        UnsupportedObjectError: it is none.

    Source: System V ABI, "Object Files".
    """

    def __init__(self, data: bytes) -> None:
        if data[:6] != b"\x7fELF\x02\x01":
            raise UnsupportedObjectError("it is no 64-bit little-endian ELF file")
        self.data = data
        self.kind, self.machine = struct.unpack_from("<HH", data, 0x10)
        (table,) = struct.unpack_from("<Q", data, 0x28)
        size, count, names = struct.unpack_from("<HHH", data, 0x3A)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)]
        self.sections = [self._section(header, headers[names][4]) for header in headers]
        if any(section.kind in _INITIALIZERS for section in self.sections):
            raise UnsupportedObjectError("it has initializers")

    def _section(self, header: tuple[int, ...], names: int) -> Section:
        name, kind, flags, _, at, size, link, info, alignment, _ = header
        return Section(self._text(names + name), kind, flags, at, size, link, info, max(1, alignment))

    def _text(self, start: int) -> str:
        return self.data[start : self.data.index(b"\0", start)].decode()

    @computed_once
    def symbols(self) -> list[Symbol]:
        """All symbols, in the order in which relocations number them."""
        tables = [section for section in self.sections if section.kind == _SYMBOL_TABLE]
        return [symbol for table in tables[:1] for symbol in self._symbols(table)]

    def _symbols(self, table: Section) -> list[Symbol]:
        names = self.sections[table.link].offset
        found: list[Symbol] = []
        for offset in range(table.offset, table.offset + table.size, 24):
            name, info, other, section, value, size = struct.unpack_from("<IBBHQQ", self.data, offset)
            text = self._text(names + name)
            found.append(Symbol(text, info >> 4, other & 3, section, value, info & 0xF, size))
        return found

    @computed_once
    def relocations(self) -> list[Relocation]:
        """All relocations of sections that lie in memory."""
        found: list[Relocation] = []
        for table in self.sections:
            if table.kind == _RELOCATIONS and self.sections[table.info].flags & ALLOCATED:
                for offset in range(table.offset, table.offset + table.size, 24):
                    place, info, addend = struct.unpack_from("<QQq", self.data, offset)
                    found.append(Relocation(table.info, place, info & 0xFFFFFFFF, info >> 32, addend))
        return found

    @property
    def names(self) -> Symbols:
        """Exported and needed names."""
        shared = [s for s in self.symbols if not s.is_local and s.name]
        return Symbols(
            frozenset(s.name for s in shared if s.section != NULL_SECTION),
            frozenset(s.name for s in shared if s.section == NULL_SECTION),
        )


def symbols_of(data: bytes) -> Symbols:
    """The symbols of a 64-bit little-endian ELF file; nothing for any other format."""
    try:
        return ElfObject(data).names
    except UnsupportedObjectError:
        return Symbols()
