"""Pass `refine-types`: shapes and dtypes flow from the inputs through the program, and questions about them
are answered.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, argument_of, inference_arguments
from tsc.analysis.memory_shapes import cannot_be_viewed
from tsc.analysis.module_functions import functions
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import (
    PrimIfOp,
    PrimListConstructOp,
    PrimListUnpackOp,
    PrimLoopOp,
    PrimUncheckedCastOp,
    PrimUninitializedOp,
)
from tsc.dims import agree, hint_of, holds_found
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.registry import find
from tsc.ops.variants import functional_name
from tsc.passes import Rewriting, settle
from tsc.passes.canonicalize import simplify
from tsc.passes.propagate_constants import (
    decided_way,
    fold,
    inline_region,
    materialize,
    propagate_constants,
)

ADDRESSABLE_BYTES = 1 << 47
"""What a process can address on the machines there are."""
MOST_TRIALS = 3
"""How deep loops may nest whose rounds are tried on copies; what the loops inside carry stays unrefined."""


@dataclass(frozen=True)
class RefineTypes(Rewriting):
    """Give every tensor the shape and dtype that follow from those of the arguments; fold ``size``,
    ``dim``, ``dtype`` and such, and inline branches that are decided by them.

    Requires: arguments with the types the program is compiled for.
    Leaves: tensors whose shape depends on data, unrefined. An operator that rejects its operands stays:
    it raises at run time.

    ```mlir
    %1 = torch.aten.relu %0 : !torch.vtensor<[2,3],f32> -> !torch.vtensor
    %1 = torch.aten.relu %0 : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],f32>
    ```
    """

    name = "refine-types"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Refine every function of the module."""
        return any([refine_types(function, ctx) for function in functions(module)])


def refine_types(function: FuncOp, ctx: Context) -> bool:
    """Refine one function; whether a query was folded or a type changed."""
    changed = refine_block(function.body.block, ctx, 0)
    function.update_function_type()
    return changed


def refine_block(block: Block, ctx: Context, trials: int) -> bool:
    """Refine what is in a block; `trials` says in how many copies of loops, one inside the other, it is."""
    changed = False
    op = block.first_op
    while op is not None:
        following = op.next_op
        way = decided_way(op)
        if way is not None:  # what it gives is known in this same sweep, then
            following, changed = inline_region(op, way), True
        else:
            changed |= _refine_operation(op, ctx, trials)
        op = following
    return changed


def _refine_operation(op: Operation, ctx: Context, trials: int) -> bool:
    if isinstance(op, AtenOp):
        # A folded number (the root of a size) lets what follows be refined in this same sweep.
        return fold(op, pool_of(ctx)) or _refine_operator(op, ctx)
    if isinstance(op, PrimIfOp):
        return _refine_if(op, ctx, trials)
    if isinstance(op, PrimLoopOp):
        return _refine_loop(op, ctx, trials)
    if isinstance(op, PrimListUnpackOp):
        return simplify(op) or _refine_unpack(op)  # the numbers of a shape, mostly
    return isinstance(op, PrimUncheckedCastOp) and set_type(op.results[0], op.operands[0].type)


def set_type(value: SSAValue, kind: object) -> bool:
    """Narrow a tensor value's type, keeping whether it is a value; whether that changed anything."""
    current = value.type
    if (
        not isinstance(current, tt.TensorType)
        or not isinstance(kind, tt.TensorType)
        or kind.data == (None, None)
    ):
        return False
    wanted = type(current)(kind.data)
    if wanted is current:
        return False
    value._type = wanted  # pyright: ignore[reportPrivateUsage]
    return True


def _refine_operator(op: AtenOp, ctx: Context) -> bool:
    operator = find(op.schema.full_name)
    if operator is None:
        return False
    if operator.kind == "inplace":
        return _refine_in_place(op)
    if operator.fold is not None:
        return _fold_query(op, operator, [argument_of(o) for o in op.operands], ctx)
    if operator.needs_layout and cannot_be_viewed(op, pool_of(ctx)):
        return False  # it stays, and raises when the program runs
    return infer_types(op)


def infer_types(op: AtenOp) -> bool:
    """Narrow the types of an operator's results to what it gives for its operands; whether that changed
    anything.
    """
    operator = find(op.schema.full_name)
    if operator is None or operator.infer is None:
        return False
    arguments = inference_arguments(operator, op.operands)
    if any(a is UNKNOWN for a in arguments):
        return False
    try:
        inferred = operator.infer(*arguments)
    except OPERATOR_FAILURES:
        return False  # the call is wrong: it stays, and raises when the program runs
    return _set_results(op, inferred)


def _refine_in_place(op: AtenOp) -> bool:
    if functional_name(op.schema) is None or not op.results:
        return False
    return set_type(op.results[0], op.operands[0].type)


def _fold_query(op: AtenOp, operator: Operator, arguments: list[Any], ctx: Context) -> bool:
    if any(a is UNKNOWN for a in arguments) or operator.fold is None:
        return False
    try:
        answer = operator.fold(*arguments)
    except OPERATOR_FAILURES:
        return False
    builder = TorchBuilder(before=op)
    op.results[0].replace_all_uses_with(materialize(builder, pool_of(ctx), answer, op.results[0]))
    op.detach()
    op.erase()
    return True


def _set_results(op: Operation, inferred: object) -> bool:
    changed = False
    if isinstance(inferred, list):  # one result: a list of tensors
        return _set_list_users(op.results[0], inferred)  # pyright: ignore[reportUnknownArgumentType]
    specs = cast("tuple[Any, ...]", inferred) if isinstance(inferred, tuple) else (inferred,)
    for result, spec in zip(op.results, specs, strict=True):
        if isinstance(spec, TensorSpec) and _fits_in_memory(spec):
            changed |= set_type(result, tt.TensorType.of(spec.shape, spec.dtype))
    return changed


def _fits_in_memory(spec: TensorSpec) -> bool:
    """Whether a tensor can exist at all; making one that cannot raises when the program runs."""
    return hint_of(math.prod(spec.shape)) * spec.dtype.numpy.itemsize < ADDRESSABLE_BYTES


def _set_list_users(result: SSAValue, specs: list[TensorSpec]) -> bool:
    """A list of tensors: what takes it apart gets the types, and a constant index becomes an unpacking."""
    changed = False
    for use in list(result.uses):
        user = use.operation
        if isinstance(user, PrimListUnpackOp) and len(user.results) == len(specs):
            for value, spec in zip(user.results, specs, strict=True):
                changed |= set_type(value, tt.TensorType.of(spec.shape, spec.dtype))
        elif torch_name(user) in ("torch.aten.__getitem__.t", "torch.aten.len.t"):
            changed |= _unpack_instead(result, len(specs))
            break
    return changed


def _unpack_instead(result: SSAValue, count: int) -> bool:
    """Rebuild the list from its unpacked elements, so that `canonicalize` can look through it."""
    op = result.owner
    assert isinstance(op, Operation)
    assert op.parent is not None
    kind = result.type
    assert isinstance(kind, tt.ListType)
    if any(isinstance(u.operation, PrimListUnpackOp) for u in result.uses):
        return False
    unpack = PrimListUnpackOp.create(
        operands=[result], result_types=[kind.data] * count, location=op.location
    )
    rebuilt = PrimListConstructOp.create(operands=unpack.results, result_types=[kind], location=op.location)
    users = list(result.uses)
    op.parent.insert_op_after(unpack, op)
    op.parent.insert_op_after(rebuilt, unpack)
    for use in users:
        if use.operation is not unpack:
            use.operation.operands[use.index] = rebuilt.results[0]
    return True


def _refine_unpack(op: PrimListUnpackOp) -> bool:
    owner = op.operands[0].owner
    if not isinstance(owner, PrimListConstructOp) or len(owner.operands) != len(op.results):
        return False
    return any([set_type(r, o.type) for r, o in zip(op.results, owner.operands, strict=True)])


def _refine_if(op: PrimIfOp, ctx: Context, trials: int) -> bool:
    changed = any([refine_block(r.block, ctx, trials) for r in op.regions])
    ends = [r.block.last_op for r in op.regions]
    for i, result in enumerate(op.results):
        changed |= _adopt([e.operands[i] for e in ends if e is not None])
        kinds = [e.operands[i].type for e in ends]  # pyright: ignore[reportOptionalMemberAccess]
        if isinstance(kinds[0], tt.TensorType) and _are_alike(*kinds):
            changed |= set_type(result, kinds[0])
    return changed


def _are_alike(a: Attribute, b: Attribute) -> bool:
    """Whether two types are of tensors of the same shape and dtype."""
    if not isinstance(a, tt.TensorType) or not isinstance(b, tt.TensorType):
        return False
    return a.dtype is b.dtype and agree(a.sizes, b.sizes)


def _adopt(values: Sequence[SSAValue]) -> bool:
    """Give what is not initialized the type of the other value that may come in its place, if it has one."""
    kinds = [v.type for v in values if not isinstance(v.owner, PrimUninitializedOp)]
    if len(kinds) == len(values) or not kinds or not isinstance(kinds[0], tt.TensorType):
        return False
    if any(map(holds_found, kinds[0].sizes or ())):
        return False  # what is found in a branch means nothing outside
    return any([set_type(v, kinds[0]) for v in values if isinstance(v.owner, PrimUninitializedOp)])


def _refine_loop(op: PrimLoopOp, ctx: Context, trials: int) -> bool:
    """Carried tensors keep the type they enter with where every round gives it back."""
    body = op.regions[0].block
    end = body.last_op
    assert end is not None
    for value, given_back in zip(op.operands[2:], end.operands[1:], strict=True):
        _adopt([value, given_back])
    kept = _kept(op, ctx, trials)
    for i, kind in kept.items():
        set_type(body.args[i + 1], kind)
    changed = refine_block(body, ctx, trials)
    return any([set_type(op.results[i], kind) for i, kind in kept.items()]) or changed


def _kept(op: PrimLoopOp, ctx: Context, trials: int) -> dict[int, tt.TensorType]:
    """The carried tensors whose types a round does not change, by number.

    Each is taken to be one until a round shows otherwise. That round is a copy: sizes are folded in it that
    hold in the first round alone, perhaps.
    """
    entering = {i: o.type for i, o in enumerate(op.operands[2:])}
    kept = {i: k for i, k in entering.items() if isinstance(k, tt.TensorType) and k.data != (None, None)}
    if all(_are_alike(op.regions[0].block.args[i + 1].type, k) for i, k in kept.items()):
        return kept  # as an earlier sweep has shown
    if trials == MOST_TRIALS:
        return {}
    while kept:
        lost = _changed_by_a_round(op, kept, ctx, trials + 1)
        if not lost:
            break
        kept = {i: k for i, k in kept.items() if i not in lost}
    return kept


def _changed_by_a_round(
    op: PrimLoopOp, entering: Mapping[int, tt.TensorType], ctx: Context, trials: int
) -> set[int]:
    """Those of the carried tensors that a round does not give back with the type they enter with."""
    trial = op.clone()
    body = trial.regions[0].block
    for i, kind in entering.items():
        set_type(body.args[i + 1], kind)

    def one_sweep() -> bool:
        changed = refine_block(body, ctx, trials)
        return propagate_constants(trial, pool_of(ctx)) or changed  # shapes decide branches

    settle(one_sweep)
    end = body.last_op
    assert end is not None
    lost = {i for i, kind in entering.items() if not _are_alike(end.operands[i + 1].type, kind)}
    trial.erase()
    return lost
