"""Changes of the small members of an archive: version, byte order, constants; and of any member's bytes."""

from __future__ import annotations

from random import Random

from tests.fuzz.archives.zips import Draft, Entry

WORDS = (
    b"", b"3", b"2", b"10", b"11", b"\n", b"3\n4", b"-1", b"9" * 5000, b"3.0", b"little", b"big", b"middle",
    b"\xff",
    b"\0", b"three",
)  # fmt: skip
PICKLES = (
    b"\x80\x02).",
    b"\x80\x02N.",
    b"\x80\x02]].",
    b"\x80\x02(t.",
    b"\x80\x02K\x01\x85.",
    b"(dp0\n.",
    b".",
)


def told(draft: Draft, numbers: Random) -> str:
    """A version or a byte order that is another."""
    found = draft.ending("version", "byteorder", "serialization_id")
    if not found:
        return ""
    entry = numbers.choice(found)
    entry.data = numbers.choice(WORDS)
    return f"{entry.path} = {entry.data[:20]!r}"


def ordered(draft: Draft, numbers: Random) -> str:
    """A byte order where there was none, or another."""
    top = draft.entries[0].name.partition(b"/")[0]
    word = numbers.choice(WORDS)
    draft.entries.append(Entry(top + b"/byteorder", word, False))
    return f"one more byteorder {word[:20]!r}"


def emptied(draft: Draft, numbers: Random) -> str:
    """A pickle that is another, whole one."""
    found = draft.ending(".pkl", ".debug_pkl")
    if not found:
        return ""
    entry = numbers.choice(found)
    entry.data = numbers.choice((*PICKLES, *(e.data for e in found)))
    return f"{entry.path} = {entry.data[:20]!r}"


def damaged(draft: Draft, numbers: Random) -> str:
    """Any member with some of its bytes changed, under a right checksum."""
    entry = numbers.choice(draft.entries)
    data = bytearray(entry.data)
    for _ in range(numbers.choice((1, 2, 5)) if data else 0):
        data[numbers.randrange(len(data))] = numbers.randrange(256)
    entry.data = bytes(data)
    return f"damaged {entry.path}"


MUTATIONS = (told, ordered, emptied, damaged)
