"""Scripting keeps the loop that tracing unrolls."""

import torch


def product_of_rows(x):
    product = x[0]
    for i in range(x.size(0)):
        product = product * x[i]
    return product


scripted = torch.jit.script(product_of_rows)
result = [str(scripted.graph)]
for rows in (3, 5, 2):
    x = torch.arange(1.0, rows * 2 + 1).reshape(rows, 2)
    torch.testing.assert_close(product_of_rows(x), scripted(x))
    result.append(scripted(x))
