"""Changes of an archive's pickles, opcode by opcode."""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable
from random import Random

from tests.fuzz.archives.zips import Draft, Entry

Steps = list[bytes]
"""The opcodes of a pickle, each with its argument."""
INTEGERS = (
    0, 1, -1, 2, 3, 7, 63, 64, 65, 255, 256, 65535, 2**20, 2**31 - 1, -(2**31), 2**31, 2**32, 2**40, 2**53,
    2**56,
    2**62, 2**63 - 1, -(2**63),
)  # fmt: skip
GLOBALS = (
    b"os\nsystem", b"builtins\neval", b"builtins\ngetattr", b"builtins\n__import__", b"posix\nsystem",
    b"torch._utils\n_rebuild_qtensor", b"torch._utils\n_rebuild_tensor_v2", b"torch._utils\n_rebuild_tensor",
    b"torch._utils\n_rebuild_parameter", b"torch\nFloatStorage", b"torch\nBoolStorage", b"torch\nHalfStorage",
    b"torch\nComplexDoubleStorage", b"torch\nQInt8Storage", b"torch\nBFloat16Storage", b"torch\ndevice",
    b"collections\nOrderedDict", b"torch.jit._pickle\nbuild_intlist", b"torch.jit._pickle\nbuild_tensorlist",
    b"torch.jit._pickle\nbuild_doublelist", b"torch.jit._pickle\nbuild_boollist",
    b"torch.jit._pickle\nrestore_type_tag", b"builtins\ncomplex", b"__torch__\nMissing", b"__torch__\n",
    b"__torch__.a..b\nC", b"__torch__.__init__.__globals__\nos", b"numpy\nndarray", b"tsc.jit\nload",
)  # fmt: skip
TEXTS = (
    "", "training", "storage", "weight", "0", "-1", "../0", "__class__", "__dict__", "__setstate__",
    "forward",
    "\0", "\ud7ff", "a" * 5000, "cpu", "cuda:0", "meta", "__torch__.M",
)  # fmt: skip
VALUES = (
    b"N", b"\x88", b"\x89", b"K\x01", b"G\x7f\xf8\0\0\0\0\0\0", b"]", b"}", b")", b"X\x01\0\0\0a",
    b"K\x01\x85",
    b"cbuiltins\ncomplex\nG\0\0\0\0\0\0\0\0G\0\0\0\0\0\0\0\0\x86R", b"]K\x01a", b"]Na", b"]]aa",
    b"}X\x01\0\0\0aK\x01s", b"ccollections\nOrderedDict\n)R", b"ctorch\ndevice\nX\x03\0\0\0cpu\x85R",
)  # fmt: skip
NUMBERED = (b"K", b"M", b"J", b"\x8a")
REMEMBERED = (b"h", b"j", b"q", b"r")


def steps_of(data: bytes) -> Steps:
    """The opcodes of a pickle; what cannot be read is one more."""
    places: list[int] = []
    try:
        for _, _, place in pickletools.genops(data):
            places.append(place or 0)
    except Exception:
        return [data]
    return [data[i:j] for i, j in zip(places, [*places[1:], len(data)], strict=True)]


def integer(value: int) -> bytes:
    """The opcode of a number of 64 bits."""
    return b"\x8a\x08" + struct.pack("<q", value)


def text(value: str) -> bytes:
    """The opcode of a text."""
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _place(steps: Steps, numbers: Random, *codes: bytes) -> int | None:
    """The place of one of the opcodes that begin so."""
    found = [i for i, step in enumerate(steps) if not codes or step[:1] in codes]
    return numbers.choice(found) if found else None


def removed(steps: Steps, numbers: Random) -> str:
    """Drop an opcode."""
    place = numbers.randrange(len(steps))
    return f"removed {steps.pop(place)[:20]!r}"


def doubled(steps: Steps, numbers: Random) -> str:
    """An opcode, or a few, twice."""
    place, count = numbers.randrange(len(steps)), numbers.choice((1, 1, 2, 8, 30))
    steps[place:place] = steps[place : place + count]
    return f"doubled {count} opcodes at {place}"


def swapped(steps: Steps, numbers: Random) -> str:
    """Two opcodes change places."""
    one = numbers.randrange(len(steps))
    two = numbers.choice((numbers.randrange(len(steps)), max(0, one - 1)))
    steps[one], steps[two] = steps[two], steps[one]
    return f"swapped {one} and {two}"


def moved(steps: Steps, numbers: Random) -> str:
    """A copy of an opcode of this pickle over another."""
    place, source = numbers.randrange(len(steps)), numbers.choice(steps)
    steps[place] = source
    return f"{source[:20]!r} at {place}"


def inserted(steps: Steps, numbers: Random) -> str:
    """Any opcode there is, with some argument."""
    code = numbers.choice(pickletools.opcodes).code.encode("latin-1")
    made = code + numbers.choice((b"", b"\0", b"\1\0\0\0", b"1\n", b"a\nb\n", b"\xff" * 8))
    place = numbers.randrange(len(steps))
    steps.insert(place, made)
    return f"inserted {made!r} at {place}"


def counted(steps: Steps, numbers: Random) -> str:
    """A number that is another."""
    place = _place(steps, numbers, *NUMBERED)
    if place is None:
        return ""
    value = numbers.choice((numbers.choice(INTEGERS), numbers.randrange(-9, 99)))
    steps[place] = integer(value)
    return f"{value} at {place}"


def remembered(steps: Steps, numbers: Random) -> str:
    """The number of a memo that is another."""
    place = _place(steps, numbers, *REMEMBERED)
    if place is None:
        return ""
    index = numbers.choice((0, 1, 2**32 - 1, numbers.randrange(len(steps))))
    code = {b"h": b"j", b"q": b"r"}.get(steps[place][:1], steps[place][:1])
    steps[place] = code + struct.pack("<I", index)
    return f"{code!r} {index} at {place}"


def spelt(steps: Steps, numbers: Random) -> str:
    """A text that is another, of this pickle or of none, or that lies about its length."""
    place = _place(steps, numbers, b"X")
    if place is None:
        return ""
    others = [step for step in steps if step[:1] == b"X"]
    lying = b"X" + struct.pack("<I", numbers.choice((0, 3, 2**20, 2**32 - 1))) + steps[place][5:]
    steps[place] = numbers.choice((text(numbers.choice(TEXTS)), numbers.choice(others), lying))
    return f"{steps[place][:20]!r} at {place}"


def named(steps: Steps, numbers: Random) -> str:
    """A global that is another, of this pickle or a dangerous one."""
    place = _place(steps, numbers, b"c")
    if place is None:
        return ""
    others = [step for step in steps if step[:1] == b"c"]
    steps[place] = numbers.choice((b"c" + numbers.choice(GLOBALS) + b"\n", numbers.choice(others)))
    return f"{steps[place]!r} at {place}"


def replaced(steps: Steps, numbers: Random) -> str:
    """A plain value that becomes one of another type."""
    place = _place(steps, numbers, *NUMBERED, b"N", b"\x88", b"\x89", b"G", b"X", b"h", b")")
    if place is None:
        return ""
    steps[place] = numbers.choice(VALUES)
    return f"{steps[place]!r} at {place}"


def nested(steps: Steps, numbers: Random) -> str:
    """A value within very many tuples or lists."""
    place = numbers.randrange(1, max(2, len(steps)))
    depth = numbers.choice((10, 150, 250, 5000, 100_000))
    deep = b"]" * depth + b"a" * (depth - 1)
    steps.insert(
        place, numbers.choice((b"\x85" * depth, deep, b"}K\x00" * depth + b"Ns" + b"s" * (depth - 1)))
    )
    return f"{depth} levels at {place}"


def expanded(steps: Steps, numbers: Random) -> str:
    """A value that holds itself twice, again and again."""
    place = numbers.randrange(1, max(2, len(steps)))
    times = numbers.choice((3, 12, 25, 80))
    twice = numbers.choice((b"q\xfbh\xfb\x86", b"q\xfb](h\xfbh\xfbe", b"q\xfb}K\x00h\xfbsK\x01h\xfbs"))
    steps.insert(place, numbers.choice((b"", b"K\x01")) + twice * times)
    return f"doubled a value {times} times at {place}"


def cyclic(steps: Steps, numbers: Random) -> str:
    """A container that holds itself."""
    place = numbers.randrange(1, max(2, len(steps)))
    steps.insert(
        place, numbers.choice((b"q\xfch\xfca", b"q\xfch\xfcK\x01h\xfcs", b"q\xfch\xfcb", b"]q\xfch\xfca"))
    )
    return f"a cycle at {place}"


def lengthened(steps: Steps, numbers: Random) -> str:
    """A long list or tuple."""
    place, count = numbers.randrange(1, max(2, len(steps))), numbers.choice((70, 2000, 100_000))
    steps.insert(place, b"(" + b"K\x01" * count + numbers.choice((b"t", b"t\x85")))
    return f"{count} numbers at {place}"


CHANGES: tuple[Callable[[Steps, Random], str], ...] = (
    removed, doubled, swapped, moved, inserted, counted, counted, counted, remembered, spelt, spelt, named,
    replaced,
    replaced, nested, expanded, cyclic, lengthened,
)  # fmt: skip


def changed(entry: Entry, numbers: Random) -> str:
    """Change a few opcodes of a member."""
    steps = steps_of(entry.data)
    count = numbers.choice((1, 1, 1, 2, 3))
    told = [numbers.choice(CHANGES)(steps, numbers) for _ in range(count) if steps]
    entry.data = b"".join(steps)
    return f"{entry.path}: " + "; ".join(t for t in told if t)


def objects(draft: Draft, numbers: Random) -> str:
    """The pickle of the module's objects, or of the constants."""
    found = draft.ending("data.pkl", "data.pkl", "constants.pkl")
    return changed(numbers.choice(found), numbers) if found else ""


def debug(draft: Draft, numbers: Random) -> str:
    """A pickle that says where code comes from."""
    found = draft.ending(".debug_pkl")
    return changed(numbers.choice(found), numbers) if found else ""
