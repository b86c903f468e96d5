"""Symbolic sizes of a compilation: which sizes of the arguments have names, and what is known of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tsc.dims import Atom, SizeEnvironment


class SizesFoundError(Exception):
    """Equations say what symbols are: the compilation begins anew without those."""

    def __init__(self, solved: Mapping[Atom, Any]) -> None:
        super().__init__(", ".join(f"{atom} = {value}" for atom, value in solved.items()))
        self.solved = solved


Key = tuple[str, ...]
"""Arguments in words, as the pass `specialize` spells them."""
Kinds = tuple[Key, tuple[bool, ...]]
"""Arguments in words without the sizes of tensors, and which of these are 0."""
_SHAPE = re.compile(r"(?:^|(?<=[\[{;=]))(?:\d+x)+(?=[a-z])")
_NAMED_SHAPE = re.compile(r"(?:^|(?<=[\[{;=]))(?:s?\d+x)+(?=[a-z])")
PLACE = "\0x"
"""What stands in a skeleton for a size."""
_PLACES = re.compile(f"(?:{PLACE})+")
MOST_RESTARTS = 8
"""How often a compilation begins anew because sizes have turned out to be equal, or fixed."""


@dataclass(frozen=True)
class Sizes:
    """What the names of sizes stand for in one compilation: symbols, or what equations say of them."""

    environment: SizeEnvironment
    values: Mapping[str, Any]
    hints: Mapping[str, int]

    @classmethod
    def of(cls, hints: Mapping[str, int]) -> Sizes:
        """Names of which nothing is known but what they are in the first call."""
        environment = SizeEnvironment()
        return cls(environment, {n: environment.symbol(h, n) for n, h in hints.items()}, hints)

    def narrowed(self, solved: Mapping[Atom, Any]) -> Sizes:
        """For another start: the symbols in `solved` are what it says."""
        environment, symbols = SizeEnvironment(), dict[Atom, Any]()
        for atom in self.environment.symbols:
            if atom not in solved:
                symbols[atom] = environment.symbol(atom.hint, atom.name)
        for atom, value in solved.items():
            symbols[atom] = _replaced(value, symbols)
        values = {name: _replaced(value, symbols) for name, value in self.values.items()}
        return Sizes(environment, values, self.hints)

    def again(self) -> Sizes:
        """The same for another compilation."""
        return self.narrowed({})

    def require_free(self) -> None:
        """Check that nothing more is known of the symbols than inequations.

        Raises:
            SizesFoundError: an equation says what one of them is.
        """
        solved = self.environment.solved()
        if solved:
            raise SizesFoundError(solved)

    @property
    def is_fixed(self) -> bool:
        """Whether no symbol is left."""
        return not self.environment.symbols


def _replaced(value: Any, symbols: Mapping[Atom, Any]) -> Any:
    return value if isinstance(value, int) else value.replaced(symbols)


def skeleton(key: Key) -> tuple[Key, list[int]]:
    """A key without the sizes of its tensors, and those."""
    sizes: list[int] = []

    def without(found: re.Match[str]) -> str:
        numbers = found.group().split("x")[:-1]
        sizes.extend(map(int, numbers))
        return PLACE * len(numbers)

    return tuple(_SHAPE.sub(without, text) for text in key), sizes


def kinds_of(key: Sequence[str]) -> Kinds:
    """The kinds of arguments in words."""
    frame, sizes = skeleton(tuple(key))
    return frame, tuple(size == 0 for size in sizes)


@dataclass(frozen=True)
class Naming:
    """Which sizes are to be symbolic."""

    names_first: bool = False
    """Whether those of the first call of a kind."""
    names_all: bool = False
    """Whether all of a tensor of which one has differed, ones aside: no other chance is left."""


def named(key: Key, seen: Iterable[Key], naming: Naming = Naming()) -> tuple[Key, dict[str, int]] | None:
    """`key` with names for the sizes that differ among it and those in `seen` that have the same skeleton,
    and what they are to be taken for. None: no size is left to name.
    """
    frame, sizes = skeleton(key)
    others = [found for other in seen for kept, found in [skeleton(other)] if kept == frame]
    if not others and not naming.names_first:
        return None
    names: list[str] = []
    hints: dict[str, int] = {}
    values = [{size, *(other[place] for other in others)} for place, size in enumerate(sizes)]
    for tensor in _tensors(frame):
        differs = any(len(values[place]) > 1 for place in tensor)
        names_all = naming.names_all and differs if others else naming.names_first
        for place in tensor:
            size = sizes[place]
            is_fixed = len(values[place]) == 1 and (size == 1 or not names_all)
            if is_fixed or size == 0:
                names.append(str(size))
                continue
            names.append(f"s{len(hints)}")
            hints[names[-1]] = (
                size if size > 1 else max(values[place])
            )  # what holds of 1 holds of little else
    return (filled(frame, names), hints) if hints else None


def _tensors(frame: Key) -> Iterator[range]:
    """The places of each tensor's sizes."""
    first = 0
    for text in frame:
        for found in _PLACES.finditer(text):
            count = len(found.group()) // len(PLACE)
            yield range(first, first + count)
            first += count


def filled(frame: Key, sizes: Sequence[str]) -> Key:
    """A skeleton with sizes."""
    following = iter(sizes)
    return tuple(re.sub("\0", lambda _: next(following), text) for text in frame)


@dataclass(frozen=True)
class SymbolicKey:
    """A key in which sizes have names, and what was found out of them: what it says of a call."""

    key: Key
    sizes: Sizes

    @property
    def guards(self) -> list[str]:
        """What must hold of the symbols."""
        return [str(guard) for guard in self.sizes.environment.guards.values()]

    @property
    def words(self) -> Key:
        """The key, with what was found out of its sizes and the guards, if there are any."""
        found = [f"{name} == {size}" for name, size in self.sizes.values.items() if str(size) != name]
        said = [*found, *self.guards]
        return (*self.key, f"where {', '.join(said)}") if said else self.key

    @staticmethod
    def names_sizes(text: str) -> bool:
        """Whether sizes have names in an entry of a key."""
        return any("s" in found for found in _NAMED_SHAPE.findall(text))

    def fits(self, key: Key) -> bool:
        """Whether the code is for such a call: all guards hold."""
        (frame, given), (other, names) = skeleton(key), self._names()
        if frame != other:
            return False
        symbols = {atom.name: atom for atom in self.sizes.environment.symbols}
        values = {symbols[n]: size for n, size in zip(names, given, strict=True) if n in symbols}
        wanted = [self.sizes.values[name] if name[0] == "s" else int(name) for name in names]
        if any(size < 1 for size in given):
            return False
        try:
            are_equal = all(_replaced(w, values) == size for w, size in zip(wanted, given, strict=True))
            return are_equal and all(guard.holds(values) for guard in self.sizes.environment.guards.values())
        except ZeroDivisionError:  # a size that another guard refuses
            return False

    def _names(self) -> tuple[Key, list[str]]:
        names: list[str] = []

        def without(found: re.Match[str]) -> str:
            parts = found.group().split("x")[:-1]
            names.extend(parts)
            return PLACE * len(parts)

        return tuple(_NAMED_SHAPE.sub(without, text) for text in self.key), names
