# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Memory that is written, or given back twice, is one memory under every name it has, whatever wraps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

import pytest
import torch
from torch import Tensor

import tsc


def element_of_a_dict(x: Tensor) -> Tensor:
    y = x * 2
    held = {"a": y}
    z = held["a"]
    y.add_(1)
    return z


def view_of_an_element(x: Tensor) -> Tensor:
    y = x * 2
    z = {"a": y}["a"].detach()
    y.add_(1)
    return z


def default_of_a_dict(x: Tensor) -> Tensor:
    y = x * 2
    z = {"a": x * 3}.get("b", y)
    y.add_(1)
    return z


def anything(x: Tensor) -> Any:
    y = x * 2
    v: Any = None
    if bool(x.sum() > 0):
        v = (y, x * 1)
    else:
        v = [y, y]
    y.add_(1)
    return v


def parts_of_a_tuple(x: Tensor) -> tuple[Tensor, Tensor]:
    a, b = torch.relu(x), torch.relu(x)
    if bool(x.sum() > 0):
        p = (a, b)
    else:
        p = (b, a)
    return p[0], p[1]


def unpacked_list(x: Tensor) -> tuple[Tensor, Tensor]:
    a, b = torch.relu(x), torch.relu(x)
    listed = [a, b] if bool(x.sum() > 0) else [b, a]
    c, d = listed
    return c, d


def refined(x: Tensor) -> tuple[Tensor, Tensor]:
    a, b = torch.relu(x), torch.relu(x)
    c: Optional[Tensor] = None  # noqa: UP045 - read by PyTorch
    if bool(x.sum() > 0):
        c = a
    assert c is not None
    return c, b


PROGRAMS = (
    element_of_a_dict, view_of_an_element, default_of_a_dict, anything, parts_of_a_tuple, unpacked_list,
    refined,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_results_are_pytorchs_before_and_after_a_write(program: Callable[[Tensor], Any]) -> None:
    x = torch.arange(1.0, 4.0)
    scripted: Any = tsc.script(program)
    for _ in range(2):
        got, want = _listed(scripted(x.clone())), _listed(program(x.clone()))
        torch.testing.assert_close(got, want)
        got[0].add_(1)
        want[0].add_(1)
        torch.testing.assert_close(got, want)


def _listed(value: Any) -> list[Tensor]:
    return list(value) if isinstance(value, (tuple, list)) else [value]
