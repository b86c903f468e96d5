"""Ranges that operators give hold what `eager` gives."""

from __future__ import annotations

import random

import pytest

from tsc.dialects import torch_types as tt
from tsc.ops.definition import Operator
from tsc.ops.int_ranges import ANY_INT
from tsc.ops.registry import operators

ENDS = [0, 1, -1, 2, 7, -5, 100, 2**31, -(2**40), 2**62, ANY_INT[0], ANY_INT[1]]
OF_INTS = sorted(
    (
        operator
        for operator in operators().values()
        if operator.ranging is not None and {a.type for a in operator.schema.arguments} == {tt.INT}
    ),
    key=lambda operator: operator.name,
)


def test_there_are_such_operators() -> None:
    assert {"aten::add.int", "aten::remainder.int", "aten::__derive_index"} <= {o.name for o in OF_INTS}


@pytest.mark.parametrize("operator", OF_INTS, ids=lambda o: o.name)
def test_results_are_within_the_range(operator: Operator) -> None:
    assert operator.ranging is not None
    numbers = random.Random(operator.name)
    for _ in range(3000):
        ranges = [tuple(sorted(numbers.choices(ENDS, k=2))) for _ in operator.schema.arguments]
        values = [numbers.choice([low, high, numbers.randint(low, high)]) for low, high in ranges]
        low, high = operator.ranging(*ranges)
        if low < ANY_INT[0] or high > ANY_INT[1]:
            continue  # it may wrap, and that is looked at
        try:
            result = operator.eager(*values)
        except (ArithmeticError, RuntimeError, ValueError):
            continue
        assert low <= result <= high, f"{values} of {ranges}: {result}, not in {(low, high)}"
