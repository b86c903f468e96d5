"""Pass `differentiate`: what a program asks of gradients becomes operations that compute them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import (
    UNKNOWN,
    UNKNOWN_CALLS,
    constant_of,
    spec_of_value,
    unwrapped,
    writes_anything,
)
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimListConstructOp
from tsc.dialects.tsc import UNRECORDED_WRITE
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.composite import Aten
from tsc.ops.derivatives.reverse import flow
from tsc.passes import Rewriting
from tsc.passes.decompose import building_aten
from tsc.passes.gradients.requiring import Requiring, cut_unrecorded, name_requiring
from tsc.passes.gradients.steps import NotDifferentiableError, steps_before

WHY = "tsc.not_differentiated"
"""Of an operator that asks for gradients: why it is left."""
BACKWARD = ("aten::backward", "aten::backward.TensorList")
ASKING = ("aten::grad", "prim::grad", *BACKWARD)
MEANING_GRADIENTS = (*ASKING, "aten::requires_grad_", "prim::requires_grad")
"""Operators that are about gradients."""


@dataclass(frozen=True)
class Differentiate(Rewriting):
    """Replace ``torch.autograd.grad`` by the operations that compute the gradients, in terms of what was
    computed on the way from its inputs to its outputs.

    Requires: types refined.
    Leaves: calls that would raise (nothing requires gradients, an input is not used), those in functions that
    write while tensors are mutable, and of what has no derivative or no known shape: with the reason as an
    attribute. The generic tier runs such functions, and notes what it computes.

    ```mlir
    %e = torch.aten.sin %x
    %g = torch.aten.grad [%e], [%x]
    // %c = torch.aten.cos %x; %g = mul %ones, %c
    ```
    """

    name = "differentiate"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Differentiate every function of the module."""
        changed = False
        for op in list(module.ops):
            if isinstance(op, FuncOp):
                changed |= differentiate(op)
        return changed


def differentiate(function: FuncOp) -> bool:
    """Differentiate what `function` asks for; whether anything changed."""
    asking = [op for op in walk(function) if _name(op) in MEANING_GRADIENTS]
    if not asking:
        return False
    changed = name_requiring(function) | cut_unrecorded(function)
    requiring = Requiring()
    for op in asking:
        if _name(op) == "aten::grad":
            changed |= _replaced(op, function, requiring)
        elif _name(op) == "prim::grad":
            changed |= _accumulated(op, function, requiring)
    return _forget(function, requiring) | changed


def _name(op: Operation) -> str:
    return op.schema.full_name if isinstance(op, AtenOp) else ""


def _replaced(op: Operation, function: FuncOp, requiring: Requiring) -> bool:
    """Replace one call by the gradients it asks for; False where that cannot be."""
    gradients = _tried(op, lambda: _gradients(op, function, requiring))
    if gradients is None:
        return False
    builder = TorchBuilder(before=op)
    element = tt.OptionalType(tt.TENSOR)
    values = [
        builder.create(DerefineOp, [builder.constant(None) if g is None else g], [element]).results[0]
        for g in gradients
    ]
    op.results[0].replace_all_uses_with(builder.list(element, values))
    op.detach()
    op.erase()
    return True


def _tried(op: Operation, compute: Callable[[], list[SSAValue | None]]) -> list[SSAValue | None] | None:
    """Gradients that are computed before `op`; None where that cannot be, and `op` says why."""
    before = op.prev_op
    try:
        return compute()
    except NotDifferentiableError as reason:
        text = str(reason)
    except OPERATOR_FAILURES as error:  # something on the way is wrong, or has no derivative
        text = str(getattr(error, "message", error))
    while (new := op.prev_op) is not before:
        assert new is not None
        new.detach()
        new.erase()
    op.attributes[WHY] = StringAttr(text)
    return None


def _accumulated(op: Operation, function: FuncOp, requiring: Requiring) -> bool:
    """Replace ``x.grad`` by the gradients of what ``backward`` was called for until then; False where that
    cannot be.
    """
    gradients = _tried(op, lambda: [_sum_of_backward(op, function, requiring)])
    if gradients is None:
        return False
    builder = TorchBuilder(before=op)
    value = builder.constant(None) if gradients[0] is None else gradients[0]
    kind = op.results[0].type
    if value.type is not kind and not (isinstance(kind, tt.TensorType) and gradients[0] is not None):
        value = builder.create(DerefineOp, [value], [kind]).results[0]
    op.results[0].replace_all_uses_with(value)
    op.detach()
    op.erase()
    return True


def _sum_of_backward(op: Operation, function: FuncOp, requiring: Requiring) -> SSAValue | None:
    calls = [other for other in walk(function) if _name(other) in BACKWARD]
    if any(call.parent is not op.parent for call in calls):
        raise NotDifferentiableError(op, "backward is called in a branch or loop")
    leaf: Any = unwrapped(op.operands[0])
    is_leaf = _name(leaf.owner) == "aten::requires_grad_" and not requiring(leaf.owner.operands[0])
    if not is_leaf or spec_of_value(leaf) is None:
        raise NotDifferentiableError(op, "it is not known to be the gradient of a leaf")
    aten = building_aten(TorchBuilder(before=op), [])
    total: Any = None
    for call in calls:
        assert isinstance(call, AtenOp)
        if not call.is_before_in_block(op):
            continue
        if constant_of(call.argument("create_graph")) is not False:
            raise NotDifferentiableError(op, "backward keeps the graph")
        _require_plain(op, function)
        is_list = call.schema.overload == "TensorList"
        outputs = _listed(op, call.operands[0]) if is_list else [unwrapped(call.operands[0])]
        if not all(spec_of_value(v) is not None and requiring(v) for v in outputs):
            raise NotDifferentiableError(op, "not everything it names certainly requires gradients")
        given = _listed_or_none(op, call.operands[1], len(outputs)) if is_list else [call.operands[1]]
        seeds = list(zip(outputs, _seeds(op, outputs, given, aten), strict=True))
        found = flow(aten, steps_before(call), seeds, [leaf])[0]
        if found is not None:
            total = found if total is None else aten("add.Tensor", total, found)
    return total


def _gradients(op: Operation, function: FuncOp, requiring: Requiring) -> list[SSAValue | None]:
    assert isinstance(op, AtenOp)
    _require_plain(op, function)
    outputs, inputs = (_listed(op, op.argument(name)) for name in ("outputs", "inputs"))
    keeps, allows = (constant_of(op.argument(name)) for name in ("create_graph", "allow_unused"))
    if UNKNOWN in (keeps, allows):
        raise NotDifferentiableError(
            op, "it is not known whether unused inputs are allowed, or the graph is kept"
        )
    if not all(map(requiring, (*outputs, *inputs))):
        raise NotDifferentiableError(op, "not everything it names certainly requires gradients")
    builder = TorchBuilder(before=op)
    aten = building_aten(builder, [])
    given = _listed_or_none(op, op.argument("grad_outputs"), len(outputs))
    seeds = list(zip(outputs, _seeds(op, outputs, given, aten), strict=True))
    found: list[Any] = flow(aten, steps_before(op), seeds, inputs)
    if not allows and any(gradient is None for gradient in found):
        raise NotDifferentiableError(op, "an input is not used by the outputs")
    return [g if g is None or keeps else aten("detach", g) for g in found]


def _listed(op: Operation, value: SSAValue) -> list[Any]:
    """The tensors of a list, of known shapes."""
    owner = unwrapped(value).owner
    if not isinstance(owner, PrimListConstructOp):
        raise NotDifferentiableError(op, "the tensors that it names are in a list that is not known")
    found = [unwrapped(v) for v in owner.operands]
    if any(spec_of_value(v) is None for v in found):
        raise NotDifferentiableError(op, "the shape of a tensor that it names is not known")
    return found


def _require_plain(op: Operation, function: FuncOp) -> None:
    if UNRECORDED_WRITE in function.attributes:
        raise NotDifferentiableError(op, "what has a gradient is written where none are recorded")
    for inner in walk(function):
        if writes_anything(inner):
            raise NotDifferentiableError(op, "tensors or lists are written in place")
        if isinstance(inner, UNKNOWN_CALLS) or _name(inner) == "aten::set_grad_enabled":
            raise NotDifferentiableError(op, "it is not known whether gradients are recorded throughout")


def _listed_or_none(op: Operation, value: SSAValue, count: int) -> list[SSAValue]:
    """The gradients that are given of `count` tensors; None (as values) where none are."""
    value = unwrapped(value)
    if constant_of(value) is None:
        return [value] * count
    if not isinstance(value.owner, PrimListConstructOp) or len(value.owner.operands) != count:
        raise NotDifferentiableError(op, "the gradients that it is given are in a list that is not known")
    return list(value.owner.operands)


def _seeds(op: Operation, outputs: Sequence[Any], given: Sequence[SSAValue], aten: Aten) -> list[Any]:
    """The gradients of the outputs: ones where none are given."""
    seeds: list[Any] = []
    for output, value in zip(outputs, given, strict=True):
        shape, dtype = list(aten.shape(output)), aten.dtype(output)
        if constant_of(value) is None:
            if aten.numel_of(output) != 1:
                raise NotDifferentiableError(op, "an output is not a scalar")
            seeds.append(aten("ones", shape, dtype=dtype.code))
            continue
        seed: Any = unwrapped(value)
        if spec_of_value(seed) is None or list(aten.shape(seed)) != shape:
            raise NotDifferentiableError(op, "a gradient that it is given has not the shape of its tensor")
        if aten.dtype(seed).is_complex != dtype.is_complex:
            raise NotDifferentiableError(op, "of it and a gradient that it is given one is complex")
        seeds.append(aten.in_dtype(seed, dtype))
    return seeds


def _forget(function: FuncOp, requiring: Requiring) -> bool:
    """Forget what says that tensors require gradients, or asks whether they do, and calls of ``backward``,
    once nobody wants gradients. Whether there was any.
    """
    ops = [op for op in walk(function) if _name(op) in MEANING_GRADIENTS]
    wants = {_name(op) for op in ops} & {"aten::grad", "prim::grad"}
    changed = False
    for op in [op for op in ops if _name(op) == "prim::requires_grad"]:
        made = TorchBuilder(before=op).constant(requiring(op.operands[0]))
        op.results[0].replace_all_uses_with(made)
    for op in ops:
        if _name(op) == "prim::requires_grad":
            pass
        elif _name(op) == "aten::requires_grad_" and not wants:
            op.results[0].replace_all_uses_with(op.operands[0])
        elif _name(op) == "aten::backward" and not wants and _certainly_runs(op, requiring):
            pass
        else:
            continue
        op.detach()
        op.erase()
        changed = True
    return changed


def _certainly_runs(op: Operation, requiring: Requiring) -> bool:
    """Whether ``backward`` raises nothing."""
    spec = spec_of_value(op.operands[0])
    return (
        spec is not None
        and spec.size == 1
        and requiring(op.operands[0])
        and constant_of(op.operands[1]) is None
    )


def why_not_differentiated(function: FuncOp) -> str:
    """Why gradients that `function` asks for are left to the generic tier."""
    for op in walk(function):
        reason = op.attributes.get(WHY)
        if isinstance(reason, StringAttr):
            return f"it asks for gradients, which only noting what it computes can give: {reason.data}"
    return "it asks for gradients in a way that only noting what it computes can answer"
