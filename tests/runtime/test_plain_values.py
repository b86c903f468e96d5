"""Plain values are copied over the border; what is not exactly of its type is left to the conversions."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import pytest

from tsc.dialects import torch_types as tt
from tsc.runtime.plain_values import UNLIKE, copier_of

INTS, TABLE = tt.ListType(tt.INT), tt.DictType((tt.STRING, tt.ListType(tt.FLOAT)))
PAIR = tt.TupleType((tt.INT, tt.OptionalType(INTS)))


class Point(NamedTuple):
    """What users have in place of tuples."""

    x: int
    y: None


@pytest.mark.parametrize(
    ("kind", "value"),
    [(INTS, [1, 2]), (TABLE, {"a": [0.5], "b": []}), (PAIR, (1, None)), (PAIR, (1, [2])), (tt.NONE, None)],
)
def test_lists_and_dicts_are_copied(kind: Any, value: Any) -> None:
    copy = copier_of(kind)
    assert copy is not None
    found = copy(value)
    assert found == value
    assert found is not value or not isinstance(value, (list, dict))


OTHERS: list[tuple[Any, Any]] = [
    (INTS, [1, True]), (INTS, (1, 2)), (INTS, [1.0]), (tt.FLOAT, 1), (TABLE, OrderedDict()),
    (TABLE, {"a": [1]}), (TABLE, {1: []}), (PAIR, Point(1, None)), (PAIR, (1, 2, 3)), (tt.BOOL, 1),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), OTHERS)
def test_others_are_unlike(kind: Any, value: Any) -> None:
    copy = copier_of(kind)
    assert copy is not None
    assert copy(value) is UNLIKE


@pytest.mark.parametrize("kind", [tt.TENSOR, tt.ANY, tt.ListType(tt.TENSOR), tt.DEVICE])
def test_what_is_something_else_outside_has_no_copier(kind: Any) -> None:
    assert copier_of(kind) is None
