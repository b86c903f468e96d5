# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""How two observations of the same call differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .observing import Leaf, Observation

TOLERANCES = {
    "float64": 1e-9,
    "complex128": 1e-9,
    "float32": 5e-5,
    "complex64": 5e-5,
    "float16": 4e-3,
    "bfloat16": 3e-2,
}
"""Relative to the largest element (at least 1) of a tensor, by dtype. What is worse than that only because
the program is ill-conditioned is sorted out by `conditioning`.
"""
MINOR = ("strides", "fallback")
"""Aspects that are reported apart: results are right."""


@dataclass(frozen=True)
class Difference:
    """In which aspect an observation is wrong, and how."""

    aspect: str
    detail: str
    gap: float = 0.0
    """For values: the largest distance between elements."""
    path: str = ""


def differences(got: Observation, want: Observation, coarsest: str = "float64") -> list[Difference]:
    """What is wrong with `got`, the worst first; nothing else is looked at where the result is no result.

    `coarsest` is the least precise dtype that the program computes in.
    """
    if got.error is not None or want.error is not None:
        return _errors(got, want)
    if got.structure != want.structure:
        return [Difference("structure", f"got {got.structure}, want {want.structure}")]
    found = _leaves(got.results, want.results, coarsest, "")
    found += _leaves(got.arguments, want.arguments, coarsest, "argument ")
    if got.sharing != want.sharing:
        extra, missing = got.sharing - want.sharing, want.sharing - got.sharing
        found.append(
            Difference("sharing", f"shared but should not be: {sorted(extra)}; not shared: {sorted(missing)}")
        )
    if not found:
        found += _strides(got.results, want.results)
        found += [Difference("fallback", note) for note in got.notes]
    return found


def _errors(got: Observation, want: Observation) -> list[Difference]:
    if want.error is None:
        return [Difference("raises", str(got.error))]
    if got.error is None:
        return [Difference("does not raise", f"want {want.error}")]
    return []


def _leaves(got: Sequence[Leaf], want: Sequence[Leaf], coarsest: str, prefix: str) -> list[Difference]:
    if len(got) != len(want):
        return [Difference(f"{prefix}structure", f"got {len(got)} values, want {len(want)}")]
    found = [_leaf(g, w, coarsest) for g, w in zip(got, want, strict=True)]
    return [Difference(f"{prefix}{d.aspect}", d.detail, d.gap, d.path) for d in found if d is not None]


def _leaf(got: Leaf, want: Leaf, coarsest: str) -> Difference | None:
    if not isinstance(want.value, np.ndarray):
        return _python_values(got, want, coarsest)
    a, b = got.value, want.value
    if a.dtype != b.dtype:
        return Difference("dtype", f"got {a.dtype}, want {b.dtype}", path=want.path)
    if a.shape != b.shape:
        return Difference("shape", f"got {a.shape}, want {b.shape}", path=want.path)
    if b.dtype.name not in TOLERANCES:
        return None if np.array_equal(a, b) else _wrong_values(a, b, math.inf, want.path)
    tolerance = max(TOLERANCES[b.dtype.name], TOLERANCES.get(coarsest, 0.0))
    gap = distance(a, b)
    return _wrong_values(a, b, gap, want.path) if gap > tolerance * magnitude(b) else None


def _python_values(got: Leaf, want: Leaf, coarsest: str) -> Difference | None:
    a, b = got.value, want.value
    if type(a) is not type(b):
        return Difference("type", f"got {a!r}, want {b!r}", path=want.path)
    if isinstance(b, float):
        gap = distance(np.asarray(a), np.asarray(b))
        tolerance = max(TOLERANCES["float32"], TOLERANCES.get(coarsest, 0.0)) * magnitude(np.asarray(b))
        return Difference("values", f"got {a}, want {b}", gap, want.path) if gap > tolerance else None
    return None if a == b else Difference("values", f"got {a!r}, want {b!r}", math.inf, want.path)


def _wrong_values(a: Any, b: Any, gap: float, path: str) -> Difference:
    one, other = a.reshape(-1), b.reshape(-1)
    places = np.nonzero((one != other) & ~((one != one) & (other != other)))[0][:6]  # NaN equals NaN here
    text = f"{path}: at {places.tolist()}: got {one[places].tolist()}, want {other[places].tolist()}"
    return Difference("values", text, gap, path)


def distance(a: Any, b: Any) -> float:
    """The largest distance between elements; infinite where one is NaN or infinite and the other is not."""
    wide = np.complex128 if b.dtype.kind == "c" else np.float64
    one, other = a.astype(wide), b.astype(wide)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        gaps = np.where(same, 0.0, np.abs(one - other))
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    return float(gaps.max()) if gaps.size else 0.0


def magnitude(b: Any) -> float:
    """The largest finite element, at least 1."""
    sizes = np.abs(b.astype(np.complex128))
    finite = sizes[np.isfinite(sizes)]
    return max(1.0, float(finite.max())) if finite.size else 1.0


def _strides(got: Sequence[Leaf], want: Sequence[Leaf]) -> list[Difference]:
    for g, w in zip(got, want, strict=True):
        if w.strides is not None and g.strides is not None and _visible(g) != _visible(w):
            return [Difference("strides", f"{w.path}: got {g.strides}, want {w.strides} of {w.value.shape}")]
    return []


def _visible(leaf: Leaf) -> list[int]:
    """The strides of dims that have several elements; the others are arbitrary."""
    assert leaf.strides is not None
    if not leaf.value.size:
        return []
    return [s for s, n in zip(leaf.strides, leaf.value.shape, strict=True) if n > 1]
