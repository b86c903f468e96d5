"""The same without writing in place."""

import torch


def replace_row(x):
    return torch.cat((torch.full((1, 4), 0.5), x[1:2]), dim=0)


traced = torch.jit.trace(replace_row, (torch.zeros(3, 4),))
result = [traced(torch.ones(3, 4)), "aten::cat" in str(traced.graph)]
