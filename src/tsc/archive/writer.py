"""Writes the zip container of an archive: the same bytes for the same program, tensors aligned so that they
can be mapped, and nothing in the target's place before all of it is written.
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tsc.errors import ArchiveError

ALIGNMENT = 64
"""Stored members begin at multiples of this many bytes, as PyTorch's do."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PADDING = struct.Struct("<2sH")
_LOCAL_HEADER_BYTES = 30
_ZIP64_EXTRA = 20
"""Bytes of the extra field that `zipfile` adds for members beyond 2 GiB."""
Target = str | os.PathLike[str] | IO[bytes]


@dataclass(frozen=True)
class Record:
    """One member: its name below the top folder, and its bytes."""

    name: str
    data: bytes | memoryview
    is_compressed: bool = False


def top_folder(target: Target) -> str:
    """The folder all members are in: the file's name without its ending."""
    if isinstance(target, (str, os.PathLike)):
        return Path(target).stem or "archive"
    return "archive"


def archive_bytes(records: Sequence[Record], folder: str) -> bytes:
    """The whole archive."""
    stream = io.BytesIO()
    _write(stream, records, folder)
    return stream.getvalue()


def write_archive(target: Target, records: Sequence[Record]) -> None:
    """Write an archive; a file is put in its place by renaming, when it is complete.

    Raises:
        ArchiveError: it cannot be written; what was there before is untouched.
    """
    folder = top_folder(target)
    if not isinstance(target, (str, os.PathLike)):
        target.write(archive_bytes(records, folder))
        return
    _replace(Path(target), lambda file: _write(file, records, folder))


def write_file(path: Path, data: bytes) -> None:
    """Write a file of these bytes, in the same way."""
    _replace(path, lambda file: file.write(data))


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    if not path.parent.is_dir():
        raise ArchiveError(f"save: parent directory {path.parent} does not exist")
    if path.is_dir():
        raise ArchiveError(f"save: {path} is a folder")
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise ArchiveError(f"save: {path} cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _write(stream: IO[bytes], records: Sequence[Record], folder: str) -> None:
    with zipfile.ZipFile(stream, "w") as archive:
        for record in records:
            info = zipfile.ZipInfo(f"{folder}/{record.name}", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED if record.is_compressed else zipfile.ZIP_STORED
            info.create_system = 0
            info.extra = _padding(stream.tell(), len(info.filename.encode()), len(record.data))
            archive.writestr(info, record.data)


def _padding(position: int, name_bytes: int, data_bytes: int) -> bytes:
    """An extra field that moves the data to the next multiple of `ALIGNMENT`."""
    begin = position + _LOCAL_HEADER_BYTES + name_bytes + _PADDING.size
    if data_bytes * 1.05 > zipfile.ZIP64_LIMIT:
        begin += _ZIP64_EXTRA
    fill = -begin % ALIGNMENT
    return _PADDING.pack(b"FB", fill) + b"Z" * fill
