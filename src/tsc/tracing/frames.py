"""What is recorded, frame by frame: one frame for each call of a submodule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from xdsl.dialects.builtin import StringAttr, UnknownLoc
from xdsl.dialects.func import CallOp
from xdsl.ir import Operation, SSAValue

from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_types import TorchType

Op = TypeVar("Op", bound=Operation)
Path = tuple[str, ...]
"""Where a member of the traced module is: the names that lead from the root to it."""


@dataclass(eq=False)
class Frame:
    """What was recorded during one call of a module (the root: during the whole trace)."""

    path: Path
    items: list[Operation | Frame] = field(default_factory=list["Operation | Frame"])

    def is_within(self, outer: Frame) -> bool:
        """Whether this frame is `outer`, or lies inside it."""
        return self is outer or any(isinstance(i, Frame) and self.is_within(i) for i in outer.items)

    def operations(self) -> Iterator[Operation]:
        """All operations, those of inner frames included, in order."""
        for item in self.items:
            if isinstance(item, Frame):
                yield from item.operations()
            else:
                yield item


class FrameBuilder(TorchBuilder):
    """Puts operations into the current `frame`; `homes` says where each one is."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.homes: dict[Operation, Frame] = {}

    def insert(self, op: Op) -> Op:
        """Put `op` at the end of the frame."""
        if isinstance(op.location, UnknownLoc):
            op.location = self.location
        self.frame.items.append(op)
        self.homes[op] = self.frame
        return op

    def call(self, name: str, operands: Sequence[SSAValue], result: TorchType) -> Operation:
        """Call the function `name`."""
        op = CallOp(name, list(operands), [result])
        op.location = self.location
        return self.insert(op)

    def string(self, text: str) -> StringAttr:
        """An attribute that holds `text`."""
        return StringAttr(text)

    def behind(self, op: Operation, before: Operation) -> None:
        """Move `op`, made last, right behind `before`."""
        if before not in self.homes:
            return
        self.frame.items.remove(op)
        home = self.homes[before]
        items = home.items
        position = next(i for i in range(len(items) - 1, -1, -1) if items[i] is before)
        items.insert(position + 1, op)
        self.homes[op] = home
