"""Changes of an archive as a zip file: its members, what their headers say, its bytes."""

from __future__ import annotations

import struct
from random import Random

from tests.fuzz.archives.zips import CENTRAL_FIELDS, END_FIELDS, LOCAL_FIELDS, Draft, Entry

NAMES = (
    b"../../../../tmp/escape", b"/etc/passwd", b"model/../../escape", b"C:\\windows\\x",
    b"model/\xff\xfe\x80",
    b"", b"model/", b"model//data.pkl", b"model/data.pkl\x00.txt", b"model/code/../data.pkl", b"\x00",
    b"model/" + b"a/" * 3000 + b"b", b"other/data.pkl", b"model/data/0", b"model/constants/0",
    b"model/code/__torch__.py", b"model/.data/version", b"model/DATA.PKL", "model/d\u0430ta.pkl".encode(),
)  # fmt: skip
NUMBERS = (
    0, 1, 2, 7, 8, 12, 14, 30, 64, 255, 256, 2**15, 2**16 - 1, 2**16, 2**20, 2**30, 2**31 - 1, 2**31,
    2**32 - 2,
    2**32 - 1,
)  # fmt: skip


def removed(draft: Draft, numbers: Random) -> str:
    """Drop a member."""
    gone = draft.entries.pop(numbers.randrange(len(draft.entries)))
    return f"removed {gone.name[:40]!r}"


def doubled(draft: Draft, numbers: Random) -> str:
    """A member twice, perhaps under the name of another."""
    entry, other = numbers.choice(draft.entries), numbers.choice(draft.entries)
    name = numbers.choice((entry.name, other.name))
    copy = Entry(name, entry.data, entry.is_packed)
    draft.entries.insert(numbers.randint(0, len(draft.entries)), copy)
    return f"doubled {entry.name[:40]!r} as {name[:40]!r}"


def renamed(draft: Draft, numbers: Random) -> str:
    """A member with another name."""
    entry = numbers.choice(draft.entries)
    before, entry.name = entry.name, numbers.choice(NAMES)
    return f"renamed {before[:40]!r} to {entry.name[:40]!r}"


def added(draft: Draft, numbers: Random) -> str:
    """A member that no archive has."""
    draft.entries.insert(
        numbers.randint(0, len(draft.entries)), Entry(numbers.choice(NAMES), b"words", False)
    )
    return "added a member"


def swapped(draft: Draft, numbers: Random) -> str:
    """Two members with each other's data."""
    one, two = numbers.choice(draft.entries), numbers.choice(draft.entries)
    one.data, two.data = two.data, one.data
    return f"swapped {one.name[:40]!r} and {two.name[:40]!r}"


def moved(draft: Draft, numbers: Random) -> str:
    """The members in another order."""
    numbers.shuffle(draft.entries)
    return "shuffled the members"


def cut(draft: Draft, numbers: Random) -> str:
    """A member that ends early."""
    entry = numbers.choice(draft.entries)
    entry.data = entry.data[: numbers.randint(0, len(entry.data))]
    return f"cut {entry.name[:40]!r} to {len(entry.data)} bytes"


def repacked(draft: Draft, numbers: Random) -> str:
    """A member packed that was stored, or the other way round."""
    entry = numbers.choice(draft.entries)
    entry.is_packed = not entry.is_packed
    return f"packed or unpacked {entry.name[:40]!r}"


def bombed(draft: Draft, numbers: Random) -> str:
    """A member that expands to far more than it takes."""
    entry = numbers.choice(draft.entries)
    entry.data, entry.is_packed = entry.data + b"\0" * numbers.choice((2**20, 2**24, 2**26)), True
    return f"a bomb in {entry.name[:40]!r}"


def grown(draft: Draft, numbers: Random) -> str:
    """Very many members."""
    entry, count = numbers.choice(draft.entries), numbers.choice((100, 3000))
    draft.entries += [Entry(entry.name + b"%d" % i, b"", False) for i in range(count)]
    return f"{count} more members"


def misaligned(draft: Draft, numbers: Random) -> str:
    """Data at odd places."""
    for entry in draft.entries:
        entry.shift = numbers.randrange(64)
    return "misaligned the members"


def _wrong(draft: Draft, numbers: Random, said: dict[str, int], fields: tuple[str, ...]) -> str:
    """A field of a header that says something else."""
    name = numbers.choice(fields[1:])
    said[name] = numbers.choice((numbers.choice(NUMBERS), numbers.randrange(2**16), -numbers.randrange(99)))
    return f"{name} = {said[name]}"


def local_wrong(draft: Draft, numbers: Random) -> str:
    """A wrong field before the data."""
    entry = numbers.choice(draft.entries)
    return f"local header of {entry.name[:40]!r}: {_wrong(draft, numbers, entry.local, LOCAL_FIELDS)}"


def central_wrong(draft: Draft, numbers: Random) -> str:
    """A wrong field in the directory."""
    entry = numbers.choice(draft.entries)
    return f"directory, {entry.name[:40]!r}: {_wrong(draft, numbers, entry.central, CENTRAL_FIELDS)}"


def sizes_wrong(draft: Draft, numbers: Random) -> str:
    """Sizes that agree with each other and not with the data."""
    entry = numbers.choice(draft.entries)
    size = numbers.choice((len(entry.data) * 2, len(entry.data) + 1, *NUMBERS))
    for said in (entry.local, entry.central):
        said.update(size=size, packed=size)
    return f"sizes of {entry.name[:40]!r}: {size}"


def elsewhere(draft: Draft, numbers: Random) -> str:
    """A member over the data of another."""
    entry = numbers.choice(draft.entries)
    entry.central["offset"] = numbers.choice((0, 1, numbers.randrange(4096), 2**31, 2**32 - 1))
    return f"offset of {entry.name[:40]!r}: {entry.central['offset']}"


def end_wrong(draft: Draft, numbers: Random) -> str:
    """A wrong field at the end."""
    return f"end: {_wrong(draft, numbers, draft.end, END_FIELDS)}"


def commented(draft: Draft, numbers: Random) -> str:
    """A comment, perhaps one that looks like another end."""
    draft.comment = numbers.choice(
        (b"words", b"PK\5\6" + b"\0" * 18, b"PK\6\6" + b"\xff" * 60, b"\0" * 65535)
    )
    return "a comment"


def wide(draft: Draft, numbers: Random) -> str:
    """Fields of 64 bits, right or wrong, whole or cut."""
    entry = numbers.choice(draft.entries)
    values = [numbers.choice((len(entry.data), 0, 2**32, 2**63 - 1, 2**63, 2**64 - 1)) for _ in range(3)]
    body = struct.pack("<3Q", *values)[: numbers.choice((24, 24, 16, 8, 5, 0))]
    entry.extra = struct.pack("<2H", 1, numbers.choice((len(body), 24, 65535))) + body
    for said in numbers.choice(((entry.central,), (entry.central, entry.local), ())):
        for name in numbers.sample(["size", "packed", "offset"], 2):
            said[name] = 2**32 - 1
    return f"64 bits: {entry.name[:40]!r} {values}"


def extra(draft: Draft, numbers: Random) -> str:
    """An extra field of any bytes."""
    entry = numbers.choice(draft.entries)
    entry.extra = numbers.randbytes(numbers.choice((1, 3, 4, 9, 500)))
    return f"an extra field of {entry.name[:40]!r}"


# --- the bytes of the file ---


def flipped(draft: Draft, numbers: Random) -> str:
    """A few bytes changed."""
    places = [(numbers.random(), numbers.randrange(256)) for _ in range(numbers.choice((1, 1, 2, 8)))]

    def change(data: bytes) -> bytes:
        out = bytearray(data)
        for place, value in places:
            if out:
                out[int(place * len(out))] = value
        return bytes(out)

    draft.last.append(change)
    return f"{len(places)} bytes changed"


def truncated(draft: Draft, numbers: Random) -> str:
    """The file ends early, or begins late."""
    place, is_head = numbers.random(), numbers.random() < 0.7
    draft.last.append(lambda data: data[: int(place * len(data))] if is_head else data[int(place * 200) :])
    return "truncated"


def pasted(draft: Draft, numbers: Random) -> str:
    """A piece of the file at another place of it, or before it."""
    begin, place, size = (
        numbers.random(),
        numbers.choice((0.0, numbers.random(), 1.0)),
        numbers.randrange(1, 4096),
    )

    def change(data: bytes) -> bytes:
        at, to = int(begin * len(data)), int(place * len(data))
        return data[:to] + data[at : at + size] + data[to:]

    draft.last.append(change)
    return f"pasted {size} bytes"


MUTATIONS = (
    removed, doubled, renamed, added, swapped, moved, cut, repacked, bombed, grown, misaligned, local_wrong,
    central_wrong, sizes_wrong, elsewhere, end_wrong, commented, wide, extra, flipped, truncated, pasted,
)  # fmt: skip
