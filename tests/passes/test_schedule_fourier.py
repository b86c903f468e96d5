"""`fourier` kernels against NumPy in double precision: lengths of all kinds, along any dim, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.passes.kernel_runner import Array, Program, build
from tsc import dtypes
from tsc.dialects.tsc_fourier import FourierPlan, Transform, columns_of, has_radices, radices_of, work_shape
from tsc.ops.fourier_lowering import roots_of_unity

LENGTHS = (1, 2, 3, 4, 7, 16, 30, 77, 400, 1000, 1024)
ELEMENTS: dict[str, Any] = {"f32": dtypes.F32, "f64": dtypes.F64}


def kernel(
    plan: FourierPlan, batches: int, size: int, element: str, planes: int, *, inverse: bool, scale: float
) -> str:
    """A host function that calls one kernel with one transform."""
    given = f"tensor<{batches}x{plan.given}x{size}x{element}>"
    made = f"tensor<{batches}x{plan.made}x{size}x{element}>"
    work = "x".join(map(str, work_shape(plan, batches, size)))
    kinds = [*[given] * planes, f"tensor<{plan.table_size}x{element}>"]
    results = [made] * (1 if plan.transform is Transform.FROM_HALF else 2)
    names, results_named = [f"%a{i}" for i in range(len(kinds))], [f"%r{i}" for i in range(len(results))]
    signature = ", ".join(f"{n}: {k}" for n, k in zip(names, kinds, strict=True))
    arguments, outputs, types = ", ".join(names), ", ".join(results_named), ", ".join(results)
    attributes = (
        f'{{transform = "{plan.transform.value}", extent = {plan.extent} : i64, '
        f"inverse = {str(inverse).lower()}, scale = {scale:e} : f64}}"
    )
    return f"""
    func.func @main({signature}) -> ({types}) {{
      {outputs} = func.call @k({arguments}) : ({", ".join(kinds)}) -> ({types})
      func.return {outputs} : {types}
    }}
    func.func private @k({signature}) -> ({types}) {{
      {outputs}, %w = "tsc.fourier"({arguments}) {attributes}
        : ({", ".join(kinds)}) -> ({types}, tensor<{work}x{element}>)
      func.return {outputs} : {types}
    }}"""


def expected(x: Array, plan: FourierPlan, *, inverse: bool, scale: float) -> Array:
    if plan.transform is Transform.TO_HALF:
        return np.fft.rfft(x.real, plan.extent, 1) * scale
    if plan.transform is Transform.FROM_HALF:
        return np.fft.irfft(x, plan.extent, 1, "forward") * scale
    return (np.fft.ifft(x, plan.extent, 1, "forward") if inverse else np.fft.fft(x, plan.extent, 1)) * scale


def check(
    transform: Transform, extent: int, shape: tuple[int, int], element: str = "f32", *, inverse: bool = False,
    scale: float = 1.0, is_real: bool = False,
) -> Program:  # fmt: skip
    """The kernel gives what NumPy does, within a few roundings of the size of the numbers."""
    batches, size = shape
    plan = FourierPlan(transform, extent, columns_of(size))
    dtype = ELEMENTS[element]
    planes = 1 if is_real or transform is Transform.TO_HALF else 2
    random = np.random.default_rng([extent, *shape])
    given = [random.standard_normal((batches, plan.given, size)).astype(dtype.numpy) for _ in range(planes)]
    program = build(kernel(plan, batches, size, element, planes, inverse=inverse, scale=scale))
    got = [a.astype(np.float64) for a in program(*given, roots_of_unity(plan, dtype))]
    x = given[0].astype(np.complex128) + (1j * given[1].astype(np.float64) if planes == 2 else 0)
    wanted = expected(x, plan, inverse=inverse, scale=scale)
    made = got[0] if len(got) == 1 else got[0] + 1j * got[1]
    unit = float(np.finfo(dtype.numpy).eps) * float(np.sqrt(np.mean(np.abs(wanted) ** 2)))
    assert float(np.abs(made - wanted).max()) <= 12 * unit
    return program


@pytest.mark.parametrize("extent", LENGTHS)
@pytest.mark.parametrize("transform", Transform, ids=lambda t: t.value)
def test_lines_along_memory_are_transformed(transform: Transform, extent: int) -> None:
    assert check(transform, extent, (3, 1)).kinds() == ["fourier"]


@pytest.mark.parametrize("size", [3, 20, 150, 262])
@pytest.mark.parametrize("transform", Transform, ids=lambda t: t.value)
def test_lines_across_memory_are_transformed(transform: Transform, size: int) -> None:
    for extent in (1, 2, 7, 12, 35):
        check(transform, extent, (2, size))


@pytest.mark.parametrize("transform", Transform, ids=lambda t: t.value)
def test_double_precision_is_double_precision(transform: Transform) -> None:
    for extent in (7, 400):
        check(transform, extent, (2, 1), "f64")


def test_an_inverse_transform_has_the_other_sign_and_results_are_scaled() -> None:
    for extent in (2, 12, 35, 256):
        check(Transform.COMPLEX, extent, (2, 1), inverse=True, scale=1 / extent)
        check(Transform.FROM_HALF, extent, (2, 1), inverse=True, scale=1 / extent)
        check(Transform.COMPLEX, extent, (2, 1), is_real=True)


def test_lines_are_shared_among_chunks() -> None:
    program = check(Transform.COMPLEX, 512, (100, 1))
    assert "chunks" in str(program.kernels()[0].attributes["tsc.schedule"])


def test_stages_make_up_the_length() -> None:
    for extent in range(1, 600):
        if has_radices(extent):
            assert int(np.prod(radices_of(extent), dtype=np.int64)) == extent
    assert not has_radices(17)
    assert not has_radices(2 * 1031)
