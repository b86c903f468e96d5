"""Functions and a module to try `tsc-opt` on. With ``import torch`` they are the same."""

import tsc as torch
from tsc import Tensor, nn


def scaled(x: Tensor, y: Tensor) -> Tensor:
    """Two pointwise operators and a ReLU."""
    return torch.relu(x * y + x)


def rows(x: Tensor) -> Tensor:
    """Softmax of each row."""
    return torch.softmax(x, -1)


def product(x: Tensor, y: Tensor) -> Tensor:
    """A matrix product with a GELU after it."""
    return nn.functional.gelu(torch.matmul(x, y))


class Head(nn.Module):
    """A linear layer with a ReLU."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Never negative."""
        return self.linear(x).relu_()


head = Head().eval()
