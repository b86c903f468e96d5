"""A Sequential whose input is no tensor needs a forward that says so."""

import torch
import torch.nn as nn


class Ones(nn.Module):
    def forward(self, n: int):
        return torch.ones(n)


class FromLength(nn.Sequential):
    def forward(self, input: int):
        for module in self:
            input = module(input)
        return input


class Double(nn.Module):
    def forward(self, x):
        return x * 2


class Chain(nn.Module):
    def __init__(self):
        super().__init__()
        self.make = Ones()
        self.rest = nn.Sequential(Double(), Double())

    def forward(self, n: int):
        return self.rest(self.make(n))


only = torch.jit.script(FromLength(Ones()))
result = [only(3), torch.jit.script(Chain())(2)]
