"""Operations without regions and successors, made in a third of the time that xDSL takes: scheduling makes
tens of thousands of them.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TypeVar

from xdsl.dialects.builtin import UNKNOWN_LOC
from xdsl.ir import Attribute, Operation, OpResult, SSAValue, Use
from xdsl.ir.core import SSAValues
from xdsl.irdl import IRDLOperation, OptionalDef
from xdsl.irdl.operations import AttributeDef, PropertyDef

Made = TypeVar("Made", bound=Operation)


def create(
    kind: type[Made],
    operands: Sequence[SSAValue] = (),
    result_types: Sequence[Attribute] = (),
    properties: Mapping[str, Attribute] | None = None,
) -> Made:
    """What ``kind.create`` makes of the same arguments."""
    made = kind.__new__(kind)
    made._operands = SSAValues(operands)
    made._operand_uses = uses = tuple([Use(made, i) for i in range(len(operands))])
    for operand, use in zip(operands, uses, strict=True):
        operand.add_use(use)
    made.results = SSAValues([OpResult(type_, made, i) for i, type_ in enumerate(result_types)])
    own, attributes = _defaults(kind)
    made.properties = {**own, **properties} if properties else dict(own)
    made.attributes = dict(attributes)
    made.location = UNKNOWN_LOC
    made._successors = made._successor_uses = made.regions = ()
    return made


@cache
def _defaults(kind: type[Operation]) -> tuple[dict[str, Attribute], dict[str, Attribute]]:
    """The properties and attributes that operations of a kind have where nothing else is said."""
    if not issubclass(kind, IRDLOperation):
        return {}, {}
    definition = kind.get_irdl_definition()
    return _stated(definition.properties.items()), _stated(definition.attributes.items())


def _stated(definitions: Iterable[tuple[str, PropertyDef | AttributeDef]]) -> dict[str, Attribute]:
    return {
        name: held.default_value
        for name, held in definitions
        if held.default_value is not None and not isinstance(held, OptionalDef)
    }
