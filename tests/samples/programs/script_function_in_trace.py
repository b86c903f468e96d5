"""A traced function calls a script function, whose branch stays a branch."""

import torch


@torch.jit.script
def larger(a, b):
    if a.sum() > b.sum():
        chosen = a
    else:
        chosen = b
    return chosen


def shifted(a, b, c):
    return larger(a, b) - c


low, high = torch.zeros(3), torch.arange(3.0)
traced = torch.jit.trace(shifted, (low, high, low))
result = [traced(low, high, high), traced(high, low, high), traced(high + 1, high, low)]
