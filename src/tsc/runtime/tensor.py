"""`Tensor`: an n-dimensional array with PyTorch's methods, for programs without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType


class Tensor:
    """A tensor over a NumPy array, which it shares; its methods are the operators: ``x.relu()``."""

    __slots__ = ("array",)

    def __init__(self, array: object) -> None:
        self.array: np.ndarray[Any, Any] = np.asarray(array)

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

    def numpy(self) -> np.ndarray[Any, Any]:
        """The array itself; no copy."""
        return self.array

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self.array.tolist()

    def resize_(self, *sizes: Any) -> Tensor:
        """Give this tensor other sizes; it keeps as many of its elements, in order, as fit."""
        wanted = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        self.array = np.resize(self.array, wanted)
        return self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from tsc.runtime.dispatch import operator_function

        try:
            function = operator_function(name)
        except AttributeError:
            raise AttributeError(f"'Tensor' object has no attribute {name!r}") from None
        return lambda *arguments, **keywords: function(self, *arguments, **keywords)

    def __getitem__(self, key: object) -> Tensor:
        return Tensor(self.array[_plain(key)])

    def __setitem__(self, key: object, value: object) -> None:
        self.array[_plain(key)] = _plain(value)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        return (Tensor(row) for row in self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.array, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", prefix="tensor(")
        suffix = "" if self.dtype in (dtypes.F32, dtypes.I64, dtypes.BOOL) else f", dtype={self.dtype!r}"
        return f"tensor({body}{suffix})"

    __hash__ = object.__hash__


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.array
    return tuple(_plain(v) for v in value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownVariableType]


def _operator(name: str, reflected: bool = False) -> Callable[..., Any]:
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


for _symbol, _name in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", 
    "mod": "remainder", "pow": "pow", "matmul": "matmul", "and": "__and__", "or": "__or__", "xor": "__xor__",
}.items():  # fmt: skip
    setattr(Tensor, f"__{_symbol}__", _operator(_name))
    setattr(Tensor, f"__r{_symbol}__", _operator(_name, reflected=True))
for _symbol in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_symbol}__", _operator(_symbol))
for _symbol, _name in {"neg": "neg", "invert": "bitwise_not", "abs": "abs"}.items():
    setattr(Tensor, f"__{_symbol}__", _operator(_name))
for _symbol, _name in {"iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_"}.items():
    setattr(Tensor, f"__{_symbol}__", _operator(_name))
