"""Shape arithmetic shared by the operator families, with PyTorch's error messages."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeVar

from tsc.dims import Dim, certainly_equal, is_one, take_as_factors
from tsc.errors import BoundsError, ShapeError
from tsc.ops.definition import TensorSpec

T = TypeVar("T")


def like_self(self: TensorSpec, *_: object) -> TensorSpec:
    """The shape rule of operators whose result has the shape and dtype of the first argument."""
    return self


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The shape all of `shapes` broadcast to.

    Raises:
        ShapeError: two sizes differ and neither is 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for i, extent in enumerate(shape, rank - len(shape)):
            if is_one(extent) or certainly_equal(extent, result[i]):
                continue
            if is_one(result[i]):
                result[i] = extent
                continue
            if extent == result[i] or extent == 1:
                continue
            if result[i] != 1:
                raise ShapeError(
                    f"The size of tensor a ({result[i]}) must match the size of tensor b ({extent}) at "
                    f"non-singleton dimension {i}"
                )
            result[i] = extent
    return tuple(result)


def require_expandable(shape: Sequence[int], target: Sequence[int]) -> None:
    """`shape` broadcasts to `target` without changing that: what is added to a result never makes it larger.

    Raises:
        ShapeError: there are more dims, or a size other than 1 would have to change.
    """
    lead = len(target) - len(shape)
    if lead < 0:
        raise ShapeError(
            f"expand: the number of sizes provided ({len(target)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({len(shape)})"
        )
    for i, n in enumerate(shape):
        if not is_one(n) and n not in (target[lead + i], 1):
            raise ShapeError(
                f"The expanded size of the tensor ({target[lead + i]}) must match the existing size ({n}) at "
                f"non-singleton dimension {lead + i}.  Target sizes: {list(target)}.  Tensor sizes: "
                f"{list(shape)}"
            )


def require_shape(what: str, shape: Sequence[int], wanted: Sequence[int]) -> None:
    """A parameter has the one shape that an operator takes, and is not broadcast.

    Raises:
        ShapeError: it has another.
    """
    if len(shape) != len(wanted) or any(n != m for n, m in zip(shape, wanted, strict=True)):
        raise ShapeError(f"{what}: requires the shape {list(wanted)}; got {list(shape)}")


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front.

    Raises:
        BoundsError: it is out of range.
    """
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    if not low <= dim <= high:
        raise BoundsError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    return dim % ndim if ndim else 0


def wrap_dims(dims: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Several dims counted from the front, sorted; None or an empty list means all of them."""
    if dims is None or (not isinstance(dims, (int, Dim)) and len(dims) == 0):
        return tuple(range(ndim))
    wrapped = [wrap_dim(d, ndim) for d in ([dims] if isinstance(dims, int) else dims)]
    if len(set(wrapped)) != len(wrapped):
        repeated = next(d for d in wrapped if wrapped.count(d) > 1)
        raise ShapeError(f"dim {repeated} appears multiple times in the list of dims")
    return tuple(sorted(wrapped)) if ndim else ()


def reduced(shape: Sequence[int], dims: Sequence[int], keepdim: bool) -> tuple[int, ...]:
    """`shape` with `dims` reduced to one or dropped."""
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def infer_size(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """`shape` with its -1 (if any) computed so that it has `size` elements.

    Raises:
        ShapeError: that is not possible.
    """
    shape = tuple(shape)
    known = prod(n for n in shape if n != -1)
    unknown = shape.count(-1)
    if unknown > 1:
        raise ShapeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)}")
    if unknown:
        take_as_factors(size, shape)
    if unknown and (known == 0 or size % known):
        raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    if not unknown and known != size:
        raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return tuple(size // known if n == -1 else n for n in shape)


def pair(values: int | Sequence[T], n: int = 2) -> tuple[int | T, ...]:
    """`values` repeated to `n` entries when there is only one."""
    given: tuple[int | T, ...] = (values,) if isinstance(values, (int, Dim)) else tuple(values)
    return given * n if len(given) == 1 else given


def window_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int = 1, ceil: bool = False
) -> int:
    """How many windows fit: the output size of pooling and convolution.

    Source: PyTorch aten/src/ATen/native/Pool.h, ``pooling_output_shape``.
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (span + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return count
