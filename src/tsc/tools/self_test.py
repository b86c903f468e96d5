"""A small function compiled, run and compared with NumPy: what the verb `doctor` tries."""

from __future__ import annotations

from typing import Any

import numpy as np

SOURCE = """
def layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.softmax(torch.relu(torch.matmul(x, weight) + bias), 1)
"""


def failure() -> str | None:
    """What is wrong with native code on this machine; None where nothing is."""
    from tsc.jit import CompilationUnit

    random = np.random.default_rng(0)
    x, weight, bias = (random.standard_normal(s).astype(np.float32) for s in ((5, 33), (33, 17), (17,)))
    layer: Any = CompilationUnit(SOURCE).layer
    found = np.asarray(layer(x, weight, bias))
    rectified = np.maximum(x @ weight + bias, 0)
    powers = np.exp(rectified - rectified.max(1, keepdims=True))
    expected = powers / powers.sum(1, keepdims=True)
    if layer.last is None or not layer.last.is_native:
        return "the function was not compiled to native code"
    error = float(np.abs(found - expected).max())
    return None if error < 1e-5 else f"native code is {error:.3g} from what NumPy gives"
