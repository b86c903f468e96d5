"""Tensors that modules own: parameters, and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import DType
from tsc.errors import ArgumentError
from tsc.interop import torch as torch_interop
from tsc.runtime.dispatch import requiring
from tsc.runtime.tensor import Tensor


def _array(data: object) -> object:
    """The memory that a new tensor is over: another array, since it may require gradients on its own."""
    return (
        np.empty(0, np.float32)
        if data is None
        else (data.array if isinstance(data, Tensor) else np.asarray(data)).view()
    )


class Parameter(Tensor):
    """A tensor that is a parameter of the module it is assigned to, and requires gradients unless told not
    to.

    Raises:
        OperatorError: it is to require gradients, and holds integers.
    """

    __slots__ = ()

    def __init__(self, data: object = None, requires_grad: bool = True) -> None:
        super().__init__(_array(data))
        requiring(self, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that is state of the module it is assigned to, but no parameter."""

    __slots__ = ("persistent",)

    def __init__(self, data: object = None, *, persistent: bool = True) -> None:
        super().__init__(_array(data))
        self.persistent = persistent
        """Whether state dicts have it."""


def require_cpu(device: object) -> None:
    """
    Raises:
        ArgumentError: it is another device than the CPU.
    """
    if device is not None and not torch_interop.is_cpu(device):
        raise ArgumentError(f"device: requires None or a CPU device; got {device!r}")


def new_tensor(shape: int | Sequence[int], device: object = None, dtype: DType | None = None) -> Tensor:
    """A tensor whose elements nobody has set yet; float32 where no dtype is given."""
    require_cpu(device)
    return Tensor(np.empty(shape, (dtypes.F32 if dtype is None else dtype).numpy))


def new_parameter(
    shape: int | Sequence[int], device: object = None, dtype: DType | None = None, requires_grad: bool = True
) -> Parameter:
    """A parameter whose elements nobody has set yet."""
    return Parameter(new_tensor(shape, device, dtype), requires_grad)


def array_of(value: Any) -> np.ndarray[Any, Any]:
    """The memory of a tensor, ours or PyTorch's, or what NumPy has as an array."""
    if isinstance(value, Tensor):
        return value.array
    return torch_interop.to_numpy(value) if torch_interop.is_tensor(value) else np.asarray(value)
