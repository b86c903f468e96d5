"""Pass `expand-splits`: operators that give a list of views become one view per element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from tsc.analysis.known_values import UNKNOWN, argument_of, spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.registry import find
from tsc.passes import Rewriting
from tsc.passes.decompose import decompose


@dataclass(frozen=True)
class ExpandSplits(Rewriting):
    """Replace splits of tensors with known shapes by one slice (or select) per piece, and views of several
    tensors by views of each, as their definitions say.

    Requires: types refined. Tensors may still be mutable: a piece was a view, and a slice is one.
    Leaves: operators on tensors whose shape is not known.

    ```mlir
    %1 = torch.aten.chunk %x, %int2, %int1 : ... -> !torch.list<vtensor>
    // two torch.aten.slice.Tensor and a torch.prim.ListConstruct
    ```
    """

    name = "expand-splits"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Expand every split in the module."""
        changed = False
        for candidate in list(walk(module)):
            operator = find(candidate.schema.full_name) if isinstance(candidate, AtenOp) else None
            if not isinstance(candidate, AtenOp) or operator is None or not _gives_views(operator):
                continue
            if operator.composite is not None:
                decompose(candidate, pool_of(ctx))
                changed |= candidate.parent is None
            elif _cuts(operator):
                changed |= _expand(candidate, operator)
        return changed


def _gives_views(operator: Operator) -> bool:
    """Whether the result is a list of tensors that may be views of arguments."""
    schema = operator.schema
    is_list = [r.type for r in schema.results] == [tt.ListType(tt.TENSOR)]
    return is_list and operator.may_share and not schema.mutates


def _cuts(operator: Operator) -> bool:
    """Whether the elements of a list of views are pieces of the first argument, cut along an argument
    ``dim``.
    """
    schema = operator.schema
    return [a.type for a in schema.arguments[:1]] == [tt.TENSOR] and any(
        a.name == "dim" for a in schema.arguments
    )


def _expand(op: AtenOp, operator: Operator) -> bool:
    arguments = [argument_of(o) for o in op.operands]
    kind = op.operands[0].type
    source = spec_of_type(kind) if isinstance(kind, tt.TensorType) else None
    if source is None or any(a is UNKNOWN for a in arguments):
        return False
    dim: int = arguments[op.schema.position("dim")]
    try:
        pieces = cast("list[np.ndarray[Any, Any]]", operator.eager(_places(source, dim), *arguments[1:]))
    except OPERATOR_FAILURES:
        return False  # the call is wrong: it stays, and raises when the program runs
    dim %= source.ndim
    builder = TorchBuilder(before=op)
    element = op.results[0].type.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    of = type(element).of if isinstance(element, tt.TensorType) else tt.TensorType.of
    made: list[SSAValue] = []
    for piece in pieces:
        start = int(piece.flat[0]) if piece.size else 0
        is_selected = piece.ndim < source.ndim
        length = () if is_selected else (piece.shape[dim],)
        shape = (*source.shape[:dim], *length, *source.shape[dim + 1 :])
        numbers = [dim, start] if is_selected else [dim, start, start + piece.shape[dim], 1]
        operands = [op.operands[0], *(builder.constant(n) for n in numbers)]
        name = "aten::select.int" if is_selected else "aten::slice.Tensor"
        made.append(builder.aten(name, operands, [of(shape, source.dtype)]).results[0])
    gathered = builder.list(element, made)  # pyright: ignore[reportUnknownArgumentType]
    op.results[0].replace_all_uses_with(gathered)
    op.detach()
    op.erase()
    return True


def _places(source: TensorSpec, dim: int) -> np.ndarray[Any, Any]:
    """A tensor as long as the source along `dim`, each element of which is its place; of size 1 elsewhere."""
    if not -source.ndim <= dim < source.ndim:
        return np.zeros(source.shape)  # the operator refuses it
    shape = [1] * source.ndim
    shape[dim] = source.shape[dim]
    return np.arange(source.shape[dim]).reshape(shape)
