"""Loads an ELF object of an x86-64 Linux into memory: what running machine code needs when nothing compiles.

The sections lie side by side: code, then constants and the table of addresses (GOT), then what is written.
Calls of functions elsewhere go through stubs, since those may lie anywhere. Code is never writable while it
can run.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from functools import cache

from tsc.runtime.elf import (
    ABSOLUTE,
    ALLOCATED,
    EXECUTABLE,
    NO_BITS,
    NULL_SECTION,
    WRITABLE,
    X86_64,
    ElfObject,
    Section,
    Symbol,
    UnsupportedObjectError,
)

_PAGE = mmap.PAGESIZE
_JUMP = b"\xff\x25\x02\x00\x00\x00\xcc\xcc"
"""``jmp [rip + 2]``, which skips two bytes to the address behind it."""
_STUB, _ADDRESS = 16, 8
_READ, _WRITE, _EXECUTE = 1, 2, 4
_RELOCATABLE = 1
# Source: System V ABI, AMD64 supplement, "Relocation Types".
_ABSOLUTE_64, _RELATIVE_32, _CALL_32, _RELATIVE_64 = 1, 2, 4, 24
_BY_TABLE = (9, 41, 42)


class ElfImage:
    """An object in memory, which is freed with this.

    Raises:
        UnsupportedObjectError: it is for another machine, or something in it is not known here.
        LookupError: it needs a name that this process does not have.
        OSError: the system does not give memory that can be run.
    """

    def __init__(self, data: bytes) -> None:
        self._object = ElfObject(data)
        if not sys.platform.startswith("linux") or _PAGE != 4096:
            raise UnsupportedObjectError("objects are loaded on Linux alone")
        if self._object.machine != X86_64 or self._object.kind != _RELOCATABLE:
            raise UnsupportedObjectError("it is no relocatable object for x86-64")
        self._places: dict[int, int] = {}
        """Where each section lies, from the beginning."""
        self._stubs: dict[str, int] = {}
        self._table: dict[int, int] = {}
        """The places of addresses in the table, by symbol."""
        ends = self._lay_out()
        self._memory = mmap.mmap(-1, ends[-1], mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._addresses = [self._address_of(symbol) for symbol in self._object.symbols]
        self._fill()
        self._protect(ends)

    def address(self, name: str) -> int:
        """Where an exported name lies."""
        return next(
            address
            for symbol, address in zip(self._object.symbols, self._addresses, strict=True)
            if symbol.name == name and symbol.section != NULL_SECTION
        )

    # --- places ---

    def _lay_out(self) -> list[int]:
        """Give everything its place; where code, constants and the rest end."""
        at, ends = 0, list[int]()
        for wanted in (EXECUTABLE, 0, WRITABLE):
            for number, section in enumerate(self._object.sections):
                if section.flags & ALLOCATED and _access(section) == wanted:
                    at = _up(at, section.alignment)
                    self._places[number] = at
                    at += section.size
            at = _up(at, _STUB)
            if wanted == EXECUTABLE:
                for symbol in self._object.symbols:
                    if symbol.section == NULL_SECTION and symbol.name:
                        self._stubs[symbol.name] = at
                        at += _STUB
            elif wanted == 0:
                for relocation in self._object.relocations:
                    if relocation.kind in _BY_TABLE and relocation.symbol not in self._table:
                        self._table[relocation.symbol] = at
                        at += _ADDRESS
            at = _up(at, _PAGE)
            ends.append(at)
        return ends

    def _address_of(self, symbol: Symbol) -> int:
        if symbol.section == ABSOLUTE:
            return symbol.value
        if symbol.section in self._places:
            return self._base + self._places[symbol.section] + symbol.value
        if symbol.section != NULL_SECTION or not symbol.name:
            return 0  # of a section that is not in memory, or none: nothing refers to it
        found = symbol_address(symbol.name)
        if not found and not symbol.is_weak:
            raise LookupError(symbol.name)
        return found

    # --- contents ---

    def _fill(self) -> None:
        for number, at in self._places.items():
            section = self._object.sections[number]
            if section.kind != NO_BITS:
                self._memory[at : at + section.size] = self._object.data[
                    section.offset : section.offset + section.size
                ]
        for symbol, address in zip(self._object.symbols, self._addresses, strict=True):
            if symbol.name in self._stubs:
                at = self._stubs[symbol.name]
                self._memory[at : at + _STUB] = _JUMP + struct.pack("<Q", address)
        for number, at in self._table.items():
            struct.pack_into("<Q", self._memory, at, self._addresses[number])
        for relocation in self._object.relocations:
            at = self._places[relocation.section] + relocation.offset
            self._relocate(at, relocation.kind, relocation.symbol, relocation.addend)

    def _relocate(self, at: int, kind: int, symbol: int, addend: int) -> None:
        """Write what a relocation wants at a place."""
        target = self._addresses[symbol]
        if kind == _ABSOLUTE_64:
            struct.pack_into("<Q", self._memory, at, (target + addend) % (1 << 64))
            return
        if kind in _BY_TABLE:
            target = self._base + self._table[symbol]
        elif kind == _CALL_32 and self._object.symbols[symbol].name in self._stubs:
            target = self._base + self._stubs[self._object.symbols[symbol].name]
        elif kind not in (_RELATIVE_32, _CALL_32, _RELATIVE_64):
            raise UnsupportedObjectError(f"it has a relocation of type {kind}")
        distance = target + addend - (self._base + at)
        try:
            struct.pack_into("<q" if kind == _RELATIVE_64 else "<i", self._memory, at, distance)
        except struct.error:
            raise UnsupportedObjectError("something it refers to lies too far away") from None

    def _protect(self, ends: list[int]) -> None:
        """Let code be run and no longer written; constants be read."""
        begins = [0, *ends[:-1]]
        for begin, end, access in zip(begins, ends, (_READ | _EXECUTE, _READ, _READ | _WRITE), strict=True):
            if begin != end and _system().mprotect(self._base + begin, end - begin, access):
                number = ctypes.get_errno()
                raise OSError(number, "the system does not give memory that can be run")


def _access(section: Section) -> int:
    """Code, what is written, or neither."""
    return section.flags & EXECUTABLE or section.flags & WRITABLE


def _up(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment


@cache
def _system() -> ctypes.CDLL:
    process = ctypes.CDLL(None, use_errno=True)
    process.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return process


@cache
def _libraries() -> list[ctypes.CDLL]:
    """Where names are looked for: in this process; in the C library's mathematics, which some Python
    executables hold without exporting it.
    """
    return [_system(), ctypes.CDLL("libm.so.6")]


def symbol_address(name: str) -> int:
    """The address of a C function of this process; 0 where there is none."""
    for library in _libraries():
        found = getattr(library, name, None)
        if found is not None:
            return ctypes.cast(found, ctypes.c_void_p).value or 0
    return 0
