"""PyTorch values as `tsc`'s and back, and PyTorch's calls as schemas with one value per argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import torch

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import REQUIRED, Argument, Schema
from tsc.narrowing import is_list, is_sequence

TORCH_DTYPES = {getattr(torch, d.name): d for d in dtypes.ALL}
NUMBER_TYPES: dict[Any, tuple[type, ...]] = {
    tt.INT: (int, torch.dtype, torch.layout, torch.memory_format),
    tt.FLOAT: (int, float),
    tt.BOOL: (bool,),
    tt.COMPLEX: (int, float, complex),
    tt.NUMBER: (bool, int, float, complex),
    tt.STRING: (str,),
    tt.DEVICE: (str, torch.device),
    tt.GENERATOR: (torch.Generator,),
    tt.TENSOR: (torch.Tensor,),
}


def accepts(kind: Any, value: Any, broadcast_size: int | None = None) -> bool:
    """Whether a value fits a schema's type."""
    if isinstance(kind, tt.OptionalType):
        return value is None or accepts(kind.data, value, broadcast_size)
    if isinstance(kind, tt.ListType):
        if is_sequence(value):
            return all(accepts(kind.data, v) for v in value)
        return broadcast_size is not None and accepts(kind.data, value)
    if isinstance(kind, tt.VariableType) or kind is tt.ANY:
        return True
    if kind is tt.INT and isinstance(value, bool):
        return False
    return isinstance(value, NUMBER_TYPES.get(kind, ()))


def bind(schema: Schema, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any] | None:
    """One value per argument of the schema, or None where the call does not fit."""
    values: list[Any] = []
    rest = dict(keywords)
    for i, argument in enumerate(schema.arguments):
        if i < len(arguments) and not argument.kwarg_only:
            value = arguments[i]
        elif argument.name in rest:
            value = rest.pop(argument.name)
        else:
            value = argument.default
        if value is REQUIRED or not accepts(argument.type, value, argument.broadcast_size):
            return None
        values.append(_as_list(argument, value))
    positional = sum(not a.kwarg_only for a in schema.arguments)
    return None if rest or len(arguments) > positional else values


def _as_list(argument: Argument, value: Any) -> Any:
    kind = argument.type.data if isinstance(argument.type, tt.OptionalType) else argument.type
    if not isinstance(kind, tt.ListType) or value is None:
        return value
    if not is_sequence(value):
        return [value] * (argument.broadcast_size or 1)
    return value if is_list(value) else list(value)


def resolve(
    name: str, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[Schema, list[Any]] | None:
    """The first overload of ``aten::add`` that accepts the call."""
    for schema in schemas.overloads(name):
        values = bind(schema, arguments, keywords)
        if values is not None and not any(a.is_written and a.kwarg_only for a in schema.arguments):
            return schema, values
    return None


def call_torch(schema: Schema, values: Sequence[Any]) -> Any:
    """Run PyTorch's operator."""
    namespace, _, base = schema.name.partition("::")
    overload = getattr(getattr(getattr(torch.ops, namespace), base), schema.overload or "default")
    pairs = list(zip(schema.arguments, values, strict=True))
    positional = [v for a, v in pairs if not a.kwarg_only]
    return overload(*positional, **{a.name: v for a, v in pairs if a.kwarg_only})


def to_numpy(x: torch.Tensor) -> np.ndarray[Any, Any]:
    """The same memory as a NumPy array."""
    x = x.detach()
    if x.is_conj() or x.is_neg():
        x = x.resolve_conj().resolve_neg()
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy()


def ours(value: Any) -> Any:
    """A PyTorch value as `tsc` has it."""
    if isinstance(value, torch.Tensor):
        return np.array(to_numpy(value), order="K")
    if isinstance(value, torch.dtype):
        return TORCH_DTYPES[value].code
    if isinstance(value, torch.memory_format):
        return {
            torch.contiguous_format: 0,
            torch.preserve_format: 1,
            torch.channels_last: 2,
            torch.channels_last_3d: 3,
        }[value]
    if isinstance(value, torch.layout):
        return 0
    if isinstance(value, torch.device):
        return str(value)
    if is_list(value):
        return [ours(v) for v in value]
    if is_sequence(value):
        return tuple(ours(v) for v in value)
    return value


def cloned(value: Any) -> Any:
    """The value with its tensors copied, strides kept."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone(memory_format=torch.preserve_format)
    if is_sequence(value):
        kind: Any = type(value)
        return kind(cloned(v) for v in value)
    return value


def tensors_of(value: Any) -> list[Any]:
    """The tensors (arrays) in a value, in order."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return [value]
    if is_sequence(value):
        return [t for v in value for t in tensors_of(v)]
    return []
