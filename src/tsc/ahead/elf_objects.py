"""Relocatable ELF objects, joined for linking: the sections, symbols and relocations of several."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsc.errors import ResourceError
from tsc.runtime import elf
from tsc.runtime.elf import ALLOCATED, NO_BITS, ElfObject

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
    read = ElfObject(data)
    own = {
        number: Section(section.name, section.flags, section.alignment, _contents(data, section))
        for number, section in enumerate(read.sections)
        if section.flags & ALLOCATED and not section.name.startswith((_SLACK, ".eh_frame"))
    }
    symbols = [_symbol(symbol, own, names) for symbol in read.symbols]
    for place in read.relocations:
        if place.section in own:
            relocation = Relocation(place.offset, place.kind, symbols[place.symbol], place.addend)
            own[place.section].relocations.append(relocation)
    sections += own.values()


def _contents(data: bytes, section: elf.Section) -> bytearray:
    if section.kind == NO_BITS:
        return bytearray(section.size)
    return bytearray(data[section.offset : section.offset + section.size])


def _symbol(read: elf.Symbol, own: dict[int, Section], names: dict[str, Symbol]) -> Symbol:
    is_exported = read.is_exported and read.section in own
    made = Symbol(read.name, own.get(read.section), read.value, read.is_local, is_exported)
    return made if read.is_local else _joined(made, names)


def _joined(made: Symbol, names: dict[str, Symbol]) -> Symbol:
    """The one symbol of a name."""
    known = names.setdefault(made.name, made)
    if known is made or made.section is None:
        return known
    if known.section is not None:
        raise ResourceError(f"compile: requires one definition of each name; got two of {made.name}")
    known.section, known.value, known.is_exported = made.section, made.value, made.is_exported
    return known
