"""Relocatable ELF objects, read for linking: sections, symbols and relocations."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tsc.errors import ResourceError

WRITABLE, ALLOCATED, EXECUTABLE, THREAD_LOCAL = 0x1, 0x2, 0x4, 0x400
_SYMTAB, _RELA, _NOBITS = 2, 4, 8
_LOCAL, _HIDDEN, _INTERNAL = 0, 2, 1
_SLACK = ".tsc.slack."
"""Sections that only llvmlite's memory manager needs."""


@dataclass(eq=False)
class Section:
    """Bytes that go into a library."""

    name: str
    flags: int
    alignment: int
    data: bytearray
    relocations: list[Relocation] = field(default_factory=list["Relocation"])
    address: int = 0


@dataclass(eq=False)
class Symbol:
    """A name, or a place in a section."""

    name: str
    section: Section | None
    """None, where it is defined elsewhere."""
    value: int
    is_local: bool
    is_exported: bool

    @property
    def address(self) -> int:
        """Where it lies."""
        assert self.section is not None
        return self.section.address + self.value


@dataclass(frozen=True, eq=False)
class Relocation:
    """A place in a section that depends on where a symbol lies."""

    offset: int
    kind: int
    symbol: Symbol
    addend: int


def read_objects(objects: list[bytes]) -> tuple[list[Section], list[Symbol]]:
    """The sections of all objects that a program has in memory, and the symbols, each name once.

    Raises:
        ResourceError: a name is defined twice.
    """
    sections: list[Section] = []
    names: dict[str, Symbol] = {}
    for data in objects:
        _read(data, sections, names)
    return sections, list(names.values())


def _read(data: bytes, sections: list[Section], names: dict[str, Symbol]) -> None:
    """Source: System V ABI, "Object Files"."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, strings = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)]
    own: dict[int, Section] = {}
    for number, header in enumerate(headers):
        name = _text(data, headers[strings][4] + header[0])
        if header[2] & ALLOCATED and not name.startswith((_SLACK, ".eh_frame")):
            extent = slice(header[4], header[4] + header[5])
            bytes_ = bytearray(header[5]) if header[1] == _NOBITS else bytearray(data[extent])
            own[number] = Section(name, header[2], max(1, header[8]), bytes_)
    symbols: list[Symbol] = []
    for header in headers:
        if header[1] == _SYMTAB:
            symbols = _symbols(data, header, headers[header[6]][4], own, names)
    for header in headers:
        if header[1] == _RELA and header[7] in own:
            for place in range(header[4], header[4] + header[5], 24):
                offset, info, addend = struct.unpack_from("<QQq", data, place)
                relocation = Relocation(offset, info & 0xFFFFFFFF, symbols[info >> 32], addend)
                own[header[7]].relocations.append(relocation)
    sections += own.values()


def _symbols(
    data: bytes, header: tuple[int, ...], strings: int, own: dict[int, Section], names: dict[str, Symbol]
) -> list[Symbol]:
    found: list[Symbol] = []
    for place in range(header[4], header[4] + header[5], 24):
        at, info, other, index, value, _ = struct.unpack_from("<IBBHQQ", data, place)
        name, is_local = _text(data, strings + at), info >> 4 == _LOCAL
        is_exported = not is_local and other & 3 not in (_HIDDEN, _INTERNAL)
        made = Symbol(name, own.get(index), value, is_local, is_exported and index in own)
        found.append(made if is_local else _joined(made, names))
    return found


def _joined(made: Symbol, names: dict[str, Symbol]) -> Symbol:
    """The one symbol of a name."""
    known = names.setdefault(made.name, made)
    if known is made or made.section is None:
        return known
    if known.section is not None:
        raise ResourceError(f"compile: requires one definition of each name; got two of {made.name}")
    known.section, known.value, known.is_exported = made.section, made.value, made.is_exported
    return known


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode()
