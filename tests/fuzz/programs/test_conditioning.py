# pyright: reportUnknownMemberType=false
"""What rounding errors can change is told from what they cannot."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tests.fuzz.programs.comparing import differences
from tests.fuzz.programs.conditioning import reason
from tests.fuzz.programs.memory import to_array
from tests.fuzz.programs.observing import Observation, observe


def _seen(call: Callable[[], torch.Tensor]) -> Observation:
    return observe(call, [], lambda value: to_array(value) if isinstance(value, torch.Tensor) else None)


def _reason(got: torch.Tensor, program: Callable[[], torch.Tensor]) -> str | None:
    want = _seen(program)
    (difference,) = differences(_seen(lambda: got), want)
    return reason(difference, want, lambda: lambda: _seen(program))


def test_a_sum_that_is_nearly_zero_may_be_zero() -> None:
    x = torch.tensor([1.0, 0.1, -1.0, -0.1])
    assert x.sum() != 0
    assert _reason(torch.tensor(False), lambda: x.sum().bool()) is not None
    assert _reason(torch.tensor(False), lambda: (x * 2).any()) is None
    assert _reason(torch.tensor(False), lambda: (x + 1e-9).sum().bool()) is not None
    assert _reason(torch.tensor(False), lambda: (x + 1).sum().bool()) is None


def test_which_elements_are_alike_may_be_rounding() -> None:
    x = torch.tensor([0.1, 0.2, 0.3]) / 3
    doubled = torch.cat([x, x])

    def distinct() -> torch.Tensor:
        return torch.unique(doubled * 3)  # pyright: ignore[reportUnknownVariableType]

    assert _reason(torch.tensor([0.0, 0.1, 0.2]), distinct) is not None
    assert _reason(torch.tensor([0.0, 0.1, 0.2]), lambda: doubled.flip(0)[:3]) is None


def test_weights_that_are_not_finite_may_meet_the_padding() -> None:
    x, weight = torch.ones(1, 1, 2, 2), torch.full((1, 1, 3, 3), torch.nan)
    nothing = torch.zeros(1, 1, 2, 2)
    assert "padding" in str(_reason(nothing, lambda: torch.conv2d(x, weight, padding=1)))
    assert _reason(nothing, lambda: torch.conv2d(x, torch.ones(1, 1, 3, 3), padding=1)) is None


def test_gelu_of_what_is_infinite_may_be_nan() -> None:
    x = torch.tensor([torch.inf, 1.0])
    assert "infinite" in str(_reason(x, lambda: torch.nn.functional.gelu(x)))
    assert _reason(x, lambda: torch.nn.functional.gelu(x.nan_to_num())) is None


def test_a_variance_of_what_overflows_when_squared_may_be_anything() -> None:
    x = torch.tensor([[1e20, 1.0, 2.0, 3.0]])
    assert "squares" in str(_reason(x, lambda: torch.nn.functional.group_norm(x, 1)))
    assert _reason(x, lambda: torch.nn.functional.group_norm(x.clamp(max=4), 1)) is None


def test_an_extremum_of_zeros_may_have_any_sign() -> None:
    x, y = torch.tensor([0.0, 1.0]), torch.tensor([-0.0, 0.0])
    assert _reason(torch.tensor([-torch.inf, 1.0]), lambda: 1 / torch.maximum(x, y)) is not None
    assert _reason(torch.tensor([-torch.inf, 1.0]), lambda: 1 / x) is None


def test_attention_of_queries_that_are_nan_may_be_zero() -> None:
    keys, query = torch.ones(1, 1, 5, 7), torch.full((1, 1, 3, 7), torch.nan)
    attend, got = torch.nn.functional.scaled_dot_product_attention, torch.full((1, 1, 3, 7), torch.nan)
    assert "NaN" in str(_reason(got, lambda: attend(query, keys, keys)))
    assert _reason(got, lambda: attend(keys[..., :3, :], keys, keys)) is None


def test_memory_that_overlaps_itself_may_be_written_in_any_order() -> None:
    def written(step: int) -> torch.Tensor:
        x = torch.arange(6.0)
        parts = x.unfold(0, 2, step)
        return parts.scatter_add_(0, torch.zeros_like(parts, dtype=torch.int64), torch.ones_like(parts))

    assert "order" in str(_reason(torch.zeros(5, 2), lambda: written(1)))
    assert _reason(torch.zeros(3, 2), lambda: written(2)) is None
