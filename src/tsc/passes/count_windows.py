"""Pass `count-windows`: slices from a number to that number and some more have a known size."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.int_values import IntValues
from tsc.analysis.known_values import UNKNOWN, constant_of, has_all_rounds, spec_of_type, unwrapped
from tsc.analysis.module_functions import functions
from tsc.analysis.operator_effects import not_repeatable
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.tsc import RequireOp
from tsc.dialects.walking import walk
from tsc.dims import is_known
from tsc.ops.int_ranges import MOST
from tsc.ops.shapes import wrap_dims
from tsc.passes import Rewriting
from tsc.passes.refine_types import infer_types


@dataclass(frozen=True)
class CountWindows(Rewriting):
    """Take slices of step 1 whose end is their start and a known number more as `narrow`, which says the
    size. A slice that reaches beyond the tensor would be smaller, or begin elsewhere: that it does not is
    required.

    Requires: stage `frozen`.
    Leaves: functions that must not be done twice.

    ```mlir
    %end = torch.aten.add.int %n, %int2
    %s = torch.aten.slice.Tensor %x, %int1, %n, %end, %int1
    // tsc.require 0 <= %n <= size - 2; %s = torch.aten.narrow %x, %int1, min(max(%n, 0), size - 2), %int2
    ```
    """

    name = "count-windows"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite the slices of every function of the module that allows it."""
        allowed = [function for function in functions(module) if not_repeatable(function) is None]
        slices = [o for function in allowed for o in walk(function) if isinstance(o, AtenOp)]
        return any([_rewrite(inner) for inner in slices])


def _rewrite(op: AtenOp) -> bool:
    """Rewrite one operation, if it is such a slice."""
    if op.schema.full_name != "aten::slice.Tensor":
        return False
    source, dim, start, end, step = op.operands
    spec = spec_of_type(source.type) if isinstance(source.type, tt.TensorType) else None
    number = constant_of(dim)
    if spec is None or not spec.ndim or number is UNKNOWN or constant_of(step) != 1:
        return False
    size = spec.shape[wrap_dims([number], spec.ndim)[0]]
    first, count = unwrapped(start), _more(start, end)
    if count is None or not (is_known(size) and 0 < count <= size) or first.type is not tt.INT:
        return False
    if _goes_beyond(op, first, size - count):
        return False
    builder = TorchBuilder(before=op)
    builder.location = op.location
    first = _required_within(first, size - count, builder)
    made = builder.aten("aten::narrow", [source, dim, first, builder.constant(count)], [op.results[0].type])
    assert isinstance(made, AtenOp)
    infer_types(made)
    made.results[0].name_hint = op.results[0].name_hint
    op.results[0].replace_all_uses_with(made.results[0])
    op.detach()
    op.erase()
    return True


def _goes_beyond(op: Operation, start: SSAValue, most: int) -> bool:
    """Whether a window surely begins behind `most` in some round: all loops around it have all their rounds,
    as many as are known. (Such a loop cuts a tensor into pieces, of which the last one is smaller.)
    """
    parent = op.parent_op()
    while not isinstance(parent, FuncOp):
        if not isinstance(parent, PrimLoopOp) or not has_all_rounds(parent):
            return False
        parent = parent.parent_op()
    return most < IntValues().range_of(start)[1] < MOST


def _required_within(number: SSAValue, most: int, builder: TorchBuilder) -> SSAValue:
    """Require that a number is none below 0, and `most` at most; the number, or the nearest that is so."""

    def flag(name: str, *operands: SSAValue) -> SSAValue:
        return builder.aten(name, list(operands), [tt.BOOL]).results[0]

    low = flag("aten::ge.int", number, builder.constant(0))
    high = flag("aten::le.int", number, builder.constant(most))
    within = flag("aten::__and__.bool", low, high)
    builder.insert(RequireOp.create(operands=[within], location=builder.location))
    least = builder.aten("prim::max.int", [number, builder.constant(0)], [tt.INT]).results[0]
    return builder.aten("prim::min.int", [least, builder.constant(most)], [tt.INT]).results[0]


def _more(start: SSAValue, end: SSAValue) -> int | None:
    """How much more than `start`, which is not known, `end` is, if that is known."""
    (first, less), (last, more) = _sum(start), _sum(end)
    return more - less if first is not None and first is last else None


def _sum(value: SSAValue) -> tuple[SSAValue | None, int]:
    """A number as another one and what is added to it."""
    added = 0
    while True:
        value = unwrapped(value)
        known = constant_of(value)
        if known is not UNKNOWN:
            return None, added + known if isinstance(known, int) else 0
        op = value.owner
        name = op.schema.full_name if isinstance(op, AtenOp) else ""
        if not isinstance(op, AtenOp) or name not in ("aten::add.int", "aten::sub.int"):
            return value, added
        numbers = [constant_of(o) for o in op.operands]
        if isinstance(numbers[1], int):
            value, added = op.operands[0], added + (numbers[1] if name == "aten::add.int" else -numbers[1])
        elif isinstance(numbers[0], int) and name == "aten::add.int":
            value, added = op.operands[1], added + numbers[0]
        else:
            return value, added
