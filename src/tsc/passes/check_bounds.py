"""Pass `check-bounds`: indices that come from data are checked, so that native code never reads outside a
tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.fusion import CHECKS_BOUNDS, IN_BOUNDS, operator_of, reads_values
from tsc.analysis.index_ranges import is_below
from tsc.analysis.known_values import argument_of, constant_of, unwrapped
from tsc.analysis.number_reads import is_number_read
from tsc.analysis.operator_effects import not_repeatable
from tsc.analysis.shown_results import is_in_loop
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal
from tsc.dialects.context import pool_of, sizes_of
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimIfOp, PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import ComputedOp, FindSizeOp, RequireOp
from tsc.dialects.walking import walk
from tsc.dims import SizeEnvironment, is_known
from tsc.errors import FoundSizeError
from tsc.narrowing import is_array
from tsc.ops.composite import Aten
from tsc.passes.decompose import building_aten

FLAG = tt.ValueTensorType.of((), dtypes.BOOL)


@dataclass(frozen=True)
class CheckBounds(ModulePass):
    """Add a result that says whether any index of a gather is outside its tensor, or something that is
    required is not so: the generic tier does the call again then, and raises what there is to raise.

    Requires: `flatten-results`.
    Leaves: gathers, whose kernels read only where the indices were in bounds (they clamp); functions that
    gather have the attribute `tsc.checks_bounds`, and their last result is a 0-dim bool, which branches and
    loops hand on; or `tsc.in_bounds`, where all indices are constants in range. Functions that must not be
    done twice stay as they are, and their gathers in no kernel. What was only `tsc.computed` is dead now.

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
                _check(function, pool_of(ctx), sizes_of(ctx))
        for computed in [o for o in walk(op) if isinstance(o, ComputedOp)]:
            if _is_sure(computed.operands[0]):
                computed.detach()
                computed.erase()


def _is_sure(value: SSAValue) -> bool:
    """Whether the shape of a tensor is known: what has none because an operator refuses its operands raises
    when it runs.
    """
    return isinstance(value.type, tt.ValueTensorType) and value.type.sizes is not None


def _check(function: FuncOp, pool: ConstantPool, sizes: SizeEnvironment) -> None:
    if not_repeatable(function) is not None:
        return  # the generic tier must not do the call again
    _require_found(function, sizes)
    indices = _Indices(pool, sizes)
    bad = _outside(function.body.block, indices)
    if bad is None:
        if indices.has_known:
            function.attributes[IN_BOUNDS] = UnitAttr()
        return
    end = function.body.block.last_op
    assert end is not None
    end.operands = [*end.operands, bad]
    function.attributes[CHECKS_BOUNDS] = UnitAttr()
    function.update_function_type()


def _require_found(function: FuncOp, sizes: SizeEnvironment) -> None:
    """Check that everything that was taken for granted is of sizes that the function finds, and no more than
    that there are elements is of those of each round: they go through all numbers.

    Raises:
        FoundSizeError: it is not.
    """
    finders = [op for op in walk(function) if isinstance(op, FindSizeOp)]
    found = {atom: op for op in finders for atom in op.size.atoms}
    for guard in sizes.required.values():
        (atom,) = guard.expression.atoms
        is_some = guard.expression.terms.get((), 0) == 0
        if atom not in found or (guard.relation == "!=" and not is_some and is_in_loop(found[atom])):
            raise FoundSizeError(f"symbolic sizes: requires to know whether {guard}")


def _outside(block: Block, indices: _Indices) -> SSAValue | None:
    """A bool at the end of a block: whether an index of a gather in it, or in its branches and loops, is
    outside its tensor, or something that is required is not so; None where nothing is to be checked.
    """
    end = block.last_op
    assert end is not None
    aten = building_aten(TorchBuilder(before=end), [])
    bad: SSAValue | None = None
    seen: set[tuple[SSAValue, int, int]] = set()
    for op in list(block.ops):
        if isinstance(op, (PrimIfOp, PrimLoopOp)):
            bad = _either(bad, _outside_below(op, indices), aten)
        elif isinstance(op, RequireOp):
            bad = _either(bad, _unmet(op, aten), aten)
        elif isinstance(op, FindSizeOp):
            bad = _either(bad, _surprising(op, indices.sizes, aten), aten)
        elif isinstance(op, AtenOp) and reads_values(op):
            for index, low, high in _ranges(op):
                if (index, low, high) not in seen and not indices.is_inside(index, low, high):
                    seen.add((index, low, high))
                    outside = aten(
                        "logical_or", aten("lt.Scalar", index, low), aten("ge.Scalar", index, high)
                    )
                    bad = _either(bad, aten("any.dims", outside, None, False), aten)
    return bad


def _surprising(op: FindSizeOp, sizes: SizeEnvironment, aten: Aten) -> SSAValue | None:
    """Whether a size that is found is none of those that were taken for granted."""
    bad: SSAValue | None = None
    for guard in sizes.required.values():
        (atom,) = guard.expression.atoms
        if atom not in op.size.atoms:
            continue
        terms = guard.expression.terms
        value = aten("add.Scalar", aten("mul.Scalar", op.operands[0], terms[(atom,)]), terms.get((), 0), 1)
        unmet = aten("eq.Scalar" if guard.relation == "!=" else "lt.Scalar", value, 0)
        bad = _either(bad, unmet, aten)
    return bad


class _Indices:
    """The index tensors of a function: those that are constants are checked at once."""

    def __init__(self, pool: ConstantPool, sizes: SizeEnvironment) -> None:
        self.pool = pool
        self.sizes = sizes
        self.has_known = False

    def is_inside(self, index: SSAValue, low: int, high: int) -> bool:
        """Whether an index is known, and all its elements are in range; `high` may be a symbolic size."""
        if low <= 0 and is_below(index, high):
            self.has_known = True
            return True
        known = constant_of(index, self.pool)
        if not is_array(known) or not is_known(high) or not ((known >= low) & (known < high)).all():
            return False
        self.has_known = True
        return True


def _either(a: SSAValue | None, b: SSAValue | None, aten: Aten) -> SSAValue | None:
    if a is None or b is None:
        return b if a is None else a
    return aten("logical_or", a, b)


def _unmet(op: RequireOp, aten: Aten) -> SSAValue | None:
    """Whether what `op` requires is not so; None where that is not known from a tensor: it stays."""
    owner = unwrapped(op.operands[0]).owner
    if not (isinstance(owner, AtenOp) and is_number_read(owner)):
        return None
    flag = aten("reshape", aten("to.dtype", owner.operands[0], dtypes.BOOL.code, False, False, None), [])
    op.detach()
    op.erase()
    return aten("logical_not", flag)


def _outside_below(op: PrimIfOp | PrimLoopOp, indices: _Indices) -> SSAValue | None:
    """The same for a branch or loop, as a further result."""
    blocks = [region.block for region in op.regions]
    found = [_outside(block, indices) for block in blocks]
    if all(bad is None for bad in found):
        return None
    operands = list(op.operands)
    for block, bad in zip(blocks, found, strict=True):
        end = block.last_op
        assert end is not None
        if isinstance(op, PrimLoopOp):
            before = block.insert_arg(FLAG, len(block.args))
            bad = _either(before, bad, building_aten(TorchBuilder(before=end), []))
        end.operands = [*end.operands, bad or _nothing(end)]
    if isinstance(op, PrimLoopOp):
        operands.append(_nothing(op))
    return rebuilt(op, operands, [*(r.type for r in op.results), FLAG]).results[-1]


def _nothing(before: Operation) -> SSAValue:
    """A bool that says that nothing is outside."""
    no = literal(ConstantPool(), "inside", np.asarray(False))
    return TorchBuilder(before=before).insert(no).results[0]


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
