# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false
"""Results require gradients where PyTorch's do: of every operator, on its samples, also where it writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tsc.errors import TscError
from tsc.ops.definition import Operator
from tsc.ops.derivatives.reverse import places_of, tensors_of
from tsc.ops.registry import operators, require
from tsc.runtime.tape import Tape

from .matching import call_torch, cloned, ours
from .samples import calls_of
from .test_derivatives import REFUSED, doubled, tensors_in

pytestmark = pytest.mark.filterwarnings("ignore")
NOT_DIFFERENTIATED = {
    "is a write, of which no gradients are computed": (
        "_index_put_impl_", "embedding_renorm_", "normal_", "squeeze_", "squeeze_.dim", "squeeze_.dims",
        "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_",
    ),
    "says so afterwards": ("requires_grad_",),
    "PyTorch computes no gradients of": ("addbmm_", "_native_multi_head_attention"),
}  # fmt: skip
EXEMPT = {f"aten::{name}" for group in NOT_DIFFERENTIATED.values() for name in group}


def of_tensors(value: Any, change: Any) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return change(value)
    return [of_tensors(v, change) for v in value] if isinstance(value, list) else value


def theirs(operator: Operator, call: list[Any]) -> list[bool] | None:
    """Which of PyTorch's results require gradients; None where it has no answer."""
    given = doubled(cloned(call))
    tensors = list(tensors_in(given))
    floats = [t.requires_grad_() for t in tensors if t.is_floating_point()]
    if not floats or any(t.is_complex() for t in tensors):
        return None
    if operator.schema.mutates:
        given = of_tensors(given, torch.clone)
    try:
        return [t.requires_grad for t in tensors_in(call_torch(operator.schema, given))]
    except REFUSED:
        return None


def mine(operator: Operator, call: list[Any]) -> list[bool]:
    """Which of our results require gradients."""
    tape, clone = Tape(), require("aten::clone")
    given = ours(doubled(cloned(call)))
    arrays: list[Any] = [value for _, value in places_of(given)]
    for value in arrays:
        if value.dtype.kind == "f":
            tape.require(value)
    if operator.schema.mutates:
        given = of_tensors(given, lambda array: tape.call(clone, [array, None]))
    with np.errstate(all="ignore"):
        return [tape.requires(array) for array in tensors_of(tape.call(operator, given))]


def asked(name: str, operator: Operator) -> bool:
    return name.startswith("aten") and not operator.asks_gradients and name not in EXEMPT


@pytest.mark.parametrize("name", [n for n, operator in sorted(operators().items()) if asked(n, operator)])
def test_results_require_gradients_as_pytorchs(name: str) -> None:
    operator = operators()[name]
    for origin in ("float32", "handpicked"):
        for call in calls_of(operator.schema).get(origin, ())[:1]:
            want = theirs(operator, call)
            if want is None:
                continue
            try:
                got = mine(operator, call)
            except TscError:
                assert not any(want)
                continue
            assert got == want
