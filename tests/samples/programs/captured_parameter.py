"""Tracing a function that uses a parameter of a module is refused; tracing the module is not."""

import torch

layer = torch.nn.Linear(2, 2)
for parameter in layer.parameters():
    torch.nn.init.constant_(parameter, 2.0)
caught = "nothing"
try:
    torch.jit.trace(lambda x: x * layer.weight, (torch.ones(2, 2),))
except RuntimeError as error:
    caught = str(error)
traced = torch.jit.trace(layer, (torch.ones(2, 2),))
result = [
    "Cannot insert a Tensor that requires grad as a constant" in caught,
    traced(torch.ones(1, 2)).tolist(),
]
