"""Functions and calls that no specialization describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.frontend.unit import Function, FunctionParameter
from tsc.runtime.values import holds_device


def is_dynamic(function: Function) -> bool:
    """Whether a parameter may hold values of several types, or the result devices."""
    varies = any(p.type is tt.ANY or isinstance(p.type, tt.UnionType) for p in function.parameters)
    return varies or (function.result is not None and holds_device(function.result))


def has_undefined_tensor(values: Sequence[Any], parameters: Sequence[FunctionParameter]) -> bool:
    """Whether a tensor is None."""
    return any(
        v is None and isinstance(p.type, tt.TensorType) for v, p in zip(values, parameters, strict=True)
    )
