"""Whether a result of `tsc` is PyTorch's: kind, dtype, shape, values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from tsc import dtypes
from tsc.narrowing import is_sequence

from .matching import TORCH_DTYPES, to_numpy

TOLERANCES = {
    dtypes.F64: (1e-7, 1e-7), dtypes.F32: (2e-4, 2e-5), dtypes.F16: (1e-2, 2e-3), dtypes.BF16: (4e-2, 1e-2),
    dtypes.C64: (2e-4, 2e-5), dtypes.C128: (1e-7, 1e-7),
}  # fmt: skip
"""Relative, and relative to the largest element (at least 1), by dtype; integers and bools must be equal."""


def difference(got: Any, want: Any) -> str | None:
    """What is wrong with `got`, or None. `want` is PyTorch's result."""
    if isinstance(want, torch.Tensor):
        return _tensor_difference(got, want)
    if is_sequence(want):
        if not is_sequence(got) or len(got) != len(want):
            return f"got {got!r:.200}, want {want!r:.200}"
        return next((d for d in (difference(g, w) for g, w in zip(got, want, strict=True)) if d), None)
    if isinstance(want, float) and isinstance(got, float):
        same = math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-9) or (math.isnan(got) and math.isnan(want))
        return None if same else f"got {got}, want {want}"
    if isinstance(want, complex) and isinstance(got, complex):
        return None if np.isclose(got, want, 1e-6, 1e-9, equal_nan=True) else f"got {got}, want {want}"
    if isinstance(want, (torch.dtype, torch.device, torch.layout)):
        return None
    return None if type(got) is type(want) and got == want else f"got {got!r:.200}, want {want!r:.200}"


def _tensor_difference(got: Any, want: torch.Tensor) -> str | None:
    if type(got) is not np.ndarray:
        return f"got a {type(got).__name__}, want a tensor"
    dtype = TORCH_DTYPES[want.dtype]
    if got.dtype != dtype.numpy:
        return f"dtype: got {got.dtype}, want {dtype.name}"
    if got.shape != tuple(want.shape):
        return f"shape: got {got.shape}, want {tuple(want.shape)}"
    expected = to_numpy(want)
    if dtype not in TOLERANCES:
        return None if np.array_equal(got, expected) else f"values: got {got!r:.300}, want {expected!r:.300}"
    rtol, atol = TOLERANCES[dtype]
    wide = np.complex128 if dtype.is_complex else np.float64
    a, b = got.astype(wide), expected.astype(wide)
    finite = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    if np.allclose(a, b, rtol, atol * scale, equal_nan=True):
        return None
    with np.errstate(all="ignore"):
        worst = np.nanmax(np.abs(a - b)) if a.size else 0
    return f"values differ by {worst}: got {got!r:.300}, want {expected!r:.300}"
