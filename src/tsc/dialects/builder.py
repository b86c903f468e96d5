"""Builds `torch` operations at an insertion point: what the frontend and the passes write IR with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from xdsl.dialects.builtin import LocationAttr, UnknownLoc
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import class_of
from tsc.dialects.torch_types import TorchType

Op = TypeVar("Op", bound=Operation)


class TorchBuilder:
    """Inserts operations before `before`, or at the end of `block`; each gets the current `location`."""

    def __init__(self, block: Block | None = None, before: Operation | None = None) -> None:
        self.block = block
        self.before = before
        self.location: LocationAttr = UnknownLoc() if before is None else before.location

    def insert(self, op: Op) -> Op:
        """Insert `op` at the insertion point."""
        if isinstance(op.location, UnknownLoc):
            op.location = self.location
        if self.before is not None:
            block = self.before.parent
            assert block is not None
            block.insert_op_before(op, self.before)
        else:
            assert self.block is not None
            self.block.add_op(op)
        return op

    def create(
        self,
        cls: type[Operation],
        operands: Sequence[SSAValue] = (),
        results: Sequence[Attribute] = (),
        **rest: Any,
    ) -> Operation:
        """Create and insert an operation of class `cls`."""
        return self.insert(
            cls.create(operands=operands, result_types=results, location=self.location, **rest)
        )

    def constant(self, value: object) -> SSAValue:
        """A constant: None, bool, int, float, complex, str, or a list or tuple of those."""
        if isinstance(value, (list, tuple)):
            return self._sequence(value)  # pyright: ignore[reportUnknownArgumentType]
        op = self.insert(ops.CONSTANT_MAKERS[type(value)](value))
        result = op.results[0]
        result.name_hint = _constant_hint(value)
        return result

    def _sequence(self, value: Sequence[Any]) -> SSAValue:
        parts = [self.constant(v) for v in value]
        if isinstance(value, tuple):
            return self.make_tuple(parts)
        element = parts[0].type if parts else tt.INT
        assert isinstance(element, TorchType)
        return self.list(element, parts)

    def device(self, name: str) -> SSAValue:
        """A device constant."""
        from xdsl.dialects.builtin import StringAttr

        op = ops.ConstantDeviceOp.create(result_types=[tt.DEVICE], attributes={"value": StringAttr(name)})
        return self.insert(op).results[0]

    def list(self, element: TorchType, values: Iterable[SSAValue]) -> SSAValue:
        """A new list of `values`."""
        return self.create(ops.PrimListConstructOp, tuple(values), [tt.ListType(element)]).results[0]

    def make_tuple(self, values: Sequence[SSAValue]) -> SSAValue:
        """A tuple of `values`."""
        result = tt.TupleType(tuple(v.type for v in values))
        return self.create(ops.PrimTupleConstructOp, values, [result]).results[0]

    def aten(
        self, full_name: str, operands: Sequence[SSAValue], results: Sequence[Attribute] | None = None
    ) -> Operation:
        """The operator ``aten::add.Tensor`` on one operand per schema argument.

        Raises:
            KeyError: there is no such schema.
        """
        schema = schemas.lookup(full_name)
        if schema is None:
            raise KeyError(full_name)
        types = [r.type for r in schema.results] if results is None else results
        return self.create(class_of(schema), operands, types)


def _constant_hint(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"int{value}"
    if isinstance(value, float):
        return f"float{value:e}".replace("+", "p").replace("-", "m")
    return "str" if isinstance(value, str) else "constant"


def hint(value: SSAValue, name: str) -> None:
    """Name `value` after a variable, where MLIR can print the name (not ``_12``, nor names with dots)."""
    stem = name.rstrip("0123456789")
    value.name_hint = name if name.isidentifier() and stem.strip("_") else None
