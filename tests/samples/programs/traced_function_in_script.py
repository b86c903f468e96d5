"""A script function calls a traced one."""

import torch


def scaled_sum(a, b):
    return a * 3 - b


traced = torch.jit.trace(scaled_sum, (torch.ones(4), torch.ones(4)))


@torch.jit.script
def twice(a):
    return traced(a, a) + traced(a, a + 1)


result = [twice(torch.arange(4.0)), twice(torch.ones(2, 2))]
