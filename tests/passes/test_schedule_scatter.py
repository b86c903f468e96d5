"""`scatter` kernels against NumPy: batches, repeated operands, and positions that are nowhere."""

import numpy as np
import pytest

from tests.passes.kernel_runner import Array, assert_computes, random
from tests.passes.linalg_text import Kernel, module

ADD = "%r = arith.addf %now, %x0 : f32"
SHAPES: list[tuple[tuple[int, int, int], int]] = [
    ((1, 5, 1), 9), ((1, 5, 37), 9), ((3, 4, 8), 6), ((40, 7, 1), 11), ((2, 1, 1), 3), ((2, 3, 4), 0),
    ((0, 3, 4), 5), ((2, 3, 0), 5), ((2, 0, 3), 5),
]  # fmt: skip


def written(base: Array, positions: Array, values: Array) -> Array:
    """Element by element, as the definition says."""
    result = base.copy()
    batches, rows, _ = base.shape
    count = values.shape[1] if rows else 0
    for batch in range(batches):
        for number in range(count):
            at = positions[min(batch, len(positions) - 1), number]
            result[batch, min(max(at, 0), rows - 1)] += values[batch, number]
    return result


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize(("shape", "count"), SHAPES, ids=str)
def test_writes_come_one_after_the_other(shape: tuple[int, int, int], count: int, alike: bool) -> None:
    batches, rows, size = shape
    kernel = Kernel("k")
    operands = (shape, (1 if alike else batches, count), (batches, count, size))
    x, i, v = (kernel.argument(s, e) for s, e in zip(operands, ("f32", "i64", "f32"), strict=True))
    a, b = random(*shape), random(*operands[2], seed=1)
    at = np.random.default_rng(0).integers(-2, rows + 2, operands[1])
    text = module(kernel, [kernel.scatter(x, i, v, ADD)])
    assert assert_computes(text, [a, at, b], written(a, at, b)).kinds() == ["scatter"]


@pytest.mark.parametrize("wrong", [-(2**63), 2**63 - 1, -1, 5])
def test_positions_outside_stand_for_the_nearest_inside(wrong: int) -> None:
    kernel = Kernel("k")
    x, i, v = kernel.argument((1, 5, 2)), kernel.argument((1, 1), "i64"), kernel.argument((1, 1, 2))
    a, b, at = random(1, 5, 2), random(1, 1, 2, seed=1), np.array([[wrong]])
    assert_computes(module(kernel, [kernel.scatter(x, i, v, ADD)]), [a, at, b], written(a, at, b))


def test_a_base_and_values_that_are_numbers() -> None:
    kernel = Kernel("k")
    i = kernel.argument((2, 30), "i64")
    ones, zeros = kernel.fill("1.0", (1, 1, 1)), kernel.fill("0.0", (2, 6, 1))
    at = np.random.default_rng(0).integers(0, 6, (2, 30))
    wanted = np.stack([np.bincount(row, minlength=6) for row in at])[:, :, None]
    assert_computes(module(kernel, [kernel.scatter(zeros, i, ones, ADD)]), [at], wanted, tolerance=0)


def test_the_last_of_several_writes_stays() -> None:
    kernel = Kernel("k")
    x, i, v = kernel.argument((1, 3, 20)), kernel.argument((1, 4), "i64"), kernel.argument((1, 4, 20))
    a, b, wanted = random(1, 3, 20), random(1, 4, 20, seed=1), random(1, 3, 20)
    wanted[0, 1], wanted[0, 2] = b[0, 3], b[0, 1]
    body = "%one = arith.constant 1.0 : f32\n    %r = arith.mulf %x0, %one : f32"
    text = module(kernel, [kernel.scatter(x, i, v, body)])
    assert_computes(text, [a, np.array([[1, 2, 1, 1]]), b], wanted, tolerance=0)
