"""`row` kernels against NumPy: softmax, layer norm, argmax, sums of every kind."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.passes.kernel_runner import Array, assert_computes, random
from tests.passes.linalg_text import Kernel, Value, layer_norm, module, softmax

INFINITY = "0xFF800000"


SOFTMAXES: list[tuple[tuple[int, ...], int]] = [
    ((3, 5), 1),
    ((1, 1), 1),
    ((2, 3, 17), 2),
    ((4, 8), 1),
    ((5, 300), 1),
    ((64, 10), 1),
    ((700, 197), 1),
    ((5, 7, 9), 1),
    ((5, 7, 24), 1),
    ((3, 4), 0),
    ((2, 9, 4, 5), 1),
]


def softmax_of(a: Array, axis: int) -> Array:
    e = np.exp(a.astype(np.float64) - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize(
    ("shape", "dim"),
    SOFTMAXES,
    ids=str,
)
def test_softmax_is_one_kernel(shape: tuple[int, ...], dim: int) -> None:
    kernel = Kernel("k")
    x = kernel.argument(shape)
    a = 3 * random(*shape)
    program = assert_computes(
        module(kernel, [softmax(kernel, x, dim)]), [a], softmax_of(a, dim), tolerance=1e-6
    )
    assert len(program.kinds()) == 1


@pytest.mark.parametrize("shape", [(3, 5), (1, 1), (197, 768), (5, 16)], ids=str)
def test_layer_norm_is_one_kernel(shape: tuple[int, int]) -> None:
    kernel = Kernel("k")
    x, weight, bias = kernel.argument(shape), kernel.argument(shape[1:]), kernel.argument(shape[1:])
    a, w, b = random(*shape), random(shape[1], seed=1), random(shape[1], seed=2)
    wide = a.astype(np.float64)
    normal = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    text = module(kernel, [layer_norm(kernel, x, weight, bias)])
    assert len(assert_computes(text, [a, w, b], normal * w + b, tolerance=1e-6).kinds()) == 1


SUMS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((7, 33), (1,)),
    ((33, 70), (0,)),
    ((1000, 777), (0, 1)),
    ((5, 6, 7), (1,)),
    ((3, 4, 5), (0, 2)),
    ((0, 5), (0,)),
    ((5, 0), (1,)),
    ((1, 64, 7, 7), (2, 3)),
    ((40, 3), (1,)),
    ((70000,), (0,)),
]


@pytest.mark.parametrize(("shape", "dims"), SUMS, ids=str)
def test_sum(shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    kernel = Kernel("k")
    x = kernel.argument(shape)
    a = np.abs(random(*shape))
    wanted = a.astype(np.float64).sum(dims)
    assert_computes(
        module(kernel, [kernel.reduce(x, dims, "arith.addf", "0.0")]), [a], np.asarray(wanted), tolerance=1e-6
    )


REDUCTIONS: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("arith.maximumf", INFINITY, "f32", np.max),
    ("arith.minimumf", "0x7F800000", "f32", np.min),
    ("arith.mulf", "1.0", "f32", np.prod),
    ("arith.addi", "0", "i64", np.sum),
    ("arith.maxsi", "-9223372036854775808", "i64", np.max),
    ("arith.minsi", "127", "i8", np.min),
    ("arith.ori", "false", "i1", np.any),
    ("arith.andi", "true", "i1", np.all),
]


@pytest.mark.parametrize(
    ("op", "start", "element", "reference"), REDUCTIONS, ids=[f"{r[0]}-{r[2]}" for r in REDUCTIONS]
)
def test_reduction(op: str, start: str, element: str, reference: Callable[..., Any]) -> None:
    dtypes: dict[str, Any] = {"f32": np.float32, "i64": np.int64, "i8": np.int8, "i1": np.bool_}
    kernel = Kernel("k")
    x = kernel.argument((9, 43), element)
    a = (random(9, 43) * (1 if element == "f32" else 20)).astype(dtypes[element])
    wanted = reference(a, axis=1).astype(a.dtype)
    assert_computes(module(kernel, [kernel.reduce(x, (1,), op, start)]), [a], wanted)


def test_maximum_propagates_nan() -> None:
    kernel = Kernel("k")
    x = kernel.argument((4, 37))
    a = random(4, 37)
    a[2, 35] = np.nan
    text = module(kernel, [kernel.reduce(x, (1,), "arith.maximumf", INFINITY)])
    assert_computes(text, [a], a.max(1))


def argmax(kernel: Kernel, x: Value) -> Value:
    top, place = kernel.fill(INFINITY, x.shape[:1]), kernel.fill("0", x.shape[:1], "i64")
    body = """
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %greater = arith.cmpf ogt, %x0, %top : f32
    %nan = arith.cmpf uno, %x0, %x0 : f32
    %number = arith.cmpf ord, %top, %top : f32
    %first = arith.andi %nan, %number : i1
    %take = arith.ori %greater, %first : i1
    %value = arith.select %take, %x0, %top : f32
    %index = arith.select %take, %n, %place : i64
    linalg.yield %value, %index : f32, i64"""
    maps = "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i)>"
    kernel.lines.append(
        f"  %both:2 = linalg.generic {{indexing_maps = [{maps}],\n"
        '    iterator_types = ["parallel", "reduction"]} '
        f"ins({x.name} : {x.type}) outs({top.name}, {place.name} : {top.type}, {place.type}) {{\n"
        f"  ^bb0(%x0: f32, %top: f32, %place: i64):{body}\n  }} -> {top.type}, {place.type}"
    )
    return Value("%both#1", place.shape, "i64")


def running_sum(kernel: Kernel, x: Value) -> Value:
    """What the sums along the rows of `x` are after each element."""
    start, total = kernel.fill("0.0", x.shape[:1]), kernel.fill("0.0", x.shape)
    maps = "affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>"
    kernel.lines.append(
        f"  %scan:2 = linalg.generic {{indexing_maps = [{maps}],\n"
        '    iterator_types = ["parallel", "reduction"]} '
        f"ins({x.name} : {x.type}) outs({start.name}, {total.name} : {start.type}, {total.type}) {{\n"
        "  ^bb0(%x0: f32, %before: f32, %unused: f32):\n    %after = arith.addf %before, %x0 : f32\n"
        f"    linalg.yield %after, %after : f32, f32\n  }} -> {start.type}, {total.type}"
    )
    return Value("%scan#1", x.shape)


@pytest.mark.parametrize("shape", [(6, 37), (1, 37), (7, 1), (64, 300), (0, 4), (4, 0)], ids=str)
def test_a_scan_is_one_kernel(shape: tuple[int, int]) -> None:
    kernel = Kernel("k")
    x = kernel.argument(shape)
    a = random(*shape)
    program = assert_computes(module(kernel, [running_sum(kernel, x)]), [a], a.cumsum(1), tolerance=0)
    assert program.kinds() == ["pointwise" if shape[1] == 1 else "row"]


def test_argmax_is_the_first_greatest_and_nan_is_greatest() -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 37))
    a = random(6, 37)
    a[1, 5] = a[1, 20] = 9
    a[2, 7] = a[2, 30] = np.nan
    assert_computes(module(kernel, [argmax(kernel, x)]), [a], a.argmax(1), tolerance=0)


def test_kept_dim_of_size_one() -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 40))
    output = kernel.fill("0.0", (6, 1))
    total = kernel.generic([(x, "i, j")], (output, "i, 0"), "i | j", "%r = arith.addf %x0, %acc : f32")
    rest = kernel.map("%r = arith.subf %x0, %x1 : f32", x, total, shape=(6, 40))
    a = random(6, 40)
    program = assert_computes(
        module(kernel, [rest, total]), [a], [a - a.sum(1, keepdims=True), a.sum(1, keepdims=True)]
    )
    assert program.kinds() == ["row"]


@pytest.mark.parametrize("maps", [("d0, d1", "")])
def test_full_reduction_used_by_every_element(maps: Sequence[str]) -> None:
    kernel = Kernel("k")
    x = kernel.argument((6, 40))
    output = kernel.fill("0.0", ())
    total = kernel.generic([(x, "i, j")], (output, ""), " | i j", "%r = arith.addf %x0, %acc : f32")
    rest = kernel.map("%r = arith.subf %x0, %x1 : f32", x, total, shape=(6, 40), maps=maps)
    a = random(6, 40)
    assert_computes(module(kernel, [rest]), [a], a - a.sum())


def test_sums_of_many_numbers_are_accurate() -> None:
    kernel = Kernel("k")
    x = kernel.argument((1 << 20,))
    a = np.full(1 << 20, 0.1, np.float32)
    text = module(kernel, [kernel.reduce(x, (0,), "arith.addf", "0.0")])
    assert_computes(text, [a], np.asarray(a.astype(np.float64).sum()), tolerance=1e-6)
