"""A zip file as parts that can each be wrong: `read` takes an archive apart, `written` joins the parts."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
LOCAL_FIELDS = (
    "signature", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name", "extra",
)  # fmt: skip
CENTRAL_FIELDS = (
    "signature", "made", "needed", "flags", "method", "time", "date", "crc", "packed", "size", "name",
    "extra",
    "comment", "disk", "internal", "external", "offset",
)  # fmt: skip
END_FIELDS = ("signature", "disk", "start", "here", "entries", "size", "offset", "comment")
ALIGNMENT = 64


@dataclass
class Entry:
    """A member, and what its two headers say of it other than the truth."""

    name: bytes
    data: bytes
    is_packed: bool
    local: dict[str, int] = field(default_factory=dict[str, int])
    central: dict[str, int] = field(default_factory=dict[str, int])
    extra: bytes = b""
    shift: int = 0
    """Bytes by which the data misses its alignment."""

    @property
    def path(self) -> str:
        """The name below the top folder."""
        return self.name.decode("latin-1").partition("/")[2]

    def stored(self) -> bytes:
        """The bytes in the file."""
        if not self.is_packed:
            return self.data
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(self.data) + packer.flush()


@dataclass
class Draft:
    """An archive to be written."""

    entries: list[Entry]
    end: dict[str, int] = field(default_factory=dict[str, int])
    comment: bytes = b""
    last: list[Callable[[bytes], bytes]] = field(default_factory=list[Callable[[bytes], bytes]])
    """What is done to the bytes."""

    def ending(self, *endings: str) -> list[Entry]:
        """The members whose names end so."""
        return [e for e in self.entries if e.path.endswith(endings)]

    def code(self) -> list[Entry]:
        """The members with code."""
        return [e for e in self.ending(".py") if e.path.startswith("code/")]


def read(data: bytes) -> Draft:
    """A draft that is written as an archive with the same members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return Draft(
            [
                Entry(info.filename.encode(), archive.read(info), info.compress_type == zipfile.ZIP_DEFLATED)
                for info in archive.infolist()
            ]
        )


def written(draft: Draft) -> bytes:
    """The bytes of a draft."""
    out, directory = bytearray(), bytearray()
    for entry in draft.entries:
        offset = len(out)
        local, central = _headers(entry, offset)
        out += local + entry.stored()
        directory += central
    count = len(draft.entries) & 0xFFFF
    true = (b"PK\5\6", 0, 0, count, count, len(directory), len(out), len(draft.comment))
    data = bytes(out + directory + _packed(END, END_FIELDS, true, draft.end) + draft.comment)
    for change in draft.last:
        data = change(data)
    return data


def _headers(entry: Entry, offset: int) -> tuple[bytes, bytes]:
    """The header before the data, and the one in the directory."""
    stored, method = entry.stored(), 8 if entry.is_packed else 0
    begin = offset + LOCAL.size + len(entry.name) + len(entry.extra) + 4
    fill = (-begin + entry.shift) % ALIGNMENT
    padding = entry.extra + struct.pack("<2sH", b"FB", fill) + b"Z" * fill
    shared = (method, 0, 33, zlib.crc32(entry.data), len(stored), len(entry.data), len(entry.name))
    local = (b"PK\3\4", 20, 0, *shared, len(padding))
    central = (b"PK\1\2", 0, 20, 0, *shared, len(entry.extra), 0, 0, 0, 0, offset)
    return (
        _packed(LOCAL, LOCAL_FIELDS, local, entry.local) + entry.name + padding,
        _packed(CENTRAL, CENTRAL_FIELDS, central, entry.central) + entry.name + entry.extra,
    )


def _packed(
    form: struct.Struct, fields: tuple[str, ...], true: tuple[object, ...], said: dict[str, int]
) -> bytes:
    """A record in which some fields say something else."""
    values: list[object] = []
    sizes = _sizes(form)
    for name, value, size in zip(fields, true, sizes, strict=True):
        values.append(said[name] & ((1 << 8 * size) - 1) if name in said else value)
    return form.pack(*values)


def _sizes(form: struct.Struct) -> list[int]:
    """The bytes of each field."""
    sizes: list[int] = []
    count = ""
    for letter in form.format[1:]:
        if letter.isdigit():
            count += letter
        elif letter == "s":
            sizes.append(int(count))
            count = ""
        else:
            sizes += [struct.calcsize(f"<{letter}")] * int(count or 1)
            count = ""
    return sizes
