"""Turns the index maps of a kernel into flat memory addresses: an offset and one stride per loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
)

from tsc.dims import certainly_natural, is_one, maximum, minimum


@dataclass(frozen=True)
class Term:
    """A part of an address that is not linear in the loops: ``stride * expression``."""

    expression: AffineExpr
    stride: int


@dataclass(frozen=True)
class Address:
    """Where an element lies: ``offset + sum(strides[d] * d) + sum(terms)``, in elements."""

    offset: int
    strides: tuple[int, ...]
    terms: tuple[Term, ...] = ()

    def pinned(self) -> set[int]:
        """The loops that a term reads, which therefore can neither be merged nor vectorised."""
        return {dim for term in self.terms for dim in used_dims(term.expression)}

    def moved(self, dim: int, distance: int) -> "Address":
        """The same address with loop `dim` advanced by `distance`; `dim` is in no term."""
        return Address(self.offset + self.strides[dim] * distance, self.strides, self.terms)


def used_dims(expression: AffineExpr) -> set[int]:
    """The positions of the dims that occur in `expression`."""
    return {e.position for e in expression.dfs() if isinstance(e, AffineDimExpr)}


def linear_parts(expression: AffineExpr, rank: int) -> tuple[int, list[int], list[Term]]:
    """Split `expression` into offset, one coefficient per dim, and what is left over."""
    match expression:
        case AffineConstantExpr():
            return expression.value, [0] * rank, []
        case AffineDimExpr():
            return 0, [int(d == expression.position) for d in range(rank)], []
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            a, b = linear_parts(expression.lhs, rank), linear_parts(expression.rhs, rank)
            return a[0] + b[0], [x + y for x, y in zip(a[1], b[1], strict=True)], a[2] + b[2]
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul, rhs=AffineConstantExpr(value=factor)):
            return _scaled(linear_parts(expression.lhs, rank), factor)
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul, lhs=AffineConstantExpr(value=factor)):
            return _scaled(linear_parts(expression.rhs, rank), factor)
        case _:
            return 0, [0] * rank, [Term(expression, 1)]


def _scaled(parts: tuple[int, list[int], list[Term]], factor: int) -> tuple[int, list[int], list[Term]]:
    offset, coefficients, terms = parts
    return (
        offset * factor,
        [c * factor for c in coefficients],
        [Term(t.expression, t.stride * factor) for t in terms],
    )


def address_of(map_: AffineMap, strides: Sequence[int], base: int, sizes: Sequence[int]) -> Address:
    """The address of an operand read through `map_` from memory with these `strides`.

    ``x floordiv D`` and ``x mod D`` of one collapsed index meet again as ``x`` where memory is contiguous.
    """
    offset, coefficients, terms = base, [0] * map_.num_dims, list[Term]()
    for expression, stride in zip(map_.results, strides, strict=True):
        o, c, t = _scaled(linear_parts(expression, map_.num_dims), stride)
        offset += o
        coefficients = [x + y for x, y in zip(coefficients, c, strict=True)]
        terms += t
    kept: list[Term] = []
    for term in _join_divisions(terms, sizes):
        o, c, rest = _scaled(linear_parts(term.expression, map_.num_dims), term.stride)
        offset += o
        coefficients = [x + y for x, y in zip(coefficients, c, strict=True)]
        kept += rest
    return Address(offset, tuple(coefficients), tuple(kept))


def _join_divisions(terms: list[Term], sizes: Sequence[int]) -> list[Term]:
    """``(x floordiv D) * D*s + (x mod D) * s`` -> ``x * s``, until nothing changes."""
    terms = [Term(_drop_vacuous(t.expression, sizes), t.stride) for t in terms if t.stride]
    while (joined := _join_one(terms)) is not None:
        terms = [Term(_drop_vacuous(t.expression, sizes), t.stride) for t in joined]
    return terms


def _join_one(terms: list[Term]) -> list[Term] | None:
    for high in terms:
        division = _divided(high.expression, AffineBinaryOpKind.FloorDiv)
        if division is None:
            continue
        inner, divisor = division
        for low in terms:
            if _divided(low.expression, AffineBinaryOpKind.Mod) != (inner, divisor):
                continue
            if high.stride == low.stride * divisor:
                rest = [t for t in terms if t is not high and t is not low]
                return [*rest, Term(inner, low.stride)]
    return None


def _divided(expression: AffineExpr, kind: AffineBinaryOpKind) -> tuple[AffineExpr, int] | None:
    if not isinstance(expression, AffineBinaryOpExpr) or expression.kind is not kind:
        return None
    if not isinstance(expression.rhs, AffineConstantExpr):
        return None
    return expression.lhs, expression.rhs.value


def _drop_vacuous(expression: AffineExpr, sizes: Sequence[int]) -> AffineExpr:
    """``x mod D`` -> ``x`` and ``x floordiv D`` -> ``0`` where the loop sizes say ``0 <= x < D``."""
    if not isinstance(expression, AffineBinaryOpExpr):
        return expression
    lhs = _drop_vacuous(expression.lhs, sizes)
    rhs = _drop_vacuous(expression.rhs, sizes)
    if isinstance(rhs, AffineConstantExpr):
        low, high = bounds(lhs, sizes)
        fits = certainly_natural(low) and certainly_natural(rhs.value - 1 - high)
        if fits and expression.kind is AffineBinaryOpKind.Mod:
            return lhs
        if fits and expression.kind is AffineBinaryOpKind.FloorDiv:
            return AffineConstantExpr(0)
    return AffineExpr.binary(expression.kind, lhs, rhs)


def bounds(expression: AffineExpr, sizes: Sequence[int]) -> tuple[int, int]:
    """The least and greatest value of `expression` while each dim runs over its size."""
    match expression:
        case AffineConstantExpr():
            return expression.value, expression.value
        case AffineDimExpr():
            return 0, maximum(0, sizes[expression.position] - 1)
        case AffineBinaryOpExpr():
            a, b = bounds(expression.lhs, sizes), bounds(expression.rhs, sizes)
            return _combine_bounds(expression.kind, a, b)
        case _:
            raise ValueError(f"bounds of a dim, a constant or an operation; got {expression}")


def _combine_bounds(kind: AffineBinaryOpKind, a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    match kind:
        case AffineBinaryOpKind.Add:
            return a[0] + b[0], a[1] + b[1]
        case AffineBinaryOpKind.Mul:
            products = [x * y for x in a for y in b]
            return minimum(*products), maximum(*products)
        case AffineBinaryOpKind.Mod:
            return 0, b[1] - 1
        case AffineBinaryOpKind.FloorDiv:
            return a[0] // b[0], a[1] // b[0]
        case AffineBinaryOpKind.CeilDiv:
            return -(-a[0] // b[0]), -(-a[1] // b[0])


def substitute(expression: AffineExpr, dims: Mapping[int, AffineExpr]) -> AffineExpr:
    """`expression` with some dims replaced."""
    match expression:
        case AffineDimExpr():
            return dims.get(expression.position, expression)
        case AffineBinaryOpExpr():
            lhs, rhs = substitute(expression.lhs, dims), substitute(expression.rhs, dims)
            return AffineExpr.binary(expression.kind, lhs, rhs)
        case _:
            return expression


def row_major_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a dense array of `shape`, last dim fastest."""
    return tuple(prod(shape[d + 1 :]) for d in range(len(shape)))


@dataclass(frozen=True)
class LoopOrder:
    """How loops are merged: `groups[i]` are the old dims (slowest first) that became new dim `i`."""

    groups: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]

    def apply(self, address: Address) -> Address:
        """`address` over the new loops."""
        renumbered = {group[0]: AffineExpr.dimension(new) for new, group in enumerate(self.groups) if group}
        strides = tuple(address.strides[group[-1]] if group else 0 for group in self.groups)
        terms = tuple(Term(substitute(t.expression, renumbered), t.stride) for t in address.terms)
        return Address(address.offset, strides, terms)


def merge_loops(
    sizes: Sequence[int], addresses: Sequence[Address], order: Sequence[int], pinned: set[int]
) -> LoopOrder:
    """Drop loops of one iteration and merge neighbours (in `order`) that every address walks as one.

    `pinned` dims (and those in terms) stay as they are. There is always at least one loop.
    """
    pinned = pinned.union(*(address.pinned() for address in addresses))
    groups: list[list[int]] = []
    merged_sizes: list[int] = []
    for dim in order:
        if is_one(sizes[dim]) and dim not in pinned:
            continue
        if groups and _walks_as_one(groups[-1], dim, sizes, addresses, pinned):
            groups[-1].append(dim)
            merged_sizes[-1] *= sizes[dim]
        else:
            groups.append([dim])
            merged_sizes.append(sizes[dim])
    if not groups:
        return LoopOrder(((),), (1,))
    return LoopOrder(tuple(tuple(g) for g in groups), tuple(merged_sizes))


def _walks_as_one(
    group: list[int], dim: int, sizes: Sequence[int], addresses: Sequence[Address], pinned: set[int]
) -> bool:
    outer = group[-1]
    if outer in pinned or dim in pinned:
        return False
    return all(a.strides[outer] == a.strides[dim] * sizes[dim] for a in addresses)
