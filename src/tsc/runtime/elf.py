"""The symbols of a relocatable ELF object: read before loading, because an undefined symbol aborts the
process.
"""

import struct
from dataclasses import dataclass

_SECTION_SYMTAB = 2
_LOCAL = 0


@dataclass(frozen=True)
class Symbols:
    """Exported names, and names the object needs from elsewhere."""

    defined: frozenset[str] = frozenset()
    undefined: frozenset[str] = frozenset()


def symbols_of(data: bytes) -> Symbols:
    """The symbols of a 64-bit little-endian ELF file; nothing for any other format.

    Source: System V ABI, "Object Files".
    """
    if data[:6] != b"\x7fELF\x02\x01":
        return Symbols()
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + size * i) for i in range(count)]
    defined: set[str] = set()
    undefined: set[str] = set()
    for section in sections:
        if section[1] == _SECTION_SYMTAB:
            _read_table(data, section, sections[section[6]][4], defined, undefined)
    return Symbols(frozenset(defined), frozenset(undefined))


def _read_table(
    data: bytes, section: tuple[int, ...], names: int, defined: set[str], undefined: set[str]
) -> None:
    for offset in range(section[4], section[4] + section[5], 24):
        name, info, _, index = struct.unpack_from("<IBBH", data, offset)
        if info >> 4 == _LOCAL or not name:
            continue
        text = data[names + name : data.index(b"\0", names + name)].decode()
        (undefined if index == 0 else defined).add(text)
