"""The operation of the `tsc` dialect that says where a mask holds."""

from __future__ import annotations

from typing import Any, Self

from xdsl.dialects.builtin import TensorType, i64
from xdsl.ir import SSAValue
from xdsl.traits import Pure

from tsc.dialects.loop_extents import shape_of
from tsc.dialects.sized import sized
from tsc.dialects.torch_base import TorchOp


class PlacesOp(TorchOp):
    """``%p = "tsc.places"(%mask) : (tensor<Nxi1>) -> tensor<Kxi64>``: the first ``K`` places at which a mask
    holds, in order. There are as many: ``K`` was counted before.
    """

    name = "tsc.places"
    trait_list = (Pure(),)

    @classmethod
    def of(cls, mask: SSAValue, count: int) -> Self:
        """The first `count` places at which `mask` holds."""
        kind: TensorType[Any] = TensorType(i64, sized([count]))
        return cls.create(operands=[mask], result_types=[kind])

    @property
    def mask(self) -> SSAValue:
        """Where it is looked."""
        return self.operands[0]

    @property
    def extent(self) -> int:
        """The size of the mask."""
        return shape_of(self.mask)[0]

    @property
    def count(self) -> int:
        """How many places are wanted."""
        return shape_of(self.results[0])[0]
