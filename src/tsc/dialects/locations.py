"""What locations of operations say beside a place: whether it is in a ``with strict_fusion()`` block."""

from __future__ import annotations

from xdsl.dialects.builtin import CallSiteLoc, LocationAttr, NameLoc, StringAttr
from xdsl.ir import Attribute

STRICT_FUSION = "strict_fusion"
"""The name of locations in such a block. Passes hand locations on, so that it stays with what they make of an
operation.
"""
STRICT_CLASS = "__torch__.torch.jit.strict_fusion"
"""What archives have for ``strict_fusion``: a class whose methods do nothing."""


def strictly_fused(location: LocationAttr) -> LocationAttr:
    """`location`, in such a block."""
    return NameLoc(StringAttr(STRICT_FUSION), location)


def is_strictly_fused(location: Attribute) -> bool:
    """Whether an operation, or a call that led to it, is in such a block."""
    if isinstance(location, CallSiteLoc):
        return is_strictly_fused(location.callee) or is_strictly_fused(location.caller)
    return isinstance(location, NameLoc) and location.desc.data == STRICT_FUSION
