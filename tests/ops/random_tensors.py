"""Seeded tensors for calls chosen by hand."""

from __future__ import annotations

from typing import Any

import torch

Calls = dict[str, list[list[Any]]]
"""By full name, each call with one value per argument."""


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def ints(high: int, *shape: int) -> torch.Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(high + sum(shape)))
