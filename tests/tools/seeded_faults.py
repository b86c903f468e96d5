# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Ways to break each pass on purpose, which `verify` and `bisect` are to name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdsl.dialects import arith, math, memref
from xdsl.dialects.builtin import IndexType, IntegerAttr, ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation

from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool
from tsc.passes.canonicalize import Canonicalize
from tsc.passes.check_bounds import CheckBounds
from tsc.passes.decompose import Decompose
from tsc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from tsc.passes.eliminate_dead_code import EliminateDeadCode
from tsc.passes.expand_splits import ExpandSplits
from tsc.passes.flatten_results import FlattenResults
from tsc.passes.fold_conv_arithmetic import FoldConvArithmetic
from tsc.passes.fold_conv_batchnorm import FoldConvBatchnorm
from tsc.passes.fold_linear_batchnorm import FoldLinearBatchnorm
from tsc.passes.freeze import Freeze
from tsc.passes.functionalize import Functionalize
from tsc.passes.fuse import Fuse
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.inline import Inline
from tsc.passes.lower_to_linalg import LowerToLinalg
from tsc.passes.numbers_as_tensors import NumbersAsTensors
from tsc.passes.plan_memory import PlanMemory
from tsc.passes.propagate_constants import PropagateConstants
from tsc.passes.refine_types import RefineTypes
from tsc.passes.remove_dropout import RemoveDropout
from tsc.passes.split_kernels import SplitKernels
from tsc.passes.stack_lists import StackLists
from tsc.passes.unroll_loops import UnrollLoops

Spoil = Callable[[ModuleOp, ConstantPool], None]


def schema_ops(module: ModuleOp, name: str) -> list[AtenOp]:
    return [op for op in module.walk() if isinstance(op, AtenOp) and op.schema.name == name]


def becomes(name: str, other: str) -> Spoil:
    """Another operator with the same arguments."""

    def spoil(module: ModuleOp, pool: ConstantPool) -> None:
        for op in schema_ops(module, name):
            made = TorchBuilder(before=op).aten(other, list(op.operands), [r.type for r in op.results])
            replace(op, made)

    return spoil


def dropped(name: str) -> Spoil:
    """The first operand instead of the result."""

    def spoil(module: ModuleOp, pool: ConstantPool) -> None:
        for op in schema_ops(module, name):
            op.results[0].replace_all_uses_with(op.operands[0])
            op.detach()
            op.erase()

    return spoil


def swapped(name: str) -> Spoil:
    """The first two operands in the wrong order."""

    def spoil(module: ModuleOp, pool: ConstantPool) -> None:
        for op in schema_ops(module, name):
            first, second, *rest = op.operands
            op.operands = [second, first, *rest]

    return spoil


def merged(name: str) -> Spoil:
    """The first such operator's result for all of them that have its type."""

    def spoil(module: ModuleOp, pool: ConstantPool) -> None:
        first, *others = schema_ops(module, name) or [None]
        for op in others:
            if first is not None and op is not None and op.results[0].type == first.results[0].type:
                op.results[0].replace_all_uses_with(first.results[0])

    return spoil


def weighed(module: ModuleOp, pool: ConstantPool) -> None:
    """Constants that were folded, half as large."""
    for op in module.walk():
        key = getattr(op, "resource_key", None)
        if key is not None and "folded" in key:
            pool[key][...] *= 0.5


def returned(module: ModuleOp, pool: ConstantPool) -> None:
    """The results in the wrong order."""
    for op in list(module.walk()):
        if isinstance(op, ReturnOp) and len(op.operands) > 1:
            op.operands = list(reversed(op.operands))
            op.operands = [op.operands[0]] * len(op.operands)


def scalar(kind: type[Operation], other: Any) -> Callable[[Operation, ConstantPool], None]:
    """Another operation on elements."""

    def spoil(module: Operation, pool: ConstantPool) -> None:
        for op in [op for op in module.walk() if isinstance(op, kind)]:
            made = other(*op.operands)
            assert op.parent is not None
            op.parent.insert_op_before(made, op)
            replace(op, made)

    return spoil


def overlapped(module: ModuleOp, pool: ConstantPool) -> None:
    """All buffers at the beginning of the arena."""
    views = [op for op in module.walk() if isinstance(op, memref.ViewOp)]
    for view in views:
        assert view.parent is not None
        start = arith.ConstantOp(IntegerAttr(0, IndexType()))
        view.parent.insert_op_before(start, view)
        view.operands[1] = start.result


def replace(op: Operation, made: Operation) -> None:
    for old, new in zip(op.results, made.results, strict=True):
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()


def square(x: Any, y: Any) -> arith.MulfOp:
    return arith.MulfOp(x, x)


FAULTS: dict[str, tuple[Any, Spoil, str, str]] = {
    "inline": (Inline, becomes("aten::relu", "aten::neg"), "forward", "frozen"),
    "freeze": (Freeze, becomes("aten::relu", "aten::sin"), "forward", "frozen"),
    "remove-dropout": (RemoveDropout, dropped("aten::relu"), "forward", "frozen"),
    "fold-conv-batchnorm": (FoldConvBatchnorm, weighed, "forward", "frozen"),
    "fold-conv-arithmetic": (FoldConvArithmetic, weighed, "scaled", "frozen"),
    "fold-linear-batchnorm": (FoldLinearBatchnorm, weighed, "forward", "frozen"),
    "propagate-constants": (PropagateConstants, swapped("aten::sub"), "written", "frozen"),
    "canonicalize": (Canonicalize, merged("aten::sin"), "looped", "frozen"),
    "eliminate-dead-code": (EliminateDeadCode, dropped("aten::mul_"), "written", "frozen"),
    "refine-types": (RefineTypes, becomes("aten::tanh", "aten::sinh"), "written", "value"),
    "expand-splits": (ExpandSplits, merged("aten::sin"), "looped", "value"),
    "unroll-loops": (UnrollLoops, dropped("aten::tanh"), "looped", "value"),
    "stack-lists": (StackLists, dropped("aten::tanh"), "stacked", "value"),
    "functionalize": (Functionalize, dropped("aten::relu"), "written", "value"),
    "decompose": (Decompose, becomes("aten::exp", "aten::expm1"), "forward", "value"),
    "numbers-as-tensors": (NumbersAsTensors, swapped("aten::sub"), "written", "value"),
    "eliminate-common-subexpressions": (
        EliminateCommonSubexpressions, merged("aten::sin"), "looped", "value",
    ),
    "flatten-results": (FlattenResults, returned, "looped", "value"),
    "check-bounds": (CheckBounds, dropped("aten::exp"), "chosen", "value"),
    "fuse": (Fuse, becomes("aten::relu", "aten::neg"), "forward", "fused"),
    "lower-to-linalg": (
        LowerToLinalg, scalar(arith.MaximumfOp, arith.MinimumfOp), "forward", "linalg",
    ),
    "fuse-elementwise": (FuseElementwise, scalar(arith.DivfOp, square), "forward", "linalg"),
    "split-kernels": (SplitKernels, scalar(math.ExpOp, math.AbsFOp), "chosen", "linalg"),
    "plan-memory": (PlanMemory, overlapped, "crossed", "loop"),
}  # fmt: skip
"""By the pass: what it does wrong, the method that shows it, and the stage in which it does so first."""
