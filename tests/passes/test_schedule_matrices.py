# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`matrices` kernels against NumPy: sizes around blocks and vectors, both dtypes, other machines."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.utils.exceptions import VerifyException

from tests.passes.kernel_runner import DTYPES, Array, Program, build, lower, parse, tensor_of
from tests.passes.linalg_text import Kernel, module
from tsc.errors import CodegenError
from tsc.passes.schedule import TARGETS
from tsc.runtime.host import host_target

SIZES = [1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 64, 70, 130]
ELEMENTS = ["f32", "f64"]
ERRORS = {"f32": 2e-4, "f64": 1e-11}


def numbers(element: str, *shape: int) -> Array:
    return np.asarray(np.random.default_rng([7, *shape]).standard_normal(shape), DTYPES[element])


def narrow_targets() -> list[str | None]:
    """This machine, and narrower ones that it can stand for."""
    return [None, *(name for name in ("generic", "avx2") if host_target().vector_bits >= 256)]


def assert_near(got: Array, want: Array, element: str) -> None:
    scale = max(1.0, float(np.abs(want).max())) if want.size else 1.0
    np.testing.assert_allclose(got.astype(np.float64), want, rtol=0, atol=ERRORS[element] * scale)


def program_of(
    name: str, arrays: list[Array], results: Any, target: str | None = None, **flags: bool
) -> Program:
    kernel = Kernel("k")
    kinds = {np.float32: "f32", np.float64: "f64", np.int32: "i32"}
    operands = [kernel.argument(a.shape, kinds[a.dtype.type]) for a in arrays]
    text = module(kernel, kernel.matrices(name, operands, results, **flags))
    program = build(text, None, None if target is None else TARGETS[target])
    assert program.kinds() == ["matrices"]
    return program


def triangle(element: str, *shape: int) -> Array:
    """Triangles, upper and lower, that have an inverse of moderate size."""
    a = numbers(element, *shape) / np.sqrt(shape[-1])
    return np.asarray(a + 3 * np.eye(shape[-1]), DTYPES[element])


def solved(a: Array, b: Array, *, upper: bool, unit: bool, transposed: bool) -> Array:
    wide = np.asarray((np.triu if upper else np.tril)(a), np.float64)
    if unit:
        wide = wide - wide * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return np.linalg.solve(wide.swapaxes(-1, -2) if transposed else wide, b.astype(np.float64))


FLAGS = list(product([False, True], repeat=3))


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("size", SIZES)
def test_triangles_are_solved(size: int, element: str) -> None:
    for number, (columns, batches) in enumerate([(1, 1), (3, 2), (16, 1), (33, 3), (70, 1), (150, 1)]):
        upper, unit, transposed = FLAGS[(size + number) % len(FLAGS)]
        flags: Any = {"upper": upper, "unit": unit, "transposed": transposed}
        a, b = triangle(element, batches, size, size), numbers(element, batches, size, columns)
        (made,) = program_of("triangular_solve", [a, b], [(b.shape, element)], **flags)(a, b)
        assert_near(made, solved(a, b, **flags), element)


@pytest.mark.parametrize("target", narrow_targets())
@pytest.mark.parametrize(("upper", "unit", "transposed"), FLAGS)
def test_any_triangle_on_any_machine(upper: bool, unit: bool, transposed: bool, target: str | None) -> None:
    flags: Any = {"upper": upper, "unit": unit, "transposed": transposed}
    a, b = triangle("f64", 1, 21, 21), numbers("f64", 2, 21, 23)
    (made,) = program_of("triangular_solve", [a, b], [(b.shape, "f64")], target, **flags)(a, b)
    assert_near(made, solved(a, b, **flags), "f64")


def positive(element: str, *shape: int) -> Array:
    a = numbers(element, *shape).astype(np.float64)
    return np.asarray(a @ a.swapaxes(-1, -2) / shape[-1] + np.eye(shape[-1]), DTYPES[element])


@pytest.mark.parametrize("target", narrow_targets())
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("size", SIZES)
def test_positive_matrices_are_factored(size: int, element: str, target: str | None) -> None:
    a, upper = positive(element, 2, size, size), size % 2 == 0
    want = np.linalg.cholesky(a.astype(np.float64))
    given = np.triu(a) if upper else np.tril(a)  # the other triangle is not read
    results = [(a.shape, element), ((2,), "i32")]
    made, info = program_of("cholesky", [given], results, target, upper=upper)(given)
    assert_near(made, want.swapaxes(-1, -2) if upper else want, element)
    assert not info.any()


@pytest.mark.parametrize("upper", [False, True])
def test_the_first_minor_that_is_not_positive_is_told(upper: bool) -> None:
    a = np.stack([positive("f64", 40, 40)] * 4)
    a[0, 20, 20], a[1, 0, 0], a[2, 39, 39], a[2, 33, 33] = -1, 0, -1, np.nan
    _, info = program_of("cholesky", [a], [(a.shape, "f64"), ((4,), "i32")], upper=upper)(a)
    assert info.tolist() == [21, 1, 34, 0]


def lu_of(a: Array, target: str | None = None) -> list[Array]:
    element, shape = "f32" if a.dtype == np.float32 else "f64", a.shape
    return program_of("lu", [a], [(shape, element), (shape[:2], "i32"), (shape[:1], "i32")], target)(a)


@pytest.mark.parametrize("target", narrow_targets())
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("size", SIZES)
def test_rows_are_exchanged_and_factored(size: int, element: str, target: str | None) -> None:
    a = numbers(element, 3, size, size)
    made, pivots, info = lu_of(a, target)
    wanted = torch.linalg.lu_factor_ex(tensor_of(a.astype(np.float64)))
    assert pivots.tolist() == wanted.pivots.tolist()
    assert not info.any()
    assert_near(made, wanted.LU.numpy(), element)


def test_pivots_that_are_zero_or_tiny() -> None:
    a = numbers("f32", 4, 20, 20)
    a[0, :, 3] = a[0, :, 2]  # a column that is another one
    a[1] = 0
    a[2] *= np.float32(1e-42)
    made, pivots, info = lu_of(a)
    wanted = torch.linalg.lu_factor_ex(tensor_of(a))
    assert info.tolist()[1:] == [1, 0, 0]
    assert pivots.tolist()[1:] == wanted.pivots.tolist()[1:]
    assert np.isfinite(made).all()
    assert_near(np.abs(np.tril(made, -1)), np.abs(np.tril(made, -1)).clip(0, 1), "f32")


@pytest.mark.parametrize("backwards", [False, True])
def test_rows_are_exchanged_one_after_the_other(backwards: bool) -> None:
    source = numbers("f32", 2, 5, 19)
    pivots = np.array([[3, 2, 5, 5, 5], [1, 2, 9, -4, 5]], np.int32)
    results = [(source.shape, "f32")]
    (made,) = program_of("exchange_rows", [source, pivots], results, backwards=backwards)(source, pivots)
    want = source.copy()
    for matrix, places in zip(want, pivots.clip(1, 5) - 1, strict=True):
        for row in reversed(range(5)) if backwards else range(5):
            matrix[[row, places[row]]] = matrix[[places[row], row]]
    assert np.array_equal(made, want)


def test_batches_are_shared_among_chunks() -> None:
    a = numbers("f32", 40, 64, 64)
    program = program_of("lu", [a], [(a.shape, "f32"), ((40, 64), "i32"), ((40,), "i32")])
    assert "chunks" in str(program.kernels()[0].attributes["tsc.schedule"])
    wanted = torch.linalg.lu_factor(tensor_of(a))
    assert np.array_equal(program(a)[1], wanted.pivots.numpy())


def test_no_batches() -> None:
    a, b = np.zeros((0, 3, 3), np.float32), np.zeros((0, 3, 2), np.float32)
    results = [(b.shape, "f32")]
    program = program_of("triangular_solve", [a, b], results, upper=False, unit=False, transposed=False)
    assert program(a, b)[0].shape == b.shape


def text(shape: tuple[int, ...], other: tuple[int, ...]) -> str:
    kernel = Kernel("k")
    operands = [kernel.argument(s, "f32") for s in (shape, other)]
    flags = {"upper": False, "unit": False, "transposed": False}
    return module(kernel, kernel.matrices("triangular_solve", operands, [(other, "f32")], **flags))


@pytest.mark.parametrize("shapes", [((1, 3, 4), (1, 3, 2)), ((1, 3, 3), (1, 4, 2)), ((2, 3, 3), (3, 3, 2))])
def test_shapes_that_do_not_fit_are_refused(shapes: Any) -> None:
    with pytest.raises(VerifyException, match=r"tsc.triangular_solve: requires"):
        parse(text(*shapes))


def test_a_gpu_has_no_such_kernel() -> None:
    with pytest.raises(CodegenError, match=r"requires tsc.kind in .*; got matrices"):
        lower(text((1, 3, 3), (1, 3, 2)), TARGETS["gpu"])
