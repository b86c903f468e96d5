"""The generic tier on PyTorch's own tensors and operators, for calls whose gradients PyTorch records or that
something of PyTorch watches.

Everything but tensors is as in the generic tier: the same generated Python, other operators behind its names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any, cast

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import wanting_test, watching_test
from tsc.narrowing import is_dict, is_list
from tsc.ops.python_forms import PythonForm
from tsc.ops.registry import find
from tsc.runtime.generators import with_torch_generators
from tsc.runtime.lending import Lending, to_numpy, to_torch
from tsc.runtime.operators import Operators
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs, SharedContainer


class TorchInputs(Inputs):
    """Keeps PyTorch's tensors as they are."""

    def _tensor(self, value: object, kind: TorchType, name: str) -> Any:
        if value is None or torch_interop.is_tensor(value):
            return value
        return torch_interop.from_numpy(super()._tensor(value, kind, name))

    def _shared(self, value: SharedContainer, kind: TorchType, name: str) -> Any:
        """The program's own list or dict: without tensors, which would have to be PyTorch's in it.

        Raises:
            NotSupportedError: it holds tensors.
        """
        if _has_tensor(value.kind):
            raise NotSupportedError(
                f"argument '{name}': requires a list or dict of Python where gradients are recorded; got one "
                "that `script` made, of tensors"
            )
        return super()._shared(value, kind, name)


class TorchOperators(Operators):
    """PyTorch's operators where tensors take part, our own elsewhere.

    Lists and dicts among the attributes are lent to a call (`tsc.runtime.lending`), so that what it writes to
    them stays.
    """

    def __init__(self) -> None:
        self.lending = Lending()

    def python(self, schema: Schema) -> PythonForm | None:
        """Python is written for NumPy's arrays alone."""
        return None

    def find(self, schema: Schema) -> Callable[..., Any] | None:
        """What runs an operator."""
        if schema.name == "aten::tensor":
            return _new_tensor
        if schema.full_name in METADATA:
            return METADATA[schema.full_name]
        kinds = [a.type for a in (*schema.arguments, *schema.results)]
        if any(_has_tensor(k) for k in kinds):
            operator = torch_interop.overload(schema.full_name)
            return None if operator is None else _with_generators(_with_keywords(operator, schema), schema)
        if schema.name in ("aten::is_grad_enabled", "aten::set_grad_enabled"):
            return torch_interop.overload(schema.full_name)
        return super().find(schema)

    def literal(self, array: np.ndarray[Any, Any]) -> Any:
        """A constant."""
        return torch_interop.from_numpy(array)

    def attribute(self, held: str, name: str) -> str | None:
        """Attributes are lent, or the user's own."""
        return None

    def read(self, held: ScriptObject, name: str) -> Any:
        """An attribute of an object: the user's own parameter where there is one."""
        if name in held.live:
            return held.live[name]
        value = held.attributes[name]
        return self.lending.lend(value) if is_list(value) or is_dict(value) else to_torch(value)

    def write(self, held: ScriptObject, name: str, value: Any) -> None:
        """Set an attribute of an object."""
        held.let_go(name)
        if is_list(value) or is_dict(value):
            held.attributes[name] = self.lending.write(value)
            return
        held.attributes[name] = to_numpy(value)
        if torch_interop.is_tensor(value):
            held.live[name] = value


def _sizes(tensor: Any) -> list[int]:
    return list(tensor.shape)


def _size(tensor: Any, dim: int) -> int:
    return tensor.shape[dim]


def _device(tensor: Any) -> str:
    return str(tensor.device)


METADATA: dict[str, Callable[..., Any]] = {
    "aten::dim": methodcaller("dim"), "aten::numel": methodcaller("numel"),
    "aten::size": _sizes, "aten::size.int": _size, "aten::len.Tensor": len, "prim::device": _device,
    "aten::is_floating_point": methodcaller("is_floating_point"),
    "aten::is_complex": methodcaller("is_complex"),
}  # fmt: skip
"""What PyTorch's tensors tell of themselves, asked as Python asks: transforms know no operators for it."""


def _new_tensor(data: object, dtype: int | None, device: str | None, requires_grad: bool) -> Any:
    """``torch.tensor`` of numbers: its schema has a type variable, which PyTorch's Python entry does not
    take.
    """
    operator = find("aten::tensor")
    assert operator is not None
    return torch_interop.from_numpy(operator.eager(data, dtype, device, False)).requires_grad_(requires_grad)


def _has_tensor(kind: TorchType) -> bool:
    if isinstance(kind, (tt.OptionalType, tt.ListType)):
        return _has_tensor(kind.data)
    return isinstance(kind, tt.TensorType)


def _with_keywords(operator: Callable[..., Any], schema: Schema) -> Callable[..., Any]:
    """`operator` called with positions only."""
    names = [a.name for a in schema.arguments if a.kwarg_only]
    if not names:
        return operator
    count = len(schema.arguments) - len(names)

    def run(*arguments: object) -> Any:
        return operator(*arguments[:count], **dict(zip(names, arguments[count:], strict=True)))

    return run


def _with_generators(operator: Callable[..., Any], schema: Schema) -> Callable[..., Any]:
    wanted = (tt.GENERATOR, tt.OptionalType(tt.GENERATOR))
    positions = [i for i, a in enumerate(schema.arguments) if a.type in wanted]
    return with_torch_generators(operator, positions) if positions else operator


def are_recorded(arguments: Sequence[Any], receiver: ScriptObject | None) -> bool:
    """Whether a call is one for PyTorch's operators: an argument or a parameter of the module asks for
    gradients, or something of PyTorch watches. What is given arrays of NumPy, or our own tensors, gives
    those back, without gradients.
    """
    if torch_interop.torch() is None:
        return False
    if any(map(_is_ours, arguments)):
        return False
    is_grad_enabled, wants = torch_interop.is_grad_enabled(), wanting_test()
    for argument in arguments:
        if wants(argument, is_grad_enabled):
            return True
    if watching_test()():
        return True
    return is_grad_enabled and receiver is not None and has_trained(receiver)


def _is_ours(argument: object) -> bool:
    """Whether an argument is, or holds, an array of NumPy or a tensor of ours."""
    if isinstance(argument, (list, tuple)):
        return any(map(_is_ours, cast("Sequence[object]", argument)))
    if isinstance(argument, dict):
        return any(map(_is_ours, cast("dict[object, object]", argument).values()))
    return isinstance(argument, (np.ndarray, Tensor))


def has_trained(held: ScriptObject) -> bool:
    """Whether a tensor behind an attribute of an object, or of one below it, asks for gradients."""
    if any(torch_interop.requires_grad(t) for t in held.live.values()):
        return True
    return any(has_trained(v) for v in held.attributes.values() if isinstance(v, ScriptObject))
