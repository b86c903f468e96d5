"""Lists of which the program says what is in them: what reads them, and what changes them before that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, is_list_mutated
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import torch_name
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.walking import walk

Rule = Callable[[Operation], list[SSAValue] | None]
"""What takes the place of an operation's results; None: it stays."""


def _elements(value: SSAValue) -> Sequence[SSAValue] | None:
    """What is in a list that nothing changes; None where that is not known."""
    owner = value.owner
    if not isinstance(owner, PrimListConstructOp) or is_list_mutated(value):
        return None
    return list(owner.operands)


def _changed(op: Operation) -> list[SSAValue] | None:
    """``l = [a]; l.append(b)``, before anything else reads `l`: ``l = [a, b]``. The same of what else changes
    a list.
    """
    held = op.operands[0]
    made = held.owner
    if not isinstance(made, PrimListConstructOp) or made.parent is not op.parent:
        return None
    between = made.next_op
    while between is not None and between is not op:
        if any(held in o.operands for o in walk(between)):
            return None
        between = between.next_op
    elements = _CHANGES[torch_name(op)](list(made.operands), list(op.operands[1:]))
    assert isinstance(held.type, tt.ListType)
    kind = held.type.data
    if elements is None or held in elements or not all(_may_hold(kind, e.type) for e in elements):
        return None
    grown = PrimListConstructOp.create(operands=elements, result_types=[held.type], location=op.location)
    assert op.parent is not None
    op.parent.insert_op_before(grown, op)
    grown.results[0].name_hint = held.name_hint
    held.replace_all_uses_with(grown.results[0])
    made.detach()
    made.erase()
    return list(grown.results) if op.results else []


def _may_hold(kind: Attribute, element: Attribute) -> bool:
    """Whether a list of a kind may be made of such an element: of tensors more may be known by now."""
    if isinstance(kind, tt.TensorType) and isinstance(element, tt.TensorType):
        return isinstance(kind, tt.ValueTensorType) is isinstance(element, tt.ValueTensorType)
    return kind == element


Values = list[SSAValue]


def _appended(elements: Values, arguments: Values) -> Values:
    return [*elements, *arguments]


def _inserted(elements: Values, arguments: Values) -> Values | None:
    place = constant_of(arguments[0])
    if type(place) is not int:
        return None
    elements.insert(place, arguments[1])
    return elements


def _extended(elements: Values, arguments: Values) -> Values | None:
    more = _elements(arguments[0])
    return None if more is None else [*elements, *more]


def _reversed(elements: Values, arguments: Values) -> Values:
    return elements[::-1]


_CHANGES: dict[str, Callable[[Values, Values], Values | None]] = {
    "torch.aten.append.t": _appended,
    "torch.aten.insert.t": _inserted,
    "torch.aten.extend.t": _extended,
    "torch.aten.reverse.t": _reversed,
}


def _unpacked(op: Operation) -> list[SSAValue] | None:
    """``unpack([a, b])`` -> ``a, b``."""
    elements = _elements(op.operands[0])
    return None if elements is None or len(elements) != len(op.results) else list(elements)


def _item(op: Operation) -> list[SSAValue] | None:
    """``[a, b][1]`` -> ``b``."""
    elements, position = _elements(op.operands[0]), constant_of(op.operands[1])
    if elements is None or position is UNKNOWN or not -len(elements) <= position < len(elements):
        return None
    return [elements[position]]


def _length(op: Operation) -> list[SSAValue] | None:
    """``len([a, b])`` -> 2."""
    elements = _elements(op.operands[0])
    return None if elements is None else [TorchBuilder(before=op).constant(len(elements))]


def _part(op: Operation) -> list[SSAValue] | None:
    """``[a, b][::-1]`` -> ``[b, a]``."""
    elements = _elements(op.operands[0])
    limits = [constant_of(limit) for limit in op.operands[1:]]
    if elements is None or not all(limit is None or type(limit) is int for limit in limits) or not limits[2]:
        return None
    return _list_of(op, elements[slice(*limits)])


def _joined(op: Operation) -> list[SSAValue] | None:
    """``[a] + [b]`` -> ``[a, b]``."""
    first, second = map(_elements, op.operands)
    return None if first is None or second is None else _list_of(op, [*first, *second])


def _list_of(op: Operation, elements: Sequence[SSAValue]) -> list[SSAValue]:
    kind = op.results[0].type
    assert isinstance(kind, tt.ListType)
    return [TorchBuilder(before=op).list(kind.data, elements)]


LIST_RULES: dict[str, Rule] = {
    **dict.fromkeys(_CHANGES, _changed),
    "torch.prim.ListUnpack": _unpacked,
    "torch.aten.__getitem__.t": _item,
    "torch.aten.len.t": _length,
    "torch.aten.slice.t": _part,
    "torch.aten.add.t": _joined,
}
