"""How tensors whose sizes differ from way to way, or from round to round, are handed on: in tensors with room
for the most, beside the sizes as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from xdsl.context import Context
from xdsl.ir import Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import known_spec
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal
from tsc.dialects.context import sizes_of
from tsc.dialects.torch_ops import PrimUninitializedOp
from tsc.dialects.tsc import FindSizeOp
from tsc.dims import Dim, certainly_equal
from tsc.dtypes import DType
from tsc.passes.decompose import building_aten

NUMBER = tt.ValueTensorType.of((), dtypes.I64)
"""The type of a size that is handed on."""


@dataclass(frozen=True)
class Room:
    """What a tensor is handed on in."""

    kind: type[tt.TensorType]
    """Whether tensors are values there."""
    dtype: DType
    shape: Sequence[int]
    """The most that each size is."""

    @property
    def type(self) -> tt.TensorType:
        """The type of the tensor with room."""
        return self.kind.of(self.shape, self.dtype)

    def filled(self, value: SSAValue, before: Operation) -> SSAValue:
        """`value` in a tensor with room, zeros behind it."""
        builder = TorchBuilder(before=before)
        if isinstance(value.owner, PrimUninitializedOp):
            return builder.create(PrimUninitializedOp, (), [self.type]).results[0]
        aten = building_aten(builder, [])
        for dim, most in enumerate(self.shape):
            shape = list(known_spec(value).shape)
            if not certainly_equal(shape[dim], most):
                shape[dim] = most - shape[dim]
                value = aten("cat", [value, aten("zeros", shape, self.dtype.code)], dim)
        if type(value.type) is not self.kind:
            value._type = self.type  # pyright: ignore[reportPrivateUsage]
        return value

    def taken(self, room: SSAValue, shape: Sequence[int], before: Operation) -> SSAValue:
        """The tensor of a shape that lies in a tensor with room."""
        aten = building_aten(TorchBuilder(before=before), [])
        for dim, (size, most) in enumerate(zip(shape, self.shape, strict=True)):
            if not certainly_equal(size, most):
                room = aten("slice.Tensor", room, dim, 0, size, 1)
        return room


def number_of(size: int, pool: ConstantPool, before: Operation) -> SSAValue:
    """A size as a tensor."""
    builder = TorchBuilder(before=before)
    if not isinstance(size, Dim):
        return builder.insert(literal(pool, "size", np.asarray(size, np.int64))).results[0]
    return building_aten(builder, [])("full", [], size, dtypes.I64.code)


def bind(size: int, number: SSAValue, before: Operation) -> None:
    """Let a symbol be the number in a tensor."""
    assert isinstance(size, Dim)
    TorchBuilder(before=before).insert(FindSizeOp.of(number, size))


def new_size(context: Context, most: int) -> int:
    """A symbol for a size that is found."""
    return cast("int", sizes_of(context).find(most))
