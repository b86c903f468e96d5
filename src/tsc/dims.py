"""Sizes that are not known while compiling: integer expressions over symbols.

A `Dim` stands wherever a size does, and arithmetic with it gives further ones, or plain numbers where symbols
cancel. What a compilation asks of one and cannot know (is it 1? is it the other one?) is answered as the first
call would answer it, and noted in the `SizeEnvironment` as a *guard*: the code is for calls in which all
guards hold. Whoever takes a `Dim` for a number (``range(dim)``) gets one, and a guard that pins it. So code
that knows nothing of symbols stays right, and gives code for fewer sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from numbers import Integral
from typing import Any, cast

Monomial = tuple["Atom", ...]
"""A product of atoms, in order; the empty one is 1."""
INFINITY = math.inf
Bounds = tuple[float, float]


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


@dataclass(frozen=True)
class Guard:
    """``expression == 0``, ``!= 0`` or ``>= 0``: what must hold of the sizes of a call."""

    expression: Dim
    relation: str

    def __str__(self) -> str:
        return f"{self.expression!s} {self.relation} 0"

    def holds(self, values: Mapping[Atom, int]) -> bool:
        """Whether it holds for these values of the symbols."""
        value = self.expression.value(values)
        return {"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.relation]


@dataclass(eq=False)
class SizeEnvironment:
    """The symbols of one compilation, and what was found out about them. Sizes are at least 1."""

    symbols: list[Atom] = field(default_factory=list[Atom])
    guards: dict[tuple[Dim, str], Guard] = field(default_factory=dict[tuple["Dim", str], Guard])
    decides_equality: bool = True
    """Whether ``==`` notes a guard where nothing is known. If not, unknown is unequal: of loops and layouts,
    equality is asked only for the sake of shorter code."""
    _atoms: dict[tuple[object, ...], Atom] = field(default_factory=dict[tuple[object, ...], Atom])
    _bounds: dict[Atom, Bounds] = field(default_factory=dict["Atom", Bounds])

    def symbol(self, hint: int, name: str | None = None) -> Dim:
        """A new symbol, of the value `hint` in the first call."""
        atom = Atom(len(self._atoms), name or f"s{len(self.symbols)}", (), hint)
        self._atoms[atom.name, len(self._atoms)] = atom
        self._bounds[atom] = (1, INFINITY)
        self.symbols.append(atom)
        return Dim(self, {(atom,): 1})

    def operation(self, name: str, operands: tuple[int | Dim, ...], hint: int, bounds: Bounds) -> Dim:
        """An operation that is no polynomial; of the same operands, the same one."""
        key = (name, *operands)
        atom = self._atoms.get(key)
        if atom is None:
            atom = self._atoms[key] = Atom(len(self._atoms), name, operands, hint)
            self._bounds[atom] = bounds
        return Dim(self, {(atom,): 1})

    def bounds(self, atom: Atom) -> Bounds:
        """The least and the greatest value of an atom."""
        return self._bounds[atom]

    def decide(self, expression: int | Dim, relation: str) -> bool:
        """Whether ``expression relation 0``; where that is not known, as the hint says, under a guard."""
        if not isinstance(expression, Dim):
            return {"==": expression == 0, ">=": expression >= 0}[relation]
        known = self.known(expression, relation)
        if known is not None:
            return known
        if relation == "==" and not self.decides_equality:
            return False
        answer = expression.hint == 0 if relation == "==" else expression.hint >= 0
        self._learn(expression, relation, answer)
        return answer

    def known(self, expression: Dim, relation: str) -> bool | None:
        """Whether ``expression relation 0``, as far as that is known."""
        low, high = expression.bounds
        if relation == ">=":
            if low >= 0:
                return True
            if high < 0:
                return False
        elif low > 0 or high < 0:
            return False
        opposite = {"==": (expression, "!="), ">=": (-expression - 1, ">=")}[relation]
        if (expression, relation) in self.guards or (relation == "==" and (-expression, "==") in self.guards):
            return True
        if opposite in self.guards or (relation == "==" and (-expression, "!=") in self.guards):
            return False
        return None

    def _learn(self, expression: Dim, relation: str, answer: bool) -> None:
        if relation == ">=" and not answer:
            expression = cast("Dim", -expression - 1)
        elif not answer:
            relation = "!="
        self.guards[expression, relation] = Guard(expression, relation)
        if relation == ">=":
            self._tighten(expression)

    def _tighten(self, expression: Dim) -> None:
        """``a * s + b >= 0`` says where a symbol begins or ends."""
        monomials = [m for m in expression.terms if m]
        if len(monomials) != 1 or len(monomials[0]) != 1:
            return
        (atom,), factor = monomials[0], expression.terms[monomials[0]]
        rest = expression.terms.get((), 0)
        low, high = self._bounds[atom]
        if factor > 0:
            least = -(rest // factor)
            self._bounds[atom] = (max(low, least), high)
            inner, divisor = atom.operands if atom.name == "floordiv" else (0, 0)
            if isinstance(inner, Dim) and not isinstance(divisor, Dim):
                self._tighten(inner - least * divisor)
        else:
            self._bounds[atom] = (low, min(high, rest // -factor))

    def solved(self) -> dict[Atom, int | Dim]:
        """Symbols that equations among the guards say in terms of others, or as numbers."""
        for guard in self.guards.values():
            if guard.relation != "==":
                continue
            found = _solve(guard.expression)
            if found is not None:
                return found
        return {}


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
        return OPERATIONS[atom.name](*operands)

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

    def __round__(self, digits: int | None = None) -> Any:
        return self

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, (Integral, Dim)):
            return bool(self.__index__() == other) if isinstance(other, float) else NotImplemented
        if isinstance(other, Dim) and other.environment is not self.environment:
            return False  # of another compilation: types are kept beyond one
        return self.environment.decide(self - other, "==")

    def __bool__(self) -> bool:
        return not self.environment.decide(self, "==")

    def __ge__(self, other: Any) -> bool:
        return self._ordered(other, lambda a, b: a - b)

    def __le__(self, other: Any) -> bool:
        return self._ordered(other, lambda a, b: b - a)

    def __gt__(self, other: Any) -> bool:
        return self._ordered(other, lambda a, b: a - b - 1)

    def __lt__(self, other: Any) -> bool:
        return self._ordered(other, lambda a, b: b - a - 1)

    def _ordered(self, other: Any, difference: Any) -> bool:
        if isinstance(other, float):
            if other in (INFINITY, -INFINITY):
                return bool(difference(0.0, other) >= 0)
            return bool(difference(self.__index__(), other) >= 0)
        return self.environment.decide(difference(self, other), ">=")

    # --- arithmetic ---

    def __add__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return self.__index__() + other
        total = dict(self.terms)
        for monomial, factor in terms.items():
            total[monomial] = total.get(monomial, 0) + factor
        return self._made(total)

    __radd__ = __add__

    def __neg__(self) -> Any:
        return self * -1

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other

    def __rsub__(self, other: Any) -> Any:
        return -1 * self + other

    def __mul__(self, other: Any) -> Any:
        terms = _terms(other)
        if terms is None:
            return self.__index__() * other
        total: dict[Monomial, int] = {}
        for a, m in self.terms.items():
            for b, n in terms.items():
                monomial = tuple(sorted((*a, *b), key=lambda atom: atom.number))
                total[monomial] = total.get(monomial, 0) + m * n
        return self._made(total)

    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> Any:
        if not isinstance(exponent, int) or exponent < 0:
            return self.__index__() ** exponent
        return reduce(lambda product, _: product * self, range(exponent), cast("Any", 1))

    def __truediv__(self, other: Any) -> float:
        return self.__index__() / (other.__index__() if isinstance(other, Dim) else other)

    def __rtruediv__(self, other: Any) -> float:
        return other / self.__index__()

    def __floordiv__(self, other: Any) -> Any:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return floordiv(other, self)

    def __mod__(self, other: Any) -> Any:
        return mod(self, other)

    def __rmod__(self, other: Any) -> Any:
        return mod(other, self)

    def __divmod__(self, other: Any) -> Any:
        return floordiv(self, other), mod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return floordiv(other, self), mod(other, self)

    def _made(self, terms: Mapping[Monomial, int]) -> Any:
        return made(self.environment, terms)


def made(environment: SizeEnvironment, terms: Mapping[Monomial, int]) -> Any:
    """The expression of these terms: a plain number where no atom is left."""
    kept = {m: n for m, n in terms.items() if n}
    if not any(kept):
        return kept.get((), 0)
    return Dim(environment, kept)


def floordiv(a: Any, b: Any) -> Any:
    """``a // b``, `b` being positive where it is not known."""
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return a // b
    if _terms(a) is None or _terms(b) is None:
        return int(a) // b if isinstance(a, Dim) else a // int(b)
    whole, rest = _divided(a, b)
    if not isinstance(rest, Dim) and not isinstance(b, Dim):
        return whole + rest // b
    if _is_below(rest, b):
        return whole
    if bounds_of(rest)[1] <= 0:  # as the quotient of numbers that are not negative, which machines know
        return whole - floordiv(b - 1 - rest, b)
    hint = hint_of(rest) // hint_of(b)
    (low, high), (least, most) = bounds_of(rest), bounds_of(b)
    bounds = (-INFINITY, INFINITY)
    if least > 0:
        bounds = (_quotient(low, most if low >= 0 else least), _quotient(high, least if high >= 0 else most))
    return whole + _environment(a, b).operation("floordiv", (rest, b), hint, bounds)


def mod(a: Any, b: Any) -> Any:
    """``a % b``, `b` being positive where it is not known."""
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return a % b
    if _terms(a) is None or _terms(b) is None:
        return int(a) % b if isinstance(a, Dim) else a % int(b)
    _, rest = _divided(a, b)
    if not isinstance(rest, Dim) and not isinstance(b, Dim):
        return rest % b
    if _is_below(rest, b):
        return rest
    high = bounds_of(b)[1] - 1
    return _environment(a, b).operation("mod", (rest, b), hint_of(rest) % hint_of(b), (0, high))


def minimum(*values: Any) -> Any:
    """The least of sizes, without asking which it is."""
    return reduce(lambda a, b: _extreme("min", a, b), values)


def maximum(*values: Any) -> Any:
    """The greatest of sizes, without asking which it is."""
    return reduce(lambda a, b: _extreme("max", a, b), values)


def _extreme(name: str, a: Any, b: Any) -> Any:
    choose = {"min": min, "max": max}[name]
    difference = a - b
    if not isinstance(difference, Dim):
        is_first = (difference <= 0) == (name == "min")
        return a if is_first else b
    environment = difference.environment
    for relation, answer in ((difference, "max"), (-difference, "min")):
        if environment.known(relation, ">="):
            return a if answer == name else b
    (low, high), (least, most) = bounds_of(a), bounds_of(b)
    operands = tuple(sorted((a, b), key=str))
    hint = choose(hint_of(a), hint_of(b))
    return environment.operation(name, operands, hint, (choose(low, least), choose(high, most)))


OPERATIONS: Mapping[str, Any] = {"floordiv": floordiv, "mod": mod, "min": minimum, "max": maximum}


def symbols_in(shape: Iterable[int]) -> list[Dim]:
    """All symbols of the compilation, if there is one in `shape`."""
    found = next((n.environment for n in shape if isinstance(n, Dim)), None)
    return [] if found is None else [Dim(found, {(atom,): 1}) for atom in found.symbols]


def hint_of(value: int) -> int:
    """A size as it is in the call that is compiled for: for choices that make code fast or slow, and never
    right or wrong.
    """
    return value.hint if isinstance(value, Dim) else value


def hints_of(values: Any) -> Any:
    """The same with all sizes in it as in the call that is compiled for: see `hint_of`."""
    if isinstance(values, (list, tuple)):
        return type(values)(hints_of(v) for v in values)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return hint_of(values)


def holds_dim(value: Any) -> bool:
    """Whether a value is, or (a list or tuple) holds, a symbolic size."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_dim, value))  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, Dim)


def bounds_of(value: int) -> Bounds:
    """The least and the greatest value of a size."""
    return value.bounds if isinstance(value, Dim) else (value, value)


def is_known(value: int) -> bool:
    """Whether a size is a plain number."""
    return not isinstance(value, Dim)


def is_one(size: int) -> bool:
    """Whether a size is certainly 1: of one that may be 1, nothing is asked."""
    return not isinstance(size, Dim) and size == 1


def certainly_natural(value: int) -> bool:
    """Whether a number certainly is not negative: nothing is asked."""
    if isinstance(value, Dim):
        return value.environment.known(value, ">=") is True
    return value >= 0


def alike(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether two shapes are certainly the same: nothing is asked of sizes."""
    return len(a) == len(b) and all(certainly_equal(m, n) for m, n in zip(a, b, strict=True))


def certainly_equal(a: int, b: int) -> bool:
    """Whether two sizes are the same expression or number."""
    if isinstance(a, Dim):
        return a.same(b)
    return not isinstance(b, Dim) and a == b


def _terms(value: Any) -> Mapping[Monomial, int] | None:
    if isinstance(value, Dim):
        return value.terms
    return {(): int(value)} if isinstance(value, Integral) else None


def _environment(*values: Any) -> SizeEnvironment:
    return next(v.environment for v in values if isinstance(v, Dim))


def _divided(a: Any, b: Any) -> tuple[Any, Any]:
    """``a`` as ``whole * b + rest``, as far as its terms are multiples of `b`."""
    if isinstance(a, Dim) and isinstance(b, Dim) and a.same(b):
        return 1, 0
    environment, divisor = _environment(a, b), cast("Mapping[Monomial, int]", _terms(b))
    if len(divisor) != 1:
        return 0, a
    ((atoms, factor),) = divisor.items()
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, number in cast("Mapping[Monomial, int]", _terms(a)).items():
        left = _without(monomial, atoms)
        if left is None or number % factor:
            quotient = number // factor if left is not None and not atoms else 0
            if quotient and not monomial:  # a constant: what is beyond one divisor goes into the whole
                whole[monomial] = whole.get(monomial, 0) + quotient
            rest[monomial] = number - (quotient * factor if not monomial else 0)
        else:
            whole[left] = whole.get(left, 0) + number // factor
    return made(environment, whole), made(environment, rest)


def _without(monomial: Monomial, atoms: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in atoms:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _is_below(rest: Any, b: Any) -> bool:
    """Whether ``0 <= rest < b`` is certain."""
    if not isinstance(rest, Dim) and rest == 0:
        return True
    low, high = bounds_of(rest)
    return low >= 0 and (high < bounds_of(b)[0] or bounds_of(b - rest)[0] > 0)


def _solve(expression: Dim) -> dict[Atom, int | Dim] | None:
    """``expression == 0`` solved for a symbol that occurs once, alone; the one made last, where there are
    several.
    """
    environment = expression.environment
    occurring = [atom for atom in expression.atoms if atom.is_symbol]
    for monomial, factor in sorted(
        expression.terms.items(), key=lambda t: -max((a.number for a in t[0]), default=-1)
    ):
        if len(monomial) != 1 or not monomial[0].is_symbol or occurring.count(monomial[0]) != 1:
            continue
        rest = {m: n for m, n in expression.terms.items() if m != monomial}
        if all(n % factor == 0 for n in rest.values()):
            return {monomial[0]: made(environment, {m: -n // factor for m, n in rest.items()})}
    return None


def _product(bounds: Sequence[Bounds]) -> Bounds:
    low, high = 1.0, 1.0
    for a, b in bounds:
        corners = [_times(x, y) for x in (low, high) for y in (a, b)]
        low, high = min(corners), max(corners)
    return low, high


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def _quotient(a: float, b: float) -> float:
    if math.isinf(a):
        return a
    return 0.0 if math.isinf(b) and a >= 0 else (-1.0 if math.isinf(b) else float(a // b))
