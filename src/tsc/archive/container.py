"""The zip container: members checked before they are read, stored ones mapped without a copy."""

from __future__ import annotations

import mmap
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

from tsc.archive.mapped_files import MappedFile
from tsc.errors import ArchiveError, ArgumentError, MissingArchiveError, SavedValueError
from tsc.options import options

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
LARGEST_TEXT = 1 << 30
"""Bytes a deflated member may expand to: code and pickles of real models are far smaller."""
LARGEST_SUM = 16 << 20
"""Bytes that the members of any archive may expand to."""
DEFLATE_RATIO = 1032
"""The most that deflate can expand its input. Source: zlib's technical notes, "Maximum compression factor".
"""


Source: TypeAlias = str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview
"""Where an archive is: a path, an open file, or the bytes."""

LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
"""How what ``torch.save`` wrote before PyTorch 1.6 begins: a number that says so, and a version."""


def is_legacy(data: Any) -> bool:
    """Whether bytes begin as what ``torch.save`` wrote before it wrote zip files."""
    return bytes(data[: len(LEGACY_START)]) == LEGACY_START


class Container:
    """A read-only archive. `name` is what messages call it; of a mapped file, it is to be given.

    Members in `elsewhere` lie outside it, in mapped files: those of a pickle that names a file.
    """

    def __init__(
        self,
        source: Source | mmap.mmap,
        name: str = "",
        elsewhere: Mapping[str, tuple[MappedFile, int, int]] | None = None,
    ) -> None:
        self.name = name or (
            str(source) if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "<stream>")
        )
        self._data = mapped(source, self.name)
        self.trained: dict[int, Any] = {}
        """The tensors that were read and ask for gradients, by `id`."""
        self._members, self.prefix = self._index()
        self._elsewhere = dict(elsewhere or {})
        own = [MappedFile(self.name, self._data)] if isinstance(self._data, mmap.mmap) else []
        others = {id(file): file for file, _, _ in self._elsewhere.values()}
        self.files: list[MappedFile] = own + list(others.values())
        """The files whose memory members may be."""

    def _index(self) -> tuple[dict[str, zipfile.ZipInfo], str]:
        try:
            with zipfile.ZipFile(_Bytes(self._data)) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OverflowError) as error:
            kind = SavedValueError if is_legacy(self._data) else ArchiveError
            raise kind(
                "PytorchStreamReader failed reading zip archive: failed finding central directory. This is "
                "an "
                f"internal miniz error; in other words {self.name} is not a TorchScript archive: {error}"
            ) from None
        if not infos:
            raise ArchiveError(f"{self.name}: not a TorchScript archive: the zip file is empty")
        prefix = infos[0].filename.split("/")[0] + "/"
        members: dict[str, zipfile.ZipInfo] = {}
        self._check_sum(infos)
        for info in infos:
            self._check(info)
            if info.filename.startswith(prefix):
                members[info.filename[len(prefix) :]] = info
        return members, prefix

    def _check_sum(self, infos: list[zipfile.ZipInfo]) -> None:
        """What all members expand to."""
        expanded = sum(info.file_size for info in infos if info.compress_type != zipfile.ZIP_STORED)
        limit = LARGEST_SUM + options().archive_expansion * len(self._data)
        if expanded > limit:
            raise ArchiveError(
                f"{self.name}: its members expand to {expanded} bytes; from {len(self._data)} bytes at most "
                f"{limit} are taken (option archive_expansion)"
            )

    def _check(self, info: zipfile.ZipInfo) -> None:
        size = len(self._data)
        if info.header_offset < 0 or info.header_offset + LOCAL_HEADER.size + info.compress_size > size:
            raise ArchiveError(
                f"{self.name}: member {info.filename} lies beyond the end of the file ({size} bytes)"
            )
        if info.compress_type == zipfile.ZIP_STORED:
            if info.file_size != info.compress_size:
                raise ArchiveError(
                    f"{self.name}: stored member {info.filename} has two sizes: {info.file_size} and "
                    f"{info.compress_size}"
                )
        elif info.compress_type != zipfile.ZIP_DEFLATED:
            raise ArchiveError(
                f"{self.name}: member {info.filename} is compressed by an unknown method "
                f"({info.compress_type})"
            )
        elif info.file_size > min(LARGEST_TEXT, info.compress_size * DEFLATE_RATIO + 64):
            raise ArchiveError(
                f"{self.name}: member {info.filename} claims {info.file_size} bytes from {info.compress_size}"
            )

    def __contains__(self, name: str) -> bool:
        return name in self._members or name in self._elsewhere

    def names(self) -> list[str]:
        """The members, without the archive's top folder."""
        return [*self._members, *self._elsewhere]

    def size_bytes(self, name: str) -> int:
        """The uncompressed size of a member."""
        if name in self._elsewhere:
            return self._elsewhere[name][2]
        return self._info(name).file_size

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._members[name]
        except KeyError:
            raise ArchiveError(f"{self.name}: member {name} is missing") from None

    def _offset(self, info: zipfile.ZipInfo) -> int:
        header = LOCAL_HEADER.unpack_from(self._data, info.header_offset)
        if header[0] != b"PK\x03\x04":
            raise ArchiveError(f"{self.name}: member {info.filename} has no local header")
        offset = info.header_offset + LOCAL_HEADER.size + header[9] + header[10]
        if offset + info.compress_size > len(self._data):
            raise ArchiveError(f"{self.name}: member {info.filename} lies beyond the end of the file")
        return offset

    def view(self, name: str) -> memoryview:
        """The bytes of a member; of a stored one, the mapped file itself."""
        if name in self._elsewhere:
            file, begin, size = self._elsewhere[name]
            return file.view(begin, size)
        info = self._info(name)
        offset = self._offset(info)
        raw = memoryview(self._data)[offset : offset + info.compress_size]
        if info.compress_type == zipfile.ZIP_STORED:
            return raw
        inflater = zlib.decompressobj(-15)
        try:
            data = inflater.decompress(raw, info.file_size + 1)
        except zlib.error as error:
            raise ArchiveError(f"{self.name}: member {name} is damaged: {error}") from None
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise ArchiveError(f"{self.name}: member {name} is damaged: its size or checksum is wrong")
        return memoryview(bytearray(data))

    def read(self, name: str) -> bytes:
        """A copy of the bytes of a member."""
        return bytes(self.view(name))

    def text(self, name: str) -> str:
        """A member as UTF-8 text."""
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ArchiveError(f"{self.name}: member {name} is not UTF-8 text: {error}") from None


def mapped(source: Source | mmap.mmap, name: str) -> Any:
    """The bytes of a file, which can be written without changing it.

    Raises:
        ArchiveError: there are none.
    """
    if isinstance(source, mmap.mmap):
        return source
    if not isinstance(source, (str, os.PathLike)):
        data = _bytes(source, name)
        if not data:
            raise ArchiveError(f"{name}: not a TorchScript archive: no bytes")
        return bytearray(data)
    path = Path(source)
    if not path.exists():
        raise MissingArchiveError(f"The provided filename {path} does not exist")
    if path.is_dir():
        raise ArchiveError(f"{path}: not a TorchScript archive: it is a folder")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ArchiveError(f"{path}: not a TorchScript archive: the file is empty")
        # Copy-on-write: a program that changes a parameter in place changes its own memory, never the file.
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _bytes(source: Source, name: str) -> Any:
    """The bytes that are given, or that a file gives from where it is.

    Raises:
        ArgumentError: it is nothing of the kind.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return source
    if not hasattr(source, "read"):
        kind = type(source).__name__
        raise ArgumentError(f"load: requires a path, bytes, or a file opened for reading bytes; got {kind}")
    data: Any = cast("IO[bytes]", source).read()
    if isinstance(data, str):
        raise ArgumentError(f"{name}: requires a file of bytes: open it with mode 'rb'")
    return data


class _Bytes:
    """A file object over a buffer, without a copy: what `zipfile` needs to read the directory."""

    def __init__(self, data: Any) -> None:
        self._view = memoryview(data)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move; return the new position."""
        base = (0, self._at, len(self._view))[whence]
        if base + offset < 0:
            raise ValueError("negative seek")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The position."""
        return self._at

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes."""
        end = len(self._view) if size < 0 else min(len(self._view), self._at + size)
        data = bytes(self._view[self._at : end])
        self._at = max(end, self._at)
        return data
