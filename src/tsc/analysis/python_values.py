"""Whether a function computes with Python's values alone: numbers, strings, lists and dicts. Nothing of it is
native, whatever its arguments are, so it is compiled for none in particular.
"""

from __future__ import annotations

from typing import cast

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.traits import IsTerminator

from tsc.analysis.operator_effects import definition_of
from tsc.analysis.parts import LIGHT_KINDS, PLUMBING, REGIONS
from tsc.dialects import torch_types as tt
from tsc.dialects.walking import walk


def takes_no_tensors(function: FuncOp) -> bool:
    """Whether there are none among the arguments of a function, nor in what it computes with and gives."""
    return not any(map(_has_tensors, function.function_type.inputs)) and not any(
        map(_touches, walk(function))
    )


def only_asks_tensors(function: FuncOp) -> bool:
    """Whether a function computes no tensors and gives none: it takes views, asks for sizes and elements."""
    return not any(map(_has_tensors, function.function_type.outputs)) and all(map(_only_asks, walk(function)))


def _only_asks(op: Operation) -> bool:
    if not _touches(op) or isinstance(op, (*PLUMBING, *REGIONS)) or op.has_trait(IsTerminator):
        return True
    operator = definition_of(op)
    return operator is not None and operator.kind in LIGHT_KINDS and not operator.schema.mutates


def _touches(op: Operation) -> bool:
    """Whether there are tensors among the operands and results of `op`."""
    return any(_has_tensors(value.type) for value in (*op.operands, *op.results))


def _has_tensors(kind: object) -> bool:
    """Whether values of a type, or of one of several, are tensors or may hold some. (What objects hold shows
    where it is read.)
    """
    if isinstance(kind, tt.TorchType):
        is_open = isinstance(kind, (tt.TensorType, tt.AnyType, tt.VariableType))
        return is_open or _has_tensors(kind.data)
    return isinstance(kind, tuple) and any(map(_has_tensors, cast("tuple[object, ...]", kind)))
