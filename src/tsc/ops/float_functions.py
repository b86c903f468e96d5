"""Elementwise functions that NumPy computes in float64, as operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import DTypeError
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import specs_of
from tsc.ops.promotion import result_dtype
from tsc.ops.shapes import broadcast

Register = Callable[[Callable[..., Any]], Callable[..., Any]]


def float_infer(*arguments: Any) -> TensorSpec:
    """The operands broadcast and promoted; integers become float32."""
    shapes = [a.shape for a in arguments if isinstance(a, TensorSpec)]
    dtype = result_dtype(arguments)
    return TensorSpec(broadcast(*shapes), dtype if dtype.is_floating else dtypes.F32)


def float_function(family: Family, *names: str, illegal: tuple[dtypes.DType, ...] = ()) -> Register:
    """The decorated function of float64 arrays is the meaning of `names`, of tensors and numbers.

    Results are float64 rounded to their dtype. Dtypes that are `illegal` are refused.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def infer(*arguments: Any) -> TensorSpec:
            spec = float_infer(*arguments)
            promoted = result_dtype(arguments)
            if promoted in illegal:
                raise DTypeError(f"{names[0]}: not implemented for '{promoted.scalar_type}'")
            return spec

        def on_arrays(*arguments: Any) -> Array:
            target = infer(*specs_of(arguments)).dtype.numpy
            with np.errstate(all="ignore"):
                return np.asarray(function(*(_wide(a) for a in arguments))).astype(target)

        family.op(*names, infer=infer, layout=ResultLayout.ELEMENTWISE)(on_arrays)
        return function

    return register


def _wide(argument: Any) -> Array:
    return np.asarray(argument).astype(np.float64)
