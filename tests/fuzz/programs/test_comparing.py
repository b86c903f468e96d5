"""Each aspect in which two observations can differ, and what is no difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fuzz.programs.bare_worker import to_array
from tests.fuzz.programs.comparing import differences
from tests.fuzz.programs.observing import Observation, observe

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def seen(result: Any, *arguments: Any) -> Observation:
    return observe(lambda: result, arguments, to_array)


def found(got: Observation, want: Observation) -> list[str]:
    return [d.aspect for d in differences(got, want, "float32")]


@pytest.mark.parametrize(
    ("got", "want", "aspect"),
    [
        (X + 1e-6, X, None),
        (X + 0.01, X, "values"),
        (X * np.float32("nan"), X, "values"),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), None),
        (np.array([np.inf]), np.array([-np.inf]), "values"),
        (np.array([1, 2]), np.array([1, 3]), "values"),
        (X.astype(np.float64), X, "dtype"),
        (X.reshape(3, 2), X, "shape"),
        (X.T.copy().T, X, "strides"),
        (X[:1].T.copy().T, X[:1], None),
        ([X], (X,), "structure"),
        ([X, X], [X], "structure"),
        (1, 1.0, "structure"),
        (1, True, "structure"),
        (2, 3, "values"),
        (0.5 + 1e-9, 0.5, None),
        ({"a": X}, {"b": X}, "structure"),
    ],
)
def test_results(got: Any, want: Any, aspect: str | None) -> None:
    assert found(seen(got), seen(want)) == ([] if aspect is None else [aspect])


def test_an_argument_written_is_compared() -> None:
    assert found(seen(1, X + 1), seen(1, X)) == ["argument values"]


def test_sharing_is_compared_by_memory_not_by_storage() -> None:
    x = np.zeros(6)
    assert found(seen((x[::2], x[1::2])), seen((np.zeros(3), np.zeros(3)))) == ["strides"]
    assert found(seen(x, x), seen(x.copy(), x)) == ["sharing"]


def test_any_exception_stands_for_any_other() -> None:
    def fail() -> None:
        raise ValueError("no")

    failed = observe(fail, [], lambda value: None)
    assert found(failed, Observation(error="RuntimeError: other")) == []
    assert found(failed, seen(X)) == ["raises"]
    assert found(seen(X), failed) == ["does not raise"]
