"""Types as PyTorch spells them in graphs and schemas (annotations: `TorchType.torchscript`)."""

from __future__ import annotations

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType


def graph_type(kind: TorchType) -> str:
    """A type as graphs and schemas spell it: ``Tensor?``, ``int[]``, ``Dict(str, int)``."""
    if isinstance(kind, tt.ListType):
        return f"{graph_type(kind.data)}[]"
    if isinstance(kind, tt.OptionalType):
        return f"{graph_type(kind.data)}?"
    if isinstance(kind, tt.TupleType):
        return f"({', '.join(graph_type(t) for t in kind.data)})"
    if isinstance(kind, tt.DictType):
        return f"Dict({graph_type(kind.key)}, {graph_type(kind.value)})"
    if isinstance(kind, tt.FutureType):
        return f"Future({graph_type(kind.data)})"
    if isinstance(kind, tt.TensorType):
        return _tensor_type(kind)
    if isinstance(kind, tt.EnumType):
        return f"Enum<{kind.data}>"
    if isinstance(kind, tt.NamedTupleType):
        fields = zip(kind.fields, kind.elements, strict=True)
        return f"NamedTuple({', '.join(f'{name} : {graph_type(t)}' for name, t in fields)})"
    return kind.torchscript()


def _tensor_type(kind: tt.TensorType) -> str:
    if kind.dtype is None:
        return "Tensor"
    name = kind.dtype.scalar_type
    if kind.sizes is None:
        return name
    return f"{name}({', '.join('*' if n < 0 else str(n) for n in kind.sizes)})"
