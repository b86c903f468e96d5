"""Pass `find-sizes`: operators whose results are as large as elements say become ones whose sizes have
names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.fusion import reads_values
from tsc.analysis.known_values import (
    UNKNOWN,
    argument_of,
    constant_of,
    spec_of_value,
    unwrapped,
    writes_anything,
)
from tsc.analysis.module_functions import functions
from tsc.analysis.number_reads import NUMBERS, READS, is_computed, is_known_once
from tsc.analysis.operator_effects import asks_gradients
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import PrimIfYieldOp, PrimLoopConditionOp, PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import holds_found
from tsc.errors import OPERATOR_FAILURES
from tsc.passes import Rewriting
from tsc.passes.eliminate_common_subexpressions import merge_equal
from tsc.passes.found.finder import Finder
from tsc.passes.found.pieces import PIECES
from tsc.passes.found.rooms import number_of
from tsc.passes.found.rules import CREATIONS, RULES, is_found_when_run, sizes_given
from tsc.passes.unroll_loops import rounds_of

VARYING = "int"
"""An integer among arguments that is another one in each call, in words."""
OF_FOUND = ("aten::item", *READS, *PIECES)
"""Operators that are written anew where their first operand has a size that is found: they give its only
element, or cut it.
"""


@dataclass(frozen=True)
class FindSizes(Rewriting):
    """Count where masks hold, and let the counts be sizes: symbols between 0 and the size of the mask, which
    what follows computes with as with any other size.

    Requires: stage `value`; tensors are values.
    Leaves: what is found in a branch or loop unknown outside.

    ```mlir
    %1 = torch.aten.masked_select %x, %m
    // %n = sum(%m); tsc.find_size %n {size = u0}
    // %p = nonzero_static(%m, u0); %1 = index(%x, [%p])
    ```
    """

    name = "find-sizes"
    before_writes: bool = False
    """Whether tensors may change yet: what is written, or differentiated, may be as large as elements say."""

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Find the sizes of every function of the module."""
        every = list(functions(module))
        if self.before_writes:
            every = [f for f in every if asks_gradients(f) or any(map(writes_anything, walk(f)))]
        return any([find_sizes(function, ctx, before_writes=self.before_writes) for function in every])


def has_sizes_to_find(function: FuncOp, arguments: Sequence[str]) -> bool:
    """Whether a function may have operators whose results are as large as elements say, or as numbers among
    its arguments do, which are given in words.
    """
    pairs = zip(function.body.block.args, arguments, strict=True)
    known = {argument for argument, word in pairs if argument.type is tt.INT and word != VARYING}
    return any(isinstance(op, AtenOp) and _may_find(op, known) for op in walk(function))


def may_grow_in_loops(function: FuncOp) -> bool:
    """Whether a loop may carry a tensor to which each round joins something."""
    return any(isinstance(op, PrimLoopOp) and any(map(_is_joined, _given_back(op))) for op in walk(function))


def _given_back(loop: PrimLoopOp) -> Sequence[SSAValue]:
    end = loop.regions[0].block.last_op
    return () if end is None else list(end.operands)[1:]


def _is_joined(value: SSAValue) -> bool:
    return isinstance(value.owner, AtenOp) and value.owner.schema.full_name == "aten::cat"


def _may_find(op: AtenOp, known: Collection[SSAValue] = ()) -> bool:
    """Whether `op` may be such an operator, where some arguments will be `known`."""
    name = op.schema.full_name
    if name in OF_FOUND:
        return _holds_found(op.operands[0])
    if name not in CREATIONS and name != "aten::slice.Tensor":
        return name in RULES
    given = sizes_given(op) if name in CREATIONS else op.operands[2:4]
    return any(is_found_when_run(n) and not is_known_once(unwrapped(n), known) for n in given)


def _holds_found(value: SSAValue) -> bool:
    spec = spec_of_value(value)
    return spec is not None and holds_found(spec.size)


def _reads_number(value: SSAValue) -> bool:
    owner = unwrapped(value).owner
    return isinstance(owner, AtenOp) and owner.schema.full_name in READS


def find_sizes(root: Operation, context: Context, *, before_writes: bool) -> bool:
    """Find the sizes below an operation; whether there were some to find."""
    # Loops may be unrolled before tensors are values, and each round finds sizes of its own.
    ready = [op for op in walk(root) if _is_ready(op)]
    candidates = [op for op in ready if (not may_be_unrolled(op) if before_writes else reads_values(op))]
    changed = _read_numbers(root, context, before_writes)
    if not candidates:
        return changed
    if not before_writes:
        merge_equal(root, [])  # masks that are equal are one
    for op in candidates:
        if isinstance(op, AtenOp) and op.parent is not None:
            changed |= _replace(op, context)
    return changed


def may_be_unrolled(op: Operation) -> bool:
    """Whether `op` is, or is in, a loop that has a known number of rounds."""
    at: Operation | None = op
    while at is not None:
        if isinstance(at, PrimLoopOp) and rounds_of(at) is not None:
            return True
        at = at.parent_op()
    return False


def _read_numbers(root: Operation, context: Context, before_writes: bool) -> bool:
    """Let arithmetic on sizes that are found, where it cannot be done now, be done on numbers that tensors
    hold; so are those that branches give back, and loops carry.
    """
    changed = False
    for op in list(walk(root)):
        if not _is_arithmetic(op, before_writes) and not isinstance(
            op, (PrimIfYieldOp, PrimLoopConditionOp, PrimLoopOp)
        ):
            continue
        for i, operand in enumerate(op.operands):
            size = constant_of(operand) if operand.type is tt.INT else 0
            if not holds_found(size) or (isinstance(op, PrimLoopOp) and i == 0):
                continue
            tensor = number_of(size, pool_of(context), op)
            op.operands[i] = TorchBuilder(before=op).aten("aten::Int.Tensor", [tensor], [tt.INT]).results[0]
            changed = True
    return changed


def _is_arithmetic(op: Operation, before_writes: bool) -> bool:
    """Whether `op` makes a number of numbers that are known, or that tensors hold; of others only where no
    more of them will be known.
    """
    if not isinstance(op, AtenOp) or len(op.results) != 1 or op.results[0].type not in NUMBERS:
        return False
    computed = _reads_number if before_writes else is_computed
    return all(constant_of(o) is not UNKNOWN or computed(unwrapped(o)) for o in op.operands)


def _is_ready(op: Operation) -> bool:
    if not isinstance(op, AtenOp) or not _may_find(op):
        return False
    if op.schema.full_name in CREATIONS:
        return True
    return all(argument_of(o) is not UNKNOWN or is_computed(unwrapped(o)) for o in op.operands)


def _replace(op: AtenOp, context: Context) -> bool:
    """Rewrite one operator, where there is a way; whether there was."""
    before = op.prev_op
    finder = Finder(op, context)
    try:
        made = RULES[op.schema.full_name](finder, *op.operands)
    except OPERATOR_FAILURES:  # the call is wrong: it stays, and raises when the program runs
        made = None
    if made is None and finder.has_named:
        return True
    if made is None:
        while (new := op.prev_op) is not before:
            assert new is not None
            new.detach()
            new.erase()
        return False
    if isinstance(made, list):
        kind = op.results[0].type
        assert isinstance(kind, tt.ListType)
        made = finder.builder.list(kind.data, made)
    parts = made if isinstance(made, tuple) else (made,)
    for result, part in zip(op.results, parts, strict=True):
        part.name_hint = part.name_hint or result.name_hint
        if type(result.type) is tt.TensorType:
            kind = part.type
            assert isinstance(kind, tt.TensorType)
            part._type = tt.TensorType(kind.data)  # pyright: ignore[reportPrivateUsage]
        result.replace_all_uses_with(part)
    op.detach()
    op.erase()
    return True
