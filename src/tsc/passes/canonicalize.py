"""Pass `canonicalize`: tuples, lists, dicts and casts that only wrap and unwrap go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.known_values import (
    UNKNOWN,
    UNKNOWN_CALLS,
    constant_of,
    is_list_mutated,
    spec_of_value,
    unwrapped,
)
from tsc.analysis.module_functions import functions
from tsc.analysis.object_identity import is_same_tensor
from tsc.analysis.operator_effects import asks_gradients, definition_of, is_layout_read, wants_layout
from tsc.analysis.shown_results import is_layout_shown, is_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.replacing import replace
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimCreateObjectOp,
    PrimDictConstructOp,
    PrimTupleConstructOp,
    PrimUncheckedCastOp,
)
from tsc.dialects.tsc import HAD_MODES
from tsc.dialects.type_tests import BARE, is_instance
from tsc.dialects.walking import function_of, walk
from tsc.dims import alike
from tsc.ops.definition import Operator, ResultLayout, Sharing
from tsc.passes import Rewriting
from tsc.passes.functional.known_lists import LIST_RULES
from tsc.passes.functional.masked_assignments import chosen_by_mask

Rule = Callable[[Operation], list[SSAValue] | None]


@dataclass(frozen=True)
class Canonicalize(Rewriting):
    """Look through tuple, list and dict construction, casts and None checks; make a list with what is
    appended to it before anything reads it.

    Requires: nothing; lists and dicts are looked through only where nothing changes them.
    Leaves: constructions without uses, for `eliminate-dead-code`.

    ```mlir
    %t = torch.prim.TupleConstruct %a, %b : A, B -> !torch.tuple<A, B>
    %0 = torch.prim.TupleIndex %t, %int1 : ...   // uses of %0 become uses of %b
    ```
    """

    name = "canonicalize"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite everywhere in the module, in one sweep from definitions to uses."""
        changed = canonicalize(module)
        for function in functions(module):
            if not function.is_declaration:
                function.update_function_type()  # a value without its cast is of another type
        return changed


def canonicalize(root: Operation) -> bool:
    """Rewrite below `root`; whether anything changed."""
    return any([simplify(op) for op in list(walk(root))])


def simplify(op: Operation) -> bool:
    """Put simpler values in the place of what one operation gives; whether there are any."""
    values = RULES.get(torch_name(op), _same_value)(op)
    if values is None:
        return False
    replace(op, values)
    return True


def _require(op: Operation) -> list[SSAValue] | None:
    """What is true need not be required."""
    return [] if constant_of(op.operands[0]) is True else None


def _tuple_unpack(op: Operation) -> list[SSAValue] | None:
    """``unpack(construct(a, b))`` -> ``a, b``."""
    owner = unwrapped(op.operands[0]).owner
    if not isinstance(owner, PrimTupleConstructOp):
        return None
    return [_as_type(value, r.type, op) for value, r in zip(owner.operands, op.results, strict=True)]


def _tuple_index(op: Operation) -> list[SSAValue] | None:
    """``construct(a, b)[1]`` -> ``b``."""
    owner = unwrapped(op.operands[0]).owner
    position = constant_of(op.operands[1])
    if not isinstance(owner, PrimTupleConstructOp) or not isinstance(position, int):
        return None
    return [_as_type(owner.operands[position], op.results[0].type, op)]


def _as_type(value: SSAValue, kind: Attribute, op: Operation) -> SSAValue:
    """`value` as an optional, where `op` gives one."""
    if not isinstance(kind, tt.OptionalType) or isinstance(value.type, tt.OptionalType):
        return value
    made = DerefineOp.create(operands=[value], result_types=[kind], location=op.location)
    assert op.parent is not None
    op.parent.insert_op_before(made, op)
    return made.results[0]


def _held_dict(op: Operation) -> dict[Any, SSAValue] | None:
    """What the dict that `op` reads holds, and nothing changes; None where that is not known."""
    owner = op.operands[0].owner
    if not isinstance(owner, PrimDictConstructOp) or is_list_mutated(op.operands[0]):
        return None
    n = len(owner.operands) // 2
    keys = [constant_of(k) for k in owner.operands[:n]]
    if any(k is UNKNOWN for k in keys):
        return None
    return dict(zip(keys, owner.operands[n:], strict=True))


def _dict_item(op: Operation) -> list[SSAValue] | None:
    """``{"a": x}["a"]`` -> ``x``."""
    held, key = _held_dict(op), constant_of(op.operands[1])
    return None if held is None or key is UNKNOWN or key not in held else [held[key]]


def _dict_has(op: Operation) -> list[SSAValue] | None:
    """``"a" in {"a": x}`` -> True."""
    held, key = _held_dict(op), constant_of(op.operands[1])
    return None if held is None or key is UNKNOWN else [TorchBuilder(before=op).constant(key in held)]


def _dict_length(op: Operation) -> list[SSAValue] | None:
    """``len({"a": x})`` -> 1."""
    held = _held_dict(op)
    return None if held is None else [TorchBuilder(before=op).constant(len(held))]


def _dict_parts(make: Callable[[TorchBuilder, Any, SSAValue], SSAValue]) -> Rule:
    def rule(op: Operation) -> list[SSAValue] | None:
        """``{"a": x}.items()`` -> ``[("a", x)]``, and keys or values alone."""
        held, builder = _held_dict(op), TorchBuilder(before=op)
        if held is None:
            return None
        element = op.results[0].type.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        parts = [make(builder, key, value) for key, value in held.items()]
        return [builder.list(element, parts)]  # pyright: ignore[reportUnknownArgumentType]

    return rule


_items = _dict_parts(lambda builder, key, value: builder.make_tuple([builder.constant(key), value]))
_keys = _dict_parts(lambda builder, key, value: builder.constant(key))
_values = _dict_parts(lambda builder, key, value: value)


def _grad_mode(op: Operation) -> list[SSAValue] | None:
    """The mode means something only to calls, which may ask, and to what asks for gradients; who asks for
    those of the function is told that it had modes.
    """
    function = function_of(op)
    assert function is not None
    if asks_gradients(function) or any(isinstance(inner, UNKNOWN_CALLS) for inner in walk(function)):
        return None
    function.attributes[HAD_MODES] = UnitAttr()
    return []


def _same_member(negated: bool) -> Rule:
    def rule(op: Operation) -> list[SSAValue] | None:
        """``Color.RED == Color.RED``."""
        owners = [o.owner for o in op.operands]
        members = [o.attributes.get("member") for o in owners if isinstance(o, PrimCreateObjectOp)]
        if len(members) != 2 or op.operands[0].type is not op.operands[1].type:
            return None
        return [TorchBuilder(before=op).constant((members[0] == members[1]) is not negated)]

    return rule


def _cast(op: Operation) -> list[SSAValue] | None:
    """A cast to the type a value has anyway, or back from where it was derefined."""
    value, wanted = op.operands[0], op.results[0].type
    if value.type is wanted or (isinstance(value.type, tt.TensorType) and isinstance(wanted, tt.TensorType)):
        return [value]
    inner = value.owner
    if isinstance(op, PrimUncheckedCastOp) and isinstance(inner, (DerefineOp, PrimUncheckedCastOp)):
        source = inner.operands[0]
        if source.type is wanted or (
            isinstance(source.type, tt.TensorType) and isinstance(wanted, tt.TensorType)
        ):
            return [source]
    return None


def _identity(negated: bool) -> Rule:
    def rule(op: Operation) -> list[SSAValue] | None:
        """``x is None`` where the type of `x`, or what it was derefined from, decides."""
        a, b = op.operands
        if constant_of(b) is not None:
            a, b = b, a
        if constant_of(b) is not None:
            return None
        a = unwrapped(a)
        if a.type is tt.NONE:
            return [TorchBuilder(before=op).constant(not negated)]
        if isinstance(a.type, (tt.OptionalType, tt.UnionType)) or a.type is tt.ANY:
            return None
        return [TorchBuilder(before=op).constant(negated)]

    return rule


def _same_object(negated: bool) -> Rule:
    none_check = _identity(negated)

    def rule(op: Operation) -> list[SSAValue] | None:
        decided = none_check(op)
        if decided is not None:
            return decided
        is_tensor = isinstance(op.operands[0].type, tt.TensorType)
        is_same = is_same_tensor(*op.operands) if is_tensor else op.operands[0] is op.operands[1] or None
        return None if is_same is None else [TorchBuilder(before=op).constant(is_same is not negated)]

    return rule


def _is_instance(op: Operation) -> list[SSAValue] | None:
    """``isinstance`` of a value whose own type, before it was derefined, decides."""
    value = unwrapped(op.operands[0])
    names = [n.data for n in op.attributes["types"] if n.data in BARE]  # pyright: ignore[reportGeneralTypeIssues, reportUnknownMemberType, reportUnknownVariableType]
    decided = is_instance(value.type, list[Any](op.attributes["torch_types"]), names)  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]
    return None if decided is None else [TorchBuilder(before=op).constant(decided)]


def _unwrap(op: Operation) -> list[SSAValue] | None:
    """``_unwrap_optional(derefine(x))`` -> ``x``."""
    value = unwrapped(op.operands[0])
    return None if isinstance(value.type, tt.OptionalType) or value.type is tt.NONE else [value]


def _same_value(op: Operation) -> list[SSAValue] | None:
    """A copy, conversion or reshape of a value that gives a value of the very same type."""
    operator = definition_of(op)
    if operator is None or not operator.is_identity:
        return None
    value, result = op.operands[0], op.results[0]
    if not isinstance(value.type, tt.ValueTensorType):
        return [value] if _is_itself(op, operator) else None
    if not value.type.is_static:
        return None
    if result.type is not value.type:
        return None
    is_copy = operator.shares_by_layout or not operator.may_share
    lies_as_value = operator.result_layout is not ResultLayout.ROW_MAJOR
    if is_copy and (is_shown if lies_as_value else is_layout_shown)(result):
        return None  # the caller may write to it, and sees how it lies
    return None if is_layout_read(result) or wants_layout(op) else [value]


def _is_itself(op: Operation, operator: Operator) -> bool:
    """Whether a conversion certainly gives the very tensor that it is given: that has the dtype."""
    assert isinstance(op, AtenOp)
    given, made = spec_of_value(op.operands[0]), spec_of_value(op.results[0])
    if given is None or made is None or given.dtype.is_complex or not alike(given.shape, made.shape):
        return False
    wanted = {name: op.argument(name) for name in ("copy", "memory_format") if name in op.positions}
    is_plain = all(constant_of(value) in (False, None) for value in wanted.values())
    is_conversion = operator.sharing is Sharing.SOMETIMES and not operator.shares_by_layout
    return operator.may_give_argument and is_conversion and is_plain and given.dtype is made.dtype


def _derived_index(op: Operation) -> list[SSAValue] | None:
    """``range(start, ..., step)[i]`` -> ``start + i * step``."""
    index, start, step = op.operands
    known, builder = constant_of(step), TorchBuilder(before=op)
    if known is UNKNOWN:
        return None
    if known == -1:
        return list(builder.aten("aten::sub.int", [start, index], [tt.INT]).results)
    if known != 1:
        index = builder.aten("aten::mul.int", [index, step], [tt.INT]).results[0]
    if constant_of(start) == 0:
        return [index]
    return list(builder.aten("aten::add.int", [start, index], [tt.INT]).results)


def _number_of_item(read: str) -> Rule:
    """``Int(item(x))`` -> ``Int(x)``, for real tensors."""

    def rule(op: Operation) -> list[SSAValue] | None:
        item = unwrapped(op.operands[0]).owner
        if not isinstance(item, AtenOp) or item.schema.full_name != "aten::item":
            return None
        spec = spec_of_value(item.operands[0])
        if spec is None or spec.dtype.is_complex:
            return None
        made = TorchBuilder(before=op).aten(read, [item.operands[0]], [op.results[0].type])
        return list(made.results)

    return rule


RULES: dict[str, Rule] = {
    "tsc.require": _require,
    "torch.prim.TupleUnpack": _tuple_unpack, "torch.prim.TupleIndex": _tuple_index,
    **LIST_RULES,
    "torch.aten.__derive_index": _derived_index,
    "torch.aten.set_grad_enabled": _grad_mode,
    "torch.aten.eq.enum": _same_member(False),
    "torch.aten.ne.enum": _same_member(True), "torch.derefine": _cast,
    "torch.prim.unchecked_cast": _cast, "torch.aten.__is__": _same_object(False),
    "torch.aten.__isnot__": _same_object(True), "torch.prim.isinstance": _is_instance,
    "torch.aten._unwrap_optional": _unwrap, "torch.aten.index_put": chosen_by_mask,
    "torch.aten.index_put_": chosen_by_mask,
}  # fmt: skip
for _key in ("Int", "Float", "Bool"):
    RULES[f"torch.aten.{_key}.Scalar"] = _number_of_item(f"aten::{_key}.Tensor")
for _key in ("str", "int", "bool", "float"):
    RULES[f"torch.aten.__getitem__.Dict_{_key}"] = _dict_item
    RULES[f"torch.aten.__contains__.{_key}"] = _dict_has
    RULES[f"torch.aten.len.Dict_{_key}"] = _dict_length
    RULES[f"torch.aten.items.{_key}"] = _items
    RULES[f"torch.aten.keys.{_key}"] = _keys
    RULES[f"torch.aten.values.{_key}"] = _values
