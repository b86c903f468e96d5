"""Pass `check-bounds`: indices that come from data are checked, so that native code never reads outside a
tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.fusion import CHECKS_BOUNDS, operator_of, reads_values
from tsc.analysis.known_values import argument_of, unwrapped
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.passes.decompose import building_aten


@dataclass(frozen=True)
class CheckBounds(ModulePass):
    """Add a result that says whether any index of a gather is outside its tensor; the caller raises
    `BoundsError`.

    Requires: `flatten-results`.
    Leaves: gathers, whose kernels read only where the indices were in bounds (they clamp); functions that
    gather have the
    attribute `tsc.checks_bounds`, and their last result is a 0-dim bool.

    ```mlir
    %1 = torch.aten.embedding %w, %ids, ...
    return %1
    // %bad = any((%ids < 0) | (%ids >= 1000)); return %1, %bad
    ```
    """

    name = "check-bounds"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Check every function of the module."""
        for function in op.ops:
            if isinstance(function, FuncOp) and "tsc.result" in function.attributes:
                _check(function)


def _check(function: FuncOp) -> None:
    end = function.body.block.last_op
    assert end is not None
    builder = TorchBuilder(before=end)
    aten = building_aten(builder, [])
    bad: SSAValue | None = None
    seen: set[tuple[SSAValue, int, int]] = set()
    for op in list(function.body.block.ops):
        if not isinstance(op, AtenOp) or not reads_values(op):
            continue
        for index, low, high in _ranges(op):
            if (index, low, high) in seen:
                continue
            seen.add((index, low, high))
            outside = aten("logical_or", aten("lt.Scalar", index, low), aten("ge.Scalar", index, high))
            found = aten("any.dims", outside, None, False)
            bad = found if bad is None else aten("logical_or", bad, found)
    if bad is None:
        return
    end.operands = [*end.operands, bad]
    function.attributes[CHECKS_BOUNDS] = UnitAttr()
    function.update_function_type()


def _ranges(op: AtenOp) -> list[tuple[SSAValue, int, int]]:
    """The index tensors of a gather, each with the range ``low <= index < high`` it must keep to."""
    operator = operator_of(op)
    if operator is None or operator.bounds is None:
        return []
    found: list[tuple[SSAValue, int, int]] = []
    for bound in operator.bounds(*(argument_of(o) for o in op.operands)):
        value = unwrapped(op.operands[bound.argument])
        if bound.item is not None:
            assert isinstance(value.owner, PrimListConstructOp)
            value = unwrapped(value.owner.operands[bound.item])
        found.append((_unrepeated(value), bound.low, bound.high))
    return found


def _unrepeated(index: SSAValue) -> SSAValue:
    """What `expand` repeats, instead of the index that it makes: the elements are the same."""
    owner = index.owner
    if not isinstance(owner, AtenOp) or owner.schema.full_name != "aten::expand":
        return index
    source = unwrapped(owner.operands[0])
    is_known = isinstance(source.type, tt.ValueTensorType) and source.type.is_static
    return source if is_known else index
