"""Sizes that are not known while compiling: integer expressions over symbols.

A `Dim` stands wherever a size does, and arithmetic with it gives further ones, or plain numbers where symbols
cancel. What a compilation asks of one and cannot know (is it 1? is it the other one?) is answered as the
first call would answer it, and noted in the `SizeEnvironment` as a *guard*: the code is for calls in which
all guards hold. Whoever takes a `Dim` for a number (``range(dim)``) gets one, and a guard that pins it. So
code that knows nothing of symbols stays right, and gives code for fewer sizes.
"""

from tsc.dims.environment import Guard, SizeEnvironment
from tsc.dims.expressions import Atom, Bounds, Dim
from tsc.dims.operations import floordiv, maximum, minimum, mod
from tsc.dims.questions import (
    agree,
    alike,
    bounds_of,
    certainly_empty,
    certainly_equal,
    certainly_natural,
    from_words,
    hint_of,
    hints_of,
    holds_dim,
    holds_found,
    in_words,
    is_known,
    is_one,
    most_of,
    planned,
    program_asks,
    symbols_in,
    take_as_factors,
)

__all__ = [
    "Atom", "Bounds", "Dim", "Guard", "SizeEnvironment", "agree", "alike", "bounds_of", "certainly_empty",
    "certainly_equal", "certainly_natural", "floordiv", "from_words", "hint_of", "hints_of", "holds_dim",
    "holds_found", "in_words", "is_known", "is_one", "maximum", "minimum", "mod", "most_of", "planned",
    "program_asks", "symbols_in", "take_as_factors",
]  # fmt: skip
