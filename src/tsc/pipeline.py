"""The compiler's table of contents: the stages, their contracts and their passes, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from tsc.analysis.contracts import verify_values
from tsc.analysis.module_functions import hosts
from tsc.analysis.target import Target
from tsc.analysis.verify import verify_dominance
from tsc.concurrency import COMPILING
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimCallMethodOp
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import IRError, NestingError
from tsc.options import options
from tsc.passes import FixedPoint, Rewriting, fixed_point
from tsc.passes.assign_layouts import AssignLayouts
from tsc.passes.canonicalize import Canonicalize
from tsc.passes.check_bounds import CheckBounds
from tsc.passes.count_rounds import CountRounds
from tsc.passes.count_windows import CountWindows
from tsc.passes.decompose import Decompose
from tsc.passes.differentiate import Differentiate
from tsc.passes.differentiate_results import DifferentiateResults
from tsc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from tsc.passes.eliminate_dead_code import EliminateDeadCode
from tsc.passes.expand_splits import ExpandSplits
from tsc.passes.expand_statistics import ExpandStatistics
from tsc.passes.find_sizes import FindSizes
from tsc.passes.flatten_results import FlattenResults
from tsc.passes.fold_conv_arithmetic import FoldConvArithmetic
from tsc.passes.fold_conv_batchnorm import FoldConvBatchnorm
from tsc.passes.fold_linear_batchnorm import FoldLinearBatchnorm
from tsc.passes.fold_shared_attributes import FoldSharedAttributes
from tsc.passes.freeze import Freeze
from tsc.passes.functionalize import Functionalize
from tsc.passes.fuse import Fuse
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.gradients.halves import Half
from tsc.passes.grow_lists import GrowLists
from tsc.passes.inline import Inline
from tsc.passes.join_sizes import JoinSizes
from tsc.passes.lower_to_linalg import LowerToLinalg
from tsc.passes.narrow_optionals import NarrowOptionals
from tsc.passes.narrow_weights import NarrowWeights
from tsc.passes.numbers_as_tensors import NumbersAsTensors
from tsc.passes.pack_constants import PackConstants
from tsc.passes.plan_memory import PlanMemory
from tsc.passes.propagate_constants import PropagateConstants
from tsc.passes.read_around_writes import ReadAroundWrites
from tsc.passes.read_numbers import ReadNumbers
from tsc.passes.refine_types import RefineTypes
from tsc.passes.remove_dropout import RemoveDropout
from tsc.passes.require_no_raise import RequireNoRaise
from tsc.passes.schedule import Schedule
from tsc.passes.settle_dicts import SettleDicts
from tsc.passes.settle_modes import SettleModes
from tsc.passes.slice_operands import SliceOperands
from tsc.passes.split_backward import SplitBackward
from tsc.passes.split_complex import SplitComplex
from tsc.passes.split_kernels import SplitKernels
from tsc.passes.split_tuples import SplitTuples
from tsc.passes.stack_lists import StackLists
from tsc.passes.unroll_loops import UnrollLoops
from tsc.passes.widen_windows import WidenWindows
from tsc.passes.winograd import Winograd
from tsc.progress import step

KernelReady = Callable[[FuncOp], None]
Watcher = Callable[[str, ModulePass, ModuleOp], None]
"""Called after each pass with the stage it belongs to."""


@dataclass(frozen=True)
class Stage:
    """A level of the IR: what holds when it is reached, and the passes that bring it about."""

    name: str
    holds: str
    passes: tuple[ModulePass, ...]
    verify: Callable[[ModuleOp], None]


ROLLED, UNROLLED = 500, 8_000
"""How many operations unrolled loops may come to, where loops may be native, and where they run in Python."""
PLAIN_FREEZE = Freeze()
FINDERS = (FindSizes(before_writes=True), JoinSizes(before_writes=True))
SIMPLIFY = (PropagateConstants(), Canonicalize(), EliminateDeadCode())
SIMPLIFY_UNCHECKED = (*SIMPLIFY[:2], EliminateDeadCode(leaves_gathers=True))
"""As long as `check-bounds` is to come."""


def stages(
    target: Target | None = None,
    freeze: Freeze = PLAIN_FREEZE,
    fuse_contractions: bool = True,
    is_whole: bool = False,
    kernel_ready: KernelReady | None = None,
    called_from_python: bool = True,
    finds_sizes: bool = False,
    half: Half | None = None,
) -> tuple[Stage, ...]:
    """All stages, scheduling for `target` (a plain AVX2 machine when None); `kernel_ready` is told of each
    kernel that is at stage `loop`. Where functions are `called_from_python`, that takes views of what they
    give; those that are native as a whole (`is_whole`) give back the parts of their arguments that they
    write, and not all of each. Where it `finds_sizes`, results may be as large as elements say. Of a `half`,
    the function is that half of itself from stage `value` on.
    """
    in_parts = is_whole and called_from_python
    return (
        Stage("torch", "one operation per TorchScript node, as written", (), verify_nothing_more),
        Stage(
            "frozen",
            "no calls; attributes are constants but for those that are written or preserved",
            (
                *(() if freeze.keep_tensors else (FoldSharedAttributes(freeze.preserved_attrs),)),
                Inline(),
                freeze,
                RemoveDropout(),
                FoldConvBatchnorm(),
                FoldConvArithmetic(),  # after batch norms are gone: what they stood between can fold too
                FoldLinearBatchnorm(),
                fixed_point(*SIMPLIFY),
            ),
            verify_inlined,
        ),
        Stage(
            "value",
            "tensors are values, or stay mutable where that cannot be proven; a value never changes; shapes "
            "and dtypes are known wherever they can be; composites are expanded",
            (
                fixed_point(
                    RefineTypes(),
                    *((SettleModes(),) if half is None else ()),
                    ReadNumbers(),
                    CountRounds(),
                    ExpandSplits(),
                    ExpandStatistics(),
                    SettleDicts(),
                    NarrowOptionals(),
                    *((SplitTuples(),) if is_whole else ()),
                    *((CountWindows(),) if is_whole else ()),
                    *SIMPLIFY_UNCHECKED,
                    Differentiate(),
                    UnrollLoops(ROLLED if is_whole else UNROLLED),
                    once_settled=(
                        *((RequireNoRaise(), StackLists(only_certain=finds_sizes)) if is_whole else ()),
                        *(FINDERS if finds_sizes else ()),  # a number that will be known is no size to find
                    ),
                ),  # shapes decide branches, branches decide shapes
                *((GrowLists(),) if finds_sizes else ()),
                *((WidenWindows(),) if is_whole else ()),
                Functionalize(is_whole),
                *(() if half is None else _differentiated(half)),
                fixed_point(
                    RefineTypes(),
                    *((FindSizes(), JoinSizes()) if finds_sizes else ()),
                    Differentiate(),
                    *SIMPLIFY_UNCHECKED,
                ),  # what was written has types of its own
                ExpandSplits(),
                Decompose(is_whole),
                fixed_point(RefineTypes(), *SIMPLIFY_UNCHECKED),
                *(() if half is None else (EliminateCommonSubexpressions(), SplitBackward(half.is_backward))),
                NumbersAsTensors(is_whole, in_parts),
                *((ReadAroundWrites(),) if in_parts else ()),
                EliminateCommonSubexpressions(),
                FlattenResults(in_parts, takes_views=called_from_python),
                SplitComplex(),  # what callers see of results was noted before
                CheckBounds(),
                EliminateDeadCode(),
            ),
            verify_values,
        ),
        Stage(
            "fused",
            "maximal groups of operators on values, each to become one kernel",
            (Fuse(fuse_contractions), EliminateDeadCode()),
            verify_groups,
        ),
        Stage(
            "linalg",
            "kernels over tensors, and a host function that calls them",
            (
                LowerToLinalg(),
                NarrowWeights(target),
                FuseElementwise(),
                SplitKernels(),
                *((Winograd(target),) if options().is_winograd_enabled else ()),
                SliceOperands(),  # last: what composes kernels reads operands as they are
            ),
            verify_host,
        ),
        Stage(
            "loop",
            "loops over buffers; every buffer has its place in the arena",
            (
                AssignLayouts(target),
                PackConstants(),
                Schedule(machine=target, kernel_ready=kernel_ready),
                PlanMemory(),
            ),
            verify_loops,
        ),
    )


def _differentiated(half: Half) -> tuple[ModulePass, ...]:
    """Differentiate a function, before values that are detached are taken for what they are of."""
    return fixed_point(RefineTypes()), DifferentiateResults(half.wanted, half.given)


def verify_nothing_more(module: ModuleOp) -> None:
    """The contract of a stage that is just valid IR."""


def verify_inlined(module: ModuleOp) -> None:
    """Contract of `frozen`: no call of a known method is left."""
    for op in walk(module):
        if isinstance(op, PrimCallMethodOp) and isinstance(op.operands[0].type, tt.ModuleType):
            raise IRError(f"stage 'frozen': the call of {op.method} is left")


def verify_groups(module: ModuleOp) -> None:
    """Contract of `fused`: a group reads values, and its operators read its arguments alone."""
    verify_values(module)
    for op in walk(module):
        if isinstance(op, GroupOp):
            for operand in op.operands:
                if not isinstance(operand.type, tt.ValueTensorType):
                    raise IRError(f"stage 'fused': a group reads {operand.type}, which may change")
            inside = {r for o in op.body.ops for r in o.results} | set(op.body.args)
            for inner in op.body.ops:
                if any(o not in inside for o in inner.operands):
                    raise IRError(f"stage 'fused': {inner.name} in a group reads a value from outside")


def verify_host(module: ModuleOp) -> None:
    """Contract of `linalg`: one public function; no `torch` operation is left."""
    _only_host(module)
    _verify_no_aten(module)


def verify_loops(module: ModuleOp) -> None:
    """Contract of `loop`: one public function, in which no `torch` operation is left. (Writing LLVM IR looks
    at each operation of a kernel anyhow, and refuses those that are of no loop.)
    """
    _verify_no_aten(_only_host(module))


def _only_host(module: ModuleOp) -> FuncOp:
    public = hosts(module)
    if len(public) != 1:
        raise IRError(f"stages 'linalg' and 'loop' require one public function; got {len(public)}")
    return public[0]


def _verify_no_aten(parent: Operation) -> None:
    for op in walk(parent):
        if isinstance(op, AtenOp):
            raise IRError(f"stages 'linalg' and 'loop': {op.name} is left")


STAGE_NAMES = tuple(stage.name for stage in stages())


@dataclass(frozen=True)
class PassTiming:
    """How long one pass took, with what was told of its kernels."""

    stage: str
    name: str
    seconds: float


@dataclass
class Report:
    """What a run of the pipeline did: time per pass, operations per stage."""

    timings: list[PassTiming] = field(default_factory=list[PassTiming])
    op_counts: dict[str, int] = field(default_factory=dict[str, int])


def lower(
    ctx: Context, module: ModuleOp, *, start: str = "torch", stop_after: str = "loop",
    target: Target | None = None, freeze: Freeze = PLAIN_FREEZE, fuse_contractions: bool = True,
    is_whole: bool = False,
    watch: Watcher | None = None, report: Report | None = None, check: Watcher | None = None,
    kernel_ready: KernelReady | None = None, called_from_python: bool = True, finds_sizes: bool = False,
    half: Half | None = None,
) -> None:  # fmt: skip
    """Lower `module` in place from stage `start` (already reached) to `stop_after`, checking each contract.

    `watch` is called after each pass of a stage, `check` also after those of a round inside a fixed point,
    and `kernel_ready` with each kernel that is at stage `loop`.

    Raises:
        IRError: a stage's contract does not hold, or there is no such stage.
        CodegenError: something has no native form.
        NestingError: the program nests deeper than passes can follow.
    """
    for name in (start, stop_after):
        if name not in STAGE_NAMES:
            raise IRError(f"no stage {name!r}; stages are {', '.join(STAGE_NAMES)}")
    report = report if report is not None else Report()
    first, last = STAGE_NAMES.index(start), STAGE_NAMES.index(stop_after)
    every = stages(
        target, freeze, fuse_contractions, is_whole, kernel_ready, called_from_python, finds_sizes, half
    )  # fmt: skip
    for stage in every[first + 1 : last + 1]:
        for compiler_pass in stage.passes:
            begin = time.perf_counter()
            step(f"{stage.name}: {compiler_pass.name}")
            try:
                _apply(compiler_pass, ctx, module, stage.name, check)
            except RecursionError:
                raise NestingError(f"{compiler_pass.name}: the program nests too deep") from None
            COMPILING.collect_between_steps()
            report.timings.append(PassTiming(stage.name, compiler_pass.name, time.perf_counter() - begin))
            if watch is not None:
                watch(stage.name, compiler_pass, module)
        report.op_counts[stage.name] = verify_dominance(module)
        stage.verify(module)


def _apply(
    compiler_pass: ModulePass, ctx: Context, module: ModuleOp, stage: str, check: Watcher | None
) -> None:
    if check is None:
        compiler_pass.apply(ctx, module)
    elif isinstance(compiler_pass, FixedPoint):

        def run(inner: Rewriting) -> bool:
            changed = inner.rewrite(ctx, module)
            check(stage, inner, module)
            return changed

        compiler_pass.rounds(run)
    else:
        compiler_pass.apply(ctx, module)
        check(stage, compiler_pass, module)
