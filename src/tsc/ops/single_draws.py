"""Variates of which nobody knows beforehand how many numbers they take: one after another, by rejection.

Source: aten/src/ATen/native/Distributions.h and Distributions.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from tsc.ops.draws import unit_doubles
from tsc.ops.random_source import RandomSource, drawing

AHEAD = 64
"""Numbers taken from the source at a time; those left over are given back."""


class SingleDraws:
    """Uniform and normal numbers one at a time."""

    def __init__(self, source: RandomSource) -> None:
        self._source = source
        self._start = source.position()
        self._ready: list[float] = []
        self._count = 0

    def uniform(self) -> float:
        """A number in ``[0, 1)``."""
        if not self._ready:
            self._ready = unit_doubles(self._source, AHEAD).tolist()[::-1]
        self._count += 1
        return self._ready.pop()

    def normal(self) -> float:
        """A number from the standard normal distribution."""
        kept = self._source.next_normal
        if kept is not None:
            self._source.next_normal = None
            return kept
        u1, u2 = self.uniform(), self.uniform()
        radius, angle = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
        self._source.next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    def finish(self) -> None:
        """Leave the source behind the numbers taken."""
        self._source.return_to(self._start)
        self._source.words(2 * self._count)


@contextmanager
def drawing_singly(source: RandomSource | None) -> Generator[SingleDraws]:
    """A draw of numbers one at a time."""
    with drawing(source) as numbers:
        singles = SingleDraws(numbers)
        try:
            yield singles
        finally:
            singles.finish()


def poisson(numbers: SingleDraws, rate: float) -> float:
    """A count: for high rates by transformed rejection (Hormann, 1993), for low ones by multiplication."""
    if not rate >= 10:
        return _few(numbers, rate) if rate else 0
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    edge = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = numbers.uniform() - 0.5, numbers.uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = _floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= edge:
            return k if math.isfinite(k) else -(2.0**63)
        if k < 0 or (us < 0.013 and v > us):
            continue
        if not math.isfinite(k):
            continue
        left = _log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


def _few(numbers: SingleDraws, rate: float) -> int:
    count, product, limit = 0, 1.0, math.exp(-rate)
    while True:
        product *= numbers.uniform()
        if not product > limit:
            return count
        count += 1


def gamma(numbers: SingleDraws, alpha: np.floating) -> float:
    """A gamma variate of scale 1. Arithmetic with `alpha` alone is in its dtype.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
    """
    one, scale = alpha.dtype.type(1), 1.0
    if alpha < 1:
        if alpha == 0:
            return 0.0
        scale = math.pow(1 - numbers.uniform(), float(one / alpha))
        alpha = alpha + one
    d = float(alpha - alpha.dtype.type(np.float32(1) / np.float32(3)))
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x, y = _positive_line(numbers, c)
        v, u, square = y * y * y, 1 - numbers.uniform(), x * x
        if u < 1.0 - _SQUEEZE * square * square:
            return scale * d * v
        if _log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def _positive_line(numbers: SingleDraws, slope: float) -> tuple[float, float]:
    """A normal number at which a line through ``(0, 1)`` is above 0, and how high."""
    while True:
        x = numbers.normal()
        y = 1.0 + slope * x
        if y > 0:
            return x, y


def binomial(numbers: SingleDraws, count: float, p: float) -> float:
    """How many of `count` trials succeed."""
    if math.isnan(p):
        return math.nan
    if count <= 0 or p <= 0:
        return 0
    if p >= 1:
        return count
    if p > 0.5:
        return count - _rarer(numbers, count, 1.0 - p)
    return _rarer(numbers, count, p)


def _rarer(numbers: SingleDraws, count: float, p: float) -> float:
    return _by_rejection(numbers, count, p) if count * p >= 10.0 else _by_waiting(numbers, count, p)


def _by_waiting(numbers: SingleDraws, count: float, p: float) -> int:
    """Sums of geometric numbers: how long each success takes."""
    waited, successes, log_failure = 0.0, 0, math.log1p(-p)
    while True:
        waited += math.ceil(_log(numbers.uniform()) / log_failure)
        if waited > count:
            return successes
        successes += 1


def _by_rejection(numbers: SingleDraws, count: float, p: float) -> float:
    """Source: Hormann, "The generation of binomial random variates", 1993, algorithm BTRS."""
    deviation = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * p
    middle, edge, odds = count * p + 0.5, 0.92 - 4.2 / b, p / (1 - p)
    alpha, mode = (2.83 + 5.1 / b) * deviation, math.floor((count + 1) * p)
    while True:
        u, v = numbers.uniform() - 0.5, numbers.uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + middle)
        if k < 0 or k > count:
            continue
        if us >= 0.07 and v <= edge:
            return k
        if _log(v * alpha / (a / (us * us) + b)) <= _log_ratio(count, odds, mode, k):
            return k


def _log_ratio(count: float, odds: float, mode: float, k: float) -> float:
    """The logarithm of how much rarer `k` is than the mode."""
    return (
        (mode + 0.5) * math.log((mode + 1) / (odds * (count - mode + 1)))
        + (count + 1) * math.log((count - mode + 1) / (count - k + 1))
        + (k + 0.5) * math.log(odds * (count - k + 1) / (k + 1))
        + _stirling_tail(mode)
        + _stirling_tail(count - mode)
        - _stirling_tail(k)
        - _stirling_tail(count - k)
    )


def _stirling_tail(k: float) -> float:
    """What Stirling's approximation lacks of the logarithm of ``k!``."""
    if k <= 9:
        return _TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def _floor(x: float) -> float:
    return math.floor(x) if math.isfinite(x) else x


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


_SQUEEZE = float(np.float32(0.0331))
_TAILS = (
    0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
    0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287,
)  # fmt: skip
