"""What is known, and asked, of the sizes of one compilation."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import gcd, prod
from typing import cast

from tsc.dims.expressions import INFINITY, OPERATIONS, Atom, Bounds, Dim, Monomial, made
from tsc.errors import FoundSizeError


@dataclass(frozen=True)
class Guard:
    """``expression == 0``, ``!= 0`` or ``>= 0``: what must hold of the sizes of a call. Its `str` has no
    negative terms.
    """

    expression: Dim
    relation: str

    def __str__(self) -> str:
        environment, terms = self.expression.environment, self.expression.terms
        left = made(environment, {m: n for m, n in terms.items() if n > 0})
        right = made(environment, {m: -n for m, n in terms.items() if n < 0})
        if isinstance(left, Dim):
            return f"{left!s} {self.relation} {right!s}"
        return f"{right!s} {self.relation.replace('>', '<')} {left!s}"

    def holds(self, values: Mapping[Atom, int]) -> bool:
        """Whether it holds for these values of the symbols."""
        value = self.expression.value(values)
        return {"==": value == 0, "!=": value != 0, ">=": value >= 0}[self.relation]


@dataclass(eq=False)
class SizeEnvironment:
    """The symbols of one compilation, and what was found out about them. Arguments' are at least 1."""

    symbols: list[Atom] = field(default_factory=list[Atom])
    """Those that are sizes of arguments."""
    found: dict[Atom, int | Dim] = field(default_factory=dict[Atom, "int | Dim"])
    """Those that the program finds when it runs, with the most that each may be; the least is 0."""
    required: dict[tuple[Dim, str], Guard] = field(default_factory=dict[tuple["Dim", str], Guard])
    """What was taken for granted of sizes that are found: it is known when the program has run."""
    guards: dict[tuple[Dim, str], Guard] = field(default_factory=dict[tuple["Dim", str], Guard])
    keeps_questions: bool = False
    """Whether what the program asks of sizes that are found is asked when it runs, and nothing is taken for
    granted; see `program_asks`.
    """
    has_questions: bool = False
    """Whether there was such a question."""
    decides_equality: bool = True
    """Whether ``==`` notes a guard where nothing is known. If not, unknown is unequal: of loops and layouts,
    equality is asked only for the sake of shorter code."""
    _is_asked: bool = False
    """Whether the program asks now."""
    _atoms: dict[tuple[object, ...], Atom] = field(default_factory=dict[tuple[object, ...], Atom])
    _bounds: dict[Atom, Bounds] = field(default_factory=dict["Atom", Bounds])

    def symbol(self, hint: int, name: str | None = None) -> Dim:
        """A new symbol, of the value `hint` in the first call."""
        atom = Atom(len(self._atoms), name or f"s{len(self.symbols)}", (), hint)
        self._atoms[atom.name, len(self._atoms)] = atom
        self._bounds[atom] = (1, INFINITY)
        self.symbols.append(atom)
        return Dim(self, {(atom,): 1})

    def find(self, most: int | Dim) -> Dim:
        """A new symbol for a size that the program finds when it runs: from 0 to `most`."""
        hint, high = (most.hint, most.bounds[1]) if isinstance(most, Dim) else (most, most)
        hint = max(1, hint * 3 // 4)  # what holds of the most holds of little else
        atom = Atom(len(self._atoms), f"u{len(self.found)}", (), hint)
        self._atoms[atom.name, len(self._atoms)] = atom
        self._bounds[atom] = (0, high)
        self.found[atom] = most
        return Dim(self, {(atom,): 1})

    def least(self, atom: Atom) -> int:
        """The least that a size which is found may be, by what is required: no code is for less."""
        found = [0]
        for guard in self.required.values():
            factor, rest = _line(guard.expression)
            if atom in guard.expression.atoms:
                is_some = guard.relation == "!=" and rest == 0
                found.append(1 if is_some else -(rest // factor) if guard.relation == ">=" else 0)
        return max(found)

    def most(self, size: int | Dim) -> int | Dim:
        """The most that a size may be in a call, by the sizes of arguments alone.

        Raises:
            FoundSizeError: it is no sum that grows with what is found.
        """
        if not isinstance(size, Dim) or not any(atom in self.found for atom in size.atoms):
            return size
        total: int | Dim = 0
        for monomial, factor in size.terms.items():
            term = made(self, {monomial: factor})
            if isinstance(term, Dim) and any(atom in self.found for atom in term.atoms):
                if min(self._bounds[atom][0] for atom in monomial) < 0:
                    raise FoundSizeError(f"symbolic sizes: requires to know how large {size} may be")
                if factor < 0:
                    continue  # at the most nothing
                term = prod((self._most_of(atom) for atom in monomial), start=factor)
            total = total + term
        return total

    def _most_of(self, atom: Atom) -> int | Dim:
        if atom in self.found:
            return self.most(self.found[atom])
        if atom.is_symbol:
            return Dim(self, {(atom,): 1})
        first, second = map(self.most, atom.operands)
        if atom.name in ("min", "max"):
            return OPERATIONS[atom.name](first, second)
        if not certainly_same(second, atom.operands[1]):
            raise FoundSizeError(f"symbolic sizes: requires to know how large {atom} may be")
        return second - 1 if atom.name == "mod" else OPERATIONS[atom.name](first, second)

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
        expression = self._reduced(expression)
        known = self.known(expression, relation)
        if known is not None:
            return known
        if relation == "==" and not self.decides_equality:
            return False
        if any(atom in self.found for atom in expression.atoms):
            return self._assume(expression, relation)
        answer = expression.hint == 0 if relation == "==" else expression.hint >= 0
        self._learn(expression, relation, answer)
        return answer

    def _assume(self, expression: Dim, relation: str) -> bool:
        """What is taken for granted of a size that is found: that it is large, and no number in particular.
        It is required; where it is not so, memory of the most that the size may be is read all the same.

        Raises:
            FoundSizeError: nothing is.
        """
        if self._is_asked:
            self.has_questions = True
            raise FoundSizeError(
                f"symbolic sizes: it is seen when the program runs whether {expression} {relation} 0"
            )
        factor, rest = _line(expression)
        atom = next(iter(expression.atoms))
        if factor > 0 and atom in self.found and relation == ">=" and factor * self.least(atom) + rest >= 0:
            return True  # as was required before
        if not factor or atom not in self.found or not self.decides_equality:
            raise FoundSizeError(f"symbolic sizes: requires to know whether {expression} {relation} 0")
        if relation == "==" and expression.hint:
            self.required[expression, "!="] = Guard(expression, "!=")
            return False
        least = -(rest // factor) if factor > 0 else rest // -factor + 1
        if relation == "==" or least > max(1, _least(self.most(self.found[atom]))):
            raise FoundSizeError(f"symbolic sizes: requires to know whether {expression} {relation} 0")
        wanted = Dim(self, {(atom,): 1}) - least
        self.required[wanted, ">="] = Guard(wanted, ">=")
        return factor > 0

    def _reduced(self, expression: Dim) -> Dim:
        """`expression` without factors that all its terms have, which are positive."""
        first, *others = expression.terms
        common: list[Atom] = []
        for atom in first:
            count = min(monomial.count(atom) for monomial in (first, *others))
            if self._bounds[atom][0] >= 1 and common.count(atom) < count:
                common.append(atom)
        factor = gcd(*expression.terms.values())
        if not common and factor == 1:
            return expression
        terms: dict[Monomial, int] = {}
        for monomial, number in expression.terms.items():
            left = list(monomial)
            for atom in common:
                left.remove(atom)
            terms[tuple(left)] = number // factor
        reduced = made(self, terms)
        return reduced if isinstance(reduced, Dim) else expression

    @contextmanager
    def program_asks(self) -> Generator[None]:
        """What is asked in the ``with`` block the program asks, which may do so again when it runs: where it
        `keeps_questions`, what is not known of a size that is found is a `FoundSizeError`.
        """
        before, self._is_asked = self._is_asked, self.keeps_questions
        try:
            yield
        finally:
            self._is_asked = before

    def known(self, expression: Dim, relation: str) -> bool | None:
        """Whether ``expression relation 0``, as far as that is known."""
        low, high = expression.bounds
        if relation == ">=":
            if low >= 0:
                return True
            if high < 0:
                return False
            if self._is_natural_at_least(expression):
                return True
            if self._is_natural_at_least(cast("Dim", -expression - 1)):
                return False
        elif low > 0 or high < 0:
            return False
        opposite = {"==": (expression, "!="), ">=": (-expression - 1, ">=")}[relation]
        if (expression, relation) in self.guards or (relation == "==" and (-expression, "==") in self.guards):
            return True
        if opposite in self.guards or (relation == "==" and (-expression, "!=") in self.guards):
            return False
        return None

    def _is_natural_at_least(self, expression: Dim) -> bool:
        """Whether `expression` is known not to be negative where found sizes are the most they may be."""
        lower = self._lower(expression)
        if isinstance(lower, Dim):
            return lower is not expression and self.known(lower, ">=") is True
        return lower >= 0

    def _lower(self, expression: Dim) -> int | Dim:
        """What is at most `expression`: the most for sizes that are found and are subtracted."""
        total: int | Dim = expression
        for monomial, factor in expression.terms.items():
            if factor < 0 and len(monomial) == 1 and isinstance(self.found.get(monomial[0]), Dim):
                total = total + made(self, {monomial: -factor}) + factor * self.found[monomial[0]]
        return total

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
        found: dict[Atom, int | Dim] = {}
        for guard in self.guards.values():
            if guard.relation != "==":
                continue
            left = guard.expression.replaced(found)
            solution = _solve(left) if isinstance(left, Dim) else None
            if solution is not None:
                known = {a: v.replaced(solution) if isinstance(v, Dim) else v for a, v in found.items()}
                found = {**known, **solution}
        return found


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


def _line(expression: Dim) -> tuple[int, int]:
    """``a`` and ``b`` of ``a * symbol + b``; 0 for `a` of what is nothing such."""
    terms = dict(expression.terms)
    rest = terms.pop((), 0)
    ((monomial, factor), *others) = terms.items()
    is_line = not others and len(monomial) == 1 and monomial[0].is_symbol
    return (factor if is_line else 0), rest


def _least(size: int | Dim) -> float:
    return size.bounds[0] if isinstance(size, Dim) else size


def certainly_same(a: int | Dim, b: int | Dim) -> bool:
    """Whether two sizes are the same expression or number."""
    return a.same(b) if isinstance(a, Dim) else not isinstance(b, Dim) and a == b
