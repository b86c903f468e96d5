# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportConstantRedefinition=false
"""Inverses, determinants, factors and solutions are native, and give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tsc.ops.matrix_lowering import LARGEST
from tsc.options import options

SIZES = [1, 2, 3, 5, 8, 17, 33, 64, 130]
COLUMNS = [1, 3, 16, 33]
DTYPES = [torch.float32, torch.float64]
CHECKED = {1: 3, 2: 1, 3: 33, 5: 16, 8: 3, 17: 33, 33: 16, 64: 33, 130: 3}
"""How many columns go with each size."""


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def regular(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Matrices of moderate condition, whose rows must be exchanged."""
    a = numbers(*shape, dtype=dtype) / shape[-1] ** 0.5
    return (a + 2 * torch.eye(shape[-1], dtype=dtype)).flip(-2)


def positive(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    a = numbers(*shape, dtype=dtype)
    return a @ a.mT / shape[-1] + torch.eye(shape[-1], dtype=dtype)


def parts(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def check(function: Callable[..., Any], *arguments: Any, tier: str = "native", scale: float = 300) -> None:
    """Native code gives what PyTorch gives; the error is measured against the largest number."""
    script: Any = tsc.script(function)
    script(*arguments)
    found, wanted = parts(script(*arguments)), parts(function(*arguments))
    assert script.last.tier == tier, script.last.reason
    for mine, theirs in zip(found, wanted, strict=True):
        if theirs.is_floating_point():
            finite = theirs[theirs.isfinite()]
            size = max(1.0, float(finite.abs().max())) if finite.numel() else 1.0
            within = scale * torch.finfo(theirs.dtype).eps * size
            torch.testing.assert_close(mine, theirs, equal_nan=True, rtol=0, atol=within)
        else:
            torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def triangles(a: Tensor, b: Tensor, upper: bool, unitriangular: bool):
    below = torch.linalg.solve_triangular(a, b, upper=upper, unitriangular=unitriangular)
    beside = torch.linalg.solve_triangular(a, b.mT, upper=upper, left=False, unitriangular=unitriangular)
    return below * 2, beside * 2


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_triangles_from_both_sides(size: int, dtype: torch.dtype) -> None:
    a = regular(2, size, size, dtype=dtype).flip(-2)
    for columns in {CHECKED[size], 1}:
        check(triangles, a, numbers(2, size, columns, dtype=dtype), size % 2 == 0, size % 3 == 0)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("unit", [False, True])
def test_triangles_of_all_kinds_and_batches(upper: bool, unit: bool) -> None:
    a, b = regular(7, 7).flip(-2), numbers(7, 4)
    check(triangles, a, b, upper, unit)
    check(triangles, a.mT, numbers(7, 8)[:, ::2], upper, unit)
    check(triangles, a, numbers(3, 2, 7, 4), upper, unit)
    check(triangles, regular(3, 1, 7, 7).flip(-2), numbers(2, 7, 4), upper, unit)


def solutions(a: Tensor, b: Tensor):
    beside = torch.linalg.solve(a, b.mT, left=False)
    return torch.linalg.solve(a, b) * 2, beside * 2, *torch.linalg.solve_ex(a, b)


def inverses(a: Tensor):
    made, info = torch.linalg.inv_ex(a)
    return torch.linalg.inv(a) * 2, torch.inverse(a) + 1, made, info


def factors(a: Tensor):
    packed, pivots = torch.linalg.lu_factor(a)
    other, again, info = torch.linalg.lu_factor_ex(a)
    return packed * 2, pivots, other, again, info


def solutions_by_factors(a: Tensor, b: Tensor):
    packed, pivots = torch.linalg.lu_factor(a)
    return (
        torch.linalg.lu_solve(packed, pivots, b),
        torch.linalg.lu_solve(packed, pivots, b, adjoint=True),
        torch.linalg.lu_solve(packed, pivots, b.mT, left=False),
        torch.linalg.lu_solve(packed, pivots, b.mT, left=False, adjoint=True),
        torch.lu_solve(b, packed, pivots),
    )


def determinants(a: Tensor):
    sign, size = torch.linalg.slogdet(a)
    return torch.linalg.det(a) * 2, torch.det(a), sign, size, torch.logdet(a)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_equations_of_any_matrix(size: int, dtype: torch.dtype) -> None:
    a = regular(2, size, size, dtype=dtype)
    b = numbers(2, size, CHECKED[size], dtype=dtype)
    check(solutions, a, b)
    check(inverses, a)
    check(factors, a)
    check(solutions_by_factors, a, b)
    check(determinants, a, scale=3000)


def test_vectors_and_batches_that_broadcast() -> None:
    def solved(a: Tensor, b: Tensor):
        return torch.linalg.solve(a, b) * 2

    for shape, right in (
        ((4, 4), (4,)), ((3, 4, 4), (3, 4)), ((3, 4, 4), (4,)), ((3, 4, 4), (4, 2)), ((4, 4), (5, 4, 2)),
        ((2, 1, 4, 4), (3, 4, 2)), ((1, 4, 4), (6, 4, 1)),
    ):  # fmt: skip
        check(solved, regular(*shape), numbers(*right))
    check(solved, regular(5, 5).mT, numbers(3, 5).mT)
    check(solved, regular(4, 4, 4)[::2, :, :], numbers(2, 4, 9)[..., ::3])
    check(solved, regular(4, 4), torch.ones(4, 4))


def positive_definite(a: Tensor, b: Tensor):
    lower, upper = torch.linalg.cholesky(a), torch.linalg.cholesky(a, upper=True)
    factor, info = torch.linalg.cholesky_ex(a)
    return (
        lower * 2, upper * 2, factor, info, torch.cholesky(a), torch.cholesky_solve(b, lower),
        torch.cholesky_solve(b, upper, upper=True), torch.cholesky_inverse(lower),
        torch.cholesky_inverse(upper, upper=True),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_positive_definite_matrices(size: int, dtype: torch.dtype) -> None:
    check(
        positive_definite, positive(2, size, size, dtype=dtype), numbers(2, size, CHECKED[size], dtype=dtype)
    )


def test_only_one_triangle_of_a_positive_matrix_is_read() -> None:
    def factors(a: Tensor):
        return torch.linalg.cholesky(a.tril()), torch.linalg.cholesky(a.triu(), upper=True)

    check(factors, positive(3, 20, 20))


def test_nothing_to_solve() -> None:
    def solved(a: Tensor, b: Tensor):
        lower = torch.linalg.cholesky(a)
        return torch.linalg.solve(a, b), torch.cholesky_solve(b, lower), torch.linalg.inv(a), torch.det(a)

    for batch, size, columns in ((0, 3, 2), (2, 0, 2), (2, 3, 0)):
        script: Any = tsc.script(solved)
        arguments = (torch.eye(size).expand(batch, size, size), torch.ones(batch, size, columns))
        for mine, theirs in zip(script(*arguments), solved(*arguments), strict=True):
            assert torch.equal(mine, theirs)


# --- what raises ---


def inverse(a: Tensor):
    return torch.linalg.inv(a) * 2


def solution(a: Tensor):
    return torch.linalg.solve(a, a) * 2


def factor(a: Tensor):
    return torch.linalg.cholesky(a) * 2


def lu(a: Tensor):
    return torch.linalg.lu_factor(a)[0] * 2


def told_inverse(a: Tensor):
    return torch.linalg.inv_ex(a, check_errors=True)[0] * 2


def told_factor(a: Tensor):
    return torch.linalg.cholesky_ex(a, check_errors=True)[0] * 2


def told_lu(a: Tensor):
    return torch.linalg.lu_factor_ex(a, check_errors=True)[0] * 2


def told_solution(a: Tensor):
    return torch.linalg.solve_ex(a, a, check_errors=True)[0] * 2


def inverse_of_factor(a: Tensor):
    return torch.cholesky_inverse(a) * 2


RAISING = [
    inverse, solution, factor, lu, told_inverse, told_factor, told_lu, told_solution, inverse_of_factor
]  # fmt: skip


@pytest.mark.parametrize("function", RAISING, ids=lambda f: f.__name__)
@pytest.mark.parametrize("batch", [(), (2, 2)], ids=["one", "batch"])
def test_singular_matrices_raise_as_in_pytorch(
    function: Callable[..., Tensor], batch: tuple[int, ...]
) -> None:
    script: Any = tsc.script(function)
    good = torch.eye(6).expand(*batch, 6, 6).clone()
    bad = good.clone()
    bad.view(-1, 6, 6)[-1, 3, 3] = 0
    for _ in range(2):
        assert torch.equal(script(good), function(good))
        assert script.last.tier == "native"
    with pytest.raises(RuntimeError) as wanted:
        function(bad)
    with pytest.raises(RuntimeError) as found:
        script(bad)
    assert str(wanted.value) in str(found.value)
    assert torch.equal(script(good), function(good))
    assert script.last.tier == "native"


def test_what_only_tells_raises_nothing() -> None:
    def told(a: Tensor):
        return torch.linalg.inv_ex(a)[1], torch.linalg.cholesky_ex(a)[1], torch.linalg.lu_factor_ex(a)[2]

    a = torch.eye(5).repeat(4, 1, 1)
    a[1, 2, 2], a[3, 0, 0] = 0, 0
    check(told, a)

    def solved(a: Tensor):
        return torch.linalg.solve_triangular(a, a, upper=True), torch.linalg.det(a), *torch.linalg.slogdet(a)

    check(solved, a)


def test_nan_comes_out_where_it_went_in() -> None:
    def all_of(a: Tensor):
        return torch.linalg.inv(a), torch.linalg.det(a), torch.linalg.lu_factor_ex(a)[2]

    a = regular(3, 6, 6)
    a[1, 2, 3] = float("nan")
    script: Any = tsc.script(all_of)
    script(a)
    inverse, determinant, info = script(a)
    assert script.last.tier == "native"
    assert inverse[1].isnan().any()
    assert inverse[[0, 2]].isfinite().all()
    assert determinant.isnan().tolist() == [False, True, False]
    assert not info.any()


# --- whole programs ---


def kalman(x: Tensor, P: Tensor, zs: Tensor, F: Tensor, H: Tensor, Q: Tensor, R: Tensor):
    out: list[Tensor] = []
    for i in range(zs.size(0)):
        x = F @ x
        P = F @ P @ F.t() + Q
        K = P @ H.t() @ torch.linalg.inv(H @ P @ H.t() + R)
        x = x + K @ (zs[i] - H @ x)
        P = P - K @ H @ P
        out.append(x)
    return torch.stack(out), P


@pytest.mark.parametrize("steps", [3, 200])
def test_a_filter_is_native_and_a_singular_covariance_raises(steps: int) -> None:
    arguments = [
        numbers(4, 1), torch.eye(4), numbers(steps, 2, 1), torch.eye(4), numbers(2, 4), torch.eye(4) * 0.1,
        torch.eye(2),
    ]  # fmt: skip
    check(kalman, *arguments)
    script: Any = tsc.script(kalman)
    script(*arguments)
    arguments[4], arguments[6] = torch.zeros(2, 4), torch.zeros(2, 2)
    with pytest.raises(RuntimeError, match=r"linalg\.inv: The diagonal element 1 is zero"):
        script(*arguments)


def test_a_gaussian_process_is_native() -> None:
    def posterior(x: Tensor, y: Tensor, at: Tensor, noise: float):
        covariance = torch.exp(-0.5 * (x.unsqueeze(1) - x.unsqueeze(0)).square().sum(-1))
        factor = torch.linalg.cholesky(covariance + noise * torch.eye(x.size(0)))
        across = torch.exp(-0.5 * (at.unsqueeze(1) - x.unsqueeze(0)).square().sum(-1))
        mean = across @ torch.cholesky_solve(y.unsqueeze(-1), factor)
        spread = 1 - torch.linalg.solve_triangular(factor, across.mT, upper=False).square().sum(0)
        return mean, spread, factor.diagonal().log().sum()

    check(posterior, numbers(30, 2), numbers(30), numbers(11, 2), 0.1)


def test_in_functions_that_must_not_be_done_twice_pythons_operator_raises() -> None:
    def drawn(a: Tensor):
        return torch.linalg.inv(a) + torch.rand(1) * 0

    script: Any = tsc.script(drawn)
    script(regular(3, 3))
    torch.testing.assert_close(script(regular(3, 3)), drawn(regular(3, 3)))
    with pytest.raises(RuntimeError, match=r"linalg\.inv: The diagonal element 1 is zero"):
        script(torch.zeros(3, 3))


def test_any_number_of_matrices() -> None:
    def solved(a: Tensor, b: Tensor):
        lower = torch.linalg.cholesky(a)
        return torch.linalg.solve(a, b), torch.cholesky_solve(b, lower), torch.linalg.det(a)

    script: Any = tsc.script(solved)
    for batch in (2, 3, 5, 4, 7, 1, 40):
        arguments = positive(batch, 5, 5), numbers(batch, 5, 3)
        torch.testing.assert_close(script(*arguments), solved(*arguments), rtol=1e-4, atol=1e-4)
    assert script.last.tier == "native"
    assert any("s0" in str(s) for s in script.specializations())


def test_every_pass_keeps_what_a_program_does() -> None:
    def all_of(a: Tensor, b: Tensor):
        factor = torch.linalg.cholesky(a)
        beside = torch.linalg.solve_triangular(factor, b.mT, upper=False, left=False)
        return torch.linalg.solve(a, b), beside, torch.cholesky_solve(b, factor), torch.linalg.slogdet(a)[1]

    options().is_verified = True
    try:
        check(all_of, positive(2, 6, 6, dtype=torch.float64), numbers(2, 6, 3, dtype=torch.float64))
    finally:
        options().is_verified = False


def test_large_matrices_are_left_to_lapack() -> None:
    def inverse(a: Tensor):
        return torch.linalg.inv(a) * 2

    check(inverse, regular(LARGEST + 1, LARGEST + 1), tier="mixed", scale=3000)
