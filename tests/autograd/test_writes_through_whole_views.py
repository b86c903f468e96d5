# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false
"""Writes through a view that shows all of its tensor, or through one of several, have PyTorch's gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tsc

WHOLE: dict[str, Callable[[Any], Any]] = {
    "view_as": lambda x: x.view_as(x), "expand": lambda x: x.expand(2), "permute": lambda x: x.permute([0]),
    "slice": lambda x: x[:], "view": lambda x: x.view(2), "reshape": lambda x: x.reshape(2),
    "squeeze": lambda x: x.squeeze(), "real": lambda x: x.real, "t": lambda x: x.t(),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_vectors(name: str) -> None:
    def gradient(library: Any) -> Any:
        a = library.tensor([1.0, 2.0], requires_grad=True)
        b = a * 1
        t = WHOLE[name](b)
        t[0] = 5
        t.mul_(2)
        t += b
        (t.sum() + b.sum() * 3).backward()
        return a.grad

    np.testing.assert_array_equal(gradient(tsc).numpy(), gradient(torch).numpy())


@pytest.mark.parametrize("number", [0.7, -0.7])
def test_numbers(number: float) -> None:
    def gradient(library: Any) -> Any:
        a = library.tensor(number, requires_grad=True)
        t = (a * 1).permute([])
        t[t > 0] = 2
        t.backward(library.tensor(3.0))
        return a.grad

    np.testing.assert_array_equal(gradient(tsc).numpy(), gradient(torch).numpy())


SEVERAL: dict[str, Callable[[Any, Any], Any]] = {
    "meshgrid": lambda library, x: library.meshgrid([x[:1, 0], x[:, 0]], indexing="ij")[1],
    "meshgrid of one twice": lambda library, x: library.meshgrid([x[0], x[0]], indexing="ij")[1],
    "broadcast_tensors": lambda library, x: library.broadcast_tensors(x, library.ones(1, 1, 1))[0],
    "atleast_3d": lambda library, x: library.atleast_3d([x, x])[1],
    "tensor_split": lambda library, x: library.tensor_split(x, 2)[1],
}


@pytest.mark.parametrize("name", SEVERAL)
def test_one_of_several_views_is_written(name: str) -> None:
    def gradient(library: Any) -> Any:
        a = library.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
        b = a * 1
        t = SEVERAL[name](library, b)
        t[0] *= 5
        (t.sum() + (b * b).sum()).backward()
        return a.grad

    np.testing.assert_array_equal(gradient(tsc).numpy(), gradient(torch).numpy())


def test_a_view_is_read_again_after_it_and_its_base_were_written() -> None:
    def gradient(library: Any) -> Any:
        a = library.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        b = a * 1
        row = b[1]
        row[:1].zero_()
        b[0] = 5
        (row.sum() + (b * b).sum()).backward()
        return a.grad

    np.testing.assert_array_equal(gradient(tsc).numpy(), gradient(torch).numpy())
