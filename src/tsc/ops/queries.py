"""Questions about a tensor, and the crossings between tensors and Python numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Category, Number
from tsc.errors import OperatorError
from tsc.narrowing import is_array
from tsc.ops.definition import Effect, Family, TensorSpec
from tsc.ops.int_ranges import COUNT, Ranging, always
from tsc.ops.number_functions import element_to_int, to_float
from tsc.ops.promotion import of_number
from tsc.ops.python_forms import python_form
from tsc.ops.shapes import wrap_dim
from tsc.ops.strides import element_strides

FAMILY = Family()


def _query(
    *names: str, python: str | None = None, ranging: Ranging | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A question answered by the spec alone: works on arrays and specs, through ``shape`` and ``dtype``."""

    def register(question: Callable[..., Any]) -> Callable[..., Any]:
        def on_array(self: Array, *rest: object) -> Any:
            return question(TensorSpec(self.shape, dtypes.by_numpy(self.dtype)), *rest)

        form = None if python is None else python_form(python)
        return FAMILY.op(*names, fold=question, kind="query", python=form, ranging=ranging)(on_array)

    return register


@_query("aten::size.int", python="{}.shape[{}]", ranging=always(COUNT))
def size_int(self: TensorSpec, dim: int) -> int:
    """The size of one dim."""
    return self.shape[wrap_dim(dim, self.ndim)]


@_query("aten::size", "aten::sym_size", python="list({}.shape)")
def size(self: TensorSpec) -> list[int]:
    """The sizes."""
    return list(self.shape)


@_query("aten::dim", python="{}.ndim", ranging=always(COUNT))
def dim(self: TensorSpec) -> int:
    """The number of dims."""
    return self.ndim


@_query("aten::len.Tensor", ranging=always(COUNT))
def length(self: TensorSpec) -> int:
    """The size of the first dim.

    Raises:
        TypeError: the tensor has no dims.
    """
    if not self.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self.shape[0]


@_query("aten::numel", ranging=always(COUNT))
def numel(self: TensorSpec) -> int:
    """The number of elements."""
    return self.size


@_query("prim::dtype")
def dtype(self: TensorSpec) -> int:
    """PyTorch's number of the element type."""
    return self.dtype.code


@_query("prim::layout")
def layout(self: TensorSpec) -> int:
    """Always strided."""
    return 0


@_query("prim::itemsize", "aten::element_size")
def itemsize(self: TensorSpec) -> int:
    """Bytes of one element."""
    return self.dtype.size_bytes


@_query("aten::is_floating_point")
def is_floating_point(self: TensorSpec) -> bool:
    """Whether the elements are real floats."""
    return self.dtype.is_floating


@_query("aten::is_complex")
def is_complex(self: TensorSpec) -> bool:
    """Whether the elements are complex."""
    return self.dtype.is_complex


@_query("aten::is_signed")
def is_signed(self: TensorSpec) -> bool:
    """Whether elements below zero exist."""
    return self.dtype.is_signed


@_query("prim::is_cpu")
def is_cpu(self: TensorSpec) -> bool:
    """Always."""
    return True


@_query(
    "prim::is_cuda", "prim::is_ipu", "prim::is_maia", "prim::is_meta", "prim::is_mkldnn", "prim::is_mps",
    "prim::is_mtia", "prim::is_nested", "prim::is_quantized", "prim::is_sparse", "prim::is_sparse_csr",
    "prim::is_vulkan", "prim::is_xla", "prim::is_xpu",
)  # fmt: skip
def never(self: TensorSpec) -> bool:
    """Never: tensors are dense, and on the CPU."""
    return False


@FAMILY.op("prim::requires_grad", effect=Effect.READS)
def requires_grad(self: Array) -> bool:
    """Whether gradients are wanted: never where nothing asks for any."""
    return False


@_query("prim::device")
def device(self: TensorSpec) -> str:
    """Always ``cpu``."""
    return "cpu"


@FAMILY.op("aten::stride", reads_layout=True)
def stride(self: Array) -> list[int]:
    """Steps between neighbours of each dim, in elements."""
    return element_strides(self)


@FAMILY.op("aten::stride.int", reads_layout=True)
def stride_int(self: Array, dim: int) -> int:
    """The step of one dim, in elements."""
    return element_strides(self)[wrap_dim(dim, self.ndim)]


@FAMILY.op("aten::storage_offset", reads_layout=True)
def storage_offset(self: Array) -> int:
    """The distance from the start of the memory this is a view of, in elements."""
    root: Array = self
    while is_array(root.base):
        root = root.base
    return (self.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // self.itemsize


@FAMILY.op("aten::is_contiguous", "aten::is_contiguous.memory_format", reads_layout=True)
def is_contiguous(self: Array, memory_format: int = 0) -> bool:
    """Whether the elements lie in row-major order, or for ``channels_last`` with the channels innermost."""
    if memory_format == 2:
        return self.ndim == 4 and self.transpose(0, 2, 3, 1).flags.c_contiguous
    return self.flags.c_contiguous


@FAMILY.op("prim::data")
def data(self: Array) -> Array:
    """The same tensor."""
    return self.view()


def _implicit(name: str, convert: Callable[[Any], Any]) -> None:
    @FAMILY.op(name, kind="item")
    def number(a: Array) -> Number:
        """The only element of a 0-dim tensor, where a number is wanted.

        Raises:
            OperatorError: the tensor has dimensions, or its elements are no integers where one is wanted.
        """
        if a.ndim:
            raise OperatorError("Cannot input a tensor of dimension other than 0 as a scalar argument")
        dtype = dtypes.by_numpy(a.dtype)
        if convert is int and dtype.category is not Category.INTEGRAL:
            raise OperatorError(f"Cannot input a tensor of type {dtype.scalar_type} as an integral argument")
        return convert(a.item())


_implicit("aten::ScalarImplicit", lambda number: number)
_implicit("aten::IntImplicit", int)
_implicit("aten::FloatImplicit", float)
_implicit("aten::ComplexImplicit", complex)


@FAMILY.op("aten::item", kind="item", python=python_form("{0}.item()"))
def item(self: Array) -> Number:
    """The only element, as a Python number.

    Raises:
        RuntimeError: there is not exactly one.
    """
    if self.size != 1:
        raise RuntimeError(f"a Tensor with {self.size} elements cannot be converted to Scalar")
    return self.item()


def _conversion(name: str, convert: Callable[[Any], Any], kind: type) -> None:
    @FAMILY.op(f"aten::{name}.Tensor", kind="item")
    def to_number(a: Array) -> Number:
        if a.size != 1:
            item(a)  # raises
        number = a.item()
        return number if type(number) is kind else convert(number)


_conversion("Int", element_to_int, int)
_conversion("Float", to_float, float)
_conversion("Bool", bool, bool)


@FAMILY.op("aten::is_nonzero", kind="item", python=python_form("bool({0}.item())"))
def is_nonzero(self: Array) -> bool:
    """Whether the only element is nonzero."""
    if self.size != 1:
        what = "no values" if self.size == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
    return bool(self.item())


def _number_spec(a: Number) -> TensorSpec:
    return TensorSpec((), dtypes.F64 if isinstance(a, float) else of_number(a))


@FAMILY.op("prim::NumToTensor.Scalar", "prim::NumToTensor.bool", infer=_number_spec)
def number_to_tensor(a: Number) -> Array:
    """A 0-dim tensor: int64, float64 or bool."""
    return np.asarray(a, dtype=_number_spec(a).dtype.numpy)


def _scalar_tensor_infer(s: Number, dtype: int | None, *_: object) -> TensorSpec:
    return TensorSpec((), dtypes.F32 if dtype is None else dtypes.by_code(dtype))


@FAMILY.op(
    "aten::scalar_tensor",
    infer=_scalar_tensor_infer,
)
def scalar_tensor(
    s: Number, dtype: int | None, layout: int | None, device: object, pin_memory: bool | None
) -> Array:
    """A 0-dim tensor, float32 unless `dtype` says otherwise."""
    return np.asarray(s, dtype=(dtypes.F32 if dtype is None else dtypes.by_code(dtype)).numpy)


@FAMILY.op("prim::tolist", kind="python")
def to_list(self: Any, depth: int, element: int) -> Any:
    """The elements as lists `depth` deep of ints (`element` 0), floats (1), bools (2) or complex numbers (3).

    Raises:
        OperatorError: the tensor has another number of dims, or elements of another kind.
    """
    if depth != self.ndim:
        raise OperatorError(
            "Output annotation list dimension and runtime tensor dimension must match for tolist()"
        )
    kinds = (("int64",), ("float32", "float64"), ("bool",), ("complex64", "complex128"))
    if str(self.dtype) not in kinds[element]:
        raise OperatorError(
            "Output annotation element type and runtime tensor element type must match for tolist()"
        )
    return self.tolist()
