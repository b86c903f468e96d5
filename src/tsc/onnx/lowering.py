"""`lowered`: a frozen function, for arguments as given, into operators on values of known shapes, composites
as they are: the way down to stage `value`, as far as a model of ONNX wants it.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.func import FuncOp

from tsc.analysis.module_functions import functions
from tsc.compiler.entry import Entry
from tsc.compiler.sizes import Sizes
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.context import make_context
from tsc.dialects.walking import walk
from tsc.passes import fixed_point
from tsc.passes.canonicalize import Canonicalize
from tsc.passes.count_windows import CountWindows
from tsc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from tsc.passes.eliminate_dead_code import EliminateDeadCode
from tsc.passes.expand_splits import ExpandSplits
from tsc.passes.functionalize import Functionalize
from tsc.passes.narrow_optionals import NarrowOptionals
from tsc.passes.numbers_as_tensors import NumbersAsTensors
from tsc.passes.propagate_constants import PropagateConstants
from tsc.passes.refine_types import RefineTypes
from tsc.passes.settle_dicts import SettleDicts
from tsc.passes.specialize import Specialize
from tsc.passes.unroll_loops import UnrollLoops

ROLLED = 500
"""How many operations unrolled loops may come to; longer ones are ``Loop``."""
MODES = {"aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled", "aten::is_grad_enabled"}
"""What programs ask of PyTorch's state: a model is in none of these modes."""
SIMPLIFY = (PropagateConstants(), Canonicalize(), EliminateDeadCode())
PASSES = (
    fixed_point(
        RefineTypes(), ExpandSplits(), SettleDicts(), NarrowOptionals(), CountWindows(), *SIMPLIFY,
        UnrollLoops(ROLLED, ROLLED),
    ),
    Functionalize(True),
    fixed_point(RefineTypes(), ExpandSplits(), *SIMPLIFY),
    NumbersAsTensors(True, False),
    EliminateCommonSubexpressions(),
    EliminateDeadCode(),
)  # fmt: skip


def lowered(entry: Entry, arguments: Sequence[str], sizes: Sizes | None) -> FuncOp:
    """A copy of a function for arguments as the pass `specialize` spells them."""
    context, module = make_context(entry.pool), entry.alone()
    specialize = Specialize(tuple(arguments)) if sizes is None else Specialize(tuple(arguments), sizes.values)
    specialize.apply(context, module)
    (function,) = functions(module)
    for op in list(walk(function)):
        if isinstance(op, AtenOp) and op.schema.name in MODES:
            op.results[0].replace_all_uses_with(TorchBuilder(before=op).constant(False))
    for each in PASSES:
        each.apply(context, module)
    (function,) = functions(module)
    return function
