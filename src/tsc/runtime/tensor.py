"""`Tensor`: an n-dimensional array with PyTorch's methods, for programs without PyTorch."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import ArgumentError, DTypeError, OperatorError, ShapeError
from tsc.memory.conjugates import follow_writes
from tsc.runtime.graph import TABLE, find
from tsc.runtime.noting import (
    is_noted,
    is_write_noted,
    note_item_written,
    noted_item,
    operator_of,
)
from tsc.runtime.tensor_gradients import NO_NUMPY, NOT_COPIED, TensorGradients

CONVERSIONS = {
    "float": dtypes.F32, "double": dtypes.F64, "half": dtypes.F16, "bfloat16": dtypes.BF16,
    "long": dtypes.I64, "int": dtypes.I32, "short": dtypes.I16, "char": dtypes.I8, "byte": dtypes.U8,
    "bool": dtypes.BOOL,
}  # fmt: skip
"""Methods that convert elements: ``x.float()``."""


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.array
    return tuple(_plain(v) for v in value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType]


def _operator(name: str, reflected: bool = False) -> Callable[..., Tensor]:
    """Python's operator that is the operator `name`; `reflected` where the tensor stands on the right."""

    def method(self: Tensor, *others: Any) -> Any:
        from tsc.runtime.dispatch import operator_function

        if reflected:
            left = Tensor(
                np.asarray(
                    others[0],
                    dtype=np.result_type(others[0]) if not self.dtype.is_floating else self.array.dtype,
                )
            )
            return operator_function(name)(left, self)
        return operator_function(name)(self, *others)

    return method


class Tensor(TensorGradients):
    """A tensor over a NumPy array, which it shares; its methods are the operators: ``x.relu()``."""

    __slots__ = ("array", "variable")

    def __init__(self, array: object) -> None:
        self.array: np.ndarray[Any, Any] = np.asarray(array)
        self.variable = find(self.array) if TABLE else None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return self.array.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return dtypes.by_numpy(self.array.dtype)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    @property
    def T(self) -> Tensor:  # noqa: N802 - as PyTorch calls it
        """The same elements, the dims in reversed order."""
        return self._view("numpy_T", self.array.T)

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The matrices of the last two dims, each transposed.

        Raises:
            ShapeError: there are fewer dims.
        """
        if self.ndim < 2:
            raise ShapeError(f"tensor.mT: requires matrices or batches of them; got {self.ndim} dims")
        return self._view("mT", self.array.swapaxes(-1, -2))

    @property
    def H(self) -> Tensor:  # noqa: N802
        """The conjugate transpose of a matrix.

        Raises:
            ShapeError: it is none.
        """
        if self.ndim not in (0, 2):
            raise ShapeError(f"tensor.H: requires a matrix; got {self.ndim} dims")
        return operator_of("matrix_H")(self)

    @property
    def mH(self) -> Tensor:  # noqa: N802
        """The conjugate transposes of the matrices of the last two dims."""
        return operator_of("mH")(self)

    @property
    def real(self) -> Tensor:
        """The real parts, in the memory of the tensor."""
        return self._view("real", self.array.real)

    @property
    def imag(self) -> Tensor:
        """The imaginary parts, in the memory of the tensor.

        Raises:
            DTypeError: the numbers are real.
        """
        if not self.dtype.is_complex:
            raise DTypeError(f"imag: requires complex numbers; got {self.dtype!r}")
        return self._view("imag", self.array.imag)

    def _view(self, name: str, array: np.ndarray[Any, Any]) -> Tensor:
        """The tensor over an array that shows this one; where gradients flow, what an operator gives."""
        return operator_of(name)(self) if TABLE and is_noted(self.array) else Tensor(array)

    @property
    def data(self) -> Tensor:
        """The tensor in the same memory, of which nothing is recorded."""
        return Tensor(self.array.view())

    @data.setter
    def data(self, other: Tensor) -> None:
        self.rebase(other.array.view())

    @property
    def is_cuda(self) -> bool:
        """False: the memory is the CPU's."""
        return False

    @property
    def device(self) -> str:
        """Where the memory is."""
        return "cpu"

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.array.nbytes

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself; no copy.

        Raises:
            OperatorError: gradients are recorded of it.
        """
        if self.variable is not None and self.requires_grad:
            raise OperatorError(NO_NUMPY)
        return self.array

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self.array.tolist()

    def resize_(self, *sizes: Any) -> Tensor:
        """Give this tensor other sizes; it keeps as many of its elements, in order, as fit.

        Raises:
            OperatorError: gradients are recorded of it.
        """
        if self.requires_grad:
            raise OperatorError("cannot resize variables that require grad")
        wanted = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        self.array = np.resize(self.array, wanted)
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from tsc.runtime.dispatch import operator_function

        if name in CONVERSIONS:
            return lambda: operator_function("to")(self, CONVERSIONS[name])
        try:
            function = operator_function(name)
        except AttributeError:
            raise AttributeError(f"'Tensor' object has no attribute {name!r}") from None
        return lambda *arguments, **keywords: function(self, *arguments, **keywords)

    def __getitem__(self, key: object) -> Tensor:
        if TABLE and is_noted(self.array):
            return noted_item(self, key)
        return Tensor(self.array[_plain(key)])

    def __setitem__(self, key: object, value: object) -> None:
        if TABLE and is_write_noted(self.array, _plain(value)):
            note_item_written(self, key, value)
        else:
            self.array[_plain(key)] = _plain(value)
            follow_writes(self.array)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if TABLE and is_noted(self.array):
            return iter(operator_of("unbind")(self, 0))
        return (Tensor(row) for row in self.array)

    def __bool__(self) -> bool:
        if self.array.size != 1:
            many = "more than one value" if self.array.size else "no values"
            raise ArgumentError(f"Boolean value of Tensor with {many} is ambiguous")
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array.item())

    def __int__(self) -> int:
        return int(self.array.item())

    def __complex__(self) -> complex:
        return complex(self.array.item())

    def __index__(self) -> int:
        return operator.index(self.array)

    def __contains__(self, value: object) -> bool:
        return bool((self.array == _plain(value)).any())

    def __format__(self, spec: str) -> str:
        return format(self.array.item(), spec) if not self.ndim else format(repr(self), spec)

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __getstate__(self) -> Any:
        """What copies and pickles hold: nothing of the graph.

        Raises:
            OperatorError: it is a result that is recorded.
        """
        if not self.is_leaf:
            raise OperatorError(NOT_COPIED)
        names = [name for cls in type(self).__mro__ for name in getattr(cls, "__slots__", ())]
        state = {n: getattr(self, n) for n in names if n != "variable"}
        noted = {"requires_grad": self.requires_grad, "grad": self.grad}
        return state | {name: value for name, value in noted.items() if value is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.variable = None
        for name, value in state.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        from tsc.runtime.tensor_text import tensor_repr

        node = self.grad_fn
        if node is not None:
            return tensor_repr(self.array, f"grad_fn=<{node.name()}>")
        told = ("requires_grad=True",) if self.requires_grad else ()
        return tensor_repr(self.array, *told)

    __hash__ = object.__hash__
    __add__, __radd__ = _operator("add"), _operator("add", reflected=True)
    __sub__, __rsub__ = _operator("sub"), _operator("sub", reflected=True)
    __mul__, __rmul__ = _operator("mul"), _operator("mul", reflected=True)
    __truediv__, __rtruediv__ = _operator("div"), _operator("div", reflected=True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", reflected=True)
    __mod__, __rmod__ = _operator("remainder"), _operator("remainder", reflected=True)
    __pow__, __rpow__ = _operator("pow"), _operator("pow", reflected=True)
    __matmul__, __rmatmul__ = _operator("matmul"), _operator("matmul", reflected=True)
    __and__, __rand__ = _operator("__and__"), _operator("__and__", reflected=True)
    __or__, __ror__ = _operator("__or__"), _operator("__or__", reflected=True)
    __xor__, __rxor__ = _operator("__xor__"), _operator("__xor__", reflected=True)
    __lt__ = _operator("lt")
    __le__ = _operator("le")
    __gt__ = _operator("gt")
    __ge__ = _operator("ge")
    __eq__ = _operator("eq")  # pyright: ignore[reportAssignmentType] - elementwise
    __ne__ = _operator("ne")  # pyright: ignore[reportAssignmentType] - elementwise
    __neg__ = _operator("neg")
    __invert__ = _operator("bitwise_not")
    __abs__ = _operator("abs")
    __iadd__ = _operator("add_")
    __isub__ = _operator("sub_")
    __imul__ = _operator("mul_")
    __itruediv__ = _operator("div_")
