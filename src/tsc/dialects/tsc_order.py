"""Operations of the `tsc` dialect that put the elements of lines in order, by integer keys made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from xdsl.dialects.builtin import IntegerAttr, IntegerType, TensorType, i8, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.sized import sized
from tsc.dialects.torch_base import TorchOp
from tsc.dims import is_known
from tsc.errors import CodegenError

MOST_SLOTS = 16
"""How many lines are put in order at one time, at most: each needs a slot of the workspace."""
PLACE_BITS = 32
"""The bits of a place in a line."""
LONGEST = 1 << (PLACE_BITS - 2)
"""Elements of a line at most: places, twice as many of them in fact, are numbers of so many bits."""
LINE_BYTES = 64
"""What lies in a slot begins on cache lines."""
BLOCK_ITEMS = 64
"""Items come in blocks of so many: whole vectors are read, and what is beyond the line does not count."""


def rounded_up(size: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-size // unit) * unit


def half_of(extent: int) -> int:
    """The items of one of two halves that each have room for a line, in whole blocks: of a line whose length
    is an expression of sizes, which may be 0, one at least.
    """
    return rounded_up(extent if is_known(extent) else extent + 1, BLOCK_ITEMS)


@dataclass(frozen=True)
class Workspace:
    """Memory to put lines in order in: slots for lines, each with keys and then places of some items."""

    slots: int
    items: int
    key_bits: int
    """The bits of a stored key."""

    @staticmethod
    def of(lines: int, items: int, key_bits: int) -> Workspace:
        """What so many lines need, whose keys have so many bits."""
        slots = max(1, min(lines, MOST_SLOTS)) if is_known(lines) else MOST_SLOTS
        return Workspace(slots, items, 64 if key_bits > 32 else 32)

    @property
    def key_bytes(self) -> int:
        """The bytes of the keys in a slot."""
        return rounded_up(self.items * self.key_bits // 8, LINE_BYTES)

    @property
    def slot_bytes(self) -> int:
        """The bytes of a slot."""
        return self.key_bytes + rounded_up(self.items * PLACE_BITS // 8, LINE_BYTES)

    @property
    def type(self) -> TensorType[Any]:
        """The type of this memory."""
        return TensorType(i8, sized([self.slots, self.slot_bytes]))


class OrderOp(TorchOp):
    """What the operations have in common. Their first operand is ``tensor<BxNxSxE>``: the lines are those
    along the dim in the middle. The region ``^bb0(%e: E): ... tsc.yield %key : iW`` gives an element's
    key; keys compare as unsigned integers.

    The last result, ``tensor<SLOTSxBYTESxi8>``, is memory to work in, and means nothing.
    """

    trait_list = (Pure(),)
    takes_any_length = False
    """Whether the length of lines may be an expression of sizes."""

    @property
    def source(self) -> SSAValue:
        """The tensor whose lines are read."""
        return self.operands[0]

    @property
    def body(self) -> Block:
        """What an element's key is."""
        return self.regions[0].block

    @property
    def key_bits(self) -> int:
        """The bits of a key."""
        return _key_bits(self.body)

    @property
    def memory(self) -> SSAValue:
        """The memory to work in."""
        return self.results[-1]

    @property
    def workspace(self) -> Workspace:
        """How that is used."""
        batches, extent, size = shape_of(self.source)
        return Workspace.of(batches * size, self.items_of(extent), self.key_bits)

    @classmethod
    def items_of(cls, extent: int) -> int:
        """How many items a line of so many elements takes."""
        raise NotImplementedError

    @classmethod
    def build_of(
        cls, operands: Sequence[SSAValue], body: Block, count: int, attributes: dict[str, Attribute]
    ) -> Self:
        """The operation, which gives `count` elements of each line.

        Raises:
            CodegenError: how long lines are is an expression of sizes.
        """
        batches, extent, size = shape_of(operands[0])
        if not is_known(extent) and not cls.takes_any_length:
            raise CodegenError(f"{cls.name}: requires lines of a known length; got {extent} elements")
        shape = [batches, count, size]
        workspace = Workspace.of(batches * size, cls.items_of(extent), _key_bits(body))
        made = sized(shape)
        results = [TensorType(element_of(operands[0].type), made), TensorType(i64, made), workspace.type]
        return cls.create(
            operands=operands, result_types=results, attributes=attributes, regions=[Region(body)]
        )

    def verify_(self) -> None:
        """The memory to work in is as large as it must be."""
        if self.memory.type != self.workspace.type:
            wanted, found = self.workspace.type, self.memory.type
            raise VerifyException(f"{self.name}: requires {wanted} to work in; got {found}")


def _key_bits(body: Block) -> int:
    last = body.last_op
    assert last is not None
    kind = last.operands[0].type
    assert isinstance(kind, IntegerType)
    return kind.bitwidth


class SortOp(OrderOp):
    """``%values, %places, %work = "tsc.sort"(%x) ({...})``: ``tensor<BxNxSxE>`` and ``tensor<BxNxSxi64>``,
    the elements of each line from the lowest key to the highest, and where they were. Of equal keys the
    first comes first.
    """

    name = "tsc.sort"
    takes_any_length = True

    @classmethod
    def of(cls, source: SSAValue, body: Block) -> Self:
        """The lines of `source` in the order of the keys that `body` gives."""
        return cls.build_of([source], body, shape_of(source)[1], {})

    @classmethod
    def items_of(cls, extent: int) -> int:
        """Twice a line: from one half to the other."""
        return 2 * half_of(extent)


class TopKOp(OrderOp):
    """``%values, %places, %work = "tsc.topk"(%x) ({...}) {count = K, in_order = true}``:
    ``tensor<BxKxSxE>`` and ``tensor<BxKxSxi64>``, the elements of each line with the `count` lowest keys.
    Which of equal keys are taken, and how they are ordered, is as in `ops/selection.py`.
    """

    name = "tsc.topk"

    @classmethod
    def of(cls, source: SSAValue, body: Block, count: int, in_order: bool) -> Self:
        """The elements of `source` with the lowest keys that `body` gives."""
        attributes: dict[str, Attribute] = {
            "count": IntegerAttr(count, i64), "in_order": IntegerAttr.from_bool(in_order)
        }  # fmt: skip
        return cls.build_of([source], body, count, attributes)

    @classmethod
    def items_of(cls, extent: int) -> int:
        """A line."""
        return extent

    @property
    def count(self) -> int:
        """How many elements of a line are taken."""
        attribute = self.attributes["count"]
        assert isinstance(attribute, IntegerAttr)
        return attribute.value.data

    @property
    def in_order(self) -> bool:
        """Whether they come in the order of their keys."""
        attribute = self.attributes["in_order"]
        assert isinstance(attribute, IntegerAttr)
        return bool(attribute.value.data)


class OrderStatisticOp(OrderOp):
    """``%values, %places, %work = "tsc.order_statistic"(%x, %ranks) ({...})``: ``tensor<Bx1xSxE>``
    and ``tensor<Bx1xSxi64>``, of each line the element that `tsc.sort` puts at ``ranks[b, s]``, and its
    place. A rank outside ``[0, N)`` stands for the nearest inside; lines are not empty.
    """

    name = "tsc.order_statistic"

    @classmethod
    def of(cls, source: SSAValue, ranks: SSAValue, body: Block) -> Self:
        """Of each line of `source` the element of one rank."""
        return cls.build_of([source, ranks], body, 1, {})

    @classmethod
    def items_of(cls, extent: int) -> int:
        """Twice a line: keys and, of short ones, ranks."""
        return 2 * half_of(extent)

    @property
    def ranks(self) -> SSAValue:
        """The rank of each line."""
        return self.operands[1]
