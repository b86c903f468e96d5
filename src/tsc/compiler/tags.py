"""Operations that can be told again after passes have changed them: their locations are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xdsl.dialects.builtin import CallSiteLoc, FileLineColLoc, IntAttr, StringAttr
from xdsl.ir import Attribute, Operation

from tsc.compiler.entry import Entry
from tsc.dialects.walking import walk

TAG = "tsc.tag"


def tagged(entry: Entry) -> tuple[Entry, Sequence[Operation]]:
    """A copy of `entry` in which the location of each operation is its number, which passes hand on to what
    they make of it; and the operations of `entry` by number.
    """
    copy = replace(entry, module=entry.alone())
    for number, op in enumerate(walk(copy.function)):
        op.location = FileLineColLoc(StringAttr(TAG), IntAttr(number), IntAttr(0))
    return copy, list(walk(entry.function))


def tag_of(location: Attribute) -> int | None:
    """The number of the operation that something was made of; None for what the compiler added."""
    if isinstance(location, CallSiteLoc):
        return tag_of(location.callee)
    if not isinstance(location, FileLineColLoc) or location.filename.data != TAG:
        return None
    return location.line.data
