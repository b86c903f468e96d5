"""Reading a padded operand without its padding: indices beyond the edge are moved to the edge."""

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType

from tsc.analysis.affine import linear_parts
from tsc.analysis.kernel_model import KernelStage, Operand, constant_number
from tsc.analysis.layouts import Layout
from tsc.dialects.loop_builder import LoopBuilder
from tsc.dialects.loop_index import Index
from tsc.passes.schedules.body import evaluate_index
from tsc.passes.schedules.reduction import IDEMPOTENT, combiners_of


def clampable(stage: KernelStage, operand: Operand) -> bool:
    """Whether a maximum or minimum over windows stays the same when indices are clamped into the data.

    The padding never wins, every window meets the data, and its steps are single elements: then the edge
    element
    is in the window anyway, and taking it twice changes nothing.
    """
    padding, combiners = operand.padding, combiners_of(stage)
    if padding is None or combiners is None or any(c.kind not in IDEMPOTENT for c in combiners):
        return False
    is_low = all(c.kind.startswith("max") for c in combiners)
    number = constant_number(padding.value)
    if number is None or not _never_wins(float(number), is_low, padding.value.type):
        return False
    type_ = operand.value.type
    assert isinstance(type_, TensorType)
    rank = len(stage.sizes)
    for expression, size, low, high in zip(
        operand.map.results, type_.get_shape(), padding.low, padding.high, strict=True
    ):
        offset, coefficients, terms = linear_parts(expression, rank)
        if not low and not high:
            continue
        steps = [(c, stage.sizes[d]) for d, c in enumerate(coefficients) if c and not stage.parallel[d]]
        if terms or len(steps) != 1 or steps[0][0] != 1:
            return False
        last = sum(c * (stage.sizes[d] - 1) for d, c in enumerate(coefficients) if stage.parallel[d])
        if offset + steps[0][1] <= 0 or offset + last >= size:
            return False
    return True


def _never_wins(number: float, is_low: bool, type_: object) -> bool:
    bits = getattr(getattr(type_, "width", None), "data", None)
    extreme = float("inf") if bits is None else float(2 ** (bits - 1) - 1)
    return number <= -extreme if is_low else number >= extreme


def clamped_index(builder: LoopBuilder, operand: Operand, layout: Layout, dims: Sequence[Index]) -> Index:
    """The flat index of the element at `dims` (stage loops), padded dims clamped into the data."""
    padding = operand.padding
    assert padding is not None
    total = builder.index(layout.base)
    for row, expression in enumerate(operand.map.results):
        at = evaluate_index(builder, expression, dims)
        if padding.low[row]:
            at = at.maximum(0)
        if padding.high[row]:
            at = at.minimum(layout.shape[row] - 1)
        total = total + at * layout.strides[row]
    return total
