"""Loads ELF objects of an x86-64 Linux into memory: what running machine code needs when nothing compiles.

The sections lie side by side: code, then constants and the table of addresses (GOT), then what is written.
Calls of functions elsewhere go through stubs, since those may lie anywhere. Code is never writable while it
can run.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Sequence
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
    Relocation,
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


class _Part:
    """One of the objects that are loaded together."""

    def __init__(self, data: bytes) -> None:
        self.object = ElfObject(data)
        if self.object.machine != X86_64 or self.object.kind != _RELOCATABLE:
            raise UnsupportedObjectError("it is no relocatable object for x86-64")
        self.places: dict[int, int] = {}
        """Where each section lies, from the beginning of the memory."""
        self.table: dict[int, int] = {}
        """The places of addresses in the table, by symbol."""
        self.addresses: list[int] = []
        """Of each symbol."""


class ElfImage:
    """Objects in memory, which are freed with this. They may call each other, by names that are unique.

    Raises:
        UnsupportedObjectError: one is for another machine, or something in it is not known here.
        LookupError: one needs a name that no other and not this process has.
        OSError: the system does not give memory that can be run.
    """

    def __init__(self, objects: Sequence[bytes]) -> None:
        if not sys.platform.startswith("linux") or _PAGE != 4096:
            raise UnsupportedObjectError("objects are loaded on Linux alone")
        self._parts = [_Part(data) for data in objects]
        self._stubs: dict[str, int] = {}
        """Where the jumps to functions of the process lie."""
        ends = self._lay_out()
        self._memory = mmap.mmap(-1, ends[-1], mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._shared = {
            symbol.name: self._base + part.places[symbol.section] + symbol.value
            for part in self._parts
            for symbol in part.object.symbols
            if not symbol.is_local and symbol.section in part.places
        }
        for part in self._parts:
            part.addresses = [self._address_of(part, symbol) for symbol in part.object.symbols]
        self._fill_stubs()
        for part in self._parts:
            self._fill(part)
        self._protect(ends)

    def address(self, name: str) -> int:
        """Where an exported name lies."""
        return self._shared[name]

    def functions(self) -> list[tuple[str, int, int]]:
        """Names, addresses and sizes in bytes of all functions."""
        return [
            (symbol.name, address, symbol.size_bytes)
            for part in self._parts
            for symbol, address in zip(part.object.symbols, part.addresses, strict=True)
            if symbol.is_function and symbol.section in part.places
        ]

    # --- places ---

    def _lay_out(self) -> list[int]:
        """Give everything its place; where code, constants and the rest end."""
        at, ends = 0, list[int]()
        for wanted in (EXECUTABLE, 0, WRITABLE):
            for part in self._parts:
                for number, section in enumerate(part.object.sections):
                    if section.flags & ALLOCATED and _access(section) == wanted:
                        at = _up(at, section.alignment)
                        part.places[number] = at
                        at += section.size
            if wanted == EXECUTABLE:
                at = self._lay_out_stubs(_up(at, _STUB))
            elif wanted == 0:
                at = self._lay_out_table(_up(at, _ADDRESS))
            at = _up(at, _PAGE)
            ends.append(at)
        return ends

    def _lay_out_stubs(self, at: int) -> int:
        for name in self._foreign_names():
            self._stubs[name] = at
            at += _STUB
        return at

    def _lay_out_table(self, at: int) -> int:
        for part in self._parts:
            for relocation in part.object.relocations:
                if relocation.kind in _BY_TABLE and relocation.symbol not in part.table:
                    part.table[relocation.symbol] = at
                    at += _ADDRESS
        return at

    def _foreign_names(self) -> list[str]:
        """Names that an object needs and none defines."""
        symbols = [symbol for part in self._parts for symbol in part.object.symbols if symbol.name]
        defined = {s.name for s in symbols if s.section != NULL_SECTION and not s.is_local}
        return sorted({s.name for s in symbols if s.section == NULL_SECTION} - defined)

    def _address_of(self, part: _Part, symbol: Symbol) -> int:
        if symbol.section == ABSOLUTE:
            return symbol.value
        if symbol.section in part.places:
            return self._base + part.places[symbol.section] + symbol.value
        if symbol.section != NULL_SECTION or not symbol.name:
            return 0  # of a section that is not in memory, or none: nothing refers to it
        found = self._shared.get(symbol.name) or symbol_address(symbol.name)
        if not found and not symbol.is_weak:
            raise LookupError(symbol.name)
        return found

    # --- contents ---

    def _fill_stubs(self) -> None:
        for name, at in self._stubs.items():
            self._memory[at : at + _STUB] = _JUMP + struct.pack("<Q", symbol_address(name))

    def _fill(self, part: _Part) -> None:
        for number, at in part.places.items():
            section = part.object.sections[number]
            if section.kind != NO_BITS:
                self._memory[at : at + section.size] = part.object.data[
                    section.offset : section.offset + section.size
                ]
        for number, at in part.table.items():
            struct.pack_into("<Q", self._memory, at, part.addresses[number])
        for relocation in part.object.relocations:
            at = part.places[relocation.section] + relocation.offset
            self._relocate(part, at, relocation)

    def _relocate(self, part: _Part, at: int, relocation: Relocation) -> None:
        """Write what a relocation wants at a place."""
        kind, addend = relocation.kind, relocation.addend
        target, name = part.addresses[relocation.symbol], part.object.symbols[relocation.symbol].name
        if kind == _ABSOLUTE_64:
            struct.pack_into("<Q", self._memory, at, (target + addend) % (1 << 64))
            return
        if kind in _BY_TABLE:
            target = self._base + part.table[relocation.symbol]
        elif kind == _CALL_32 and name in self._stubs:
            target = self._base + self._stubs[name]
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
