"""Small programs: an MLP, a chain of pointwise operators, normalizations of rows."""

import torch
from torch import Tensor, nn


def mlp() -> nn.Module:
    """64-128-128-10 with ReLU."""
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


class PointwiseChain(nn.Module):
    """Eight pointwise operators in a row."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """One number per pair of elements."""
        z = torch.sigmoid(x * y + 0.5) * torch.tanh(x - y)
        return torch.relu(z) * 2.0 + x


class NormSoftmax(nn.Module):
    """LayerNorm, then softmax, over rows of 768."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(768)

    def forward(self, x: Tensor) -> Tensor:
        """Rows that sum to one."""
        return torch.softmax(self.norm(x), -1)
