"""What a script function shows of itself as a graph."""

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


graph = str(count.graph)
result = [graph, "printed_graph.py:9:12" in graph]
