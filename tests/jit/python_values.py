"""Programs of numbers, strings, lists, dicts and tuples: the order of what is read and written matters."""

import math
from typing import Optional


def read_before_written(xs: list[int]) -> tuple[int, bool, int]:
    """What a list holds, read before and after it changes."""
    before = len(xs)
    has = 7 in xs
    xs.append(7)
    return before, has, len(xs)


def read_in_conditions(words: dict[str, int], text: str) -> int:
    """A condition that is read after what it is about has changed."""
    is_there = text in words
    words[text] = 1
    if is_there and len(words) > 1:
        return len(words)
    return -len(words)


def read_by_choice(xs: list[int], a: int, b: int) -> tuple[int, list[int]]:
    """A choice by what a list holds before it changes."""
    chosen = a if len(xs) == 1 else b
    xs.append(chosen)
    return chosen, xs


def fibonacci(n: int) -> tuple[int, int]:
    """Values that are next while others still read what was before: beyond 64 bits they wrap."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a, b


def chained(n: int) -> tuple[int, int, int]:
    """Sums of what is before and after."""
    a, b, c = 1, 2, 3
    for i in range(n):
        before = a
        a = a + b
        b = b + before * i
        c = before + c - a
    return a, b, c


def kept_name(first: Optional[int], limit: int) -> list[int]:  # noqa: UP045
    """A value that is read under other names after its own has moved on."""
    found: list[int] = []
    for i in range(limit):
        seen = first
        if seen is not None:
            known = seen
            first = known + i
            found.append(known)
        else:
            first = i
        if seen is not None:
            found.append(seen)
    return found


def kept_list(n: int) -> tuple[list[int], int]:
    """A list that gets a second name when it is written to, and then another takes its own."""
    xs: list[int] = []
    total = 0
    for i in range(n):
        xs.append(i)
        ys = xs
        xs = [i, i]
        total += len(ys)
    return xs, total


def best_of(xs: list[float]) -> tuple[int, float]:
    """The place of the greatest, and it."""
    place, best = -1, -math.inf
    for i, x in enumerate(xs):
        if x > best:
            best = x
            place = i
    return place, best


def totals(xs: list[float], flags: list[bool]) -> tuple[float, int, bool, bool]:
    """Lists as one value."""
    return sum(xs), sum(flags), any(flags), all(flags)


def byte_numbers(text: str) -> list[int]:
    """The bytes of a string."""
    found = [len(text), len(text + text), text.find("b"), text.count("b")]
    for i in range(len(text)):
        found.append(ord(text[i]))  # noqa: PERF401
    return found


def branches(n: int) -> list[int]:
    """Values that one branch changes, and another leaves."""
    best, second, at = -1, -1, 0
    found: list[int] = []
    for i in range(n):
        value = (i * 7919) % 13
        if value > best:
            second = best
            best = value
            at = i
        elif value > second:
            second = value
        else:
            at = at + best - second
        found.append(at)
    return [best, second] + found  # noqa: RUF005


def until(n: int) -> tuple[int, list[int]]:
    """A loop that ends by what it has changed, in the midst of an iteration and at its end."""
    xs: list[int] = []
    x = n
    while len(xs) < 40:
        if x == 1:
            break
        x = x // 2 if x % 2 == 0 else 3 * x + 1
        if x % 5 == 0:
            continue
        xs.append(x)
    return x, xs


def wrapping(a: int, b: int) -> list[int]:
    """What wraps at 64 bits."""
    found = [a + b, a - b, a * b, -a, abs(a), a << 3, (a + b) * 3 - b, a + 1]
    total = 0
    for i in range(5):
        total += a
        found.append(total * i)
    return found


def numbers(a: float, b: float) -> list[float]:
    """Functions at the ends of where they have values."""
    found = [a / b, a // b, a % b, max(a, b), min(a, b), -a, abs(a), a * b + a - b]
    for x in (a, b):
        found += [
            math.exp(x),
            math.log(x),
            math.sqrt(x),
            math.sin(x),
            math.acos(x),
            math.tanh(x),
            math.cosh(x),
        ]
    return found


def texts(text: str, part: str) -> tuple[list[str], list[int]]:
    """Strings, as bytes."""
    both = text + part
    found = [both, text.upper(), text.strip(), text.replace(part, "_"), text[1:], text[-1:], both[1:3]]
    found.extend(text.split(","))
    places = [len(text), len(both), text.find(part), text.count(part), int(text.startswith(part))]
    for i in range(len(text)):
        found.append(text[i])
        places.append(ord(text[i]))
    return found, places


def joined(text: str) -> str:
    """Bytes that are a character only together."""
    found = ""
    for i in range(len(text)):
        found += text[i]
    return found + "!" if found == text else "?"


def formatted(n: int, x: float, name: str) -> str:
    """Values as text."""
    text = "{}: {} of {}".format(name, n, x)  # noqa: UP032 - TorchScript's own
    return text + str(n) + str(x) + ", ".join([name, str([n])])


def indexed(xs: list[int], i: int, names: dict[str, int]) -> int:
    """What raises within an expression."""
    return xs[i] + names["a"] % (xs[0] - 1)


def sorted_places(xs: list[float]) -> list[tuple[float, int]]:
    """Tuples in order."""
    found: list[tuple[float, int]] = []
    for i, x in enumerate(xs):
        found.append((-x, i))
    found.sort()
    return found[:3]


def shared(xs: list[int]) -> tuple[list[int], list[int], int]:
    """One list by two names: what is given back are two."""
    ys = xs
    ys.append(1)
    return xs, ys, len(xs)


def counted(n: int, step: int) -> tuple[int, int]:
    """Counters that cannot leave 64 bits, and one that may."""
    up, far = 0, 4611686018427387904
    for i in range(n):
        up += 2
        far += step
        if i % 3 == 0:
            up -= 1
    return up, far
