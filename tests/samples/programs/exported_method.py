"""Of the methods that forward does not call, those marked with export are compiled, with what they call."""

import torch
import torch.nn as nn


class Entrances(nn.Module):
    def helper(self, x):
        return x + 100

    def forward(self, x):
        return x + 1

    @torch.jit.export
    def another(self, x):
        return self.helper(x) * 2

    def never_compiled(self, x):
        return {*x}


module = torch.jit.script(Entrances())
x = torch.arange(2.0)
result = [module(x), module.another(x), module.helper(x)]
