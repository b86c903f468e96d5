"""Symbols, and polynomials of them: `Dim`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from tsc.dims.environment import SizeEnvironment

Monomial = tuple["Atom", ...]
"""A product of atoms, in order; the empty one is 1."""
INFINITY = math.inf
Bounds = tuple[float, float]
OPERATIONS: dict[str, Callable[..., Any]] = {}
"""What is no polynomial, by name: `tsc.dims.operations` says what it is."""


@dataclass(frozen=True, eq=False)
class Atom:
    """What polynomials are made of: a symbol, or an operation on expressions that is no polynomial."""

    number: int
    """Its place in the order of the environment's atoms."""
    name: str
    """Of a symbol; else ``floordiv``, ``mod``, ``min`` or ``max``."""
    operands: tuple[int | Dim, ...]
    hint: int
    """What it is in the call that is compiled for."""

    @property
    def is_symbol(self) -> bool:
        """Whether it is a size of an argument."""
        return not self.operands

    def __str__(self) -> str:
        signs = {"floordiv": "//", "mod": "%"}
        if self.is_symbol:
            return self.name
        texts = [f"({o})" if isinstance(o, Dim) and not o.is_atom else str(o) for o in self.operands]
        sign = signs.get(self.name)
        return f"({texts[0]} {sign} {texts[1]})" if sign else f"{self.name}({', '.join(texts)})"


class Dim:
    """An integer polynomial over atoms, which behaves as an `int` does."""

    __array_ufunc__ = None  # so that NumPy's numbers leave arithmetic with it to it
    __slots__ = ("_bounds", "_hash", "_hint", "environment", "terms")

    def __init__(self, environment: SizeEnvironment, terms: Mapping[Monomial, int]) -> None:
        self.environment = environment
        self.terms = dict(sorted(terms.items(), key=lambda item: [a.number for a in item[0]], reverse=True))
        self._hash = hash((id(environment), *((*(a.number for a in m), n) for m, n in self.terms.items())))
        self._hint: int | None = None

    # --- what it is ---

    @property
    def hint(self) -> int:
        """Its value in the call that is compiled for."""
        if self._hint is None:
            self._hint = sum(n * math.prod(a.hint for a in m) for m, n in self.terms.items())
        return self._hint

    @property
    def bounds(self) -> Bounds:
        """The least and the greatest value it may have."""
        low, high = 0.0, 0.0
        for monomial, factor in self.terms.items():
            a, b = _product([self.environment.bounds(atom) for atom in monomial])
            a, b = (_times(a, factor), _times(b, factor))
            low, high = low + min(a, b), high + max(a, b)
        return low, high

    @property
    def is_atom(self) -> bool:
        """Whether it is one atom and nothing else."""
        ((monomial, factor), *rest) = self.terms.items()
        return not rest and factor == 1 and len(monomial) == 1

    @property
    def is_symbol(self) -> bool:
        """Whether it is a symbol."""
        return self.is_atom and next(self.atoms).is_symbol

    @property
    def atoms(self) -> Iterator[Atom]:
        """All atoms in it, those inside others included."""
        for monomial in self.terms:
            for atom in monomial:
                yield atom
                for operand in atom.operands:
                    if isinstance(operand, Dim):
                        yield from operand.atoms

    def value(self, values: Mapping[Atom, int]) -> int:
        """Its value for these of the symbols."""
        return int(self.replaced(values))

    def replaced(self, values: Mapping[Atom, Any]) -> Any:
        """The same with other values, or expressions, for symbols; those not in `values` stay."""
        total: Any = 0
        for monomial, factor in self.terms.items():
            part: Any = factor
            for atom in monomial:
                part = part * self._atom_replaced(atom, values)
            total = total + part
        return total

    def _atom_replaced(self, atom: Atom, values: Mapping[Atom, Any]) -> Any:
        if atom.is_symbol:
            return values.get(atom, Dim(self.environment, {(atom,): 1}))
        operands = [o.replaced(values) if isinstance(o, Dim) else o for o in atom.operands]
        return _operate(atom.name, *operands)

    def same(self, other: object) -> bool:
        """Whether `other` is the same expression: nothing is asked of sizes."""
        return self is other or (
            isinstance(other, Dim) and self._hash == other._hash and self.terms == other.terms
        )

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, factor in self.terms.items():
            names = [str(a) for a in monomial]
            if abs(factor) != 1 or not names:
                names.insert(0, str(abs(factor)))
            sign = ("-" if factor < 0 else "") if not parts else ("- " if factor < 0 else "+ ")
            parts.append(sign + "*".join(names))
        return " ".join(parts)

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return str(self) if self.is_atom or not spec else "(" + str(self) + ")"

    # --- as a number: what nobody can know is decided by the hint, under a guard ---

    def __index__(self) -> int:
        value = self.hint
        environment, before = self.environment, self.environment.decides_equality
        environment.decides_equality = True
        environment.decide(self - value, "==")
        environment.decides_equality = before
        return value

    __int__ = __index__
    __trunc__ = __index__

    def __float__(self) -> float:
        return float(self.__index__())

    def __round__(self, digits: int | None = None) -> Self:
        return self

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, (Integral, Dim)):
            return float(self.__index__()) == other if isinstance(other, float) else NotImplemented
        if isinstance(other, Dim) and other.environment is not self.environment:
            return False  # of another compilation: types are kept beyond one
        return self.environment.decide(self - other, "==")

    def __bool__(self) -> bool:
        return not self.environment.decide(self, "==")

    def __ge__(self, other: float | Dim) -> bool:
        return self._is_natural(other, 1, 0)

    def __le__(self, other: float | Dim) -> bool:
        return self._is_natural(other, -1, 0)

    def __gt__(self, other: float | Dim) -> bool:
        return self._is_natural(other, 1, -1)

    def __lt__(self, other: float | Dim) -> bool:
        return self._is_natural(other, -1, -1)

    def _is_natural(self, other: float | Dim, sign: int, more: int) -> bool:
        """Whether ``sign * (self - other) + more`` is not negative."""
        if isinstance(other, float):
            if math.isinf(other):
                return (other > 0) != (sign > 0)
            difference = sign * (self.__index__() - other)
            return difference > 0 if more else difference >= 0
        return self.environment.decide(sign * (self - other) + more, ">=")

    # --- arithmetic ---

    def __add__(self, other: float | Dim) -> Any:
        terms = terms_of(other)
        if terms is None:
            return self.__index__() + other
        total = dict(self.terms)
        for monomial, factor in terms.items():
            total[monomial] = total.get(monomial, 0) + factor
        return self._made(total)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other

    def __rsub__(self, other: float | Dim) -> Any:
        return -1 * self + other

    def __mul__(self, other: float | Dim) -> Any:
        terms = terms_of(other)
        if terms is None:
            return self.__index__() * other
        total: dict[Monomial, int] = {}
        for a, m in self.terms.items():
            for b, n in terms.items():
                monomial = tuple(sorted((*a, *b), key=lambda atom: atom.number))
                total[monomial] = total.get(monomial, 0) + m * n
        return self._made(total)

    __rmul__ = __mul__

    def __pow__(self, exponent: float) -> Any:
        if not isinstance(exponent, int) or exponent < 0:
            return self.__index__() ** exponent
        return reduce(lambda product, _: product * self, range(exponent), cast("Any", 1))

    def __truediv__(self, other: float | Dim) -> float:
        return self.__index__() / (other.__index__() if isinstance(other, Dim) else other)

    def __rtruediv__(self, other: float | Dim) -> float:
        return other / self.__index__()

    def __floordiv__(self, other: float | Dim) -> Any:
        return _operate("floordiv", self, other)

    def __rfloordiv__(self, other: float | Dim) -> Any:
        return _operate("floordiv", other, self)

    def __mod__(self, other: float | Dim) -> Any:
        return _operate("mod", self, other)

    def __rmod__(self, other: float | Dim) -> Any:
        return _operate("mod", other, self)

    def __divmod__(self, other: float | Dim) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: float | Dim) -> Any:
        return other // self, other % self

    def _made(self, terms: Mapping[Monomial, int]) -> int | Dim:
        return made(self.environment, terms)


def _operate(name: str, *operands: float | Dim) -> Any:
    return OPERATIONS[name](*operands)


def made(environment: SizeEnvironment, terms: Mapping[Monomial, int]) -> int | Dim:
    """The expression of these terms: a plain number where no atom is left."""
    kept = {m: n for m, n in terms.items() if n}
    if not any(kept):
        return kept.get((), 0)
    for monomial, factor in kept.items():
        if len(monomial) == 1 and monomial[0].name == "floordiv":
            inner, divisor = monomial[0].operands
            if not isinstance(divisor, Dim) and factor % divisor == 0:  # what is rounded off is a remainder
                rest = {m: n for m, n in kept.items() if m != monomial}
                return made(environment, rest) + (inner - _operate("mod", inner, divisor)) * (
                    factor // divisor
                )
    return Dim(environment, kept)


def terms_of(value: object) -> Mapping[Monomial, int] | None:
    """The terms of an expression or integer; None of anything else."""
    if isinstance(value, Dim):
        return value.terms
    return {(): int(value)} if isinstance(value, Integral) else None


def _product(bounds: Sequence[Bounds]) -> Bounds:
    low, high = 1.0, 1.0
    for a, b in bounds:
        corners = [_times(x, y) for x in (low, high) for y in (a, b)]
        low, high = min(corners), max(corners)
    return low, high


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b
