"""Symbolic sizes behave as the numbers they stand for."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tsc.dims import (
    Dim,
    SizeEnvironment,
    bounds_of,
    certainly_equal,
    floordiv,
    from_words,
    holds_found,
    in_words,
    maximum,
    minimum,
    mod,
    most_of,
    symbols_in,
)
from tsc.errors import FoundSizeError
from tsc.ops.shapes import infer_size

BINARY: list[Callable[[Any, Any], Any]] = [operator.add, operator.sub, operator.mul, minimum, maximum]
DIVIDING: list[Callable[[Any, Any], Any]] = [floordiv, mod]


def grown(random_: random.Random, leaves: list[Any], numbers: list[int], depth: int) -> tuple[Any, int]:
    """A random expression of `leaves`, and the same computed with `numbers` in their place."""
    if depth == 0 or random_.random() < 0.2:
        place = random_.randrange(len(leaves) + 2)
        constant = random_.randint(-9, 9)
        return (leaves[place], numbers[place]) if place < len(leaves) else (constant, constant)
    a, x = grown(random_, leaves, numbers, depth - 1)
    if random_.random() < 0.4:
        divisor = random_.choice([n for n in range(-9, 10) if n])
        operation = random_.choice(DIVIDING)
        return operation(a, divisor), operation(x, divisor)
    b, y = grown(random_, leaves, numbers, depth - 1)
    operation = random_.choice(BINARY)
    return operation(a, b), operation(x, y)


@pytest.mark.parametrize("seed", range(300))
def test_expressions_have_the_value_of_the_same_numbers(seed: int) -> None:
    random_ = random.Random(seed)
    environment = SizeEnvironment()
    numbers = [random_.randint(1, 40) for _ in range(3)]
    leaves = [environment.symbol(n) for n in numbers]
    made, wanted = grown(random_, leaves, numbers, 5)
    others = [random_.randint(1, 40) for _ in range(3)]
    if not isinstance(made, Dim):
        assert made == wanted
        return
    assert made.hint == wanted
    low, high = made.bounds
    assert low <= wanted <= high
    values = dict(zip(environment.symbols, others, strict=True))
    value = made.value(values)
    assert low <= value <= high
    names = {atom: number for number, atom in enumerate(environment.symbols)}
    assert from_words(in_words(made, names), others.__getitem__) == value
    assert not environment.guards  # arithmetic asks nothing


def symbols(*hints: int) -> tuple[SizeEnvironment, list[Any]]:
    environment = SizeEnvironment()
    return environment, [environment.symbol(h) for h in hints]


def test_what_cancels_is_a_number() -> None:
    _, (s, t) = symbols(5, 7)
    assert type(s - s) is int
    assert (s * 64 // 64).same(s)
    assert (s * t * 4 // s).same(4 * t)
    assert s * 64 % 64 == 0
    assert type((s + t) * 0) is int
    less = s // 2 - 1
    assert (128 * less * t) // (32 * less * t) == 4
    assert (64 * less * 2) // less == 128
    assert ((s + 1) * (t - 3) * less // ((t - 3) * (s + 1))).same(less)
    assert not certainly_equal((s * t + s) // (t + 2), s)
    assert (s * s - t * t) % (s - t) == 0


def test_equal_expressions_are_one() -> None:
    environment, (s, t) = symbols(5, 7)
    assert {s * t, t * s, s + t, t + s, (s + 1) * 2, 2 * s + 2} == {s * t, s + t, 2 * s + 2}
    assert (-(-s // 8)).same((s + 7) // 8)
    assert (s // 8 * 8 + s % 8).same(s)
    assert not environment.guards


def test_numpys_numbers_leave_arithmetic_to_sizes() -> None:
    environment, (s,) = symbols(5)
    assert (np.int64(3) * s).same(3 * s)
    assert (s + np.int32(2)).same(s + 2)
    assert not environment.guards


def test_bounds_answer_without_a_guard() -> None:
    environment, (s, t) = symbols(5, 7)
    assert s > 0
    assert s != 0
    assert s * 4 + t >= 5
    assert s % 8 < 8
    assert (s + 3) // 4 >= 1
    assert not environment.guards


def test_a_question_leaves_a_guard_that_says_its_answer() -> None:
    environment, (s, t) = symbols(5, 5)
    assert s == t
    assert not s > 8
    assert s != 1
    assert [str(g) for g in environment.guards.values()] == ["s0 == s1", "s0 <= 8", "s0 != 1"]
    guards = list(environment.guards.values())
    first, second = environment.symbols
    assert [g.holds({first: 3, second: 4}) for g in guards] == [False, True, True]
    assert [g.holds({first: 9, second: 9}) for g in guards] == [True, False, True]
    assert [g.holds({first: 1, second: 1}) for g in guards] == [True, True, False]


def test_an_answer_is_remembered() -> None:
    environment, (s, t) = symbols(5, 6)
    assert s != t
    assert t != s
    assert s < t
    assert not s >= t
    assert len(environment.guards) == 2
    assert s <= 8
    assert s < 9
    assert bounds_of(s) == (1, 8)
    assert len(environment.guards) == 3


USES: list[Callable[[Any], Any]] = [
    lambda s: list(range(s)), int, lambda s: [0] * s, lambda s: np.zeros(s), float, lambda s: s / 2,
]  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_who_takes_it_for_a_number_pins_it(use: Callable[[Any], Any]) -> None:
    environment, (s,) = symbols(5)
    use(s)
    assert [str(g) for g in environment.guards.values()] == ["s0 == 5"]
    assert environment.solved() == {environment.symbols[0]: 5}


def test_equations_are_solved() -> None:
    environment, (s, t, u) = symbols(4, 8, 12)
    assert t == 2 * s
    assert u == t + s
    solved = environment.solved()
    first, second, third = environment.symbols
    assert solved.keys() == {second, third}
    assert str(solved[second]) == "2*s0"
    assert str(solved[third]) == "3*s0"
    assert first not in solved


def test_a_size_that_is_said_is_the_one_a_tensor_has() -> None:
    environment = SizeEnvironment()
    symbols: list[Any] = [environment.symbol(n) for n in (3, 3, 5, 7)]
    said, rows, columns, other = symbols
    assert infer_size([1, said, -1], 64 * rows * columns) == (1, said, 64 * columns)
    assert {str(a): v for a, v in environment.solved().items()} == {"s1": said}
    infer_size([other, -1], 7 * rows)
    assert len(environment.solved()) == 1


def test_common_factors_are_left_out() -> None:
    environment, (s, t, u) = symbols(5, 7, 8)
    assert s * t * u == 8 * s * t
    assert 6 * s >= 4 * s * t - 200 * s
    assert [str(g) for g in environment.guards.values()] == ["s2 == 8", "2*s1 <= 103"]


def test_below_values_equality_is_what_is_certain() -> None:
    environment, (s, t) = symbols(5, 5)
    environment.decides_equality = False
    assert s != t
    assert s != 1
    assert s + t == t + s
    assert not environment.guards


def test_sizes_of_two_compilations_are_never_equal() -> None:
    one, (s,) = symbols(5)
    other, (t,) = symbols(5)
    assert s != t
    assert not one.guards
    assert not other.guards


def found(most: Any) -> tuple[SizeEnvironment, Any]:
    environment = most.environment if isinstance(most, Dim) else SizeEnvironment()
    return environment, environment.find(most)


def test_a_size_that_is_found_is_between_nothing_and_the_most() -> None:
    environment, size = found(20)
    assert bounds_of(size) == (0, 20)
    assert size <= 20
    assert not size > 20
    assert holds_found(size * 3)
    assert [most_of(n) for n in (size * 3 + 1, 20 - size, minimum(size, 7), floordiv(size, 6), 5)] == [
        61, 20, 7, 3, 5,
    ]  # fmt: skip
    assert not environment.required
    assert not environment.symbols


def test_the_most_may_be_a_size_of_an_argument() -> None:
    environment, (s,) = symbols(10)
    _, size = found(s * 2)
    _, inner = found(size)
    assert str(most_of(inner * 3 + 1)) == "6*s0 + 1"
    assert s * 2 - size >= 0
    assert not environment.guards
    assert [str(n) for n in symbols_in([s + 1])] == ["s0"]
    assert [str(n) for n in symbols_in([inner + 1])] == ["s0", "u1"]


def test_what_is_taken_for_granted_of_a_found_size_is_required() -> None:
    environment, size = found(20)
    assert size != 1
    assert size
    assert size > 0
    assert size >= 4
    assert [str(g) for g in environment.required.values()] == ["u0 != 1", "u0 != 0", "u0 >= 4"]
    assert environment.least(next(size.atoms)) == 4
    assert not environment.guards


def test_questions_about_a_found_size_that_nothing_answers_are_refused() -> None:
    environment, (s,) = symbols(10)
    _, size = found(s)
    for question in (
        lambda: size >= 2,  # there may be no memory for two
        lambda: size >= floordiv(s, 2),
        lambda: size == size.hint,
        lambda: int(size),
        lambda: range(size),
    ):
        with pytest.raises(FoundSizeError):
            question()
    assert not environment.guards
    assert not environment.required


def test_below_stage_value_nothing_is_taken_for_granted() -> None:
    environment, size = found(20)
    environment.decides_equality = False
    assert size != 3
    assert not size == 0  # noqa: SIM201  (what is unknown is unequal)
    with pytest.raises(FoundSizeError):
        assert size >= 1
    assert not environment.required
