"""Rules: tensors made of numbers, and numbers of tensors."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import Array
from tsc.onnx.graphs import Emitter, NoFormError, Rule, Rules, Tensor


def filled(g: Emitter, value: Any) -> str:
    """One number everywhere, in the shape and dtype of the result."""
    return g("Expand", g.number(value, g.result.dtype), g.sizes(g.result.shape))


def full_of(value: Any) -> Rule:
    """A number that the operator's name says; the result has all that its arguments say."""

    def fill(g: Emitter, *_: Any) -> str:
        return filled(g, value)

    return fill


def full(g: Emitter, _: Any, value: Any, *__: Any) -> str:
    """A number that is given."""
    return filled(g, value)


def new_full(g: Emitter, x: Tensor, size: Any, value: Any, *_: Any) -> str:
    """The same, as another tensor is."""
    return filled(g, value)


def full_of_second(g: Emitter, x: Tensor, value: Any) -> str:
    """A number in place of all elements."""
    return filled(g, value)


def copied(g: Emitter, x: Tensor, source: Tensor, *_: Any) -> str:
    """Other elements in place of all."""
    return g("Expand", g.cast(source, x.dtype), g.sizes(x.shape))


def arange(g: Emitter, end: Any, *_: Any) -> str:
    """0, 1, 2, ..."""
    return arange_step(g, 0, end, 1)


def arange_start(g: Emitter, start: Any, end: Any, *_: Any) -> str:
    """Numbers from one on."""
    return arange_step(g, start, end, 1)


def arange_step(g: Emitter, start: Any, end: Any, step: Any, *_: Any) -> str:
    """Numbers in steps."""
    dtype = g.result.dtype
    if any(isinstance(v, Tensor) for v in (start, end, step)):
        raise NoFormError("requires bounds that are known")
    computed = dtype if dtype in (dtypes.I64, dtypes.I32, dtypes.F32, dtypes.F64) else dtypes.F32
    found = g("Range", *(g.number(v, computed) for v in (start, end, step)))
    return found if computed is dtype else g.casted(found, dtype)


def eye(g: Emitter, n: Any, m: Any = None, *_: Any) -> str:
    """Ones on the diagonal."""
    rows, columns = g.result.shape
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise NoFormError("requires sizes that are known")
    return g.constant(np.eye(rows, columns).astype(g.result.dtype.numpy))


def linspace(g: Emitter, start: Any, end: Any, steps: Any, *_: Any) -> str:
    """Numbers from one to another, as far apart as each other."""
    if any(isinstance(v, (Tensor, Dim)) for v in (start, end, steps)):
        raise NoFormError("requires bounds that are known")
    points = cast("Array", np.linspace(start, end, int(steps)))
    return g.constant(points.astype(g.result.dtype.numpy))


def scalar(g: Emitter, value: Any, *_: Any) -> str:
    """A number as a tensor without dims, or the other way."""
    if isinstance(value, Tensor):
        return g("Reshape", g.cast(value, g.result.dtype), g.sizes([]))
    return g.number(value, g.result.dtype)


def table(g: Emitter, values: Any, *_: Any) -> str:
    """Numbers that the program lists."""
    try:
        return g.constant(np.array(values).astype(g.result.dtype.numpy))
    except (TypeError, ValueError):
        raise NoFormError("requires numbers that are known") from None


CREATION: Rules = {
    **{f"{name}{form}": full_of(value) for name, value in (("zeros", 0), ("ones", 1))
       for form in ("", "_like")},
    "empty_like": full_of(0),
    "new_zeros": full_of(0), "new_ones": full_of(1), "new_empty": full_of(0),
    "empty.memory_format": full_of(0),
    "fill.Scalar": full_of_second, "fill.Tensor": copied, "copy": copied,
    "full": full, "full_like": full, "new_full": new_full,
    "arange": arange, "arange.start": arange_start, "arange.start_step": arange_step,
    "linspace": linspace, "as_tensor.list": table, "eye": eye,
    "eye.m": eye,
    "tensor": table, "scalar_tensor": scalar, "tensor.int": scalar, "tensor.float": scalar,
    "tensor.bool": scalar,
    "prim::NumToTensor.Scalar": scalar, "prim::NumToTensor.bool": scalar,
    **{f"{name}.Tensor": scalar for name in ("Int", "Float", "Bool")},
    **{name: scalar for name in ("item", "ScalarImplicit", "IntImplicit", "FloatImplicit")},
}  # fmt: skip
"""By the operator's name."""
