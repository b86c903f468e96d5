"""Operations made from schemas: `torch.aten.add.Tensor` and its thousands of siblings, each built when first named."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

from xdsl.ir import OpTraits, SSAValue
from xdsl.utils.exceptions import VerifyException

from tsc.dialects import schema as schemas
from tsc.dialects.effects import TorchEffects
from tsc.dialects.schema import Schema
from tsc.dialects.torch_ops import DefaultFormatOp


class AtenOp(DefaultFormatOp):
    """An operation with one operand per argument of its schema."""

    schema: ClassVar[Schema]
    positions: ClassVar[dict[str, int]]

    def argument(self, name: str) -> SSAValue:
        """The operand for the schema's argument `name`."""
        return self._operands[self.positions[name]]

    def verify_(self) -> None:
        """The numbers of operands and results are the schema's."""
        schema = self.schema
        if not schema.is_variadic and len(self._operands) != len(schema.arguments):
            expected = len(schema.arguments)
            raise VerifyException(
                f"{schema.full_name}: requires {expected} operands; got {len(self._operands)}"
            )


@cache
def op_class(name: str) -> type[AtenOp] | None:
    """The class of ``torch.aten.add.Tensor``; None when no schema has that name."""
    parts = name.split(".", 3)
    if len(parts) < 3 or parts[0] != "torch":
        return None
    schema = schemas.lookup("::".join(parts[1:3]) + "".join(f".{p}" for p in parts[3:]))
    if schema is None:
        return None
    body = {
        "name": schema.op_name,
        "schema": schema,
        "positions": {a.name: i for i, a in enumerate(schema.arguments)},
        "traits": OpTraits(lambda: (TorchEffects(),)),
        "__doc__": str(schema),
    }
    return type(schema.op_name.replace(".", "_"), (AtenOp,), body)


def class_of(schema: Schema) -> type[AtenOp]:
    """The operation class of `schema`."""
    found = op_class(schema.op_name)
    assert found is not None, schema.op_name
    return found
