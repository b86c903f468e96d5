"""How calls of operators are said in Python: what generated code does itself instead of calling `eager`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

EAGER = "eager"
"""The name by which a text calls the operator's `eager`, where it is for some values alone."""
NO_NAMES: Mapping[str, object] = {}


@dataclass(frozen=True)
class PythonForm:
    """Python that does what `Operator.eager` does: an expression, or a statement where nothing results.

    It raises where `eager` raises, and does nothing before that: what is raised, `eager` then says.
    """

    write: Callable[..., str | None]
    """Of the texts of the operands, names of variables or literals of numbers, strings and None that are
    known, and of `names` (and `EAGER`) as keywords: the text. None for operands that need `eager`."""
    names: Mapping[str, object] = field(default_factory=dict[str, object])
    """What the text takes from outside, by the names that `write` knows it by."""
    calls_eager: bool = False
    """Whether the text also calls `eager`, by the name `EAGER`."""
    wraps: bool = False
    """Whether the text gives an int that may be beyond 64 bits, which is still to be wrapped."""
    gives_first: bool = False
    """Whether the text is a statement, and the result is the very first operand."""
    is_sure: bool = False
    """Whether it never raises and changes nothing, so that it may be done later, where its result is read."""
    reads: bool = False
    """Whether its result depends on what is in lists or dicts by then."""


def python_form(
    template: str, names: Mapping[str, object] = NO_NAMES, *, wraps: bool = False, gives_first: bool = False,
    is_sure: bool = False, reads: bool = False,
) -> PythonForm:  # fmt: skip
    """A form of the same text for all operands: ``{0}`` is the first, ``{eager}`` the operator itself."""
    calls_eager = f"{{{EAGER}}}" in template
    return PythonForm(template.format, names, calls_eager, wraps, gives_first, is_sure, reads)
