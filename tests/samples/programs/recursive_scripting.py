"""Scripting a module compiles what its forward reaches."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3)
        self.second = nn.Conv2d(4, 2, 3)

    def forward(self, x):
        x = F.relu(self.first(x))
        return F.relu(self.second(x))


module = Convolutions()
for parameter in module.parameters():
    torch.nn.init.constant_(parameter, 0.125)
scripted = torch.jit.script(module)
result = [scripted(torch.arange(64.0).reshape(1, 1, 8, 8)).tolist()]
