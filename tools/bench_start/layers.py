"""Models of as many layers as one asks for: what grows faster than the model is seen by them."""

from __future__ import annotations

import torch
from torch import Tensor


class Chain(torch.nn.Module):
    """Layers of a product, a norm and an activation each; every fourth adds what came four before."""

    def __init__(self, count: int, width: int = 32) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(count))
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, width)`` to the same."""
        kept = x
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = torch.relu(norm(layer(x)))
            if number % 4 == 3:
                x = kept = x + kept
        return x
