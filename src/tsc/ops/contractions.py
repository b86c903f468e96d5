"""Contractions: matrix products and linear layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType, Number, Real
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.kernel_builder import Body, BodyBuilder, KernelBuilder, KernelValue, Output, affine, dim
from tsc.ops.parts_emitter import Part, Parts, PartsEmitter
from tsc.ops.promotion import computation_dtype
from tsc.ops.scalar import Scalar
from tsc.ops.shapes import broadcast, require_expandable

FAMILY = Family()


def multiply_add(dtype: DType) -> Body:
    """The body of a contraction: a product of two elements, in `dtype`, added to the accumulator."""

    def body(_: BodyBuilder, inputs: list[Scalar], accumulators: list[Scalar]) -> list[Scalar]:
        return [accumulators[0] + inputs[0].to(dtype) * inputs[1].to(dtype)]

    return body


def require_same_dtype(name: str, a: TensorSpec, b: TensorSpec) -> DType:
    """The dtype `a` and `b` share.

    Raises:
        DTypeError: they differ.
    """
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{name}: expected m1 and m2 to have the same dtype, but got: {a.dtype.scalar_type} != "
            f"{b.dtype.scalar_type}"
        )
    return a.dtype


def _matmul_infer(self: TensorSpec, other: TensorSpec) -> TensorSpec:
    dtype = require_same_dtype("matmul", self, other)
    if not self.ndim or not other.ndim:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {self.ndim}D and {other.ndim}D"
        )
    a = self.shape if self.ndim > 1 else (1, *self.shape)
    b = other.shape if other.ndim > 1 else (*other.shape, 1)
    if a[-1] != b[-2]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({'x'.join(map(str, a[-2:]))} and "
            f"{'x'.join(map(str, b[-2:]))})"
        )
    rows = a[-2:-1] if self.ndim > 1 else ()
    columns = b[-1:] if other.ndim > 1 else ()
    spec = TensorSpec((*broadcast(a[:-2], b[:-2]), *rows, *columns), dtype)
    if dtype is dtypes.BOOL and (spec.ndim == 0 or (spec.size and a[-1] != 0)):
        refuse_bools("matmul", dtype)
    return spec


def refuse_bools(name: str, dtype: DType) -> None:
    """Sums of products, where there are any, are of numbers.

    Raises:
        DTypeError: they are of bools.
    """
    if dtype is dtypes.BOOL:
        raise DTypeError(f"\"{name}\" not implemented for 'Bool'")


def _matmul_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    a, b = arguments
    spec = _matmul_infer(a.spec, b.spec)
    batch = spec.shape[: spec.ndim - (a.spec.ndim > 1) - (b.spec.ndim > 1)]
    rank = spec.ndim + 1
    m, n, k = len(batch), rank - 2, rank - 1
    left = _batch_results(a.spec.shape[:-2], batch) + ([dim(m)] if a.spec.ndim > 1 else []) + [dim(k)]
    right = _batch_results(b.spec.shape[:-2], batch) + [dim(k)] + ([dim(n)] if b.spec.ndim > 1 else [])
    wide = computation_dtype(spec.dtype)
    output = Output(TensorSpec(spec.shape, wide), affine(rank, [dim(i) for i in range(rank - 1)]), 0)
    pairs = [(a, affine(rank, left)), (b, affine(rank, right))]
    product = kernel.generic(pairs, [output], "p" * (rank - 1) + "r", multiply_add(wide), "aten::matmul")[0]
    return kernel.convert(product, spec.dtype)


def _batch_results(shape: Sequence[int], batch: Sequence[int]) -> list[Any]:
    lead = len(batch) - len(shape)
    return [0 if n == 1 and batch[lead + i] != 1 else dim(lead + i) for i, n in enumerate(shape)]


def computed_wide(x: Array) -> Array:
    """`x` in the dtype arithmetic on it is done in."""
    return x.astype(computation_dtype(dtypes.by_numpy(x.dtype)).numpy, copy=False)


def _product_in_parts(name: str) -> Callable[..., Parts]:
    """Four real products, of complex matrices."""

    def in_parts(aten: Aten, self: Any, other: Any) -> Parts:
        emitter = PartsEmitter(aten)
        a, b = (x if isinstance(x, Parts) else Parts(x, 0.0) for x in (self, other))

        def product(x: Part, y: Part) -> Part:
            return 0.0 if isinstance(x, float) or isinstance(y, float) else aten(name, x, y)

        real = emitter.subtract(product(a.real, b.real), product(a.imag, b.imag))
        return Parts(real, emitter.add(product(a.real, b.imag), product(a.imag, b.real)))

    return in_parts


@FAMILY.op(
    "aten::matmul", infer=_matmul_infer, lower=_matmul_lower, kind="contraction",
    in_parts=_product_in_parts("matmul"),
)  # fmt: skip
def matmul(self: Array, other: Array) -> Array:
    """The matrix product; leading dims broadcast; 1-dim arguments are a row or a column."""
    _matmul_infer(spec_of(self), spec_of(other))
    return np.asarray(np.matmul(computed_wide(self), computed_wide(other))).astype(self.dtype, copy=False)


def _fixed_rank(name: str, rank: int) -> None:
    def infer(self: TensorSpec, mat2: TensorSpec) -> TensorSpec:
        if self.ndim != rank or mat2.ndim != rank:
            raise ShapeError(f"{name}: requires {rank}-dim tensors; got {self.ndim} and {mat2.ndim} dims")
        if self.shape[:-2] != mat2.shape[:-2]:
            raise ShapeError(
                f"{name}: requires equal batch sizes; got {list(self.shape)} and {list(mat2.shape)}"
            )
        return _matmul_infer(self, mat2)

    @FAMILY.op(
        f"aten::{name}",
        infer=infer,
        lower=_matmul_lower,
        kind="contraction",
        in_parts=_product_in_parts(name),
    )
    def product(self: Array, mat2: Array) -> Array:
        infer(spec_of(self), spec_of(mat2))
        return matmul(self, mat2)


_fixed_rank("mm", 2)
_fixed_rank("bmm", 3)


@composite(FAMILY, "aten::mv")
def mv(aten: Aten, self: AnyTensor, vec: AnyTensor) -> AnyTensor:
    """The product of a matrix and a vector."""
    _require_ranks(aten, "mv", (self, 2), (vec, 1))
    return aten("matmul", self, vec)


@composite(FAMILY, "aten::dot")
def dot(aten: Aten, self: AnyTensor, tensor: AnyTensor) -> AnyTensor:
    """The product of two vectors."""
    _require_ranks(aten, "dot", (self, 1), (tensor, 1))
    return aten("matmul", self, tensor)


@composite(FAMILY, "aten::inner", layout=ResultLayout.ELEMENTWISE)
def inner(aten: Aten, self: AnyTensor, other: AnyTensor) -> AnyTensor:
    """Sums of products over the last dims."""
    if not aten.shape(self) or not aten.shape(other):
        return aten("mul.Tensor", self, other)
    a, b = list(aten.shape(self)), list(aten.shape(other))
    if a[-1] != b[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes {a} and {b}"
        )
    columns = aten("reshape", other, [prod(b[:-1]), b[-1]])
    return aten("reshape", aten("linear", self, columns), [*a[:-1], *b[:-1]])


def _require_ranks(aten: Aten, name: str, *pairs: tuple[Any, int]) -> None:
    if any(len(aten.shape(x)) != rank for x, rank in pairs):
        raise ShapeError(
            f"{name}: requires tensors of {[rank for _, rank in pairs]} dims; got "
            f"{[len(aten.shape(x)) for x, _ in pairs]}"
        )


def _plus_product(aten: Aten, self: AnyTensor, product: AnyTensor, beta: Number, alpha: Number) -> AnyTensor:
    require_expandable(aten.shape(self), aten.shape(product))
    if aten.dtype(product).is_integral:
        alpha, beta = (int(cast("Real", n)) for n in (alpha, beta))
    scaled = product if alpha == 1 else aten("mul.Scalar", product, alpha)
    if beta == 0:
        return scaled
    return aten("add.Tensor", scaled, self if beta == 1 else aten("mul.Scalar", self, beta))


def _fixed_rank_sum(name: str, product: str) -> None:
    @composite(FAMILY, f"aten::{name}")
    def sum_with_product(
        aten: Aten, self: AnyTensor, a: AnyTensor, b: AnyTensor, beta: Number, alpha: Number
    ) -> AnyTensor:
        """``beta * self + alpha * (a @ b)``, of the product's shape."""
        return _plus_product(aten, self, aten(product, a, b), beta, alpha)


_fixed_rank_sum("addmm", "mm")
_fixed_rank_sum("baddbmm", "bmm")
_fixed_rank_sum("addmv", "mv")


def _linear_infer(input: TensorSpec, weight: TensorSpec, bias: TensorSpec | None) -> TensorSpec:
    if weight.ndim > 2:
        raise ShapeError(f"linear: requires a weight of 1 or 2 dims; got {weight.ndim}")
    transposed = TensorSpec(weight.shape[::-1], weight.dtype)
    spec = _matmul_infer(input, transposed)
    if bias is not None:
        _require_bias(input, weight, spec, bias)
    return spec


def bias_shape(input: Sequence[int], bias: Sequence[int]) -> Sequence[int]:
    """The shape in which a bias is added to the product of an input and a weight. One that is a line (other
    dims are 1) is added to the product of two matrices, the rows of all batches as one, which is how PyTorch
    does it for contiguous tensors: a column has an element for each row. Others are added in place.

    Source: PyTorch aten/src/ATen/native/Linear.cpp, ``linear``.
    """
    if len(bias) != 2 or len(input) == 2 or not _is_line(bias):
        return bias
    return bias[1:] if bias[0] == 1 else (*input[:-1], bias[1])


def _is_line(bias: Sequence[int]) -> bool:
    return len(bias) == 1 or (len(bias) > 1 and sum(n != 1 for n in bias) == 1)


def _require_bias(input: TensorSpec, weight: TensorSpec, product: TensorSpec, bias: TensorSpec) -> None:
    """A bias can be added to the product. One that is added in place may have another dtype.

    Raises:
        ShapeError: it is none of such a product.
        DTypeError: it has a dtype that is not added there.
    """
    shape = bias.shape
    if input.ndim != 2 and not _is_line(shape):
        if bias.dtype.category > product.dtype.category:
            raise DTypeError(
                f"result type {bias.dtype.scalar_type} can't be cast to the desired output type "
                f"{product.dtype.scalar_type}"
            )
        require_expandable(shape, product.shape)
        return
    require_same_dtype("linear", input, bias)
    if weight.ndim != 2:
        raise ShapeError(f"linear: requires a weight of 2 dims; got {weight.ndim}")
    require_expandable(shape, (prod(input.shape[:-1]), weight.shape[0]))


def _linear_lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> KernelValue:
    x, weight, bias = arguments
    transposed = weight.view(
        weight.spec.shape[::-1], [dim(weight.spec.ndim - 1 - i) for i in range(weight.spec.ndim)]
    )
    product = _matmul_lower(kernel, [x, transposed])
    if bias is None:
        return product
    spec = _linear_infer(x.spec, weight.spec, bias.spec)
    shaped = kernel.reshape(bias, bias_shape(x.spec.shape, bias.spec.shape))
    return kernel.elementwise([product, kernel.convert(shaped, spec.dtype)], spec, lambda a, b: a + b, "bias")


@FAMILY.op("aten::linear", infer=_linear_infer, lower=_linear_lower, kind="contraction")
def linear(input: Array, weight: Array, bias: Array | None) -> Array:
    """``input @ weight.T + bias``."""
    _linear_infer(spec_of(input), spec_of(weight), None if bias is None else spec_of(bias))
    product = np.matmul(computed_wide(input), computed_wide(weight.T))
    if bias is not None:
        product = product + computed_wide(bias).reshape(bias_shape(input.shape, bias.shape))
    return np.asarray(product).astype(input.dtype, copy=False)
