"""Functional forms: what an in-place operator computes, and how a piece gets back into its base."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from xdsl.ir import SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, inference_arguments, spec_of_type, type_of_spec
from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.registry import find
from tsc.ops.variants import functional_name
from tsc.passes.decompose import building_aten


class CannotFunctionalizeError(Exception):
    """Why a function keeps its mutable tensors."""


def functional_form(op: AtenOp) -> Operator:
    """The operator whose result is what `op` writes.

    Raises:
        CannotFunctionalizeError: there is none.
    """
    written = [a for a in op.schema.arguments if a.is_written]
    name = functional_name(op.schema)
    functional = None if name is None else find(name)
    if (
        functional is None
        or functional.schema.aliases  # it changes how the tensor lies in memory, not what is there
        or len(functional.schema.arguments) != len(op.operands)
        or len(written) != 1
        or not isinstance(op.operands[0].type, tt.TensorType)
    ):
        raise CannotFunctionalizeError(f"{op.schema.full_name} writes in a way that has no functional form")
    return functional


def stored(functional: Operator, operands: list[SSAValue], builder: TorchBuilder) -> SSAValue:
    """The value of a functional operator in the type of its first operand, which takes it in.

    Raises:
        CannotFunctionalizeError: whether it fits is not known, or it does not, and the call raises.
    """
    kind = operands[0].type
    assert isinstance(kind, tt.TensorType)
    target, made = spec_of_type(kind), _inferred(functional, operands)
    if target is None or made is None or made.shape != target.shape:
        raise CannotFunctionalizeError(f"{functional.name}: its result may not fit where it is stored")
    if made.dtype.category > target.dtype.category:
        raise CannotFunctionalizeError(
            f"{functional.name}: {made.dtype.name} is stored as {target.dtype.name}"
        )
    if target.dtype.is_complex and made.dtype.is_floating:
        raise CannotFunctionalizeError(f"{functional.name}: magnitudes are not stored in complex tensors")
    result = builder.aten(functional.name, operands, [type(kind)(type_of_spec(made).data)]).results[0]
    if made.dtype is target.dtype:
        return result
    return builder.aten("aten::type_as", [result, operands[0]], [kind]).results[0]


def _inferred(operator: Operator, operands: Sequence[SSAValue]) -> TensorSpec | None:
    arguments = inference_arguments(operator, operands)
    if operator.infer is None or any(a is UNKNOWN for a in arguments):
        return None
    try:
        found = operator.infer(*arguments)
    except OPERATOR_FAILURES:
        return None
    return found if isinstance(found, TensorSpec) else None


def inverse_of(view: AtenOp | None) -> Callable[..., Any] | None:
    """How what is written into a view gets back into what it is a view of; None where it cannot."""
    operator = None if view is None else definition_of(view)
    return None if operator is None else operator.inverse


def put_back(view: AtenOp, base: SSAValue, piece: SSAValue, builder: TorchBuilder) -> SSAValue:
    """`base` with `piece` in place of what `view` shows of it.

    Raises:
        CannotFunctionalizeError: that needs arguments of the view that are not known.
    """
    inverse = inverse_of(view)
    assert inverse is not None
    places: list[SSAValue] = []
    """What is computed of numbers alone."""

    def aten(name: str, *arguments: object) -> SSAValue:
        values = [cast("SSAValue", a) for a in arguments if isinstance(a, SSAValue)]
        if all(v in places for v in values if isinstance(v.type, tt.TensorType)):  # they have own types
            places.append(building_aten(builder, [])(name, *arguments))
            return places[-1]
        operands: list[SSAValue] = [
            cast("SSAValue", a) if isinstance(a, SSAValue) else builder.constant(a) for a in arguments
        ]
        return builder.aten(f"aten::{name}", operands, [base.type]).results[0]

    known = [(o, constant_of(o)) for o in list(view.operands)[1:]]
    rest = [o if value is UNKNOWN else value for o, value in known]
    try:
        return inverse(aten, base, piece, *rest)
    except TypeError as error:
        raise CannotFunctionalizeError(f"{view.name}: its arguments are not known") from error
