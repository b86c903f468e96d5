"""``a[m] = b[m]``, in which the elements move nowhere: a choice of two at each place."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import constant_of, is_list_mutated, spec_of_value, unwrapped
from tsc.analysis.shown_results import is_layout_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimListConstructOp
from tsc.dims import alike
from tsc.ops.definition import TensorSpec


def chosen_by_mask(op: Operation) -> list[SSAValue] | None:
    """``a[m] = b[m]`` -> ``a.copy_(where(m, b, a))``, for `a` and `b` of one shape and dtype; the same of
    values, without the copy.
    """
    assert isinstance(op, AtenOp)
    base, masks, values, accumulate = op.operands
    taken = values.owner
    if not isinstance(taken, AtenOp) or taken.schema.full_name != "aten::index.Tensor":
        return None
    mask, source = _mask(masks), taken.operands[0]
    if mask is None or _mask(taken.operands[1]) is not mask or constant_of(accumulate) is not False:
        return None
    into, by = spec_of_value(base), spec_of_value(mask)
    if into is None or by is None or by.dtype is not dtypes.BOOL or not _has_spec(source, into):
        return None
    if by.ndim > into.ndim or not alike(by.shape, into.shape[: by.ndim]):
        return None
    assert isinstance(base.type, tt.TensorType)
    writes = op.schema.mutates
    if not _is_just_before(taken, op) if writes else is_layout_shown(op.results[0]):
        return None
    builder = TorchBuilder(before=op)
    for dim in range(by.ndim, into.ndim):
        sizes = [*by.shape, *[1] * (dim - by.ndim + 1)]
        kind = type(base.type).of(sizes, dtypes.BOOL)
        mask = builder.aten("aten::unsqueeze", [mask, builder.constant(dim)], [kind]).results[0]
    chosen = builder.aten("aten::where.self", [mask, source, base], [base.type])
    if not writes:
        return list(chosen.results)
    last = [base, chosen.results[0], builder.constant(False)]
    return list(builder.aten("aten::copy_", last, [op.results[0].type]).results)


def _has_spec(value: SSAValue, wanted: TensorSpec) -> bool:
    found = spec_of_value(value)
    return found is not None and found.dtype is wanted.dtype and alike(found.shape, wanted.shape)


def _is_just_before(first: Operation, then: Operation) -> bool:
    """Whether nothing but constants and lists of what there was lies between two operations of a block."""
    between = first.next_op
    while between is not None and between is not then:
        is_constant = not between.operands and not between.regions
        if not is_constant and not isinstance(between, (PrimListConstructOp, DerefineOp)):
            return False
        between = between.next_op
    return between is then


def _mask(indices: SSAValue) -> SSAValue | None:
    """The only index of a list of them."""
    held = unwrapped(indices).owner
    if (
        not isinstance(held, PrimListConstructOp)
        or len(held.operands) != 1
        or is_list_mutated(held.results[0])
    ):
        return None
    return unwrapped(held.operands[0])
