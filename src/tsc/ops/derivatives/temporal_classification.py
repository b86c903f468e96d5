"""Derivatives of connectionist temporal classification.

Source: Graves et al., "Connectionist temporal classification", 2006; PyTorch ATen/native/LossCTC.cpp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsc.dtypes import I64
from tsc.errors import UnsupportedOperatorError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative
from tsc.ops.elementwise import is_tensor

Flows = Mapping[Place, Flow]
MEAN = 1


def _known(lengths: Any) -> list[int]:
    if is_tensor(lengths) and not is_array(lengths):
        raise UnsupportedOperatorError("aten::ctc_loss: its derivative needs lengths that are known")
    return [int(n) for n in lengths.reshape(-1)] if is_array(lengths) else list(lengths)


def _labels(aten: Aten, targets: AnyTensor, lengths: Sequence[int], blank: int) -> AnyTensor:
    """int64[samples, 2 * longest + 1]: the labels of each sample, between blanks."""
    longest = max(lengths, default=0)
    rows: list[AnyTensor] = []
    start = 0
    for i, length in enumerate(lengths):
        if len(aten.shape(targets)) == 2:
            row = aten("slice.Tensor", aten("select.int", targets, 0, i), 0, 0, length, 1)
        else:
            row = aten("slice.Tensor", targets, 0, start, start + length, 1)
            start += length
        rows.append(aten("constant_pad_nd", aten("to.dtype", row, I64.code), [0, longest - length], blank))
    whole = aten("stack", rows, 0)
    pairs = aten("stack", [aten("full_like", whole, blank), whole], 2)
    flat = aten("reshape", pairs, [len(lengths), 2 * longest])
    return aten("constant_pad_nd", flat, [0, 1], blank)


def _column(aten: Aten, numbers: Sequence[int]) -> AnyTensor:
    """int64[n, 1]."""
    parts = [aten("full", [1, 1], n, dtype=I64.code) for n in numbers]
    return aten("cat", parts, 0)


def _shifted(aten: Aten, x: AnyTensor, by: int) -> AnyTensor:
    """Each row moved to the right (to the left, where `by` is negative); what is moved in is impossible."""
    width = aten.shape(x)[1]
    if abs(by) >= width:
        return aten("full_like", x, -math.inf)
    pads = [by, 0] if by > 0 else [0, -by]
    kept = (
        aten("slice.Tensor", x, 1, 0, width - by, 1) if by > 0 else aten("slice.Tensor", x, 1, -by, width, 1)
    )
    return aten("constant_pad_nd", kept, pads, -math.inf)


def _onward(aten: Aten, state: AnyTensor, may_skip: AnyTensor, way: int) -> AnyTensor:
    """The log-probabilities of being at each label one step later (or earlier, where `way` is -1)."""
    stay = aten("logaddexp", state, _shifted(aten, state, way))
    skip = aten("where.ScalarOther", may_skip, _shifted(aten, state, 2 * way), -math.inf)
    return aten("logaddexp", stay, skip)


def _posterior_gradient(
    aten: Aten, logs: AnyTensor, targets: AnyTensor, input_lengths: Sequence[int],
    target_lengths: Sequence[int], blank: int, scale: AnyTensor, zero_infinity: bool,
) -> AnyTensor:  # fmt: skip
    """Of ``log_probs[T, N, C]``: their probabilities, less those of the classes given the labels, times the
    gradient of each sample's loss. As PyTorch's it is for rows that are normalized.
    """
    steps, samples, _ = aten.shape(logs)
    labels = _labels(aten, targets, target_lengths, blank)
    width = aten.shape(labels)[1]
    numbers = aten("arange", width, I64.code, None, None, None)
    ends = aten("mul.Scalar", _column(aten, target_lengths), 2)
    last = aten("logical_or", aten("eq.Tensor", numbers, ends),
                aten("eq.Tensor", numbers, aten("sub.Scalar", ends, 1)))  # fmt: skip
    before = aten("constant_pad_nd", labels, [2, -2] if width > 2 else [width, -width], -1)
    is_label = aten("eq.Scalar", aten("remainder.Scalar", numbers, 2), 1)
    may_skip = aten("logical_and", aten("ne.Tensor", labels, before), is_label)
    may_skip = aten("logical_and", may_skip, aten("ge.Scalar", numbers, 2))
    may_leave = aten(
        "to.dtype", aten("constant_pad_nd", aten("to.dtype", may_skip, I64.code), [-2, 2], 0), 11
    )
    index = aten("expand", aten("unsqueeze", labels, 0), [steps, samples, width], implicit=False)
    emitted = aten("gather", logs, 2, index)
    at = [aten("select.int", emitted, 0, t) for t in range(steps)]
    first = aten("lt.Scalar", numbers, 2)
    ahead = [aten("where.ScalarOther", first, at[0], -math.inf)]
    for t in range(1, steps):
        ahead.append(aten("add.Tensor", at[t], _onward(aten, ahead[-1], may_skip, 1)))
    lengths = _column(aten, input_lengths)
    nothing = aten("full_like", at[0], -math.inf)
    back = nothing
    behind: list[AnyTensor] = []
    for t in reversed(range(steps)):
        is_end = aten("logical_and", aten("eq.Scalar", lengths, t + 1), last)
        begun = aten("where.ScalarOther", is_end, at[t], -math.inf)
        back = aten("logaddexp", begun, aten("add.Tensor", at[t], _onward(aten, back, may_leave, -1)))
        behind.insert(0, back)
    begin = aten("where.ScalarOther", first, behind[0], -math.inf)
    likelihood = aten("logsumexp", begin, [1], True)
    both = aten("sub.Tensor", aten("add.Tensor", aten("stack", ahead, 0), aten("stack", behind, 0)), emitted)
    share = aten.exp(aten("sub.Tensor", both, aten("unsqueeze", likelihood, 0)))
    posterior = aten("scatter_add", aten("zeros_like", logs), 2, index, share)
    made = aten(
        "mul.Tensor", aten("sub.Tensor", aten.exp(logs), posterior), aten("reshape", scale, [1, -1, 1])
    )
    times = aten("reshape", aten("arange", steps, I64.code, None, None, None), [-1, 1, 1])
    is_over = aten("ge.Tensor", times, aten("reshape", lengths, [1, -1, 1]))
    made = aten("where.ScalarSelf", is_over, 0.0, made)
    if zero_infinity:
        is_impossible = aten("unsqueeze", aten("eq.Scalar", likelihood, -math.inf), 0)
        made = aten("where.ScalarSelf", is_impossible, 0.0, made)
    return made


@derivative("ctc_loss.IntList", "ctc_loss.Tensor")
def _ctc(
    call: Call, log_probs: AnyTensor, targets: AnyTensor, input_lengths: Any, target_lengths: Any, blank: int,
    reduction: int, zero_infinity: bool,
) -> Flows:  # fmt: skip
    aten = call.aten

    def to_log_probs() -> AnyTensor:
        is_one = len(aten.shape(log_probs)) == 2
        logs = aten("unsqueeze", log_probs, 1) if is_one else log_probs
        inputs, labels = _known(input_lengths), _known(target_lengths)
        scale = aten("expand", call.gradient, [len(labels)], implicit=False)
        if reduction == MEAN:
            count = aten("to.dtype", _column(aten, [max(n, 1) * len(labels) for n in labels]),
                         aten.dtype(logs).code)  # fmt: skip
            scale = aten("div.Tensor", scale, aten("reshape", count, [-1]))
        made = _posterior_gradient(aten, logs, targets, inputs, labels, blank, scale, zero_infinity)
        return aten("squeeze.dim", made, 1) if is_one else made

    return {0: to_log_probs}
