"""``f.ir["llvm"]``, ``["asm"]``, ``["ptx"]``: what a function becomes, as text."""

import pytest
import torch

import tsc
from tsc.errors import IRError


def scaled(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(x * 2.0)


def test_texts_of_native_code() -> None:
    function = tsc.script(scaled)
    for kind in ("llvm", "asm", "ptx"):
        with pytest.raises(IRError, match="requires shapes: call it first"):
            _ = function.ir[kind]
    function(torch.ones(64))
    assert 'define void @"main"' in function.ir["llvm"]
    assert ".globl\tmain" in function.ir["asm"]
    assert ".visible .entry" in function.ir["ptx"]
    assert "nvptx" not in function.ir["asm"]
