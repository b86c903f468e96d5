# pyright: reportUnknownMemberType=false
"""Calls of compiled functions: every kind of tensor in and out, and one clear error for each wrong call."""

from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tsc.errors import ArgumentError, TscError


def scaled(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.relu(x * y + x)


def make():
    return tsc.script(scaled)


X = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
Y = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
EXPECTED = np.maximum(X * Y + X, 0)


def test_numpy_in_numpy_out() -> None:
    result = make()(X, Y)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, EXPECTED)


def test_torch_in_torch_out_without_a_copy_of_the_result() -> None:
    result = make()(torch.from_numpy(X), torch.from_numpy(Y))
    assert isinstance(result, torch.Tensor)
    np.testing.assert_array_equal(result.numpy(), EXPECTED)


def test_tsc_tensor_in_tsc_tensor_out() -> None:
    result = make()(tsc.Tensor(X), tsc.Tensor(Y))
    assert isinstance(result, tsc.Tensor)
    np.testing.assert_array_equal(result.numpy(), EXPECTED)


def test_the_second_call_runs_the_native_entry_and_other_kinds_still_work() -> None:
    function = make()
    for _ in range(3):
        assert type(function(X, Y)) is np.ndarray
    assert isinstance(function(torch.from_numpy(X), torch.from_numpy(Y)), torch.Tensor)
    np.testing.assert_array_equal(function(X.T.copy().T, Y), EXPECTED)


def test_keywords_and_new_shapes() -> None:
    function = make()
    np.testing.assert_array_equal(function(y=Y, x=X), EXPECTED)
    for n in range(1, 16):  # more shapes than there are specializations
        x = np.ones((n, 2), np.float32)
        np.testing.assert_array_equal(function(x, x), x * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X,), "missing value for argument 'y'"),
        ((X, Y, Y), "expected at most 2 argument"),
        ((X, "text"), "argument 'y' but instead found type 'str'"),
        ((X, ["a"]), "argument 'y' but instead found type 'list'"),
        ((X, None), "Expected a proper Tensor but got None .* for argument #1 'other'"),
        ((X, np.array(["a"])), "dtype"),
    ],
    ids=["too-few", "too-many", "string", "list", "none", "string-array"],
)
def test_a_wrong_call_raises_one_clear_error(arguments: tuple[Any, ...], message: str) -> None:
    function = make()
    function(X, Y)
    with pytest.raises((TscError, TypeError), match=message):
        function(*arguments)
    np.testing.assert_array_equal(function(X, Y), EXPECTED)


def test_an_unknown_keyword_is_named() -> None:
    with pytest.raises(ArgumentError, match="Unknown keyword argument 'z'"):
        make()(X, Y, z=Y)


def test_shapes_that_do_not_broadcast_raise_as_in_torch() -> None:
    with pytest.raises(RuntimeError, match=r"must match the size of tensor b \(2\)"):
        make()(X, np.ones((3, 2), np.float32))


def linear(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.linear(x, w)


def test_a_wrong_rank_or_dtype_raises() -> None:
    function = tsc.script(linear)
    w = np.ones((5, 4), np.float32)
    assert function(X, w).shape == (3, 5)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        function(np.ones((3, 6), np.float32), w)
    with pytest.raises(RuntimeError, match="same dtype"):
        function(X.astype(np.float64), w)


def nested(x: torch.Tensor, scale: float, flag: bool):
    parts = [x * scale, x + 1]
    return {"parts": parts, "pair": (x.sum(), flag)} if flag else {"parts": parts, "pair": (x.mean(), flag)}


def structured(xs: list[torch.Tensor], pair: tuple[torch.Tensor, int]) -> dict[str, torch.Tensor]:
    return {"sum": xs[0] + xs[1], "scaled": pair[0] * pair[1]}


def test_lists_tuples_and_dicts_pass_in_both_directions() -> None:
    result = tsc.script(structured)([X, Y], (X, 3))
    assert list(result) == ["sum", "scaled"]
    np.testing.assert_array_equal(result["sum"], X + Y)
    np.testing.assert_array_equal(result["scaled"], X * 3)


def lookup(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.embedding(ids, table)


def test_an_index_out_of_bounds_raises_and_reads_nothing() -> None:
    function = tsc.script(lookup)
    table = np.arange(20, dtype=np.float32).reshape(5, 4)
    np.testing.assert_array_equal(function(table, np.array([4, 0])), table[[4, 0]])
    for bad in (5, -1, 10**12):
        with pytest.raises(IndexError, match="out of range"):
            function(table, np.array([bad, 0]))
    np.testing.assert_array_equal(function(table, np.array([1, 1])), table[[1, 1]])


def returns_its_argument(x: torch.Tensor) -> torch.Tensor:
    return x.view(-1)


def test_a_view_of_an_argument_is_returned_as_one() -> None:
    x = X.copy()
    result = tsc.script(returns_its_argument)(x)
    result[0] = 99
    assert x[0, 0] == 99


def writes_its_argument(x: torch.Tensor) -> torch.Tensor:
    x.add_(1)
    return x * 2


def test_an_argument_written_in_place_is_written() -> None:
    x = X.copy()
    result = tsc.script(writes_its_argument)(x)
    np.testing.assert_array_equal(x, X + 1)
    np.testing.assert_array_equal(result, (X + 1) * 2)
