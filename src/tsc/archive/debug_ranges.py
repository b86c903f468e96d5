"""The pickle beside a code file that says which place of the user's source each line comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tsc.archive.pickle_writer import PickleWriter
from tsc.archive.storages import Storages
from tsc.archive.text import encoded
from tsc.dialects import torch_types as tt
from tsc.errors import SourceRange

FORMAT = "FORMAT_WITH_STRING_TABLE"
_Record = tuple[int, tuple[tuple[list[int], int, int], int, int], int]
"""Offset in the code, ((pieces of text, file, the line its text begins at), start, end), tag."""


def encode_ranges(lines: Sequence[str], ranges: Mapping[int, SourceRange]) -> bytes:
    """The pickle for code of `lines`, of which line `i` comes from ``ranges[i]`` where that is known."""
    strings: dict[str, int] = {"": 0}
    records: list[_Record] = []
    offset = 0
    is_known = True
    for i, line in enumerate(lines):
        where = ranges.get(i)
        if where is not None and where.text:
            records.append((offset, _source(where, strings), len(records)))
        elif is_known:
            records.append((offset, (([], 0, 0), 0, 0), 0))
        is_known = where is not None
        offset += len(encoded(line)) + 1
    value = (FORMAT, tuple(strings), tuple(records))
    return PickleWriter(Storages(()), lambda _, __: None, str).dump(value, tt.ANY, "ranges")


def _source(where: SourceRange, strings: dict[str, int]) -> tuple[tuple[list[int], int, int], int, int]:
    text = f"{where.text.rstrip()}\n"
    pieces = [strings.setdefault(text, len(strings))]
    file = strings.setdefault(where.file, len(strings))
    start = len(encoded(text[: where.column]))
    end = max(len(encoded(text[: where.end_column])), start + 1)
    return (pieces, file, where.line), start, end
