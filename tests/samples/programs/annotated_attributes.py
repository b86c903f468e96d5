"""Attributes declared by class annotations."""

import torch


class Table(torch.nn.Module):
    entries: dict[str, int]

    def __init__(self):
        super().__init__()
        self.entries = {}
        self.limit = 20

    def forward(self, key: str) -> int:
        self.entries[key] = len(self.entries)
        return min(self.entries[key], self.limit)


module = torch.jit.script(Table())
result = [module("a"), module("b"), module.limit, module.entries]
