"""Pass `expand-splits`: operators that cut a tensor into a list of pieces become slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.values import UNKNOWN, argument_of, spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.registry import TensorSpec, find

SLICED = frozenset((
    "aten::chunk", "aten::unsafe_chunk", "aten::split.Tensor", "aten::split.sizes", "aten::split_with_sizes",
    "aten::unsafe_split.Tensor", "aten::unsafe_split_with_sizes", "aten::tensor_split.sections",
    "aten::tensor_split.indices",
))  # fmt: skip
"""Operators whose pieces lie one after the other along ``dim``."""
SELECTED = frozenset(("aten::unbind.int",))
"""Operators whose pieces are the elements along ``dim``."""


@dataclass(frozen=True)
class ExpandSplits(ModulePass):
    """Replace splits of tensors with known shapes by one slice (or select) per piece.

    Requires: types refined. Tensors may still be mutable: a piece was a view, and a slice is one.
    Leaves: splits of tensors whose shape is not known.

    ```mlir
    %1 = torch.aten.chunk %x, %int2, %int1 : ... -> !torch.list<vtensor>
    // two torch.aten.slice.Tensor and a torch.prim.ListConstruct
    ```
    """

    name = "expand-splits"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Expand every split in the module."""
        for candidate in list(op.walk()):
            if isinstance(candidate, AtenOp) and candidate.schema.full_name in SLICED | SELECTED:
                _expand(candidate)


def _expand(op: AtenOp) -> None:
    arguments = [argument_of(o) for o in op.operands]
    kind = op.operands[0].type
    source = spec_of_type(kind) if isinstance(kind, tt.TensorType) else None
    operator = find(op.schema.full_name)
    if source is None or any(a is UNKNOWN for a in arguments) or operator is None or operator.infer is None:
        return
    try:
        pieces = cast("list[TensorSpec]", list(operator.infer(*arguments)))
    except OPERATOR_FAILURES:
        return  # the call is wrong: it stays, and raises when the program runs
    dim: int = arguments[op.schema.position("dim")] % max(source.ndim, 1)
    builder = TorchBuilder(before=op)
    selects = op.schema.full_name in SELECTED
    made: list[SSAValue] = []
    start = 0
    element = op.results[0].type.data  # pyright: ignore
    of = type(element).of if isinstance(element, tt.TensorType) else tt.TensorType.of  # pyright: ignore
    for i, piece in enumerate(pieces):
        made_type = [of(piece.shape, piece.dtype)]
        numbers: list[Any] = [dim, i] if selects else [dim, start, start + piece.shape[dim], 1]
        operands = [op.operands[0], *(builder.constant(n) for n in numbers)]
        name = "aten::select.int" if selects else "aten::slice.Tensor"
        made.append(builder.aten(name, operands, made_type).results[0])
        start += 0 if selects else piece.shape[dim]
    gathered = builder.list(element, made)  # pyright: ignore
    op.results[0].replace_all_uses_with(gathered)
    op.detach()
    op.erase()
