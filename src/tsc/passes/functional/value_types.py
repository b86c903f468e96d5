"""Tensors of a function that writes nothing become values: `!torch.tensor` to `!torch.vtensor`."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import NonValueTensorLiteralOp, ValueTensorLiteralOp
from tsc.dialects.walking import walk


def to_values(function: FuncOp) -> None:
    """Make every tensor of a function that writes nothing a value tensor."""
    for op in list(walk(function)):
        if isinstance(op, NonValueTensorLiteralOp):
            made = ValueTensorLiteralOp.create(
                result_types=[_value_type(op.results[0].type)], attributes=op.attributes, location=op.location
            )
            assert op.parent is not None
            op.parent.insert_op_before(made, op)
            made.results[0].name_hint = op.results[0].name_hint
            op.results[0].replace_all_uses_with(made.results[0])
            op.detach()
            op.erase()
            continue
        for value in (*op.results, *(a for r in op.regions for b in r.blocks for a in b.args)):
            value._type = _value_type(value.type)  # pyright: ignore[reportPrivateUsage]
    function.update_function_type()


def _value_type(kind: Attribute) -> Attribute:
    if isinstance(kind, tt.TensorType):
        return tt.ValueTensorType(kind.data)
    if isinstance(kind, (tt.ListType, tt.OptionalType)):
        return type(kind)(_value_type(kind.data))
    if isinstance(kind, tt.TupleType):
        return tt.TupleType(tuple(_value_type(t) for t in kind.data))
    if isinstance(kind, tt.DictType):
        return tt.DictType((kind.key, _value_type(kind.value)))
    return kind
