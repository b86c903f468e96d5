"""Tracing again with other inputs finds a loop that depends on a size."""

import torch


def product_of_rows(x):
    product = x[0]
    for i in range(x.size(0)):
        product = product * x[i]
    return product


caught = "nothing"
try:
    torch.jit.trace(
        product_of_rows, (torch.ones(3, 2),), check_inputs=[(torch.ones(5, 2),), (torch.ones(2, 4),)]
    )
except torch.jit.TracingCheckError as error:
    caught = str(error)
result = [text in caught for text in ("Graphs differed across invocations!", "Graph diff:", "aten::mul")]
