# ruff: noqa: RUF012 - as the old API wants it
"""Constants declared by the old API."""

import torch


class Fixed(torch.jit.ScriptModule):
    __constants__ = ["factor"]

    def __init__(self):
        super().__init__()
        self.factor = 2

    def forward(self):
        pass


class Scaling(torch.nn.Module):
    __constants__ = ["factor"]

    def __init__(self):
        super().__init__()
        self.factor = 2

    def forward(self, x):
        return x * self.factor


result = [Fixed().factor, torch.jit.script(Scaling())(torch.ones(2))]
