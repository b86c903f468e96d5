"""Questions that ask nothing of sizes, and so leave no guards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

from tsc.dims.expressions import OPERATIONS, Atom, Bounds, Dim

UNKNOWN_SIZE = 1_000
"""What a symbolic size is taken to be where it is not known: many tiles of any kind."""


def symbols_in(shape: Iterable[int | Dim]) -> list[Dim]:
    """All sizes of arguments of the compilation, if there is a symbol in `shape`; and those in it that the
    program finds when it runs.
    """
    sizes = [n for n in shape if isinstance(n, Dim)]
    if not sizes:
        return []
    environment = sizes[0].environment
    occurring = {atom for size in sizes for atom in size.atoms}
    found = [atom for atom in environment.found if atom in occurring]
    return [Dim(environment, {(atom,): 1}) for atom in (*environment.symbols, *found)]


def holds_found(size: int | Dim) -> bool:
    """Whether a size depends on one that the program finds when it runs."""
    return isinstance(size, Dim) and any(atom in size.environment.found for atom in size.atoms)


def most_of(size: int) -> int:
    """The most that a size may be, by the sizes of arguments alone.

    Raises:
        FoundSizeError: that is not known.
    """
    return cast("int", size.environment.most(size)) if isinstance(size, Dim) else size


def in_words(size: int | Dim, names: Mapping[Atom, Any]) -> Any:
    """A size as nested lists of plain values, `names` for its symbols: what `from_words` makes a number."""
    if not isinstance(size, Dim):
        return size

    def word(atom: Atom) -> Any:
        if atom.is_symbol:
            return ["size", names[atom]]
        return [atom.name, *(in_words(o, names) for o in atom.operands)]

    return ["sum", *(["product", factor, *map(word, monomial)] for monomial, factor in size.terms.items())]


def from_words(words: Any, value_of: Callable[[Any], int]) -> int:
    """The number that a size in words is, where `value_of` says what a symbol is by its name."""
    if not isinstance(words, list):
        return words
    kind, *parts = cast("list[Any]", words)
    if kind == "size":
        return value_of(parts[0])
    values = [from_words(part, value_of) for part in parts]
    if kind in ("sum", "product"):
        return sum(values) if kind == "sum" else math.prod(values)
    return OPERATIONS[kind](*values)


def hint_of(value: int | Dim) -> int:
    """A size as it is in the call that is compiled for: for choices that make code fast or slow, and never
    right or wrong.
    """
    return value.hint if isinstance(value, Dim) else value


def planned(size: int) -> int:
    """A size as tiles and vectors are chosen for it: of a symbolic one, large."""
    return UNKNOWN_SIZE if isinstance(size, Dim) else size


def hints_of(values: Any) -> Any:
    """The same with all sizes in it as in the call that is compiled for: see `hint_of`."""
    if isinstance(values, (list, tuple)):
        return type(values)(hints_of(v) for v in values)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return hint_of(values)


def holds_dim(value: object) -> bool:
    """Whether a value is, or (a list or tuple) holds, a symbolic size."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_dim, value))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, Dim)


def program_asks(values: Any) -> AbstractContextManager[None]:
    """What is asked of the sizes in `values` in the ``with`` block, the program asks."""
    if isinstance(values, (list, tuple)):
        asked = next((v for v in values if holds_dim(v)), None)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return nullcontext() if asked is None else program_asks(asked)
    return values.environment.program_asks()


def bounds_of(value: int | Dim) -> Bounds:
    """The least and the greatest value of a size."""
    return value.bounds if isinstance(value, Dim) else (value, value)


def is_known(value: float | Dim) -> bool:
    """Whether a size is a plain number."""
    return not isinstance(value, Dim)


def is_one(size: int) -> bool:
    """Whether a size is certainly 1: of one that may be 1, nothing is asked."""
    return not isinstance(size, Dim) and size == 1


def certainly_empty(shape: Sequence[int]) -> bool:
    """Whether a tensor of such a shape certainly has no elements: nothing is asked."""
    return any(is_known(n) and n == 0 for n in shape)


def certainly_natural(value: int | Dim) -> bool:
    """Whether a number certainly is not negative: nothing is asked."""
    if isinstance(value, Dim):
        return value.environment.known(value, ">=") is True
    return value >= 0


def alike(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two shapes are certainly the same: nothing is asked of sizes."""
    return len(a) == len(b) and all(certainly_equal(m, n) for m, n in zip(a, b, strict=True))


def take_as_factors(size: int, factors: Sequence[int]) -> None:
    """Take for granted that a symbol among `factors`, which are to divide `size`, is one of those in `size`,
    if it is as large as one in the call that is compiled for: sizes that an argument says, and a tensor has.
    """
    if not isinstance(size, Dim) or holds_found(size):
        return
    inside = [Dim(size.environment, {(atom,): 1}) for atom in dict.fromkeys(size.atoms) if atom.is_symbol]
    free = [a for a in inside if not any(a.same(f) for f in factors)]
    for factor in factors:
        if not isinstance(factor, Dim) or not factor.is_symbol or holds_found(factor):
            continue
        if not any(a.same(factor) for a in inside):
            same = next((a for a in free if a.hint == factor.hint), None)
            if same is not None and same == factor:  # which is asked, and so noted
                free = [a for a in free if a is not same]


def agree(a: Sequence[int] | None, b: Sequence[int] | None) -> bool:
    """Whether two shapes, which may not be known, are the same; of sizes that are found, whether that is
    certain.
    """
    if a is None or b is None or len(a) != len(b):
        return a is b
    return all(
        certainly_equal(m, n) if holds_found(m) or holds_found(n) else m == n
        for m, n in zip(a, b, strict=True)
    )


def certainly_equal(a: int, b: int) -> bool:
    """Whether two sizes are the same expression or number."""
    if isinstance(a, Dim):
        return a.same(b)
    return not isinstance(b, Dim) and a == b
