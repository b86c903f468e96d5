"""What a script function shows of itself as code."""

import torch


@torch.jit.script
def count(n):
    # type: (int) -> torch.Tensor
    total = torch.zeros(2, 3)
    for i in range(n):
        if i < 4:
            total = total - 2.0
        else:
            total = total + 0.5
    return total


result = [count(3), count(7), str(count.code)]
