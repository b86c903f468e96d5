"""What of a function can be native code of its own while Python runs the rest: see the pass `outline`."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Sequence
from enum import Enum

from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import IsTerminator, MemoryEffectKind, get_effects

from tsc.analysis.known_values import (
    UNKNOWN_CALLS,
    is_kept,
    is_list_mutated,
    writes_anything,
    writes_operand,
)
from tsc.analysis.operator_effects import acts, changes_shapes, definition_of, draws
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import (
    ConstantOp,
    DerefineOp,
    NonValueTensorLiteralOp,
    PrimGetAttrOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimLoopOp,
    PrimRaiseExceptionOp,
    PrimTupleConstructOp,
    PrimTupleIndexOp,
    PrimTupleUnpackOp,
    PrimUncheckedCastOp,
    PrimUninitializedOp,
    ValueTensorLiteralOp,
)
from tsc.dialects.walking import walk
from tsc.ops.definition import Effect, Operator, Sharing

REGIONS = (PrimIfOp, PrimLoopOp)
PLUMBING = (
    ConstantOp, NonValueTensorLiteralOp, ValueTensorLiteralOp, PrimListConstructOp, PrimTupleConstructOp,
    PrimListUnpackOp, PrimTupleIndexOp, PrimTupleUnpackOp, DerefineOp, PrimUncheckedCastOp,
    PrimUninitializedOp,
)  # fmt: skip
"""Operations that compute nothing: constants, containers, names of other types."""
LIGHT_KINDS = ("view", "reshape", "query", "item", "python")
PART = "part"
"""What the names of parts begin with: ``part0.forward``."""


class Weight(Enum):
    """What an operation is to a part."""

    LIGHT = "computes no elements: Python does it as well, and it may be done twice"
    HEAVY = "computes elements: it is done once, in native code"
    NONE = "nothing that native code does"


def weight_of(op: Operation, own: Collection[SSAValue] = ()) -> Weight:
    """What `op` is to a part, whose `own` lists may be written to. It only says what can be said without
    shapes.
    """
    if any(value not in own and is_list_mutated(value) for value in _lists(op)):
        return Weight.NONE
    if isinstance(op, PLUMBING):
        return Weight.LIGHT
    if isinstance(op, REGIONS):
        return _weight_of_regions(op, own)
    operator = definition_of(op)
    if operator is None or not all(map(_is_native_value, [*op.operands, *op.results])) or reads_mode(op):
        return Weight.NONE
    if writes_anything(op):
        return Weight.LIGHT if only_reads(op, own) else Weight.NONE
    if operator.kind in LIGHT_KINDS or _creates(op) or operator.may_share:
        return Weight.LIGHT
    return Weight.HEAVY if _has_native_form(operator) else Weight.NONE


def only_reads(op: Operation, own: Collection[SSAValue] = ()) -> bool:
    """Whether `op` may change places with others of which this holds: it writes to nothing but its `own`
    memory, and nothing but its operands decides about it.
    """
    if isinstance(op, UNKNOWN_CALLS) or draws(op) or acts(op) or op.has_trait(IsTerminator):
        return False
    if isinstance(op, REGIONS):
        own = {*own, *own_memory(op)}
        return all(
            o.has_trait(IsTerminator) or isinstance(o, (PrimRaiseExceptionOp, *REGIONS)) or only_reads(o, own)
            for o in _inner(op)
        )
    if writes_anything(op):
        written = [o for i, o in enumerate(op.operands) if writes_operand(op, i)]
        return all(value in own for value in written)
    effects = get_effects(op)
    return effects is not None and all(e.kind is not MemoryEffectKind.WRITE for e in effects)


def unshared_lists(block: Block) -> set[SSAValue]:
    """The lists that are made in a block itself, and written to, which nothing else holds."""
    made = (o.results[0] for o in block.ops if isinstance(o, PrimListConstructOp))
    return {v for v in made if is_list_mutated(v) and not is_kept(v)}


def touching(value: SSAValue) -> list[Operation]:
    """The operations, in the block where a value is made, that it is made by or that read it, or have in them
    what does; in their order.
    """
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    assert block is not None
    found = {block.find_ancestor_op_in_block(use.operation) for use in value.uses} | {owner}
    return [op for op in block.ops if op in found]


def own_memory(op: Operation) -> Collection[SSAValue]:
    """Lists that are made in a branch or loop, which nothing else holds, and tensors that are made there,
    with their views: those who write to them do so for `op` alone. An element of a list may be any tensor.
    """
    own: set[SSAValue] = set()
    for inner in _inner(op):
        if isinstance(inner, PrimListConstructOp):
            own.update(r for r in inner.results if not is_kept(r))
        elif isinstance(inner, AtenOp) and _gives_own(inner, own):
            own.update(r for r in inner.results if isinstance(r.type, tt.TensorType))
    return own


def _gives_own(op: AtenOp, own: Container[SSAValue]) -> bool:
    """Whether the tensors that `op` gives are memory that it makes, or `own` memory."""
    operator = definition_of(op)
    if operator is None or operator.effect is not Effect.NONE or any(map(_holds_tensors, op.operands)):
        return False
    is_fresh = not operator.may_share and not operator.schema.mutates
    return is_fresh or all(o in own for o in op.operands if isinstance(o.type, tt.TensorType))


def _holds_tensors(value: SSAValue) -> bool:
    """Whether a container, or what may be one, has tensors in it."""
    kind = value.type
    while isinstance(kind, tt.ListType):
        kind = kind.data
        if isinstance(kind, tt.TensorType):
            return True
    return not isinstance(kind, tt.TensorType) and not _is_plain(kind)


def keeps_sizes(function: Operation) -> bool:
    """Whether tensors surely have the same sizes from the beginning of a function to its end."""
    return not changes_shapes(function) and not any(isinstance(op, UNKNOWN_CALLS) for op in walk(function))


def makes_memory(op: Operation) -> bool:
    """Whether a light operation gives a tensor that is, or may be, memory of its own: one that is done twice
    gives two.
    """
    operator = definition_of(op)
    if operator is None or not any(isinstance(r.type, tt.TensorType) for r in op.results):
        return False
    return _creates(op) or operator.sharing in (Sharing.SOMETIMES, Sharing.ALONE)


def is_timeless(op: Operation, *, sizes_are_kept: bool) -> bool:
    """Whether `op` may be done again later in the function: it is light, and gives the same then. Unless
    `sizes_are_kept`, nothing that reads a tensor does.
    """
    if op.regions or weight_of(op) is not Weight.LIGHT:
        return False
    operator = definition_of(op)
    if operator is None:
        return isinstance(op, PLUMBING)
    reads_tensor = any(isinstance(o.type, tt.TensorType) for o in op.operands)
    is_known = operator.kind in ("query", "python") and not operator.reads_layout
    return is_known and (sizes_are_kept or not reads_tensor)


def reads_attribute(op: Operation) -> bool:
    """Whether `op` reads an attribute of an object."""
    return isinstance(op, PrimGetAttrOp)


def reads_mode(op: Operation) -> bool:
    """Whether `op` asks for something that is set beside the program: whether gradients are wanted."""
    operator = definition_of(op)
    return operator is not None and operator.effect is Effect.READS


def reads_numbers(op: Operation) -> bool:
    """Whether numbers that `op` gives depend on elements of tensors."""
    operator = definition_of(op)
    return isinstance(op, REGIONS) or (operator is not None and operator.kind == "item")


def sizes_from(op: Operation, numbers: Collection[SSAValue]) -> bool:
    """Whether some of `numbers` decide about the sizes of a tensor that `op` gives."""
    operator = definition_of(op)
    if operator is None or not any(isinstance(r.type, tt.TensorType) for r in op.results):
        return False
    return any(v in numbers and not operator.decides_elements_only(i) for i, v in enumerate(op.operands))


def is_part_call(op: Operation) -> bool:
    """Whether `op` calls a part."""
    name = op.callee.root_reference.data if isinstance(op, CallOp) else ""
    return re.match(rf"{PART}\d+\.", name) is not None


def raises(op: Operation) -> bool:
    """Whether `op` is a branch or loop in which the program may raise."""
    return isinstance(op, REGIONS) and any(isinstance(o, PrimRaiseExceptionOp) for o in walk(op))


def why_beside_parts(op: Operation) -> str:
    """Why an operation that was left by `outline` is in no part."""
    operator = definition_of(op)
    if isinstance(op, UNKNOWN_CALLS):
        return "it calls code that is not known"
    if draws(op):
        return "it draws random numbers"
    if acts(op):
        return "it does what is seen outside: it prints, warns, or sets a state"
    if isinstance(op, REGIONS):
        return "branches and loops are native where all in them is"
    if not only_reads(op):
        return "it writes to memory"
    if not all(map(_is_native_value, [*op.operands, *op.results])):
        return "native code has no values of its types"
    if weight_of(op) is Weight.LIGHT:
        return "it computes no elements, and Python reads its result"
    if operator is not None and not _has_native_form(operator):
        return "it has no native form"
    return "it reads a number or a list that Python makes"


def values_read(op: Operation) -> list[SSAValue]:
    """The values from outside that `op`, and what is in it, read: each once."""
    found: dict[SSAValue, None] = {}
    own: set[Block] = {b for o in walk(op) for r in o.regions for b in r.blocks}
    for inner in walk(op):
        for value in inner.operands:
            block = value.owner if isinstance(value.owner, Block) else value.owner.parent
            if block not in own:
                found[value] = None
    return list(found)


def _weight_of_regions(op: Operation, own: Collection[SSAValue]) -> Weight:
    own = {*own, *own_memory(op)}
    if not all(_is_inside(o, own) for o in _inner(op)):
        return Weight.NONE
    if not all(map(_is_native_value, op.results)):
        return Weight.NONE
    is_heavy = any(weight_of(o, own) is Weight.HEAVY for o in _inner(op) if not o.regions)
    return Weight.HEAVY if is_heavy else Weight.LIGHT


def _is_inside(op: Operation, own: Collection[SSAValue]) -> bool:
    """Whether `op`, in a branch or loop, leaves that native, or does so where it is not reached for the sizes
    of a call.
    """
    if op.has_trait(IsTerminator) or isinstance(op, (PrimRaiseExceptionOp, *REGIONS)):
        return True
    if any(value not in own and is_list_mutated(value) for value in _lists(op)):
        return False
    is_native = all(map(_is_native_value, [*op.operands, *op.results])) and not reads_mode(op)
    return (is_native and only_reads(op, own)) or _only_for_raise(op)


def _only_for_raise(op: Operation) -> bool:
    """Whether `op` makes the message of an exception."""
    users = [use.operation for result in op.results for use in result.uses]
    return only_reads(op) and all(isinstance(u, PrimRaiseExceptionOp) or _only_for_raise(u) for u in users)


def _inner(op: Operation) -> Iterator[Operation]:
    return (o for o in walk(op) if o is not op)


def _creates(op: Operation) -> bool:
    """Whether `op` makes a tensor of no other's elements."""
    operator = definition_of(op)
    reads = [o for o in op.operands if isinstance(o.type, tt.TensorType)]
    return not reads or (operator is not None and operator.reads_shape_only)


def _has_native_form(operator: Operator) -> bool:
    forms = (operator.lower, operator.composite, operator.in_parts)
    is_known = any(form is not None for form in forms)
    return is_known and operator.effect is Effect.NONE and not operator.schema.mutates


def _is_native_value(value: SSAValue) -> bool:
    return _is_native_type(value.type)


def _is_native_type(kind: Attribute) -> bool:
    """Whether native code knows values of such a type, or their constants."""
    if isinstance(kind, (tt.ListType, tt.OptionalType)):
        return _is_native_type(kind.data)
    if isinstance(kind, tt.TupleType):
        return all(map(_is_native_type, kind.data))
    return isinstance(kind, tt.TensorType) or _is_plain(kind)


def _is_plain(kind: Attribute) -> bool:
    """Whether values of a type hold no others: numbers, texts, None, devices."""
    return kind in (tt.INT, tt.FLOAT, tt.BOOL, tt.NONE, tt.STRING, tt.DEVICE, tt.NUMBER)


def _lists(op: Operation) -> Sequence[SSAValue]:
    return [v for v in (*op.results, *op.operands) if isinstance(v.type, tt.ListType)]
