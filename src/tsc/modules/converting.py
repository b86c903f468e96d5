"""`ModuleConversions`: dtypes of the tensors of script modules, and what else changes them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from tsc import dtypes
from tsc.dialects.torch_types import TENSOR
from tsc.dtypes import Category, DType
from tsc.errors import ArgumentError
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.modules.walking import ModuleWalking, is_parameter, is_state
from tsc.narrowing import is_array
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs

Change = Callable[[Any], Any]
"""What makes one tensor of another."""
REAL = frozenset([Category.FLOATING])
INEXACT = frozenset([Category.FLOATING, Category.COMPLEX])


class ModuleConversions(ModuleWalking):
    """The part of a script module that changes all its tensors."""

    def to(self, *arguments: object, **keywords: object) -> Self:
        """Convert floating and complex parameters and buffers: to a dtype, or as a tensor is.

        Everything lies on the CPU: a device may say so, and nothing else.

        Raises:
            TypeError: the dtype is no floating and no complex one.
            ArgumentError: the device is another one.
        """
        dtype: DType | None = None
        for value in (*arguments, *keywords.values()):
            dtype = _dtype_of(value) or dtype
        if dtype is None:
            return self
        if dtype.category not in INEXACT:
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype=torch.{dtype.name}"
            )
        return self._apply(lambda tensor: _cast(tensor, dtype, INEXACT))

    def float(self) -> Self:
        """Floating parameters and buffers become float32."""
        return self._apply(lambda tensor: _cast(tensor, dtypes.F32, REAL))

    def double(self) -> Self:
        """Floating parameters and buffers become float64."""
        return self._apply(lambda tensor: _cast(tensor, dtypes.F64, REAL))

    def half(self) -> Self:
        """Floating parameters and buffers become float16."""
        return self._apply(lambda tensor: _cast(tensor, dtypes.F16, REAL))

    def type(self, dst_type: object) -> Self:
        """All parameters and buffers become tensors of one dtype."""
        dtype = _dtype_of(dst_type)
        if dtype is None:
            raise TypeError(f"type: requires a dtype; got {dst_type!r}")
        return self._apply(lambda tensor: _cast(tensor, dtype, frozenset(Category)))

    def cpu(self) -> Self:
        """The module: everything lies on the CPU."""
        return self

    def share_memory(self) -> Self:
        """Move PyTorch's tensors to memory that processes share."""
        return self._apply(lambda tensor: getattr(tensor, "share_memory_", lambda: tensor)())

    def _apply(self, fn: Change, recurse: bool = True) -> Self:
        """Replace the tensors by what `fn` makes of them; parameters stay the objects they are."""
        for _, held in self._walk(self._object, "", set()) if recurse else [("", self._object)]:
            for name, value in list(held.attributes.items()):
                if is_array(value) and is_state(held, name):
                    _replace(held, name, fn, self._held_tensor(held, name))
        return self

    def apply(self, fn: Callable[[Any], None]) -> Self:
        """Call `fn` with every module below this one, then with this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the parameters, or set them to zero."""
        for tensor in self.parameters():
            if getattr(tensor, "grad", None) is not None:
                tensor.grad = None if set_to_none else tensor.grad.detach().zero_()

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether gradients of the parameters are recorded."""
        for _, held in self._walk(self._object, "", set()):
            held.untrained = frozenset() if requires_grad else held.cls.parameters
            for name in held.cls.parameters:
                tensor = held.tensor(name)
                if tensor is not None:
                    tensor.requires_grad_(requires_grad)
        return self


def _replace(held: ScriptObject, name: str, fn: Change, tensor: Any) -> None:
    if held.tensor(name) is not None and is_parameter(held, name):
        data = fn(tensor.data)
        tensor.data = Tensor(data) if is_array(data) else data
        made = tensor
    else:
        made = fn(tensor)
        if name in held.live:
            held.live[name] = made
    held.attributes[name] = Inputs().convert(made, TENSOR, name)


def _dtype_of(value: Any) -> DType | None:
    """The dtype that an argument of ``to`` asks for; None where it asks for none."""
    if isinstance(value, DType):
        return value
    if torch_interop.is_tensor(value):
        value = value.dtype
    known = torch_interop.constant_of(value)
    if known is not None and known[0] == "dtype":
        return dtypes.by_code(known[1])
    device = (
        value if isinstance(value, str) else known[1] if known is not None and known[0] == "device" else None
    )
    if device is not None and not torch_interop.is_cpu(device):
        raise ArgumentError(f"to: requires the CPU; got device {device!r}")
    if device is None and known is None and not isinstance(value, (bool, type(None))):
        raise ArgumentError(f"to: requires a dtype, a device or a tensor; got {value!r}")
    return None


def _cast(tensor: Any, dtype: DType, categories: frozenset[Category]) -> Any:
    """`tensor` with another dtype if its own is of one of the categories."""
    array = Inputs().convert(tensor, TENSOR, "tensor")
    if dtypes.by_numpy(array.dtype).category not in categories:
        return tensor
    if torch_interop.is_tensor(tensor):
        return tensor.to(getattr(torch_interop.torch(), dtype.name))
    return array.astype(dtype.numpy)
