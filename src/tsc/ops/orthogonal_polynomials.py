"""Orthogonal polynomials of a degree for each element, by their recurrences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.ops.definition import Family
from tsc.ops.float_functions import float_function

FAMILY = Family()
REFUSED = (dtypes.F16, dtypes.BF16, *dtypes.COMPLEX)
_HIGHEST_HERMITE = 512
"""Degrees beyond which PyTorch gives NaN for float64; 128 for others."""
Step = Callable[[int, Array, Array, Array], Array]
"""``step(k, x, p, q)``: the polynomial of degree ``k + 1`` from those of degrees `k` and ``k - 1``."""


def _degree(n: Array) -> Array:
    """`n` rounded towards zero; no degree where it is not finite."""
    return np.where(np.isfinite(n), np.trunc(n), -1)


def _by_recurrence(x: Array, n: Array, first: Array, step: Step) -> Array:
    """The polynomial of degree `n` (rounded towards zero; 0 below zero) that begins with 1 and `first`."""
    x, n, first = np.broadcast_arrays(x, _degree(n), first)
    value = np.where(n == 0, 1.0, np.where(n == 1, first, 0.0))
    before, current = np.ones_like(x), first
    for k in range(1, int(n.max(initial=0))):
        before, current = current, step(k, x, current, before)
        value = np.where(n == k + 1, current, value)
    return value


def _define(name: str, evaluate: Callable[[Array, Array], Array]) -> None:
    names = [f"aten::special_{name}{overload}" for overload in ("", ".x_scalar", ".n_scalar")]
    float_function(FAMILY, *names, illegal=REFUSED)(evaluate)


def _chebyshev(
    first: Callable[[Array], Array], oscillation: Callable[[Array, Array], Array]
) -> Callable[[Array, Array], Array]:
    """One of the four kinds: inside ``(-1, 1)`` a quotient of trigonometric functions of the angle whose
    cosine `x` is, outside by recurrence.
    """

    def evaluate(x: Array, n: Array) -> Array:
        degree = _degree(n)
        is_inside = (np.abs(x) < 1) & (degree > 6)
        outside = _by_recurrence(
            x, np.where(is_inside, 0, degree), first(x), lambda k, x, p, q: 2 * x * p - q
        )
        inside = oscillation(degree, np.arccos(np.clip(x, -1, 1)))
        return np.where(is_inside, inside, outside)

    return evaluate


_KINDS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "t": (lambda x: x, lambda n, a: np.cos(n * a)),
    "u": (lambda x: 2 * x, lambda n, a: np.sin((n + 1) * a) / np.sin(a)),
    "v": (lambda x: 2 * x - 1, lambda n, a: np.cos((n + 0.5) * a) / np.cos(a / 2)),
    "w": (lambda x: 2 * x + 1, lambda n, a: np.sin((n + 0.5) * a) / np.sin(a / 2)),
}


def _shifted(evaluate: Callable[[Array, Array], Array]) -> Callable[[Array, Array], Array]:
    return lambda x, n: evaluate(2 * x - 1, n)


for _kind, _parts in _KINDS.items():
    _define(f"chebyshev_polynomial_{_kind}", _chebyshev(*_parts))
    _define(f"shifted_chebyshev_polynomial_{_kind}", _shifted(_chebyshev(*_parts)))


def _hermite_h(x: Array, n: Array) -> Array:
    """The physicists'."""
    return _by_recurrence(x, n, 2 * x, lambda k, x, p, q: 2 * x * p - 2 * k * q)


def _hermite_he(x: Array, n: Array) -> Array:
    """The probabilists'."""
    return _by_recurrence(x, n, x, lambda k, x, p, q: x * p - k * q)


def _laguerre(x: Array, n: Array) -> Array:
    return _by_recurrence(x, n, 1 - x, lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))


def _legendre(x: Array, n: Array) -> Array:
    return _by_recurrence(x, n, x, lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))


_define("hermite_polynomial_h", _hermite_h)
_define("hermite_polynomial_he", _hermite_he)
_define("laguerre_polynomial_l", _laguerre)
_define("legendre_polynomial_p", _legendre)
