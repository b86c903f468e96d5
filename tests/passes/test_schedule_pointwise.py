"""`pointwise` kernels against NumPy: broadcasting, permutations, tails, gathers and mixed element types."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.passes.kernel_runner import Array, assert_computes, build, random
from tests.passes.linalg_text import Kernel, module

SOURCE = random(6, 40)
SHAPES = [
    ((5, 7), (7,)),
    ((5, 7), (5, 1)),
    ((3, 1, 9), (3, 1, 9)),
    ((), ()),
    ((0, 4), (0, 4)),
    ((1000,), (1000,)),
    ((1,), (1,)),
    ((64, 100), (64, 100)),
    ((2, 3, 4, 5), (1, 3, 1, 1)),
    ((300, 500), (500,)),
    ((40, 3, 700), (3, 1)),
]


@pytest.mark.parametrize(("shape", "other"), SHAPES, ids=str)
def test_multiply_add_relu_with_broadcasting(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    kernel = Kernel("k")
    x, y = kernel.argument(shape), kernel.argument(other)
    product = kernel.map("%r = arith.mulf %x0, %x1 : f32", x, y, shape=shape)
    result = kernel.relu(kernel.add(product, x))
    a, b = random(*shape), random(*other, seed=1)
    program = assert_computes(module(kernel, [result]), [a, b], np.maximum(a * b + a, 0), tolerance=1e-7)
    assert program.kinds() == ["pointwise"]


PERMUTATIONS = [
    ((33, 45), (1, 0)),
    ((8, 8), (1, 0)),
    ((2, 12, 5, 64), (0, 2, 1, 3)),
    ((1, 16, 9, 11), (0, 2, 3, 1)),
    ((1, 9, 11, 16), (0, 3, 1, 2)),
    ((3, 5, 2), (2, 0, 1)),
    ((1, 3, 24, 24), (0, 2, 3, 1)),
    ((100, 300), (1, 0)),
]


@pytest.mark.parametrize(("shape", "order"), PERMUTATIONS, ids=str)
def test_permuting_copy(shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    kernel = Kernel("k")
    x = kernel.argument(shape)
    place = ", ".join(f"d{order.index(d)}" for d in range(len(order)))
    body, target = "%r = arith.addf %x0, %x0 : f32", [shape[d] for d in order]
    result = kernel.map(body, x, shape=target, maps=[place])
    a = random(*shape)
    assert_computes(module(kernel, [result]), [a], 2 * a.transpose(order), tolerance=0)


MAPS: list[tuple[str, tuple[int, ...], Array]] = [
    ("d0 * 2 + 1, d1 * 3", (3, 13), SOURCE[1::2, 0:39:3]),
    ("d0, 39 - d1", (6, 40), SOURCE[:, ::-1]),
    ("d0 floordiv 2, d1 floordiv 3", (12, 120), np.repeat(np.repeat(SOURCE, 2, 0), 3, 1)),
    ("d0 mod 6, d1", (12, 40), np.tile(SOURCE, (2, 1))),
]


@pytest.mark.parametrize(("place", "shape", "moved"), MAPS, ids=[m[0] for m in MAPS])
def test_slices_flips_and_repeats(place: str, shape: Sequence[int], moved: Array) -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 40))
    result = kernel.map("%r = arith.addf %x0, %x0 : f32", x, shape=shape, maps=[place])
    assert_computes(module(kernel, [result]), [SOURCE], 2 * moved, tolerance=0)


def test_two_results_in_one_sweep() -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 40))
    double = kernel.add(x, x)
    a = random(6, 40)
    text = module(kernel, [double, kernel.relu(double)])
    program = assert_computes(text, [a], [2 * a, np.maximum(2 * a, 0)], tolerance=0)
    assert program.kinds() == ["pointwise"]


def test_embedding_loads_whole_vectors_of_a_row() -> None:
    kernel = Kernel("k")
    index, table = kernel.argument((5, 7), "i64"), kernel.argument((11, 20))
    body = (
        "%i = arith.index_cast %x0 : i64 to index\n    %j = linalg.index 2 : index\n"
        f"    %r = tensor.extract {table.name}[%i, %j] : {table.type}"
    )
    result = kernel.map(body, index, shape=(5, 7, 20), maps=["d0, d1"])
    i, w = np.random.default_rng(0).integers(0, 11, (5, 7)), random(11, 20)
    program = assert_computes(module(kernel, [result]), [i, w], w[i], tolerance=0)
    assert "vector.load %a1" in str(program.module)


def test_gather_by_index_along_the_vector() -> None:
    kernel = Kernel("k")
    x, index = kernel.argument((6, 9)), kernel.argument((13,), "i64")
    body = (
        "%i = arith.index_cast %x0 : i64 to index\n    %j = linalg.index 0 : index\n"
        f"    %r = tensor.extract {x.name}[%j, %i] : {x.type}"
    )
    result = kernel.map(body, index, shape=(6, 13), maps=["d1"])
    a, i = random(6, 9), np.random.default_rng(0).integers(0, 9, 13)
    assert_computes(module(kernel, [result]), [a, i], a[:, i], tolerance=0)


def test_mask_selects() -> None:
    kernel = Kernel("k")
    x, mask = kernel.argument((6, 37)), kernel.argument((6, 37), "i1")
    low = kernel.scalar("-1.0")
    result = kernel.map(f"%r = arith.select %x1, %x0, {low} : f32", x, mask, shape=(6, 37))
    a = random(6, 37)
    assert_computes(module(kernel, [result]), [a, a > 0], np.where(a > 0, a, -1), tolerance=0)


def test_comparison_gives_bytes_of_zero_and_one() -> None:
    kernel = Kernel("k")
    x, zero = kernel.argument((6, 37)), kernel.scalar("0.0")
    result = kernel.map(f"%r = arith.cmpf ogt, %x0, {zero} : f32", x, shape=(6, 37), element="i1")
    a = random(6, 37)
    assert_computes(module(kernel, [result]), [a], a > 0, tolerance=0)


def test_integers_become_floats_with_loop_numbers() -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 37), "i64")
    body = (
        "%j = linalg.index 1 : index\n    %c = arith.index_cast %j : index to i64\n"
        "    %s = arith.addi %x0, %c : i64\n    %r = arith.sitofp %s : i64 to f32"
    )
    result = kernel.map(body, x, shape=(6, 37))
    a = np.random.default_rng(0).integers(-99, 99, (6, 37))
    assert_computes(module(kernel, [result]), [a], (a + np.arange(37)).astype(np.float32), tolerance=0)


def test_half_precision_computes_in_single() -> None:
    kernel = Kernel("k")
    x = kernel.argument((3, 33), "f16")
    body = "%a = arith.extf %x0 : f16 to f32\n    %b = arith.mulf %a, %a : f32\n"
    body += "    %r = arith.truncf %b : f32 to f16"
    result = kernel.map(body, x, shape=(3, 33), element="f16")
    a = random(3, 33).astype(np.float16)
    assert_computes(
        module(kernel, [result]), [a], (a.astype(np.float32) ** 2).astype(np.float16), tolerance=0
    )


def test_big_kernels_are_cut_into_chunks_whatever_the_machine() -> None:
    kernel = Kernel("k")
    x = kernel.argument((1 << 18,))
    program = build(module(kernel, [kernel.add(x, x)]))
    assert "scf.parallel" in str(program.module)
    assert "16 chunks" in str(program.kernels()[0].attributes["tsc.schedule"])
