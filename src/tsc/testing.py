"""Comparisons for tests: ``torch.testing`` for programs without PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsc import dtypes
from tsc.narrowing import is_dict, is_sequence

TOLERANCES = {
    dtypes.F16: (1e-3, 1e-5), dtypes.BF16: (1.6e-2, 1e-5), dtypes.F32: (1.3e-6, 1e-5),
    dtypes.F64: (1e-7, 1e-7), dtypes.C64: (1.3e-6, 1e-5), dtypes.C128: (1e-7, 1e-7),
}  # fmt: skip
"""Relative and absolute tolerance by dtype, as PyTorch's; other dtypes are compared exactly."""


def assert_close(
    actual: object, expected: object, *, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_dtype: bool = True, msg: str | None = None,
) -> None:  # fmt: skip
    """Check that tensors, numbers, or lists, tuples and dictionaries of them are close.

    Raises:
        AssertionError: they differ in structure, shape, dtype (if `check_dtype`) or by more than
            ``atol + rtol * abs(expected)``.
        ValueError: one of `rtol` and `atol` is given without the other.
    """
    if (rtol is None) != (atol is None):
        raise ValueError("rtol and atol must both be specified or both be unspecified")
    compare = _Comparison(rtol, atol, equal_nan, check_dtype, msg)
    compare.values(actual, expected, "")


class _Comparison:
    def __init__(
        self, rtol: float | None, atol: float | None, equal_nan: bool, check_dtype: bool, message: str | None
    ) -> None:
        self.tolerance = None if rtol is None or atol is None else (rtol, atol)
        self.equal_nan = equal_nan
        self.check_dtype = check_dtype
        self.message = message

    def values(self, actual: Any, expected: Any, path: str) -> None:
        """Compare anything; `path` is where in the outermost value."""
        if is_dict(expected):
            self._require(is_dict(actual) and actual.keys() == expected.keys(), "keys", path)
            for key in expected:
                self.values(actual[key], expected[key], f"{path}[{key!r}]")
        elif is_sequence(expected):
            self._require(is_sequence(actual) and len(actual) == len(expected), "lengths", path)
            for i, (mine, wanted) in enumerate(zip(actual, expected, strict=True)):
                self.values(mine, wanted, f"{path}[{i}]")
        else:
            self._arrays(np.asarray(actual), np.asarray(expected), path)

    def _arrays(self, actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], path: str) -> None:
        self._require(actual.shape == expected.shape, f"shapes {actual.shape} and {expected.shape}", path)
        same = actual.dtype == expected.dtype or not self.check_dtype
        self._require(same, f"dtypes {actual.dtype} and {expected.dtype}", path)
        rtol, atol = self.tolerance or TOLERANCES.get(dtypes.by_numpy(actual.dtype), (0.0, 0.0))
        close = np.isclose(actual, expected, rtol, atol, self.equal_nan)
        wrong = int(close.size - np.count_nonzero(close))
        self._require(wrong == 0, f"{wrong} of {close.size} elements", path)

    def _require(self, holds: bool, what: str, path: str) -> None:
        if not holds:
            where = f" at {path}" if path else ""
            raise AssertionError(self.message or f"Tensor-likes are not close{where}: {what} differ")
