"""Attributes declared by the old API."""

import torch


class Table(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.entries = torch.jit.Attribute({}, dict[str, int])
        self.limit = torch.jit.Attribute(20, int)


class Adding(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.limit = torch.jit.Attribute(3, int)

    @torch.jit.script_method
    def forward(self, x):
        return x + self.limit


table = Table()
result = [table.limit, table.entries, Adding()(torch.ones(2))]
