"""`concat` kernels against NumPy: concatenation along any dim, and padding by a value."""

import numpy as np
import pytest

from tests.passes.kernel_runner import assert_computes, random
from tests.passes.linalg_text import Kernel, module

CASES: list[tuple[list[tuple[int, ...]], int]] = [
    ([(2, 3, 4), (2, 5, 4)], 1),
    ([(2, 3), (1, 3), (7, 3)], 0),
    ([(200, 300), (200, 500)], 1),
    ([(5,), (6,)], 0),
    ([(2, 0), (2, 3)], 1),
    ([(100000,), (7,), (50000,)], 0),
]


@pytest.mark.parametrize(("shapes", "dim"), CASES, ids=str)
def test_concatenation(shapes: list[tuple[int, ...]], dim: int) -> None:
    kernel = Kernel("k")
    sources = [kernel.argument(s) for s in shapes]
    total = list(shapes[0])
    total[dim] = sum(s[dim] for s in shapes)
    result, start = kernel.empty(total), 0
    for source in sources:
        offsets = [start if d == dim else 0 for d in range(len(total))]
        result = kernel.insert(source, result, offsets)
        start += source.shape[dim]
    arrays = [random(*s, seed=n) for n, s in enumerate(shapes)]
    program = assert_computes(module(kernel, [result]), arrays, np.concatenate(arrays, dim), tolerance=0)
    assert program.kinds() == ["concat"]


def test_padding_by_a_value() -> None:
    kernel = Kernel("k")
    x = kernel.argument((2, 3, 5))
    a = random(2, 3, 5)
    wanted = np.pad(a, ((0, 0), (1, 0), (2, 3)), constant_values=1.5)
    assert_computes(module(kernel, [kernel.pad(x, (0, 1, 2), (0, 0, 3), "1.5")]), [a], wanted, tolerance=0)


def test_negative_padding_cuts() -> None:
    kernel = Kernel("k")
    x = kernel.argument((2, 3, 5))
    result = kernel.relu(kernel.pad(x, (0, 1, -1), (0, 0, 3), "1.5"))
    a = random(2, 3, 5)
    wanted = np.maximum(np.pad(a[:, :, 1:], ((0, 0), (1, 0), (0, 3)), constant_values=1.5), 0)
    assert_computes(module(kernel, [result]), [a], wanted, tolerance=0)
