"""Which operators have a form in real operators, where their tensors are complex."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.ir import Operation

from tsc.analysis.fusion import has_complex
from tsc.analysis.known_values import UNKNOWN, argument_of
from tsc.analysis.operator_effects import definition_of
from tsc.dialects.aten import AtenOp
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_list
from tsc.ops.composite import Aten, inferring_aten
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.parts_emitter import PART_DTYPES, Parts

Form = Callable[..., Any]
"""``form(aten, *arguments)``: complex tensors are `Parts`."""


def form_in_parts(operator: Operator) -> Form | None:
    """What an operator is on the parts of complex tensors."""
    if operator.in_parts is not None:
        return operator.in_parts
    if not operator.only_moves:
        return None

    def moved(aten: Aten, *arguments: Any) -> Any:
        return Parts(*(aten.call(operator, [_part(aten, a, n) for a in arguments]) for n in (0, 1)))

    return moved


def _part(aten: Aten, argument: Any, number: int) -> Any:
    if isinstance(argument, Parts):
        return (argument.real, argument.imag)[number]
    if not is_list(argument) or not any(isinstance(a, Parts) for a in argument):
        return argument
    zeros = [a if isinstance(a, Parts) else Parts(a, aten("zeros_like", a)) for a in argument]
    return [_part(aten, a, number) for a in zeros]


def has_form_in_parts(op: Operation) -> bool:
    """Whether `op`, whose operands are known, and of which some are complex, has such a form."""
    operator = definition_of(op)
    form = None if operator is None else form_in_parts(operator)
    if form is None or not isinstance(op, AtenOp):
        return False
    arguments = [argument_of(o) for o in op.operands]
    if any(a is UNKNOWN for a in arguments):
        return False
    try:
        form(inferring_aten(), *map(specs_in_parts, arguments))
    except OPERATOR_FAILURES:
        return False
    return True


def specs_in_parts(argument: Any) -> Any:
    """Specs of parts in the place of complex ones."""
    if is_list(argument):
        return [specs_in_parts(a) for a in argument]
    if isinstance(argument, TensorSpec) and argument.dtype.is_complex:
        part = TensorSpec(argument.shape, PART_DTYPES[argument.dtype])
        return Parts(part, part)
    return argument


def lacks_form(op: Operation, arguments: Sequence[Any]) -> bool:
    """Whether `op` has to do with complex numbers, and no native form for them."""
    operator = definition_of(op)
    if operator is None or not has_complex(op):
        return False
    if operator.takes_complex and operator.kind == "fourier":
        is_known = not any(a is UNKNOWN for a in arguments)
        return operator.lowers is not None and not (is_known and operator.lowers(*arguments))
    return not has_form_in_parts(op)
