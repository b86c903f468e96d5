"""Symbolic sizes in the shapes of MLIR's types, and as attributes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self, cast

from xdsl.dialects.builtin import DYNAMIC_INDEX, IndexType, IntAttr
from xdsl.ir import SSAValue
from xdsl.traits import Pure

from tsc.dialects.torch_base import DefaultFormatOp
from tsc.dims import Dim
from tsc.errors import CodegenError

TAKES_SIZES = "tsc.takes_sizes"
"""The attribute of kernels whose last arguments are the sizes of the program's arguments."""


def dim_attribute(size: Dim) -> IntAttr:
    """A size that is an expression, as what holds a number elsewhere."""
    return IntAttr(size)  # pyright: ignore[reportArgumentType]


def sized(shape: Iterable[int]) -> list[int | IntAttr]:
    """A shape as the types of MLIR take it."""
    return [dim_attribute(n) if isinstance(n, Dim) else n for n in shape]


def plain(shape: Iterable[int]) -> list[int]:
    """A shape in which symbolic sizes are just unknown, as buffers have it."""
    return [DYNAMIC_INDEX if isinstance(n, Dim) else n for n in shape]


def mixed(static: Iterable[int], dynamic: Iterable[SSAValue]) -> list[int]:
    """Numbers of which the symbolic ones are operands."""
    operands = iter(dynamic)
    return [_size_of(next(operands)) if n == DYNAMIC_INDEX else n for n in static]


def _size_of(value: SSAValue) -> int:
    owner = value.owner
    if not isinstance(owner, SizeOp):
        raise CodegenError(f"tensor: requires numbers and tsc.size; got {value}")
    return cast("int", owner.size)


class BindSizeOp(DefaultFormatOp):
    """``tsc.bind_size %n {size = u0} : (index) -> ()``: a size that the program finds is this number."""

    name = "tsc.bind_size"

    @classmethod
    def of(cls, number: SSAValue, size: Dim) -> Self:
        """`size` is `number` from here on."""
        return cls.create(operands=[number], attributes={"size": dim_attribute(size)})

    @property
    def size(self) -> Dim:
        """The symbol."""
        return self.attributes["size"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


class SizeOp(DefaultFormatOp):
    """``tsc.size {value = s0 + 1} : index``: a size, or what is computed from sizes, as a number."""

    name = "tsc.size"
    trait_list = (Pure(),)

    @classmethod
    def of(cls, size: Dim) -> Self:
        """`size` as a number."""
        return cls.create(result_types=[IndexType()], attributes={"value": dim_attribute(size)})

    @property
    def size(self) -> Dim:
        """The expression."""
        return self.attributes["value"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
