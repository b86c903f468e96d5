# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Derivatives are what results change by: small steps of the arguments, in both directions, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tsc.ops.composite import eager_aten
from tsc.ops.definition import Operator
from tsc.ops.derivatives.reverse import tensors_of
from tsc.ops.registry import operators

from .test_derivatives import NAMES, SAMPLED, Case, cases_of, floats_in, gradients_of

pytestmark = pytest.mark.filterwarnings("ignore")
STEP = 1e-6
ELEMENTS, LARGEST = 6, 600
"""How many elements of each argument are moved, and how many an argument may have."""
LARGEST_SUM = 1e5
DEFINED_OTHERWISE = {
    "one triangle is read, and the gradient is symmetric": (
        "cholesky", "linalg_cholesky", "linalg_cholesky_ex", "linalg_eigh", "linalg_eigvalsh",
    ),
    "several are put at one place, and each takes the gradient": ("max_unpool3d",),
}  # fmt: skip
"""Operators whose gradients are PyTorch's, and not what the results change by."""
EXEMPT = NAMES | {f"aten::{name}" for group in DEFINED_OTHERWISE.values() for name in group}


def weighted(operator: Operator, case: Case) -> float:
    """The sum of the results, each element by its weight."""
    with np.errstate(all="ignore"):
        results = tensors_of(operator.eager(*case.arguments))
    pairs: Iterator[Any] = zip(results, case.cotangents, strict=True)
    return sum(float((np.conj(c) * r).real.sum()) for r, c in pairs if c is not None)


def change(operator: Operator, case: Case, array: Any, place: Any, step: Any) -> float:
    """What the results change by, by the step, when an element of an argument is moved."""
    here, before = weighted(operator, case), array[place]
    array[place] = before + step
    there = weighted(operator, case)
    array[place] = before
    return (there - here) / abs(step)


def slope(operator: Operator, case: Case, array: Any, place: Any, step: Any) -> float | None:
    """The derivative along a step; None at a kink, a jump, or a point that is not finite: where what the
    results change by in one direction is not what they change by in the other. None also where results are
    so large that what they change by is lost in rounding.
    """
    if abs(weighted(operator, case)) > LARGEST_SUM:
        return None
    ahead, behind = change(operator, case, array, place, step), -change(operator, case, array, place, -step)
    is_smooth = np.isfinite((ahead, behind)).all() and abs(ahead - behind) < 1e-3 * max(1.0, abs(ahead))
    return (ahead + behind) / 2 if is_smooth else None


def small_case(operator: Operator) -> Case | None:
    """A call whose arguments have few elements, each in memory of its own."""
    for case in cases_of(operator):
        arrays = floats_in(case.arguments)
        if all(0 < a.size < LARGEST and a.flags.writeable for a in arrays) and not _overlap(arrays):
            return case
    return None


def _overlap(arrays: list[Any]) -> bool:
    return any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize("name", [name for name in SAMPLED if name not in EXEMPT])
def test_gradients_are_what_results_change_by(name: str) -> None:
    operator = operators()[name]
    case = small_case(operator)
    if case is None:
        return
    chooser = np.random.default_rng(0)
    for array, gradient in gradients_of(operator, case, eager_aten()):
        for number in chooser.choice(array.size, min(ELEMENTS, array.size), replace=False):
            place = np.unravel_index(number, array.shape)
            mine = 0.0 if gradient is None else gradient[place]
            for way in (1, 1j) if array.dtype.kind == "c" else (1,):
                found = slope(operator, case, array, place, STEP * way)
                if found is not None:
                    np.testing.assert_allclose((mine * np.conj(way)).real, found, rtol=1e-3, atol=1e-4)
