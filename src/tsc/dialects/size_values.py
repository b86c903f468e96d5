"""Symbolic sizes as values of the code that computes with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

from xdsl.dialects import arith
from xdsl.ir import Operation, SSAValue

from tsc.dims import Atom, Dim, bounds_of
from tsc.errors import CodegenError

LARGEST_FACTOR = 1 << 62
"""The largest number in an expression of sizes, which is computed with 64 bits."""
_OPERATIONS: dict[tuple[str, bool], type[Operation]] = {
    ("floordiv", True): arith.DivUIOp,
    ("floordiv", False): arith.FloorDivSIOp,
    ("mod", True): arith.RemUIOp,
    ("min", True): arith.MinSIOp,
    ("min", False): arith.MinSIOp,
    ("max", True): arith.MaxSIOp,
    ("max", False): arith.MaxSIOp,
}
"""What computes an atom, by whether its first operand certainly is not negative."""


class Builder(Protocol):
    """What operations are appended to."""

    def binary(self, op: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """``op(a, b)``."""
        ...

    def index_constant(self, value: int) -> SSAValue:
        """An index constant."""
        ...


@dataclass
class SizeValues:
    """What symbolic sizes are while the code runs: symbols are given, the rest is computed from them."""

    builder: Builder
    holds_guards: bool
    """Whether the code runs only in calls in which all guards hold, from which bounds of sizes follow."""
    known: dict[Dim | Atom, SSAValue] = field(default_factory=dict[Dim | Atom, SSAValue])

    def give(self, symbol: Dim, value: SSAValue) -> None:
        """Let `value` be what a symbol is."""
        ((monomial, _),) = symbol.terms.items()
        self.known[monomial[0]] = value

    def value(self, size: int | Dim) -> SSAValue:
        """A size, computed where it is not yet known.

        Raises:
            CodegenError: it cannot be computed with 64 bits.
        """
        if not isinstance(size, Dim):
            return self.builder.index_constant(size)
        if size not in self.known:
            if any(abs(factor) > LARGEST_FACTOR for factor in size.terms.values()):
                raise CodegenError(f"symbolic sizes: requires numbers below 2**62; got {size}")
            terms = [self._term([self._atom(atom) for atom in m], n) for m, n in size.terms.items()]
            self.known[size] = self._joined(arith.AddiOp, terms)
        return self.known[size]

    def _term(self, atoms: list[SSAValue], factor: int) -> SSAValue:
        numbers = [self.builder.index_constant(factor)] if factor != 1 or not atoms else []
        return self._joined(arith.MuliOp, [*atoms, *numbers])

    def _joined(self, op: type[Operation], values: Sequence[SSAValue]) -> SSAValue:
        return reduce(lambda a, b: self.builder.binary(op, a, b), values)

    def _atom(self, atom: Atom) -> SSAValue:
        if atom not in self.known:
            if atom.is_symbol:
                raise CodegenError(f"symbolic sizes: requires what {atom} is; got no value")
            self.known[atom] = self._operation(atom)
        return self.known[atom]

    def _operation(self, atom: Atom) -> SSAValue:
        a, b = map(self.value, atom.operands)
        (low, _), (least, _) = map(bounds_of, atom.operands)
        if atom.name in ("floordiv", "mod") and not (self.holds_guards and least >= 1):
            b = self.builder.binary(arith.MaxSIOp, b, self.builder.index_constant(1))
        if atom.name == "mod" and low < 0:
            quotient = self.builder.binary(arith.FloorDivSIOp, a, b)
            return self.builder.binary(arith.SubiOp, a, self.builder.binary(arith.MuliOp, quotient, b))
        return self.builder.binary(_OPERATIONS[atom.name, low >= 0], a, b)
