"""Functions of numbers and lists, with all that native code has of lists."""

import math


def moved(
    rows: list[list[float]], flags: list[bool], pair: tuple[int, list[int]], deep: list[list[list[int]]]
) -> tuple[list[list[float]], list[bool], tuple[int, list[int]], list[list[list[int]]]]:
    """What comes in, goes out."""
    return rows, flags, pair, deep


def edited(xs: list[int], ys: list[int], at: int) -> tuple[list[int], list[int], int, list[int], list[int]]:
    """Lists that are written to in all ways."""
    both = xs + ys
    both.extend(both)
    taken = both.pop(at)
    both[at] = taken + 1
    tail = both[at:]
    tail.append(len(tail))
    middle = list(xs)
    middle.extend(ys[-2:at])
    repeated = ys * 2
    ys.clear()
    ys.append(taken)
    return both, tail, taken, middle + ys, repeated[:at]


def zipped(xs: list[int], fs: list[float]) -> list[tuple[int, tuple[float, bool]]]:
    """Tuples in lists."""
    found: list[tuple[int, tuple[float, bool]]] = []
    for i in range(min(len(xs), len(fs))):
        found.append((xs[i], (fs[i], xs[i] > fs[i])))  # noqa: PERF401
    if len(found) > 1:
        found[0] = found[-1]
    return found


def ranges(low: int, high: int, step: int) -> list[int]:
    """The numbers of a range, which may fall."""
    return [i for i in range(low, high, step)]


def divided(a: int, b: int) -> tuple[int, int, float]:
    """What zero makes impossible, and the least int by -1."""
    return a // b, a % b, a / b


def asked(
    xs: list[int], fs: list[float], ps: list[bool], x: int
) -> tuple[int, float, int, bool, list[float]]:
    """What lists are asked as wholes."""
    found: list[float] = []
    if len(fs) > 0:
        found = [min(fs), max(fs), float(min(ps)), float(max(ps))]
        found.append(float(max(xs) - min(xs)))
    return sum(xs), sum(fs), sum(ps), x in xs, found


def chosen(pair: tuple[int, int], i: int) -> int:
    """An element of a tuple that is not known before."""
    return pair[i]


def functions(x: float, n: int) -> list[float]:
    """Functions of numbers, at the ends of where they have values as well."""
    found = [math.exp(x), math.log(x), math.log10(x), math.sqrt(x), math.sin(x), math.cos(x)]
    found += [math.tan(x), math.tanh(x), math.atan(x), math.asin(x), math.acos(x), math.sinh(x), math.cosh(x)]
    found += [math.asinh(x), math.acosh(x), math.expm1(x), math.log1p(x), math.erf(x), math.erfc(x)]
    found += [math.fabs(x), math.exp(n), math.log(n), x / n, n / x, x // n, n // x, x % n, n % x, n / 7]
    return found


def converted(x: float, n: int, p: bool) -> tuple[int, int, int, float, float, bool, bool]:
    """Numbers as others."""
    return int(x), math.floor(x), math.ceil(x) + int(p), float(n), float(p), bool(n), bool(x)


def held(xs: list[int], at: int, least: int) -> int:
    """What an assertion, or a place, may refuse."""
    assert least >= 0, "least is negative"
    return xs[at] + least


def filled(n: int) -> int:
    """A list of any length."""
    xs = [0] * n
    return len(xs)


def rows_of(n: int) -> int:
    """Many lists, of which one is needed at a time."""
    total = 0
    for i in range(n):
        row = [i, i + 1]
        row.append(total)
        total = row[2] + row[0]
    return total
