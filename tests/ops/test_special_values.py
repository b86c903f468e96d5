# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Infinities, NaN, zeros with signs, the smallest and the largest numbers: what functions give for them in
native code and in NumPy is what PyTorch gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tsc
from tsc.ops.registry import operators

from .matching import ours as to_arrays

pytestmark = pytest.mark.filterwarnings("ignore")
INF, NAN = float("inf"), float("nan")
REALS = [
    INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 1e-40, -1e-40, 1e-45, 3e38, -3e38, 88.8,
    -88.8, 89.5, -104.0, 1e10, -1e10, 1e-10, 0.99, -0.99, 12345.678, -7.5, 20.0, -20.0, 5.0, -5.0, 9.1,
    1e-20, -1e-20, 700.0, -700.0, 1e5, 127.0, -126.0, -150.0,
]  # fmt: skip
PARTS = [INF, -INF, NAN, 0.0, -0.0, 1.0, -2.5, 3e38, 1e-30, 80.0]
COMPLEX = [complex(real, imag) for real in PARTS for imag in PARTS]
NAMES = [
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg2rad", "erf",
    "exp", "exp2", "expm1", "floor", "frac", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "log",
    "log10", "log1p", "log2", "logical_not", "logit", "nan_to_num", "neg", "reciprocal", "relu", "round",
    "rsqrt", "sgn", "sigmoid", "sign", "signbit", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
]  # fmt: skip
ACTIVATIONS = [
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid",
    "mish", "relu6", "selu", "silu", "softplus", "softshrink", "softsign", "tanhshrink",
]  # fmt: skip
REAL: dict[str, Callable[[Tensor], Tensor]] = {
    **{name: getattr(torch, name) for name in NAMES},
    **{name: getattr(F, name) for name in ACTIVATIONS},
}
OF_COMPLEX = [
    "abs", "angle", "exp", "isfinite", "isinf", "isnan", "log", "nan_to_num", "neg", "sgn", "sigmoid",
]  # fmt: skip
SPECIAL = [
    "entr", "erfcx", "i0e", "i1", "i1e", "log_ndtr", "ndtri",
]  # fmt: skip
BETTER = {
    "gelu": "of infinity NaN in PyTorch, and tails rounded to a few bits",
    "erf": "of 16-bit floats below 1e-10 zero in PyTorch",
}
TOLERANCES = {
    torch.float32: 2e-5, torch.float64: 1e-11, torch.bfloat16: 2e-2, torch.float16: 3e-3,
    torch.complex64: 2e-4, torch.complex128: 1e-9,
}  # fmt: skip


def differing(got: Tensor, want: Tensor, given: Tensor) -> list[Any]:
    """The numbers for which two results are not the same: NaN where NaN is, and zeros and tiny ones alike."""
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if want.is_complex():
        ours, theirs = (torch.view_as_real(t.resolve_conj()) for t in (got, want))
        found = _differ(ours, theirs, TOLERANCES[want.dtype]).any(-1)
    else:
        found = _differ(got.double(), want.double(), TOLERANCES.get(want.dtype, 0.0))
    return given[found].tolist()


def _differ(got: Tensor, want: Tensor, tolerance: float) -> Tensor:
    is_near = (got - want).abs() <= tolerance * want.abs() + 1e-37
    return ~((got == want) | (got.isnan() & want.isnan()) | is_near)


def compare(table: dict[str, Callable[[Tensor], Tensor]], x: Tensor) -> None:
    """Hold functions to PyTorch, all in one native function."""

    def each(x: Tensor) -> tuple[Tensor, ...]:
        return tuple(f(x) for f in table.values())

    program: Any = tsc.trace(each, (x,), check_trace=False)
    results: Sequence[Tensor] = []
    for _ in range(2):
        results = program(x)
    assert program.last.is_native
    found: dict[str, list[Any]] = {}
    for (name, function), got in zip(table.items(), results, strict=True):
        if name not in BETTER:
            found[name] = differing(got, function(x), x)
    assert not {name: values for name, values in found.items() if values}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_functions_of_real_numbers(dtype: torch.dtype) -> None:
    compare(REAL, torch.tensor(REALS, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_functions_of_complex_numbers(dtype: torch.dtype) -> None:
    compare(
        {name: REAL.get(name) or getattr(torch, name) for name in OF_COMPLEX},
        torch.tensor(COMPLEX, dtype=dtype),
    )


@pytest.mark.parametrize("name", OF_COMPLEX)
def test_the_generic_tier_on_complex_numbers(name: str) -> None:
    x = torch.tensor(COMPLEX, dtype=torch.complex128)
    schemas = [n for n in (f"aten::{name}", f"aten::{name}.complex") if n in operators()]
    arguments = [to_arrays(x), *([None] * 3 if name == "nan_to_num" else [])]
    got = torch.from_numpy(operators()[schemas[0]].eager(*arguments))
    assert not differing(got, getattr(torch, name)(x).resolve_conj(), x)


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_special_functions(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([*REALS, 1e-30, 0.3, 1 - 1e-7], dtype=dtype)
    got = torch.from_numpy(operators()[f"aten::special_{name}"].eager(to_arrays(x)))
    assert not differing(got, getattr(torch.special, name)(x), x)


NEIGHBOURS: dict[str, Callable[[Tensor], Tensor]] = {
    "diff": torch.diff,
    "diff twice": lambda x: torch.diff(x, 2, prepend=x[:1]),
    "trapezoid": lambda x: torch.trapezoid(x, dx=0.5),
    "trapezoid at places": lambda x: torch.trapezoid(x, x.real),
    "cumulative_trapezoid": lambda x: torch.cumulative_trapezoid(x, dx=0.5),
}


@pytest.mark.parametrize("name", NEIGHBOURS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_differences_and_sums_of_neighbours(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([1, 2, INF, 3, -INF, 4, 5, NAN, 1], dtype=dtype)
    function = NEIGHBOURS[name]
    program: Any = tsc.trace(function, (x,), check_trace=False)
    for given in (x, x, x[:3]):
        want = function(given)
        assert not differing(program(given), want, want)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("mode", "sizes"),
    [
        *(("bilinear", sizes) for sizes in [(3, 3), (3, 3, 3)]),
        *(("nearest", sizes) for sizes in [(3, 3), (3, 3, 3)]),
        ("bicubic", (3, 3)),
    ],
)
def test_samples_at_places_that_are_no_numbers(mode: str, padding: str, sizes: tuple[int, ...]) -> None:
    x = torch.arange(1.0, 1 + 3 ** len(sizes)).reshape(1, 1, *sizes)
    grid = torch.tensor([[NAN, 0.0], [INF, 0.0], [-INF, 0.0], [0.0, NAN], [0.5, 0.0]])
    grid = torch.cat([grid, torch.zeros(5, len(sizes) - 2)], 1).reshape(
        1, *([1] * len(sizes[1:])), 5, len(sizes)
    )

    def sample(x: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(x, grid, mode, padding, align_corners=True)

    got = tsc.trace(sample, (x, grid), check_trace=False)(x, grid)
    assert not differing(got, sample(x, grid), sample(x, grid))


@pytest.mark.parametrize("degree", [INF, -INF, NAN])
def test_polynomials_of_no_degree_are_zero(degree: float) -> None:
    for name in ("chebyshev_polynomial_t", "hermite_polynomial_h", "legendre_polynomial_p"):
        x, n = torch.tensor([0.5, 2.0]), torch.tensor([degree, 3.0])
        got = torch.from_numpy(operators()[f"aten::special_{name}"].eager(to_arrays(x), to_arrays(n)))
        assert not differing(got, getattr(torch.special, name)(x, n), x)


def test_distances_of_order_0_keep_nan() -> None:
    x = torch.tensor([[1.0, NAN], [2.0, 3.0], [2.0, INF]])
    got = torch.from_numpy(operators()["aten::pdist"].eager(to_arrays(x), 0.0))
    assert not differing(got, torch.pdist(x, 0.0), got)
