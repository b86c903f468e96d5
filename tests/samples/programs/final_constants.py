"""Constants declared by ``Final``."""

from typing import Final

import torch


class Fixed(torch.nn.Module):
    factor: Final[int]
    other: torch.jit.Final[int]

    def __init__(self):
        super().__init__()
        self.factor = 2
        self.other = 3

    def forward(self):
        return self.factor * self.other


module = torch.jit.script(Fixed())
result = [module(), module.factor]
