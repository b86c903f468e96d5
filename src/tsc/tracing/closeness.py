"""Are two tensors close? If not, a text as ``torch.testing.assert_close`` writes it."""

from __future__ import annotations

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array

RELATIVE = {
    "float16": 1e-3,
    "bfloat16": 1.6e-2,
    "float32": 1.3e-6,
    "complex64": 1.3e-6,
    "float64": 1e-7,
    "complex128": 1e-7,
}
ABSOLUTE = {
    "float16": 1e-5,
    "bfloat16": 1e-5,
    "float32": 1e-5,
    "complex64": 1e-5,
    "float64": 1e-7,
    "complex128": 1e-7,
}
"""PyTorch's tolerances by dtype; integers must be equal."""


def difference(ours: Array, theirs: Array, relative: float | None) -> str | None:
    """Why `ours` is not close to `theirs`; None when it is. NaN equals NaN.

    `relative` is the relative tolerance; None means the usual one of the dtypes. The absolute tolerance is
    always the usual one.
    """
    if ours.shape != theirs.shape:
        return (
            "The values for attribute 'shape' do not match: "
            f"torch.Size({list(ours.shape)}) != torch.Size({list(theirs.shape)})."
        )
    names = [dtypes.by_numpy(a.dtype).name for a in (ours, theirs)]
    rtol = relative if relative is not None else max(RELATIVE.get(n, 0.0) for n in names)
    atol = max(ABSOLUTE.get(n, 0.0) for n in names)
    wide = np.complex128 if any(n.startswith("complex") for n in names) else np.float64
    return _mismatch(np.atleast_1d(ours.astype(wide)), np.atleast_1d(theirs.astype(wide)), rtol, atol)


def _mismatch(ours: Array, theirs: Array, rtol: float, atol: float) -> str | None:
    with np.errstate(all="ignore"):
        distance = np.abs(ours - theirs)
        is_same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        fits = is_same | (np.isfinite(distance) & (distance <= atol + rtol * np.abs(theirs)))
        ratio = distance / np.abs(theirs)
    if fits.all():
        return None
    distance[fits], ratio[fits] = 0, 0
    count = int(np.count_nonzero(~fits))
    lines = [
        f"Mismatched elements: {count} / {fits.size} ({count / fits.size:.1%})",
        f"Greatest absolute difference: {_greatest(distance)} (up to {atol} allowed)",
        f"Greatest relative difference: {_greatest(ratio)} (up to {rtol} allowed)",
    ]
    return "Tensor-likes are not close!\n\n" + "\n".join(lines)


def _greatest(values: Array) -> str:
    at = np.unravel_index(int(np.argmax(values)), values.shape)
    return f"{float(values[at])} at index {tuple(int(i) for i in at)}"
