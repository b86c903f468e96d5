# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
"""Constant tensors without dims are numbers where PyTorch's executor takes them as numbers."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc

HALF = torch.tensor(0.5, dtype=torch.float64)
THREE = torch.tensor(3, dtype=torch.int32)
ROW = torch.tensor([0.5], dtype=torch.float64)
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "python number": lambda x: torch.arange(4) * 1.5 + x.sum(),
    "mul": lambda x: x * HALF,
    "add": lambda x: x + HALF,
    "sub": lambda x: x - HALF,
    "div": lambda x: x / HALF,
    "first operand": lambda x: HALF * x,
    "one dim": lambda x: x * ROW,
    "other operator": lambda x: torch.maximum(x, HALF),
    "integer": lambda x: (x > 1) * THREE,
}
INPUTS = {"int64": torch.arange(4), "float16": torch.ones(4, dtype=torch.float16), "bool": torch.ones(4) > 0}


@pytest.mark.parametrize("dtype", INPUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_promotion_is_pytorchs(name: str, dtype: str) -> None:
    x = INPUTS[dtype]
    if name in ("sub", "integer") and dtype == "bool":
        pytest.skip("PyTorch has no such operation of bools")
    stream = io.BytesIO()
    torch.jit.save(torch.jit.trace(FUNCTIONS[name], (x,), check_trace=False), stream)
    stream.seek(0)
    wanted = torch.jit.load(stream)(x)
    stream.seek(0)
    loaded: Any = tsc.load(stream)
    for program in (loaded, tsc.freeze(loaded.eval())):
        torch.testing.assert_close(program(x), wanted)
