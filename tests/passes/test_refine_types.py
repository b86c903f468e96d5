# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`refine-types`: what is known of shapes holds in every round of a loop."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.passes.programs import module_at
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimLoopOp


def halved(x: Tensor) -> Tensor:
    for _ in range(3):
        x = x[:, : x.size(1) // 2]
    return x * 1


def halved_while(x: Tensor) -> Tensor:
    while x.size(1) > 1:
        x = x[:, : x.size(1) // 2] + x.size(1)
    return x


def chunked(x: Tensor) -> Tensor:
    for _ in range(4):
        x = x.chunk(2, 1)[-1]
    return x * 1


def grown(x: Tensor) -> Tensor:
    y = x
    while y.size(0) < 50:
        y = torch.cat([y, x * y.size(0)], 0)
    return y


def nested(x: Tensor) -> Tensor:
    n = 0
    while n < 3:
        y = x
        while y.size(1) > 2:
            y = y[:, 1:]
        x = torch.cat([x, y * x.numel()], 1)
        n += 1
    return x


def swapped(x: Tensor) -> Tensor:
    y = x.t() * 2
    n = 0
    while n < 3:
        x, y = y + x.size(0), x + y.size(1)
        n += 1
    return x @ y


def followed(x: Tensor) -> Tensor:
    """`y` has the shape that `x` had one round before."""
    y = x
    n = 0
    while n < 4:
        y = x.new_ones(y.size(0), x.size(1)) * y.numel()
        x = x[1:]
        n += 1
    return y[:, :1] + x.size(0)


@pytest.mark.parametrize("program", [halved, halved_while, chunked, grown, nested, swapped, followed])
@pytest.mark.parametrize("shape", [(2, 8), (5, 3), (6, 16)])
def test_shapes_that_change_from_round_to_round(program: Any, shape: tuple[int, int]) -> None:
    x = torch.arange(float(shape[0] * shape[1])).reshape(shape)
    scripted: Any = torch.jit.script(program)
    want: Any = scripted(x.clone())
    compiled: Any = tsc.script(program)
    got: Any = compiled(x)
    assert torch.equal(got, want)


def kept_while(x: Tensor) -> Tensor:
    while bool(x.sum() < 100):
        x = x.new_ones(x.size(0), x.size(1)) + x
    return x


def test_a_carried_tensor_that_keeps_its_shape_is_refined() -> None:
    module = module_at(kept_while, "2x3xf32", "value")
    loop = next(op for op in module.walk() if isinstance(op, PrimLoopOp))
    kind = loop.regions[0].block.args[1].type
    assert isinstance(kind, tt.TensorType)
    assert kind.sizes == (2, 3)
