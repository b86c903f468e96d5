# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportPrivateUsage=false
"""Operators on tensors of a size that is found ask nothing of it: what masks choose may be nothing at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import tsc
from tsc.dims import SizeEnvironment

torch.manual_seed(0)
WEIGHT, BIAS, ONES = torch.randn(16, 8), torch.randn(8), torch.ones(16)
TABLE, FILTERS = torch.randn(30, 4), torch.randn(4, 16, 3)


def places(y: Tensor) -> Tensor:
    return y[:, 0].long().abs() % 30


OPERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda y: F.linear(y, WEIGHT.t(), BIAS),
    "matmul": lambda y: y @ WEIGHT,
    "products of columns": lambda y: y.t() @ y,
    "products of rows": lambda y: (y @ y.t()).tril(),
    "bmm": lambda y: torch.bmm(y.view(-1, 4, 4), y.view(-1, 4, 4)),
    "softmax": lambda y: y.softmax(-1),
    "log_softmax": lambda y: y.log_softmax(-1),
    "logsumexp": lambda y: y.logsumexp(1),
    "cross_entropy": lambda y: F.cross_entropy(y, y.argmax(1), reduction="sum"),
    "layer_norm": lambda y: F.layer_norm(y, [16], ONES, ONES),
    "batch_norm": lambda y: F.batch_norm(y, ONES * 0, ONES, ONES, ONES),
    "sums": lambda y: y.sum(0) + y.mean(1).sum() + y.std(1).sum(),
    "extremes": lambda y: y.amax(1) + y.max(1)[0] + y.argmax(1),
    "cat": lambda y: torch.cat([y, y.cumsum(0), y.flip(0)]),
    "sort": lambda y: y.sort(1)[0][:, :3] + y.topk(3, 1)[0],
    "embedding": lambda y: F.embedding(places(y), TABLE) + TABLE[places(y)],
    "reshapes": lambda y: y.reshape(-1, 4, 4).permute(2, 0, 1).flatten(1),
    "pairs": lambda y: (y.unsqueeze(0) == y.unsqueeze(1)).all(-1),
    "distances": lambda y: torch.cdist(y, y),
    "pad": lambda y: F.pad(y, [1, 2]),
    "pool": lambda y: F.max_pool1d(y.unsqueeze(1), 2),
    "conv1d": lambda y: F.conv1d(y.unsqueeze(-1).expand(y.shape[0], 16, 5), FILTERS),
    "index_add": lambda y: torch.zeros(30, 16).index_add(0, places(y), y),
    "scatter_add": lambda y: torch.zeros(30).scatter_add(0, places(y), y[:, 1]),
    "gather": lambda y: y.gather(1, y.argmax(1, keepdim=True)),
    "one_hot": lambda y: F.one_hot(y.argmax(1), 16),
    "normalize": lambda y: F.normalize(y, dim=-1) + F.cosine_similarity(y, y * 2, dim=-1).unsqueeze(1),
    "counting": lambda y: torch.arange(y.shape[0]) + y[:, 0] + torch.full((y.shape[0],), 1.0),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing_is_required(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, asked = OPERATORS[name], list[str]()
    assume = SizeEnvironment._assume

    def watched(self: SizeEnvironment, expression: Any, relation: str) -> bool:
        asked.append(f"{expression} {relation} 0")
        return assume(self, expression, relation)

    def chosen(x: Tensor, mask: Tensor) -> Tensor:
        return operator(x[mask])

    x = torch.randn(9, 16)
    some = torch.tensor([1, 0, 1, 1, 0, 0, 1, 1, 0], dtype=torch.bool)
    traced: Any = torch.jit.trace(chosen, (x, some), check_trace=False)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    module: Any = tsc.freeze(tsc.load(file).eval())
    monkeypatch.setattr(SizeEnvironment, "_assume", watched)
    for mask in (some, ~some, torch.zeros_like(some), torch.ones_like(some)):
        torch.testing.assert_close(module(x, mask), chosen(x, mask), atol=1e-4, rtol=1e-4)
    assert module.forward.last.is_native
    assert not asked
