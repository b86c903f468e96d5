"""Objects into a shared library where the system has no linker: a small linker for what `tsc` assembles."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from tsc.ahead.elf_objects import Relocation, Section, Symbol, read_objects
from tsc.errors import ResourceError
from tsc.runtime.elf import EXECUTABLE, THREAD_LOCAL, WRITABLE

NEEDED = ("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2")
Extent = tuple[int, int]
_PAGE, _SEGMENTS = 0x1000, 6
_ABSOLUTE, _PC, _PLT, _TLS_GLOBAL, _TLS_LOCAL, _TLS_OFFSET = 1, 2, 4, 19, 20, 21
_GOT = (9, 41, 42)
_KNOWN = (_ABSOLUTE, _PC, _PLT, _TLS_GLOBAL, _TLS_LOCAL, _TLS_OFFSET, *_GOT)
_RELATIVE, _GLOBAL_DATA, _MODULE = 8, 6, 16
_FUNCTION, _UNDEFINED = 0x12, 0x10
_IN_LIBC = ("__tls_get_addr", "__errno_location")
"""Names that begin like those of a compiler's own library, and are in the C library."""
_STUB = b"\xff\x25" + bytes(4) + b"\xcc" * 10  # jmp *slot(%rip)


def link_objects(objects: Sequence[bytes], soname: str, prefix: str) -> bytes:
    """A shared library of `objects`, which exports the names that begin with `prefix`. What is defined in
    none of them is looked for in the C library.

    Source: System V ABI and its supplement for AMD64 (relocations, dynamic linking, thread-local storage).

    Raises:
        ResourceError: an object needs something that this linker does not do.
    """
    sections, symbols = read_objects(list(objects))
    exported = [s for s in symbols if s.is_exported and s.name.startswith(prefix)]
    return _Linking(sections, exported, soname).run()


class _Layout:
    """Where the parts of a library lie: from and to, in the file as in memory."""

    def __init__(self, symbols: int, string_bytes: int, relocations: int) -> None:
        head = 64 + 56 * _SEGMENTS
        self.symbols = _extent(head, 24 * (1 + symbols))
        self.hash = _extent(self.symbols[1], 4 * (4 + symbols))
        self.strings = _extent(self.hash[1], string_bytes)
        self.relocations = _extent(_rounded(self.strings[1], 8), 24 * relocations)
        self.read_only = self.code = self.data = self.thread_local = (0, 0)

    def place(self, groups: Sequence[list[Section]], stubs: Section, tables: Sequence[Section]) -> None:
        """Give all sections their addresses."""
        read, run, local, written = groups
        self.read_only = 0, _placed(read, self.relocations[1])
        start = _rounded(self.read_only[1], _PAGE)
        self.code = start, _placed([*run, stubs], start)
        start = _rounded(self.code[1], _PAGE)
        self.thread_local = start, _placed(local, start)
        self.data = start, _placed([*tables, *written], self.thread_local[1])

    def segments(self, dynamic: Extent) -> list[tuple[int, int, Extent, int]]:
        """What is loaded: kinds, rights, extents and alignments."""
        return [
            (1, 4, self.read_only, _PAGE), (1, 5, self.code, _PAGE), (1, 6, self.data, _PAGE),
            (2, 6, dynamic, 8), (7, 4, self.thread_local, 64), (0x6474E551, 6, (0, 0), 16),
        ]  # fmt: skip

    def parts(self, dynamic: Extent) -> list[tuple[str, int, int, Extent, int, int]]:
        """The section table: names, kinds, flags, extents, links, and bytes of an entry."""
        return [
            ("", 0, 0, (0, 0), 0, 0), (".dynsym", 11, 2, self.symbols, 2, 24),
            (".dynstr", 3, 2, self.strings, 0, 0), (".hash", 5, 2, self.hash, 1, 4),
            (".rela.dyn", 4, 2, self.relocations, 1, 24), (".text", 1, 6, self.code, 0, 0),
            (".data", 1, 3, self.data, 0, 0), (".dynamic", 6, 3, dynamic, 2, 16),
        ]  # fmt: skip


class _Linking:
    def __init__(self, sections: Sequence[Section], exported: Sequence[Symbol], soname: str) -> None:
        self.sections = sections
        self.exported = exported
        self.soname = soname
        self.slots: dict[Symbol, int] = {}
        """Symbols whose address is in the table of addresses, and their place in it."""
        self.stubs: dict[Symbol, int] = {}
        """Functions of other libraries that are called, and the number of what jumps there."""
        self.module_slot: int | None = None
        """The place of the number of this library among those with thread-local storage, and a zero."""
        self.table_words = 0
        self.relative: list[tuple[int, int]] = []
        """Places that hold an address of this library, and it."""

    def run(self) -> bytes:
        """Link."""
        absolutes = self._plan()
        symbols = [*(symbol for symbol in self.slots if symbol.section is None), *self.exported]
        names = _Names()
        needed = [names.place(text) for text in (*NEEDED, self.soname)]
        name_places = [names.place(symbol.name) for symbol in symbols]
        count = absolutes + len(self.slots) + (self.module_slot is not None)
        at = _Layout(len(symbols), len(names.data), count)
        table = Section("got", WRITABLE, 64, bytearray(8 * self.table_words))
        code = Section("stubs", EXECUTABLE, 16, bytearray(_STUB * len(self.stubs)))
        dynamic = Section("dynamic", WRITABLE, 16, bytearray(_dynamic(needed, at)))
        at.place(self._groups(), code, [table, dynamic])
        self._relocate(table, code, at.thread_local[0])
        image = bytearray(at.data[1])
        for section in (*self.sections, table, code, dynamic):
            image[section.address : section.address + len(section.data)] = section.data
        parts = (
            (at.symbols, self._symbol_table(symbols, name_places)), (at.hash, _hash_table(len(symbols))),
            (at.strings, names.data), (at.relocations, self._relocations(table, symbols)),
        )  # fmt: skip
        for (start, end), data in parts:
            assert len(data) == end - start
            image[start:end] = data
        extent = dynamic.address, dynamic.address + len(dynamic.data)
        return _file(image, at.segments(extent), at.parts(extent))

    # --- what is needed ---

    def _plan(self) -> int:
        """Give slots and stubs to the symbols that need them; how many absolute addresses there are."""
        count = 0
        for section in self.sections:
            for relocation in section.relocations:
                symbol, kind = relocation.symbol, relocation.kind
                if not _is_possible(section, relocation):
                    raise ResourceError(
                        f"compile: requires a linker for '{symbol.name}' (relocation {kind}): cc, gcc, clang "
                        "or ld; got none in PATH. Install gcc or binutils"
                    )
                count += kind == _ABSOLUTE
                if kind in _GOT or (kind == _PLT and symbol.section is None):
                    self._slot(symbol)
                if kind == _PLT and symbol.section is None:
                    self.stubs.setdefault(symbol, len(self.stubs))
                if kind in (_TLS_LOCAL, _TLS_GLOBAL) and self.module_slot is None:
                    self.module_slot = self.table_words
                    self.table_words += 2
        return count

    def _slot(self, symbol: Symbol) -> None:
        if symbol not in self.slots:
            self.slots[symbol] = self.table_words
            self.table_words += 1

    def _groups(self) -> tuple[list[Section], list[Section], list[Section], list[Section]]:
        """Sections that are read, run, copied for each thread, and written."""
        groups: tuple[list[Section], list[Section], list[Section], list[Section]] = ([], [], [], [])
        for section in self.sections:
            if section.flags & THREAD_LOCAL:
                groups[2].append(section)
            elif section.flags & WRITABLE:
                groups[3].append(section)
            else:
                groups[1 if section.flags & EXECUTABLE else 0].append(section)
        return groups

    # --- addresses ---

    def _relocate(self, table: Section, code: Section, tls_start: int) -> None:
        for symbol, number in self.stubs.items():
            place = code.address + 16 * number
            slot = table.address + 8 * self.slots[symbol]
            struct.pack_into("<i", code.data, 16 * number + 2, slot - (place + 6))
        for section in self.sections:
            for relocation in section.relocations:
                self._apply(section, relocation, table, code, tls_start)

    def _apply(
        self, section: Section, relocation: Relocation, table: Section, code: Section, tls_start: int
    ) -> None:
        symbol, kind, place = relocation.symbol, relocation.kind, section.address + relocation.offset
        if kind == _ABSOLUTE:
            self.relative.append((place, symbol.address + relocation.addend))
            return
        if kind == _TLS_OFFSET:
            value = symbol.address - tls_start + relocation.addend
        else:
            value = self._target(relocation, table, code) + relocation.addend - place
        struct.pack_into("<i", section.data, relocation.offset, value)

    def _target(self, relocation: Relocation, table: Section, code: Section) -> int:
        symbol, kind = relocation.symbol, relocation.kind
        if kind == _TLS_LOCAL:
            assert self.module_slot is not None
            return table.address + 8 * self.module_slot
        if kind in _GOT:
            return table.address + 8 * self.slots[symbol]
        if symbol.section is None:
            return code.address + 16 * self.stubs[symbol]
        return symbol.address

    # --- tables ---

    def _symbol_table(self, symbols: Sequence[Symbol], names: Sequence[int]) -> bytes:
        made = bytearray(24)
        for symbol, name in zip(symbols, names, strict=True):
            if symbol.section is None:
                made += struct.pack("<IBBHQQ", name, _UNDEFINED, 0, 0, 0, 0)
            else:
                made += struct.pack("<IBBHQQ", name, _FUNCTION, 0, 5, symbol.address, 0)
        return bytes(made)

    def _relocations(self, table: Section, symbols: Sequence[Symbol]) -> bytes:
        numbers = {symbol: 1 + number for number, symbol in enumerate(symbols)}
        made = [struct.pack("<QQq", place, _RELATIVE, value) for place, value in self.relative]
        for symbol, slot in self.slots.items():
            place = table.address + 8 * slot
            if symbol.section is None:
                made.append(struct.pack("<QQq", place, numbers[symbol] << 32 | _GLOBAL_DATA, 0))
            else:
                made.append(struct.pack("<QQq", place, _RELATIVE, symbol.address))
        if self.module_slot is not None:
            made.append(struct.pack("<QQq", table.address + 8 * self.module_slot, _MODULE, 0))
        return b"".join(made)


def _is_possible(section: Section, relocation: Relocation) -> bool:
    """Whether this linker can do a relocation, and the C library has what it is about."""
    symbol, kind = relocation.symbol, relocation.kind
    if symbol.section is None:
        is_of_compiler = symbol.name.startswith("__") and symbol.name not in _IN_LIBC
        return not is_of_compiler and (kind == _PLT or kind in _GOT)
    return kind in _KNOWN and (kind != _ABSOLUTE or bool(section.flags & WRITABLE))


class _Names:
    """A table of strings."""

    def __init__(self) -> None:
        self.data = bytearray(1)

    def place(self, text: str) -> int:
        """Where `text` stands in it."""
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def _extent(start: int, size: int) -> Extent:
    return start, start + size


def _rounded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _placed(sections: Iterable[Section], start: int) -> int:
    """Give sections addresses from `start` on; where they end."""
    for section in sections:
        section.address = _rounded(start, section.alignment)
        start = section.address + len(section.data)
    return start


def _hash_table(count: int) -> bytes:
    """One bucket with all symbols: there are few."""
    chain = [0, *(number + 1 for number in range(1, count)), 0] if count else [0]
    return struct.pack(f"<{4 + count}I", 1, 1 + count, min(1, count), *chain)


def _dynamic(names: Sequence[int], at: _Layout) -> bytes:
    *needed, soname = names
    strings, relocations = at.strings, at.relocations
    entries = [(1, name) for name in needed]
    entries += [(14, soname), (4, at.hash[0]), (5, strings[0]), (6, at.symbols[0])]
    entries += [(10, strings[1] - strings[0]), (11, 24), (7, relocations[0])]
    entries += [(8, relocations[1] - relocations[0]), (9, 24), (30, 8), (0, 0)]  # 30: bind at once
    return b"".join(struct.pack("<QQ", *entry) for entry in entries)


def _file(
    image: bytearray, segments: Sequence[tuple[int, int, Extent, int]],
    parts: Sequence[tuple[str, int, int, Extent, int, int]],
) -> bytes:  # fmt: skip
    """The image with its header, program headers and section table."""
    names = _Names()
    places = [names.place(part[0]) for part in parts]
    own = names.place(".shstrtab")
    at_names = len(image)
    at_table = _rounded(at_names + len(names.data), 8)
    image += names.data + bytes(at_table - at_names - len(names.data))
    for (_, kind, flags, (start, end), link, entry), name in zip(parts, places, strict=True):
        info = 1 if kind == 11 else 0  # the first symbol that is not local
        image += struct.pack(
            "<IIQQQQIIQQ", name, kind, flags, start, start, end - start, link, info, 8, entry
        )
    image += struct.pack("<IIQQQQIIQQ", own, 3, 0, 0, at_names, len(names.data), 0, 0, 1, 0)
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    numbers = (3, 62, 1, 0, 64, at_table, 0, 64, 56, len(segments), 64, len(parts) + 1, len(parts))
    image[:64] = identity + struct.pack("<HHIQQQIHHHHHH", *numbers)
    for number, (kind, flags, (start, end), alignment) in enumerate(segments):
        size = end - start
        header = struct.pack("<IIQQQQQQ", kind, flags, start, start, start, size, size, alignment)
        image[64 + 56 * number : 120 + 56 * number] = header
    return bytes(image)
