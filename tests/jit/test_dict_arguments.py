# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Dicts of tensors as arguments: taken apart when the function is compiled, so that the code is native."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def by_name(given: dict[str, Tensor]) -> Tensor:
    return given["a"] * 2 + given["b"]


def all_of_them(given: dict[str, Tensor]) -> tuple[Tensor, int, bool]:
    total = torch.zeros(3)
    for name, tensor in given.items():
        if name != "b":
            total = total + tensor
    for tensor in given.values():
        total = total + tensor
    return total, len(given), "c" in given


def by_number(given: dict[int, Tensor]) -> dict[int, Tensor]:
    return {2: given[1] + 1, 1: given[2]}


def nested(given: dict[str, list[Tensor]]) -> list[Tensor]:
    return [given["a"][0] * 2, given["a"][1]]


def written(given: dict[str, Tensor]) -> Tensor:
    given["a"].add_(1)
    return given["a"] * given["b"]


def grown(given: dict[str, Tensor]) -> dict[str, Tensor]:
    given["c"] = given["a"] + 1
    return given


def tensors(*seeds: float) -> list[Tensor]:
    return [torch.linspace(-1, 1, 3) * seed for seed in seeds]


A, B = tensors(1.0, 2.0)
CASES: list[tuple[Any, dict[Any, Any], bool]] = [
    (by_name, {"a": A, "b": B}, True), (all_of_them, {"b": B, "a": A}, True),
    (by_number, {1: A, 2: B}, True), (nested, {"a": [A, B]}, True), (written, {"a": A, "b": B}, True),
    (grown, {"a": A}, True),
]  # fmt: skip


@pytest.mark.parametrize(("function", "given", "native"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_dicts_are_arguments(function: Any, given: dict[Any, Any], native: bool) -> None:
    compiled = tsc.script(function)

    def fresh() -> dict[Any, Any]:
        return {k: [t.clone() for t in v] if isinstance(v, list) else v.clone() for k, v in given.items()}

    for _ in range(3):
        mine, theirs = fresh(), fresh()
        torch.testing.assert_close(compiled(mine), function(theirs))
        assert list(mine) == [k for k in theirs if k in mine]
        torch.testing.assert_close(mine, {k: theirs[k] for k in mine})
    assert (compiled.last is not None and compiled.last.is_native) == native


def test_a_key_that_is_not_there_raises() -> None:
    compiled = tsc.script(by_name)
    compiled({"a": A, "b": B})
    with pytest.raises(RuntimeError, match="KeyError: b"):
        compiled({"a": A})


def test_the_order_of_keys_tells_calls_apart() -> None:
    compiled = tsc.script(all_of_them)
    for given in ({"a": A, "b": B}, {"b": B, "a": A}, {"c": A, "b": B}):
        torch.testing.assert_close(compiled(given), all_of_them(given))


@pytest.mark.parametrize("key", ["with;", "with=", "{", "]"])
def test_keys_of_odd_letters_are_keys(key: str) -> None:
    compiled = tsc.script(all_of_them)
    for _ in range(2):
        torch.testing.assert_close(compiled({key: A}), all_of_them({key: A}))
