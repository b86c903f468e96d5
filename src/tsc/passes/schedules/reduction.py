"""What a reduction body combines with: its operation, neutral element, and the value taken in each step."""

from dataclasses import dataclass
from math import inf

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FixedBitwidthType
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.kernel_model import KernelStage
from tsc.dialects.loop_builder import LoopBuilder

KINDS: dict[type[Operation], str] = {
    arith.AddfOp: "add",
    arith.AddiOp: "add",
    arith.MulfOp: "mul",
    arith.MuliOp: "mul",
    arith.MaximumfOp: "maximumf",
    arith.MinimumfOp: "minimumf",
    arith.MaxnumfOp: "maxnumf",
    arith.MinnumfOp: "minnumf",
    arith.MaxSIOp: "maxsi",
    arith.MinSIOp: "minsi",
    arith.MaxUIOp: "maxui",
    arith.MinUIOp: "minui",
    arith.AndIOp: "and",
    arith.OrIOp: "or",
    arith.XOrIOp: "xor",
}
"""`vector.reduction` kind of each combining op."""
IDEMPOTENT = frozenset(
    {"maximumf", "minimumf", "maxnumf", "minnumf", "maxsi", "minsi", "maxui", "minui", "and", "or"}
)
"""Kinds for which taking a value twice changes nothing."""


@dataclass(frozen=True)
class Combiner:
    """``accumulator = op(accumulator, value)`` for one output of a reduction."""

    op: type[Operation]
    kind: str
    value: SSAValue
    step: Operation

    def combine(self, builder: LoopBuilder, a: SSAValue, b: SSAValue) -> SSAValue:
        """Two partial results as one."""
        return builder.combined(self.op, a, b)

    def neutral(self, builder: LoopBuilder, element: Attribute) -> SSAValue:
        """The scalar that leaves the other operand as it is."""
        if isinstance(element, AnyFloat):
            number = {"add": 0.0, "mul": 1.0}.get(self.kind, -inf if self.kind.startswith("max") else inf)
            return builder.number(number, element)
        assert isinstance(element, FixedBitwidthType)
        return builder.number(_neutral_integer(self.kind, element.bitwidth), element)


def _neutral_integer(kind: str, bits: int) -> int:
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if bits == 1:
        return {"and": -1, "mul": -1, "minui": -1, "minsi": 0, "maxsi": -1}.get(kind, 0)
    numbers = {"mul": 1, "maxsi": lowest, "minsi": highest, "minui": -1, "and": -1}
    return numbers.get(kind, 0)


def combiners_of(stage: KernelStage) -> list[Combiner] | None:
    """One combiner per output, or None where the body is not of the form ``op(accumulator, value)``."""
    result: list[Combiner] = []
    accumulators = stage.body.args[len(stage.inputs) :]
    for accumulator, yielded in zip(accumulators, stage.yielded, strict=True):
        step = yielded.owner
        if not isinstance(step, Operation) or type(step) not in KINDS:
            return None
        if accumulator not in step.operands or accumulator.uses.get_length() != 1:
            return None
        value = step.operands[1] if step.operands[0] is accumulator else step.operands[0]
        result.append(Combiner(type(step), KINDS[type(step)], value, step))
    return result
