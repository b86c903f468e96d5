"""Special functions against PyTorch's in float64, far out, near zero, and at their poles."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tsc.ops.registry import require

POINTS = np.concatenate(
    [np.linspace(-60, 60, 2401), np.logspace(-12, 3, 300), -np.logspace(-12, 2.5, 300), [0, np.inf, np.nan]]
)
PYTORCH_IS_OFF = {
    "bessel_j0": 5e-7, "bessel_j1": 5e-7, "bessel_y0": 5e-7, "bessel_y1": 1e-6, "airy_ai": 4e-6,
}  # fmt: skip
"""What PyTorch's functions of float64 miss by, as mpmath shows; for others a few last digits."""
OF_ONE = (
    "i1", "i1e", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0",
    "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "airy_ai", "erfcx",
)  # fmt: skip
KINDS = [f"{shift}chebyshev_polynomial_{kind}" for shift in ("", "shifted_") for kind in "tuvw"]


def compare(name: str, *arguments: np.ndarray[Any, Any], rtol: float = 1e-11, atol: float = 0.0) -> None:
    base = getattr(torch.ops.aten, name)
    want = base(*map(torch.from_numpy, arguments)).numpy()
    got = require(f"aten::{name}").eager(*arguments)
    np.testing.assert_allclose(got, want, rtol, atol)


@pytest.mark.parametrize("name", OF_ONE)
def test_functions_of_one_number(name: str) -> None:
    compare(f"special_{name}", POINTS, atol=PYTORCH_IS_OFF.get(name, 1e-15 if "_k" not in name else 0))


@pytest.mark.parametrize(
    ("name", "x", "wanted"),
    [
        ("bessel_j0", 5.525, 0.0016739929058525037), ("bessel_j1", 7.025, 0.002823154202718817),
        ("bessel_y0", 7.075, -0.003318918020901854), ("bessel_y1", 14.9, 0.0005282750764216976),
        ("bessel_y1", 1.5, -0.4123086269739113), ("airy_ai", -2.325, 0.009190444473031674),
        ("airy_ai", -10.1, -0.05972681113345381), ("airy_ai", 2.1, 0.029952602115866523),
    ],
)  # fmt: skip
def test_values_of_mpmath(name: str, x: float, wanted: float) -> None:
    assert abs(float(require(f"aten::special_{name}").eager(np.array(x))) - wanted) < 1e-14


@pytest.mark.parametrize(
    "name",
    [
        *KINDS,
        "hermite_polynomial_h",
        "hermite_polynomial_he",
        "laguerre_polynomial_l",
        "legendre_polynomial_p",
    ],
)
def test_polynomials(name: str) -> None:
    x, n = np.meshgrid(np.concatenate([np.linspace(-3, 3, 41), [1.0, -1.0, 0.5]]), np.arange(-2.0, 28.0))
    compare(f"special_{name}", x.copy(), n, rtol=1e-9, atol=1e-12)
    compare(f"special_{name}", x.copy(), n + 0.5, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_incomplete_gamma_functions(name: str) -> None:
    parameters = [-1, 0, 1e-3, 0.1, 0.5, 1, 2, 5, 10, 30, 100, 1000, 1e5, np.inf]
    points = np.concatenate([np.linspace(-2, 30, 30), np.logspace(-5, 5.2, 28), [0, np.inf, np.nan]])
    a, x = np.meshgrid(parameters, points)
    compare(name, a.copy(), x.copy(), rtol=2e-8, atol=1e-14)


def test_the_zeta_function() -> None:
    s, q = np.meshgrid([-1, 0.5, 1, 1.5, 2, 3, 7.5, 30, np.nan], np.linspace(-5, 20, 51))
    compare("special_zeta", s.copy(), q.copy(), rtol=1e-9)
