"""How a tensor lies in memory: the encoding attribute of its type, and packing an array accordingly."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DictionaryAttr,
    FixedBitwidthType,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue

from tsc.analysis.affine import row_major_strides
from tsc.dialects.loop_builder import element_of
from tsc.dialects.sized import plain, sized
from tsc.dims import is_one


@dataclass(frozen=True)
class Panels:
    """A matrix operand cut into panels of `width` columns, as a register tile reads it.

    In memory: ``[batch...][panel][depth...][width]``, the columns beyond the last one zero.
    """

    batch: tuple[int, ...]
    columns: tuple[int, ...]
    depth: tuple[int, ...]
    width: int


@dataclass(frozen=True)
class Layout:
    """Shape, element type, and order of a tensor in memory.

    `order` lists the logical dims from slowest to fastest; `low` and `high` are the zeros around the data.
    """

    shape: tuple[int, ...]
    element: Attribute
    order: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    panels: Panels | None = None

    @staticmethod
    def row_major(shape: Sequence[int], element: Attribute) -> "Layout":
        """The layout of a plain dense array."""
        rank = len(shape)
        return Layout(tuple(shape), element, tuple(range(rank)), (0,) * rank, (0,) * rank)

    @property
    def extents(self) -> tuple[int, ...]:
        """Size in memory of each logical dim, halo included."""
        return tuple(n + a + b for n, a, b in zip(self.shape, self.low, self.high, strict=True))

    @property
    def strides(self) -> tuple[int, ...]:
        """Distance in elements between neighbours along each logical dim."""
        ordered = row_major_strides([self.extents[d] for d in self.order])
        return tuple(ordered[self.order.index(d)] for d in range(len(self.shape)))

    @property
    def base(self) -> int:
        """Element offset of the first datum: what lies before it is halo."""
        return sum(a * s for a, s in zip(self.low, self.strides, strict=True))

    @property
    def elements(self) -> int:
        """Elements in memory, halo and padding of panels included."""
        if self.panels is None:
            return prod(self.extents)
        batch = prod(self.shape[d] for d in self.panels.batch)
        columns = prod(self.shape[d] for d in self.panels.columns)
        depth = prod(self.shape[d] for d in self.panels.depth)
        return batch * depth * -(-columns // self.panels.width) * self.panels.width

    @property
    def has_halo(self) -> bool:
        """Whether zeros are kept around the data."""
        return any(self.low) or any(self.high)

    @property
    def is_row_major(self) -> bool:
        """Whether the elements lie as in a dense array of this shape (dims of size one may sit anywhere)."""
        if self.has_halo or self.panels is not None:
            return False
        kept = [d for d in self.order if not is_one(self.shape[d])]
        return kept == sorted(kept)

    @property
    def memory_type(self) -> MemRefType:
        """The flat buffer that holds the tensor."""
        return MemRefType(self.element, plain([self.elements]))

    @property
    def size_bytes(self) -> int:
        """Bytes in memory."""
        return self.elements * element_bytes(self.element)

    def with_order(self, order: Sequence[int]) -> "Layout":
        """The same data in another order."""
        return Layout(self.shape, self.element, tuple(order), self.low, self.high, self.panels)

    def with_halo(self, low: Sequence[int], high: Sequence[int]) -> "Layout":
        """The same data with at least these zeros around it."""
        lows = tuple(max(a, b) for a, b in zip(self.low, low, strict=True))
        highs = tuple(max(a, b) for a, b in zip(self.high, high, strict=True))
        return Layout(self.shape, self.element, self.order, lows, highs, self.panels)

    def covers(self, low: Sequence[int], high: Sequence[int]) -> bool:
        """Whether the zeros kept around the data include these."""
        return self.panels is None and self.with_halo(low, high) == self

    def encoding(self) -> Attribute:
        """The attribute that says so in a tensor type; none for a dense array."""
        entries: dict[str, Attribute] = {}
        if self.panels is not None:
            return DictionaryAttr({"pack": _panels_attribute(self.panels)})
        if self.order != tuple(range(len(self.shape))):
            entries["order"] = DenseArrayBase.from_list(i64, self.order)
        if self.has_halo:
            entries["low"] = DenseArrayBase.from_list(i64, self.low)
            entries["high"] = DenseArrayBase.from_list(i64, self.high)
        return DictionaryAttr(entries) if entries else NoneAttr()


def is_tensor(value: SSAValue) -> bool:
    """Whether `value` is a ranked tensor."""
    return isinstance(value.type, TensorType)


def tensor_type(layout: Layout) -> TensorType[Attribute]:
    """The tensor type that carries `layout`."""
    return TensorType(layout.element, sized(layout.shape), layout.encoding())


def layout_of(type_: Attribute) -> Layout:
    """The layout a tensor type states.

    Raises:
        ValueError: the type is not a ranked tensor of static shape.
    """
    if not isinstance(type_, TensorType):
        raise ValueError(f"layout: requires a ranked tensor type; got {type_}")
    element = element_of(cast(Attribute, type_))
    layout = Layout.row_major(type_.get_shape(), element)
    if not isinstance(type_.encoding, DictionaryAttr):
        return layout
    entries = type_.encoding.data
    if "pack" in entries:
        panels = _panels_of(entries["pack"])
        return Layout(layout.shape, element, layout.order, layout.low, layout.high, panels)
    return Layout(
        layout.shape,
        element,
        _integers(entries.get("order")) or layout.order,
        _integers(entries.get("low")) or layout.low,
        _integers(entries.get("high")) or layout.high,
    )


def _integers(attribute: Attribute | None) -> tuple[int, ...]:
    if not isinstance(attribute, DenseArrayBase):
        return ()
    return tuple(int(v) for v in attribute.get_values())


def _panels_attribute(panels: Panels) -> DictionaryAttr:
    return DictionaryAttr(
        {
            "batch": DenseArrayBase.from_list(i64, panels.batch),
            "columns": DenseArrayBase.from_list(i64, panels.columns),
            "depth": DenseArrayBase.from_list(i64, panels.depth),
            "width": IntegerAttr(panels.width, i64),
        }
    )


def _panels_of(attribute: Attribute) -> Panels:
    if not isinstance(attribute, DictionaryAttr):
        raise ValueError(f"layout: pack must be a dictionary; got {attribute}")
    width = attribute.data["width"]
    assert isinstance(width, IntegerAttr)
    batch, columns, depth = (_integers(attribute.data[key]) for key in ("batch", "columns", "depth"))
    return Panels(batch, columns, depth, width.value.data)


def element_bytes(element: Attribute) -> int:
    """Bytes one element takes in memory; ``i1`` takes one, ``index`` eight."""
    return max(1, element.bitwidth // 8) if isinstance(element, FixedBitwidthType) else 8


def pack(array: np.ndarray[Any, Any], layout: Layout) -> np.ndarray[Any, Any]:
    """`array` (of the logical shape) as `layout` wants it in memory: flat and contiguous."""
    array = array.reshape(layout.shape)
    if layout.panels is None:
        padding = list(zip(layout.low, layout.high, strict=True))
        padded = np.pad(array, padding) if layout.has_halo else array
        return np.ascontiguousarray(padded.transpose(layout.order)).reshape(-1)
    panels = layout.panels
    batch, columns, depth = (
        prod(layout.shape[d] for d in dims) for dims in (panels.batch, panels.columns, panels.depth)
    )
    axes = (*panels.batch, *panels.depth, *panels.columns)
    matrix = array.transpose(axes).reshape(batch, depth, columns)
    count = -(-columns // panels.width)
    result = np.zeros((batch, count, depth, panels.width), array.dtype)
    for panel in range(count):
        piece = matrix[:, :, panel * panels.width : (panel + 1) * panels.width]
        result[:, panel, :, : piece.shape[2]] = piece
    return result.reshape(-1)
