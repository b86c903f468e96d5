# pyright: reportUnknownMemberType=false
"""Numbers among the arguments that differ from call to call: after two values there is code for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc

CALLS = 16


def scaled(x: Tensor, n: int, s: float):
    return x * n + s, n + 1, n, s


def chosen(x: Tensor, n: int):
    return x[n:] * 2 if n % 2 == 0 else x + n


def created(x: Tensor, n: int):
    return torch.zeros(n, x.size(0)) + x, torch.arange(n)


def repeated(x: Tensor, n: int):
    for i in range(n):
        x = x * 0.5 + i
    return x


def written(x: Tensor, n: int):
    x[n] = n
    return x[: n + 1]


def filled(x: Tensor, n: int, s: float):
    above = x > n
    return (
        x.masked_fill(above, s), torch.where(above, x, s), torch.where(above, n, x), torch.full([3], s),
        torch.full_like(x, n), x.new_full([2], s), x.index_fill(0, torch.tensor([1, 2]), s),
    )  # fmt: skip


def filled_with_integers(x: Tensor, n: int, s: float):
    y = (x * 4).to(torch.int64)
    above = y > n
    return y.masked_fill(above, n), torch.where(above, y, s), y.masked_fill(above, s), y.fill_(s)


PROGRAMS: list[tuple[Callable[..., Any], Callable[[int], tuple[Any, ...]]]] = [
    (scaled, lambda i: (i, i / 2)), (chosen, lambda i: (i,)), (created, lambda i: (i + 2,)),
    (repeated, lambda i: (i,)), (written, lambda i: (i,)), (filled, lambda i: (i, i * 0.3)),
    (filled_with_integers, lambda i: (i, i * 0.3)),
]  # fmt: skip


def tiers(compiled: Any) -> list[str]:
    return [s.tier for s in compiled.specializations()]


@pytest.mark.parametrize(("program", "numbers"), PROGRAMS)
def test_there_is_native_code_for_all_numbers(
    program: Callable[..., Any], numbers: Callable[[int], tuple[Any, ...]]
) -> None:
    compiled: Any = tsc.script(program)
    for call in range(CALLS):
        mine, theirs = torch.arange(32.0), torch.arange(32.0)
        got: Any = compiled(mine, *numbers(call))
        wanted: Any = program(theirs, *numbers(call))
        torch.testing.assert_close(got, wanted, msg=f"call {call}")
        torch.testing.assert_close(mine, theirs, msg=f"argument of call {call}")
        if isinstance(wanted, tuple):
            assert [type(v) for v in got] == [type(v) for v in cast("Any", wanted)]
    assert tiers(compiled) == ["native"] * 3
    given = compiled(np.arange(32, dtype=np.float32), *numbers(3))
    for got, wanted in zip(given, program(torch.arange(32.0), *numbers(3)), strict=True):
        np.testing.assert_allclose(got, np.asarray(wanted))


def largest(x: Tensor, k: int):
    return torch.topk(x, k)[0]


def test_what_has_no_code_for_all_numbers_keeps_that_for_each() -> None:
    compiled: Any = tsc.script(largest)
    x = torch.arange(32.0)
    for call in range(5):
        torch.testing.assert_close(compiled(x, call + 1), largest(x, call + 1))
    assert tiers(compiled) == ["native"] * 5


def beside_python(x: Tensor, n: int):
    y = x * n + 1
    return torch.topk(torch.sigmoid(y) + n, n)[0]


def test_beyond_the_last_specialization_parts_are_native_for_all_numbers() -> None:
    before = tsc.set_fusion_strategy([("STATIC", 2), ("DYNAMIC", 2)])
    try:
        compiled: Any = tsc.script(beside_python)
        x = torch.arange(32.0)
        for call in range(10):
            torch.testing.assert_close(compiled(x, call + 1), beside_python(x, call + 1))
        *_, last = compiled.specializations()
        assert "n: int" in str(compiled.specializations())
        assert last.tier != "generic"
    finally:
        tsc.set_fusion_strategy(before)


class Attention(nn.Module):
    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.register_buffer("keys", torch.zeros(1, 32, 16))
        self.register_buffer("values", torch.zeros(1, 32, 16))

    def forward(self, x: Tensor, start: int) -> Tensor:
        end = start + x.size(1)
        self.keys[:, start:end] = self.k(x)
        self.values[:, start:end] = self.v(x)
        scores = self.q(x) @ self.keys[:, :end].transpose(1, 2) * 0.25
        return torch.softmax(scores, -1) @ self.values[:, :end]


FORMS: list[Callable[[Any], Any]] = [
    tsc.script, lambda m: tsc.optimize_for_inference(tsc.freeze(tsc.script(m)))
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_decoding_with_a_position_is_native(form: Callable[[Any], Any]) -> None:
    torch.manual_seed(0)
    module = Attention().eval()
    other = Attention().eval()
    other.load_state_dict(module.state_dict())
    compiled = form(other)
    with torch.no_grad():
        steps = [(torch.randn(1, 5, 16), 0), *((torch.randn(1, 1, 16), 5 + i) for i in range(20))]
        for x, start in steps:
            torch.testing.assert_close(compiled(x, start), module(x, start))
    found = compiled.specializations()
    assert {s.tier for s in found} == {"native"}
    assert len(found) == 3
    assert sum(s.hits for s in found) >= 19
