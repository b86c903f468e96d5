"""Pass `eliminate-common-subexpressions`: an operation that was computed before is not computed again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass

from tsc.analysis.operator_effects import is_pure
from tsc.analysis.shown_results import is_shown
from tsc.dialects import torch_types as tt


@dataclass(frozen=True)
class EliminateCommonSubexpressions(ModulePass):
    """Replace a pure operation by an equal one that dominates it.

    Requires: nothing.
    Leaves: operations on mutable tensors and lists, which may have changed in between.

    ```mlir
    %0 = torch.constant.int 1
    %1 = torch.constant.int 1   // uses of %1 become uses of %0
    ```
    """

    name = "eliminate-common-subexpressions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Merge equal operations everywhere in the module."""
        merge_equal(op, [])


Key = tuple[Any, ...]


def _both_are_returned(op: Operation, found: Operation) -> bool:
    """Whether the caller gets tensors of both, which must not share memory: it may write to one."""
    return any(
        isinstance(mine.type, tt.TensorType) and is_shown(mine) and is_shown(other)
        for mine, other in zip(op.results, found.results, strict=True)
    )


def merge_equal(root: Operation, scopes: list[dict[Key, Operation]]) -> None:
    """Merge below `root`; `scopes` hold what the blocks around it have computed."""
    for region in root.regions:
        for block in region.blocks:
            _merge_block(block, scopes)


def _merge_block(block: Block, scopes: list[dict[Key, Operation]]) -> None:
    own: dict[Key, Operation] = {}
    inner = [*scopes, own]
    for op in list(block.ops):
        if op.regions:
            merge_equal(op, inner if op.name != "func.func" else [])
            continue
        if not op.results or not is_pure(op):
            continue
        key = (
            type(op),
            tuple(op.operands),
            tuple(r.type for r in op.results),
            frozenset(op.attributes.items()),
        )
        found = next((s[key] for s in reversed(inner) if key in s), None)
        if found is None:
            own[key] = op
            continue
        if _both_are_returned(op, found):
            continue
        for result, value in zip(op.results, found.results, strict=True):
            result.replace_all_uses_with(value)
        op.detach()
        op.erase()
