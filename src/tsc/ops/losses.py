"""Loss functions. ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.shapes import require_expandable

FAMILY = Family()
NONE, MEAN, SUM = 0, 1, 2


def reduced_loss(aten: Aten, loss: AnyTensor, reduction: int) -> AnyTensor:
    """The losses, their mean or their sum."""
    if reduction == MEAN:
        return aten("mean", loss)
    return aten("sum", loss) if reduction == SUM else loss


def reduced_array(losses: Array, reduction: int, dtype: np.dtype[Any]) -> Array:
    """The losses, their mean or their sum, as `dtype`."""
    value = losses.mean() if reduction == MEAN else losses.sum() if reduction == SUM else losses
    return np.asarray(value).astype(dtype)


def _difference(aten: Aten, self: AnyTensor, target: AnyTensor) -> AnyTensor:
    """``self - target``, where a bool beside a number is one."""
    kinds = aten.dtype(self), aten.dtype(target)
    if dtypes.BOOL in kinds and kinds[0] is not kinds[1]:
        code = next(k for k in kinds if k is not dtypes.BOOL).code
        self, target = (aten("to.dtype", x, code) for x in (self, target))
    return aten("sub.Tensor", self, target)


@composite(FAMILY, "aten::mse_loss")
def mse_loss(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int) -> AnyTensor:
    """Squared differences."""
    difference = _difference(aten, self, target)
    return reduced_loss(aten, aten("mul.Tensor", difference, difference), reduction)


@composite(FAMILY, "aten::l1_loss")
def l1_loss(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int) -> AnyTensor:
    """Absolute differences."""
    return reduced_loss(aten, aten.abs(aten("sub.Tensor", self, target)), reduction)


def _huber(aten: Aten, self: AnyTensor, target: AnyTensor, delta: float, scale: float) -> AnyTensor:
    """``0.5 * d * d * scale`` where ``|d| < delta``, else linear."""
    size = aten.abs(_difference(aten, self, target))
    square = aten("mul.Scalar", aten("mul.Tensor", size, size), 0.5 * scale)
    line = aten("mul.Scalar", aten("sub.Scalar", size, 0.5 * delta), delta * scale)
    return aten("where.self", aten("lt.Scalar", size, delta), square, line)


@composite(FAMILY, "aten::huber_loss", layout=ResultLayout.ELEMENTWISE)
def huber_loss(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int, delta: float) -> AnyTensor:
    """Squared near zero, linear beyond `delta`. Source: Huber, 1964."""
    if delta <= 0:
        raise ShapeError("huber_loss does not support non-positive values for delta.")
    return reduced_loss(aten, _huber(aten, self, target, delta, 1.0), reduction)


@composite(FAMILY, "aten::smooth_l1_loss")
def smooth_l1_loss(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int, beta: float) -> AnyTensor:
    """`huber_loss` divided by `beta`."""
    if beta < 0:
        raise ShapeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return aten("l1_loss", self, target, reduction)
    return reduced_loss(aten, _huber(aten, self, target, beta, 1 / beta), reduction)


@composite(FAMILY, "aten::kl_div")
def kl_div(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int, log_target: bool) -> AnyTensor:
    """``target * (log(target) - self)``."""
    if log_target:
        loss = aten("mul.Tensor", aten.exp(target), aten("sub.Tensor", target, self))
    else:
        loss = aten("sub.Tensor", aten("xlogy.Tensor", target, target), aten("mul.Tensor", target, self))
    return reduced_loss(aten, loss, reduction)


def _weighted(aten: Aten, loss: AnyTensor, weight: AnyTensor | None) -> AnyTensor:
    """Each loss times its weight, which makes no more losses of them."""
    if weight is None:
        return loss
    require_expandable(aten.shape(weight), aten.shape(loss))
    return aten("mul.Tensor", loss, weight)


@composite(FAMILY, "aten::binary_cross_entropy")
def binary_cross_entropy(
    aten: Aten, self: AnyTensor, target: AnyTensor, weight: AnyTensor | None, reduction: int
) -> AnyTensor:
    """``-(t log(x) + (1 - t) log(1 - x))``, the logarithms kept above -100."""
    if aten.shape(self) != aten.shape(target):
        raise ShapeError(
            f"Using a target size ({list(aten.shape(target))}) that is different to the input size "
            f"({list(aten.shape(self))}) is deprecated."
        )
    yes = aten.clamp_min(aten.log(self), -100)
    no = aten.clamp_min(aten.log1p(aten.neg(self)), -100)
    loss = aten(
        "sub.Tensor", aten("mul.Tensor", aten("sub.Scalar", target, 1), no), aten("mul.Tensor", target, yes)
    )
    return reduced_loss(aten, _weighted(aten, loss, weight), reduction)


@composite(FAMILY, "aten::binary_cross_entropy_with_logits")
def bce_with_logits(
    aten: Aten,
    self: AnyTensor,
    target: AnyTensor,
    weight: AnyTensor | None,
    pos_weight: AnyTensor | None,
    reduction: int,
) -> AnyTensor:
    """`binary_cross_entropy` of the sigmoid, by a form that cannot overflow."""
    log_sigmoid = aten.log_sigmoid(self)
    if pos_weight is not None:
        factor = aten("add.Scalar", aten("mul.Tensor", aten("sub.Scalar", pos_weight, 1), target), 1)
        log_sigmoid = _weighted(aten, log_sigmoid, factor)
    loss = aten("sub.Tensor", aten("mul.Tensor", aten("rsub.Scalar", target, 1), self), log_sigmoid)
    return reduced_loss(aten, _weighted(aten, loss, weight), reduction)


@composite(FAMILY, "aten::soft_margin_loss")
def soft_margin_loss(aten: Aten, self: AnyTensor, target: AnyTensor, reduction: int) -> AnyTensor:
    """``log(1 + exp(-t x))``."""
    return reduced_loss(aten, aten.log1p(aten.exp(aten("mul.Tensor", aten.neg(self), target))), reduction)


@composite(FAMILY, "aten::hinge_embedding_loss", layout=ResultLayout.ELEMENTWISE)
def hinge_embedding_loss(
    aten: Aten, self: AnyTensor, target: AnyTensor, margin: float, reduction: int
) -> AnyTensor:
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1."""
    zeros = aten("zeros_like", self)
    apart = aten.clamp_min(aten("rsub.Scalar", self, margin), 0)
    negative = aten("where.self", aten("ne.Scalar", target, 1), apart, zeros)
    positive = aten("where.self", aten("ne.Scalar", target, -1), self, zeros)
    return reduced_loss(aten, aten("add.Tensor", negative, positive), reduction)


@composite(FAMILY, "aten::margin_ranking_loss")
def margin_ranking_loss(
    aten: Aten, input1: AnyTensor, input2: AnyTensor, target: AnyTensor, margin: float, reduction: int
) -> AnyTensor:
    """``max(0, margin - t (x1 - x2))``."""
    gap = aten("mul.Tensor", aten.neg(target), aten("sub.Tensor", input1, input2))
    return reduced_loss(aten, aten.clamp_min(aten("add.Scalar", gap, margin), 0), reduction)


@composite(FAMILY, "aten::cosine_embedding_loss")
def cosine_embedding_loss(
    aten: Aten, input1: AnyTensor, input2: AnyTensor, target: AnyTensor, margin: float, reduction: int
) -> AnyTensor:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    dim = len(aten.shape(target))

    def total(a: AnyTensor, b: AnyTensor) -> AnyTensor:
        return aten("sum.dim_IntList", aten("mul.Tensor", a, b), [dim])

    first, second = (aten("add.Scalar", total(x, x), 1e-12) for x in (input1, input2))
    cosine = aten("div.Tensor", total(input1, input2), aten.sqrt(aten("mul.Tensor", first, second)))
    zeros = aten("zeros_like", cosine)
    near = aten("where.self", aten("eq.Scalar", target, 1), aten("rsub.Scalar", cosine, 1), zeros)
    far = aten(
        "where.self",
        aten("eq.Scalar", target, -1),
        aten.clamp_min(aten("sub.Scalar", cosine, margin), 0),
        zeros,
    )
    return reduced_loss(aten, aten("add.Tensor", near, far), reduction)


@composite(FAMILY, "aten::poisson_nll_loss")
def poisson_nll_loss(
    aten: Aten, input: AnyTensor, target: AnyTensor, log_input: bool, full: bool, eps: float, reduction: int
) -> AnyTensor:
    """``exp(x) - t x``, or ``x - t log(x + eps)``; `full` adds Stirling's approximation of ``log(t!)``."""
    if log_input:
        loss = aten("sub.Tensor", aten.exp(input), aten("mul.Tensor", target, input))
    else:
        loss = aten("sub.Tensor", input, aten("mul.Tensor", target, aten.log(aten("add.Scalar", input, eps))))
    if full:
        log_target = aten("mul.Tensor", target, aten.log(target))
        half = aten("mul.Scalar", aten.log(aten("mul.Scalar", target, 2 * math.pi)), 0.5)
        term = aten("add.Tensor", aten("sub.Tensor", log_target, target), half)
        loss = aten("add.Tensor", loss, aten("masked_fill.Scalar", term, aten("le.Scalar", target, 1), 0))
    return reduced_loss(aten, loss, reduction)


@composite(FAMILY, "aten::triplet_margin_loss")
def triplet_margin_loss(
    aten: Aten,
    anchor: AnyTensor,
    positive: AnyTensor,
    negative: AnyTensor,
    margin: float,
    p: float,
    eps: float,
    swap: bool,
    reduction: int,
) -> AnyTensor:
    """``max(0, margin + d(a, p) - d(a, n))``."""
    near = aten("pairwise_distance", anchor, positive, p, eps)
    far = aten("pairwise_distance", anchor, negative, p, eps)
    if swap:
        far = aten("minimum", far, aten("pairwise_distance", positive, negative, p, eps))
    return reduced_loss(
        aten, aten.clamp_min(aten("add.Scalar", aten("sub.Tensor", near, far), margin), 0), reduction
    )


# --- sequences ---


def _ctc_of_one(logs: Array, labels: Array, blank: int) -> float:
    """Minus the log of the probability of `labels`, by the forward recursion.

    Source: Graves et al., 2006, section 4.1.
    """
    extended = np.full(2 * len(labels) + 1, blank)
    extended[1::2] = labels
    skips = np.zeros(len(extended), bool)
    skips[2:] = (extended[2:] != blank) & (extended[2:] != extended[:-2])
    alpha = np.full(len(extended), -np.inf)
    alpha[:2] = logs[0, extended[:2]]
    for row in logs[1:]:
        one = np.concatenate([[-np.inf], alpha[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], alpha[:-2]])[: len(alpha)], -np.inf)
        alpha = np.logaddexp(np.logaddexp(alpha, one), two) + row[extended]
    return -float(np.logaddexp.reduce(alpha[-2:]))


def _ctc(
    log_probs: Array, targets: Array, input_lengths: Sequence[int], target_lengths: Sequence[int], blank: int,
    reduction: int, zero_infinity: bool,
) -> Array:  # fmt: skip
    logs = (log_probs if log_probs.ndim == 3 else log_probs[:, None]).astype(np.float64)
    starts = np.concatenate([[0], np.cumsum(target_lengths)])
    with np.errstate(all="ignore"):
        losses = np.array([
            _ctc_of_one(
                logs[: input_lengths[i], i],
                targets[i, :n] if targets.ndim == 2 else targets[starts[i] : starts[i] + n], blank,
            )
            for i, n in enumerate(target_lengths)
        ])  # fmt: skip
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0, losses)
    if reduction == MEAN:
        losses = losses / np.maximum(target_lengths, 1)
    return reduced_array(losses if log_probs.ndim == 3 else losses.reshape(()), reduction, log_probs.dtype)


@FAMILY.op("aten::ctc_loss.IntList")
def ctc_loss(
    log_probs: Array, targets: Array, input_lengths: Sequence[int], target_lengths: Sequence[int], blank: int,
    reduction: int, zero_infinity: bool,
) -> Array:  # fmt: skip
    """Connectionist temporal classification."""
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


@FAMILY.op("aten::ctc_loss.Tensor")
def ctc_loss_tensor(
    log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array, blank: int, reduction: int,
    zero_infinity: bool,
) -> Array:  # fmt: skip
    """As `ctc_loss`, the lengths in tensors."""
    lengths = (input_lengths.reshape(-1).tolist(), target_lengths.reshape(-1).tolist())
    return _ctc(log_probs, targets, *lengths, blank, reduction, zero_infinity)
