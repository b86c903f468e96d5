"""Layers with constant weights: which operation is one, where its weights are, and how to exchange them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import constant_of, unwrapped
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal, literal_array
from tsc.dialects.torch_ops import (
    DerefineOp,
    NonValueTensorLiteralOp,
    PrimUncheckedCastOp,
    ValueTensorLiteralOp,
)
from tsc.ops.registry import find

CONVOLUTIONS = frozenset(
    (
        "aten::conv1d", "aten::conv2d", "aten::conv3d", "aten::_convolution", "aten::convolution",
        "aten::conv1d.padding",
        "aten::conv2d.padding", "aten::conv3d.padding", "aten::_convolution.deprecated",
    )
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or linear layer: the operation and the places of its weight and bias."""

    op: AtenOp
    channel_axis: int
    """The axis of the weight that counts output channels."""

    @property
    def has_channels_at_one(self) -> bool:
        """Whether the output channels are dim 1 of the result, and not another as without a batch dim, or in
        a linear layer of more dims. Where the rank is not known yet it is taken to be so, as PyTorch's
        freezing does.
        """
        kind = self.op.results[0].type
        sizes = kind.sizes if isinstance(kind, tt.TensorType) else None
        weight = self.weight.type
        rank = len(weight.sizes) if isinstance(weight, tt.TensorType) and weight.sizes is not None else None
        return sizes is None or rank is None or len(sizes) == rank

    @property
    def weight(self) -> SSAValue:
        """The weight operand."""
        return self.op.argument("weight")

    @property
    def bias(self) -> SSAValue:
        """The bias operand (perhaps None)."""
        return self.op.argument("bias")


def convolution_of(value: SSAValue) -> Layer | None:
    """The (not transposed) convolution that computes `value`."""
    op = value.owner
    if not isinstance(op, AtenOp) or op.schema.full_name not in CONVOLUTIONS:
        return None
    if "transposed" in op.positions and constant_of(op.argument("transposed")) is not False:
        return None
    return Layer(op, 0)


def linear_of(value: SSAValue) -> Layer | None:
    """The linear layer that computes `value`."""
    op = value.owner
    return Layer(op, 0) if isinstance(op, AtenOp) and op.schema.full_name == "aten::linear" else None


def constant_array(value: SSAValue, pool: ConstantPool) -> np.ndarray[Any, Any] | None:
    """The array of a tensor constant, looking through casts; None when it is no constant, or one that the
    program may write to.
    """
    value = unwrapped(value)
    owner = value.owner
    if isinstance(owner, ValueTensorLiteralOp):
        return literal_array(pool, owner)
    if isinstance(owner, NonValueTensorLiteralOp) and not _may_be_written(value):
        return literal_array(pool, owner)
    return None


def _may_be_written(value: SSAValue) -> bool:
    """Whether a mutable tensor is given to anything that may write to its memory, or keep it."""
    return any(_may_write(use.operation) for use in value.uses)


def _may_write(op: Operation) -> bool:
    """Whether `op` may write to a tensor it is given, itself or through a view that it makes."""
    if isinstance(op, (DerefineOp, PrimUncheckedCastOp)):
        return any(map(_may_be_written, op.results))
    operator = find(op.schema.full_name) if isinstance(op, AtenOp) else None
    if operator is None or operator.schema.mutates:
        return True
    return operator.may_share and any(map(_may_be_written, op.results))


def only_user(value: SSAValue, op: Operation) -> bool:
    """Whether `op` alone reads the elements of `value`, once; questions about its shape do not count."""
    readers = [u.operation for u in value.uses if not _asks_shape(u.operation)]
    return len(readers) == 1 and readers[0] is op


def _asks_shape(op: Operation) -> bool:
    operator = find(op.schema.full_name) if isinstance(op, AtenOp) else None
    return operator is not None and operator.fold is not None


def replace_weights(
    layer: Layer, pool: ConstantPool, weight: np.ndarray[Any, Any], bias: np.ndarray[Any, Any]
) -> None:
    """Give a layer new constant weights."""
    mutable, key = not isinstance(layer.weight.owner, ValueTensorLiteralOp), _key(layer.weight) or "folded"
    for name, array in (("weight", weight), ("bias", bias)):
        hint = _key(layer.op.argument(name)) or f"{key}_{name}"
        _replace(layer.op, name, literal(pool, f"{hint}.folded", array, mutable=mutable))


def replace_operand(op: AtenOp, name: str, pool: ConstantPool, array: np.ndarray[Any, Any], how: str) -> None:
    """Give `op` another array for a constant operand; `how` that was made ends its name."""
    old = unwrapped(op.argument(name)).owner
    mutable = not isinstance(old, ValueTensorLiteralOp)
    _replace(op, name, literal(pool, f"{_key(op.argument(name)) or name}.{how}", array, mutable=mutable))


def _replace(op: AtenOp, name: str, made: ValueTensorLiteralOp | NonValueTensorLiteralOp) -> None:
    operands, position = list(op.operands), op.positions[name]
    result = TorchBuilder(before=op).insert(made).results[0]
    result.name_hint = operands[position].name_hint
    operands[position] = result
    op.operands = operands


def _key(value: SSAValue) -> str | None:
    owner = value.owner
    return owner.resource_key if isinstance(owner, (NonValueTensorLiteralOp, ValueTensorLiteralOp)) else None
