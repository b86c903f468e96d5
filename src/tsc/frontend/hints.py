"""What to do about the usual mistakes, said with the error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.torch_types import TorchType
from tsc.frontend.sugared import Sugared, SugaredValue
from tsc.frontend.type_rules import may_be_none
from tsc.narrowing import is_dict, is_list

PYTHON_ONLY = (
    "a function marked with @torch.jit.ignore stays Python and may do anything; one marked with "
    "@torch.jit.unused may be saved, and raises when it is called"
)


def for_arguments(given: Sequence[Sugared]) -> str:
    """Of a call that no signature accepts."""
    for value in given:
        if not isinstance(value, SugaredValue):
            continue
        name = value.ssa.name_hint or "x"
        owner = value.ssa.owner
        is_empty = isinstance(owner, PrimListConstructOp) and not owner.operands
        if is_empty and value.type is tt.ListType(tt.TENSOR):
            return f"an empty list holds tensors unless its type is said: {name}: List[int] = []"
        if may_be_none(value.type):
            return f"{name} may be None: test it first, as in: assert {name} is not None"
    return ""


def for_reassignment(name: str, before: TorchType, now: TorchType) -> str:
    """Of a variable that gets a value of another type."""
    if before is tt.NONE:
        return f"say at its first assignment what it may be: {name}: Optional[{now.torchscript()}] = None"
    if now is tt.NONE:
        return f"say at its first assignment that it may be None: {name}: Optional[{before.torchscript()}]"
    return ""


def why_unscriptable(value: Any) -> str:
    """Why a live attribute has no type in TorchScript."""
    if is_dict(value) and not value:
        return "Dictionary inputs must have entries"
    if is_list(value) and not value:
        return "List trace inputs must have elements"
    if any(hasattr(v, "_modules") for v in _elements(value)):
        return "Modules are found in an nn.ModuleList or an nn.ModuleDict, not in a list or a dict"
    return "It is no tensor, number, string, enum, or list, tuple or dict of those"


def _elements(value: object) -> Sequence[Any]:
    if is_dict(value):
        return list(value.values())
    return value if is_list(value) else ()
