# pyright: reportUnknownMemberType=false
"""Whether a function is native, and gives what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import tsc


def assert_native(
    function: Callable[..., Any], *arguments: Any, exact: bool = True, tolerance: float | None = None
) -> None:
    """What native code gives is what PyTorch gives, to the bit where `exact`, and lies as it does."""
    script = tsc.script(function)
    script(*arguments)
    found, wanted = script(*arguments), function(*arguments)
    assert script.last.is_native, script.last.reason
    pairs = zip(*((r,) if isinstance(r, Tensor) else r for r in (found, wanted)), strict=True)
    for mine, theirs in pairs:
        assert mine.stride() == theirs.stride()
        is_rounded = theirs.is_floating_point() and not exact
        within = (tolerance or 8 * torch.finfo(theirs.dtype).eps) if is_rounded else 0.0
        torch.testing.assert_close(mine, theirs, equal_nan=True, rtol=within, atol=within)
