"""Pass `split-tuples`: what branches give back as a tuple they give back part by part."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimIfOp, PrimTupleConstructOp, PrimUninitializedOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting


@dataclass(frozen=True)
class SplitTuples(Rewriting):
    """Let branches give back the parts of tuples that both ways make.

    Requires: nothing.
    Leaves: the tuple made of the parts behind the branch; nobody reads the one that it gave back.

    ```mlir
    %r = torch.prim.If %c { yield construct(%a, %n) } else { yield construct(%b, %m) }
    // ->
    %t, %k = torch.prim.If %c { yield %a, %n } else { yield %b, %m }
    %r = torch.prim.TupleConstruct %t, %k
    ```
    """

    name = "split-tuples"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite every branch of the module, inner ones first."""
        branches = [op for op in walk(module) if isinstance(op, PrimIfOp)]
        return any([_split(op) for op in reversed(branches)])


def _split(op: PrimIfOp) -> bool:
    """Split the first tuple that a branch gives back; whether there was one."""
    ends = [region.block.last_op for region in op.regions]
    for i, result in enumerate(op.results):
        kinds = _elements(result.type)
        values = [end.operands[i] for end in ends if end is not None]
        made = [isinstance(v.owner, PrimTupleConstructOp) for v in values]
        if kinds is None or result.first_use is None or not any(made):
            continue
        if not all(m or isinstance(v.owner, PrimUninitializedOp) for m, v in zip(made, values, strict=True)):
            continue
        for end, value in zip(ends, values, strict=True):
            assert end is not None
            end.operands = [*end.operands, *_parts(value, kinds, end)]
        new = rebuilt(op, op.operands, [*(r.type for r in op.results), *kinds])
        whole, parts = new.results[i], new.results[-len(kinds) :]
        following = new.next_op
        builder = TorchBuilder(new.parent if following is None else None, following)
        made_again = builder.create(PrimTupleConstructOp, parts, [whole.type]).results[0]
        whole.replace_all_uses_with(made_again)
        return True
    return False


def _elements(kind: Attribute) -> list[Attribute] | None:
    """The types of the parts of a tuple that has some."""
    if isinstance(kind, tt.NamedTupleType):
        return list(kind.elements)
    return list(kind.data) or None if isinstance(kind, tt.TupleType) else None


def _parts(value: SSAValue, kinds: list[Attribute], before: Operation) -> list[SSAValue]:
    """The parts of a tuple, which nobody reads where there is none."""
    owner = value.owner
    if isinstance(owner, PrimTupleConstructOp):
        return list(owner.operands)
    builder = TorchBuilder(before=before)
    return [builder.create(PrimUninitializedOp, (), [kind]).results[0] for kind in kinds]
