"""An integer attribute is found by itself; it can be assigned, but not to another type."""

import torch


class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.start = 2

    def forward(self):
        return self.start


module = torch.jit.script(Counter())
result = [module()]
module.start = 5
result.append(module())
