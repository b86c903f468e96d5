"""Bytes as a relocatable ELF object: a read-only section with one hidden symbol."""

from __future__ import annotations

import struct

_HEADER_BYTES, _SECTION_BYTES, _SYMBOL_BYTES = 64, 64, 24
_RELOCATABLE, _X86_64 = 1, 62
_PROGBITS, _SYMTAB, _STRTAB = 1, 2, 3
_ALLOCATED = 2
_GLOBAL_OBJECT, _HIDDEN = 0x11, 2


def data_object(symbol: str, data: bytes, alignment: int = 64) -> bytes:
    """An object for x86-64 in which `symbol` is the address of `data`.

    Source: System V ABI, "Object Files".
    """
    names = b"\0.rodata\0.symtab\0.strtab\0.note.GNU-stack\0"
    strings = b"\0" + symbol.encode() + b"\0"
    symbols = bytes(_SYMBOL_BYTES) + struct.pack("<IBBHQQ", 1, _GLOBAL_OBJECT, _HIDDEN, 1, 0, len(data))
    at_symbols = _rounded(_rounded(_HEADER_BYTES, alignment) + len(data), 8)
    at_strings = at_symbols + len(symbols)
    at_names = at_strings + len(strings)
    at_table = _rounded(at_names + len(names), 8)
    first = _rounded(_HEADER_BYTES, alignment)
    table = [
        bytes(_SECTION_BYTES),
        _section(names, b".rodata", _PROGBITS, _ALLOCATED, (first, len(data)), align=alignment),
        _section(names, b".symtab", _SYMTAB, 0, (at_symbols, len(symbols)), (3, 1), 8, _SYMBOL_BYTES),
        _section(names, b".strtab", _STRTAB, 0, (at_strings, len(strings))),
        _section(names, b".strtab", _STRTAB, 0, (at_names, len(names))),
        _section(names, b".note.GNU-stack", _PROGBITS, 0, (at_names, 0)),
    ]
    identity = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", _RELOCATABLE, _X86_64, 1, 0, 0, at_table, 0, _HEADER_BYTES, 0, 0, _SECTION_BYTES,
        len(table), 4,
    )  # fmt: skip
    made = bytearray(header)
    for place, part in ((first, data), (at_symbols, symbols), (at_strings, strings), (at_names, names)):
        made += bytes(place - len(made)) + part
    made += bytes(at_table - len(made)) + b"".join(table)
    return bytes(made)


def _rounded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _section(
    names: bytes, name: bytes, kind: int, flags: int, extent: tuple[int, int],
    links: tuple[int, int] = (0, 0), align: int = 1, entry_bytes: int = 0,
) -> bytes:  # fmt: skip
    """One entry of the section table; `extent` is where the section lies and how long it is."""
    at = names.index(name + b"\0")
    return struct.pack("<IIQQQQIIQQ", at, kind, flags, 0, *extent, *links, align, entry_bytes)
