"""Pass `narrow-optionals`: what may be None, and certainly is not, is carried as what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, BlockArgument, Operation, OpResult, SSAValue

from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimIfOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting


@dataclass(frozen=True)
class NarrowOptionals(Rewriting):
    """Let branches give, and loops carry, values of the type they have before they are derefined, where that
    is one type whichever way the program takes.

    Requires: nothing.
    Leaves: the optionals made of them behind the branch or loop, and at the beginning of a loop's body.

    ```mlir
    %r = torch.prim.If %c -> (!torch.optional<tensor>) { yield derefine(%a) } else { yield derefine(%b) }
    // ->
    %t = torch.prim.If %c -> (!torch.tensor) { yield %a } else { yield %b }
    %r = torch.derefine %t : !torch.tensor to !torch.optional<tensor>
    ```
    """

    name = "narrow-optionals"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite everywhere in the module."""
        changed = False
        for op in walk(module):
            if isinstance(op, PrimIfOp):
                changed |= _branch(op)
            elif isinstance(op, PrimLoopOp):
                changed |= _loop(op)
        return changed


def _branch(op: PrimIfOp) -> bool:
    changed = False
    ends = [_end(op, number) for number in range(len(op.regions))]
    for number, result in enumerate(op.results):
        kind = _common_kind(result, [end.operands[number] for end in ends])
        if kind is None:
            continue
        for end in ends:
            end.operands[number] = _inner(end.operands[number])
        _narrow(result, kind)
        changed = True
    return changed


def _loop(op: PrimLoopOp) -> bool:
    changed = False
    body, end = op.regions[0].block, _end(op, 0)
    for number, result in enumerate(op.results):
        entering, given_back = op.operands[number + 2], end.operands[number + 1]
        kind = _common_kind(result, [entering, given_back])
        if kind is None:
            continue
        op.operands[number + 2] = _inner(entering)
        end.operands[number + 1] = _inner(given_back)
        _narrow(body.args[number + 1], kind)
        _narrow(result, kind)
        changed = True
    return changed


def _end(op: Operation, region: int) -> Operation:
    end = op.regions[region].block.last_op
    assert end is not None
    return end


def _inner(value: SSAValue) -> SSAValue:
    """What was derefined."""
    assert isinstance(value.owner, DerefineOp)
    return value.owner.operands[0]


def _common_kind(result: SSAValue, values: Sequence[SSAValue]) -> Attribute | None:
    """The type of all values before they were derefined; None where that is not one, or may be None."""
    if not isinstance(result.type, tt.OptionalType):
        return None
    if not all(isinstance(value.owner, DerefineOp) for value in values):
        return None
    kinds = {_unrefined(_inner(value).type) for value in values}
    kind = kinds.pop()
    return None if kinds or isinstance(kind, tt.OptionalType) or kind is tt.NONE else kind


def _unrefined(kind: Attribute) -> Attribute:
    """The type without what is known of sizes and dtype, which is found again from what is carried."""
    return type(kind)((None, None)) if isinstance(kind, tt.TensorType) else kind


def _narrow(value: OpResult | BlockArgument, kind: Attribute) -> None:
    """Give `value` the type `kind`, and its uses the optional of it."""
    optional = value.type
    uses = list(value.uses)
    value._type = kind  # pyright: ignore[reportPrivateUsage]
    owner = value.owner
    if isinstance(owner, Operation):
        block, before = owner.parent, owner.next_op
    else:
        block, before = owner, owner.first_op
    made = TorchBuilder(block, before).create(DerefineOp, [value], [optional]).results[0]
    made.name_hint = value.name_hint
    for use in uses:
        use.operation.operands[use.index] = made
