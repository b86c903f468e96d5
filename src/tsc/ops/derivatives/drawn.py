"""Operators whose gradients need what they drew: noted as the draw, which depends on no element, and what is
done with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Operator


def _dropout(name: str) -> Callable[..., AnyTensor]:
    def parts(aten: Aten, input: AnyTensor, p: float, train: bool) -> AnyTensor:
        """The elements times what ones become."""
        if not train or p == 0:
            return input
        return aten("mul.Tensor", input, aten(name, aten("ones_like", input), p, train))

    return parts


_PARTS = {f"aten::{name}": _dropout(name) for name in ("dropout", "feature_dropout")}


def drawn_parts(operator: Operator) -> Callable[..., Any] | None:
    """The operator in parts, ``parts(aten, *arguments)``; None where it needs none."""
    return _PARTS.get(operator.name)
