"""Operations on sizes that are no polynomials: division, remainder, least and greatest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, cast

from tsc.dims.environment import SizeEnvironment, certainly_same
from tsc.dims.expressions import INFINITY, OPERATIONS, Dim, Monomial, made, terms_of
from tsc.dims.questions import bounds_of, hint_of, holds_found


def floordiv(a: Any, b: Any) -> Any:
    """``a // b``, `b` being positive where it is not known."""
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return a // b
    if terms_of(a) is None or terms_of(b) is None:
        return int(a) // b if isinstance(a, Dim) else a // int(b)
    if _is_negative(b):
        return floordiv(-a, -b)
    whole, rest = _divided(a, b)
    if not isinstance(rest, Dim) and not isinstance(b, Dim):
        return whole + rest // b
    if _is_below(rest, b):
        return whole
    if _is_below(rest + b, b):
        return whole - 1
    turned = b - 1 - rest
    if bounds_of(rest)[1] <= 0 and bounds_of(_divided(turned, b)[1])[1] > 0:
        return whole - floordiv(turned, b)  # of numbers that are not negative, which machines know
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
    if terms_of(a) is None or terms_of(b) is None:
        return int(a) % b if isinstance(a, Dim) else a % int(b)
    if _is_negative(b):
        return -mod(-a, -b)
    _, rest = _divided(a, b)
    if not isinstance(rest, Dim) and not isinstance(b, Dim):
        return rest % b
    if _is_below(rest, b):
        return rest
    if _is_below(rest + b, b):
        return rest + b
    high = bounds_of(b)[1] - 1
    return _environment(a, b).operation("mod", (rest, b), hint_of(rest) % hint_of(b), (0, high))


def _is_negative(divisor: Any) -> bool:
    """Whether a divisor is negative: what may be is asked. Those that are found are taken to be none."""
    if not isinstance(divisor, Dim):
        return divisor < 0
    if bounds_of(divisor)[0] >= 0 or holds_found(divisor) or divisor >= 1:
        return False
    if divisor == 0:
        raise ZeroDivisionError("integer division or modulo by zero")
    return True


def minimum(*values: Any) -> Any:
    """The least of sizes, without asking which it is."""
    return reduce(lambda a, b: _extreme("min", a, b), values)


def maximum(*values: Any) -> Any:
    """The greatest of sizes, without asking which it is."""
    return reduce(lambda a, b: _extreme("max", a, b), values)


def _extreme(name: str, a: int | Dim, b: int | Dim) -> Any:
    choose = {"min": min, "max": max}[name]
    difference = a - b
    if not isinstance(difference, Dim):
        is_first = (difference <= 0) == (name == "min")
        return a if is_first else b
    for one, other in ((a, b), (b, a)):
        if _is_among(other, one, name):
            return one
    environment = difference.environment
    for relation, answer in ((difference, "max"), (-difference, "min")):
        if environment.known(relation, ">="):
            return a if answer == name else b
    (low, high), (least, most) = bounds_of(a), bounds_of(b)
    operands = tuple(sorted((a, b), key=str))
    hint = choose(hint_of(a), hint_of(b))
    return environment.operation(name, operands, hint, (choose(low, least), choose(high, most)))


def _is_among(value: int | Dim, extreme: int | Dim, name: str) -> bool:
    """Whether a value is one of those that `extreme` is the least (or greatest) of."""
    if not isinstance(extreme, Dim) or not extreme.is_atom:
        return False
    atom = next(extreme.atoms)
    return atom.name == name and any(certainly_same(value, operand) for operand in atom.operands)


def _environment(*values: int | Dim) -> SizeEnvironment:
    return next(v.environment for v in values if isinstance(v, Dim))


def _divided(a: int | Dim, b: int | Dim) -> tuple[int | Dim, int | Dim]:
    """``a`` as ``whole * b + rest``, as far as its terms are multiples of `b`."""
    if isinstance(a, Dim) and isinstance(b, Dim) and a.same(b):
        return 1, 0
    environment, divisor = _environment(a, b), cast("Mapping[Monomial, int]", terms_of(b))
    if len(divisor) != 1:
        exact = _exactly_divided(a, b)
        return (0, a) if exact is None else (exact, 0)
    ((atoms, factor),) = divisor.items()
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, number in cast("Mapping[Monomial, int]", terms_of(a)).items():
        left = _without(monomial, atoms)
        if left is None or number % factor:
            quotient = number // factor if left is not None and not atoms else 0
            if quotient and not monomial:  # a constant: what is beyond one divisor goes into the whole
                whole[monomial] = whole.get(monomial, 0) + quotient
            rest[monomial] = number - (quotient * factor if not monomial else 0)
        else:
            whole[left] = whole.get(left, 0) + number // factor
    return made(environment, whole), made(environment, rest)


def _exactly_divided(a: int | Dim, b: int | Dim) -> int | Dim | None:
    """The polynomial that `b`, of several terms, is multiplied by to be `a`; None where that is none."""
    number = hint_of(a) // hint_of(b) if hint_of(b) else 0
    if number and certainly_same(number * b, a):
        return number
    atoms, factor = _leading(b)
    whole: int | Dim = 0
    for _ in cast("Mapping[Monomial, int]", terms_of(a)):
        monomial, number = _leading(a)
        left = _without(monomial, atoms)
        if left is None or number % factor:
            return None
        part = made(_environment(a, b), {left: number // factor})
        whole, a = whole + part, a - part * b
        if not isinstance(a, Dim):
            return whole if a == 0 else None
    return None


def _leading(a: int | Dim) -> tuple[Monomial, int]:
    """The first term of a polynomial, in an order that products keep."""
    terms = cast("Mapping[Monomial, int]", terms_of(a))
    first = max(terms, key=lambda monomial: (len(monomial), [-atom.number for atom in monomial]))
    return first, terms[first]


def _without(monomial: Monomial, atoms: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in atoms:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def _is_below(rest: int | Dim, b: int | Dim) -> bool:
    """Whether ``0 <= rest < b`` is certain."""
    if not isinstance(rest, Dim) and rest == 0:
        return True
    low, high = bounds_of(rest)
    return low >= 0 and (high < bounds_of(b)[0] or bounds_of(b - rest)[0] > 0)


def _quotient(a: float, b: float) -> float:
    if math.isinf(a):
        return a
    return 0.0 if math.isinf(b) and a >= 0 else (-1.0 if math.isinf(b) else float(a // b))


OPERATIONS.update({"floordiv": floordiv, "mod": mod, "min": minimum, "max": maximum})
