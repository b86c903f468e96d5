"""Loss functions. ``reduction`` is 0 for none, 1 for the mean, 2 for the sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.errors import BoundsError, DTypeError, ShapeError
from tsc.ops.composite import Aten, composite
from tsc.ops.elementwise import spec_of
from tsc.ops.promotion import computation_dtype
from tsc.ops.registry import Family, TensorSpec

FAMILY = Family()
Array = np.ndarray[Any, Any]
NONE, MEAN, SUM = 0, 1, 2


def _reduced(aten: Aten, loss: Any, reduction: int) -> Any:
    if reduction == MEAN:
        return aten("mean", loss)
    return aten("sum", loss) if reduction == SUM else loss


@composite(FAMILY, "aten::mse_loss")
def mse_loss(aten: Aten, self: Any, target: Any, reduction: int) -> Any:
    """Squared differences."""
    difference = aten("sub.Tensor", self, target)
    return _reduced(aten, aten("mul.Tensor", difference, difference), reduction)


@composite(FAMILY, "aten::l1_loss")
def l1_loss(aten: Aten, self: Any, target: Any, reduction: int) -> Any:
    """Absolute differences."""
    return _reduced(aten, aten.abs(aten("sub.Tensor", self, target)), reduction)


def _huber(aten: Aten, self: Any, target: Any, delta: float, scale: float) -> Any:
    """``0.5 * d * d * scale`` where ``|d| < delta``, else linear."""
    size = aten.abs(aten("sub.Tensor", self, target))
    square = aten("mul.Scalar", aten("mul.Tensor", size, size), 0.5 * scale)
    line = aten("mul.Scalar", aten("sub.Scalar", size, 0.5 * delta), delta * scale)
    return aten("where.self", aten("lt.Scalar", size, delta), square, line)


@composite(FAMILY, "aten::huber_loss")
def huber_loss(aten: Aten, self: Any, target: Any, reduction: int, delta: float) -> Any:
    """Squared near zero, linear beyond `delta`. Source: Huber, 1964."""
    if delta <= 0:
        raise ShapeError("huber_loss does not support non-positive values for delta.")
    return _reduced(aten, _huber(aten, self, target, delta, 1.0), reduction)


@composite(FAMILY, "aten::smooth_l1_loss")
def smooth_l1_loss(aten: Aten, self: Any, target: Any, reduction: int, beta: float) -> Any:
    """`huber_loss` divided by `beta`."""
    if beta < 0:
        raise ShapeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return aten("l1_loss", self, target, reduction)
    return _reduced(aten, _huber(aten, self, target, beta, 1 / beta), reduction)


@composite(FAMILY, "aten::kl_div")
def kl_div(aten: Aten, self: Any, target: Any, reduction: int, log_target: bool) -> Any:
    """``target * (log(target) - self)``."""
    if log_target:
        loss = aten("mul.Tensor", aten.exp(target), aten("sub.Tensor", target, self))
    else:
        loss = aten("sub.Tensor", aten("xlogy.Tensor", target, target), aten("mul.Tensor", target, self))
    return _reduced(aten, loss, reduction)


@composite(FAMILY, "aten::binary_cross_entropy")
def binary_cross_entropy(aten: Aten, self: Any, target: Any, weight: Any, reduction: int) -> Any:
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
    return _reduced(aten, loss if weight is None else aten("mul.Tensor", loss, weight), reduction)


@composite(FAMILY, "aten::binary_cross_entropy_with_logits")
def bce_with_logits(aten: Aten, self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    """`binary_cross_entropy` of the sigmoid, by a form that cannot overflow."""
    log_sigmoid = aten.log_sigmoid(self)
    if pos_weight is not None:
        factor = aten("add.Scalar", aten("mul.Tensor", aten("sub.Scalar", pos_weight, 1), target), 1)
        log_sigmoid = aten("mul.Tensor", log_sigmoid, factor)
    loss = aten("sub.Tensor", aten("mul.Tensor", aten("rsub.Scalar", target, 1), self), log_sigmoid)
    return _reduced(aten, loss if weight is None else aten("mul.Tensor", loss, weight), reduction)


@composite(FAMILY, "aten::soft_margin_loss")
def soft_margin_loss(aten: Aten, self: Any, target: Any, reduction: int) -> Any:
    """``log(1 + exp(-t x))``."""
    return _reduced(aten, aten.log1p(aten.exp(aten("mul.Tensor", aten.neg(target), self))), reduction)


@composite(FAMILY, "aten::hinge_embedding_loss")
def hinge_embedding_loss(aten: Aten, self: Any, target: Any, margin: float, reduction: int) -> Any:
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1."""
    zeros = aten("zeros_like", self)
    apart = aten.clamp_min(aten("rsub.Scalar", self, margin), 0)
    negative = aten("where.self", aten("ne.Scalar", target, 1), apart, zeros)
    positive = aten("where.self", aten("ne.Scalar", target, -1), self, zeros)
    return _reduced(aten, aten("add.Tensor", negative, positive), reduction)


@composite(FAMILY, "aten::margin_ranking_loss")
def margin_ranking_loss(
    aten: Aten, input1: Any, input2: Any, target: Any, margin: float, reduction: int
) -> Any:
    """``max(0, margin - t (x1 - x2))``."""
    gap = aten("mul.Tensor", aten.neg(target), aten("sub.Tensor", input1, input2))
    return _reduced(aten, aten.clamp_min(aten("add.Scalar", gap, margin), 0), reduction)


@composite(FAMILY, "aten::cosine_embedding_loss")
def cosine_embedding_loss(
    aten: Aten, input1: Any, input2: Any, target: Any, margin: float, reduction: int
) -> Any:
    """``1 - cos`` where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    dim = len(aten.shape(target))

    def total(a: Any, b: Any) -> Any:
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
    return _reduced(aten, aten("add.Tensor", near, far), reduction)


@composite(FAMILY, "aten::poisson_nll_loss")
def poisson_nll_loss(
    aten: Aten, input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int
) -> Any:
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
    return _reduced(aten, loss, reduction)


@composite(FAMILY, "aten::triplet_margin_loss")
def triplet_margin_loss(
    aten: Aten,
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    p: float,
    eps: float,
    swap: bool,
    reduction: int,
) -> Any:
    """``max(0, margin + d(a, p) - d(a, n))``."""
    near = aten("pairwise_distance", anchor, positive, p, eps)
    far = aten("pairwise_distance", anchor, negative, p, eps)
    if swap:
        far = aten("minimum", far, aten("pairwise_distance", positive, negative, p, eps))
    return _reduced(
        aten, aten.clamp_min(aten("add.Scalar", aten("sub.Tensor", near, far), margin), 0), reduction
    )


# --- classes ---


def _require_classes(self: TensorSpec, target: TensorSpec, weight: Any) -> None:
    if self.ndim < 1:
        raise ShapeError("input tensor should be 1D or more")
    expected = self.shape[:1] + self.shape[2:] if self.ndim > 1 else ()
    if target.shape != expected and not (self.ndim == 1 and target.shape == (1,)):
        raise ShapeError(f"Expected target size {list(expected)}, got {list(target.shape)}")
    if weight is not None and weight.shape != (self.shape[min(1, self.ndim - 1)],):
        raise ShapeError(
            f"weight tensor should be defined either for all or no classes; got {list(weight.shape)}"
        )
    if target.dtype not in (dtypes.I64, dtypes.U8):
        raise DTypeError(f"expected scalar type Long but found {target.dtype.name}")


def _nll_infer(
    self: TensorSpec, target: TensorSpec, weight: Any, reduction: int, ignore_index: int
) -> TensorSpec:
    _require_classes(self, target, weight)
    return TensorSpec(target.shape if reduction == NONE and self.ndim > 1 else (), self.dtype)


def _nll_parts(self: Array, target: Array, weight: Array | None, ignore_index: int) -> tuple[Array, Array]:
    """The loss of each element, and its weight."""
    specs = (spec_of(self), spec_of(target), None if weight is None else spec_of(weight))
    _require_classes(*specs)
    x = self[None] if self.ndim == 1 else self
    places = target.reshape(x.shape[:1] + x.shape[2:]).astype(np.int64)
    used = places != ignore_index
    chosen = np.where(used, places, 0)
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < x.shape[1]):
        wrong = chosen[(chosen < 0) | (chosen >= x.shape[1])].reshape(-1)[0]
        raise BoundsError(f"Target {wrong} is out of bounds.")
    wide = computation_dtype(dtypes.by_numpy(self.dtype)).numpy
    weights = np.ones(chosen.shape, wide) if weight is None else weight.astype(wide)[chosen]
    weights = np.where(used, weights, 0).astype(wide)
    picked = np.take_along_axis(x, np.expand_dims(chosen, 1), 1).squeeze(1).astype(wide)
    return np.where(used, -picked * weights, 0).astype(wide), weights


def _nll_reduced(
    self: Array, target: Array, weight: Array | None, reduction: int, ignore_index: int
) -> tuple[Array, Array]:
    losses, weights = _nll_parts(self, target, weight, ignore_index)
    total = np.asarray(weights.sum())
    if reduction == NONE:
        return losses.reshape(target.shape if self.ndim > 1 else ()).astype(self.dtype), np.zeros(
            (), self.dtype
        )
    with np.errstate(all="ignore"):
        value = losses.sum() / total if reduction == MEAN else losses.sum()
    return np.asarray(value).astype(self.dtype), total.astype(self.dtype)


@FAMILY.op("aten::nll_loss", "aten::nll_loss2d", "aten::nll_loss_nd", infer=_nll_infer)
def nll_loss(self: Array, target: Array, weight: Array | None, reduction: int, ignore_index: int) -> Array:
    """Minus the log-probability of each target class, weighted."""
    return _nll_reduced(self, target, weight, reduction, ignore_index)[0]


@FAMILY.op("aten::nll_loss_forward")
def nll_loss_forward(
    self: Array, target: Array, weight: Array | None, reduction: int, ignore_index: int
) -> tuple[Array, Array]:
    """`nll_loss`, and the total weight."""
    return _nll_reduced(self, target, weight, reduction, ignore_index)


def _with_probabilities(
    aten: Aten, logs: Any, target: Any, weight: Any, reduction: int, smoothing: float
) -> Any:
    """Cross entropy with a distribution as the target."""
    shape = aten.shape(logs)
    classes = shape[1] if len(shape) > 1 else shape[0]
    axis = 1 if len(shape) > 1 else 0
    if smoothing > 0:
        target = aten("add.Scalar", aten("mul.Scalar", target, 1 - smoothing), smoothing / classes)
    terms = aten("mul.Tensor", logs, target)
    if weight is not None:
        terms = aten("mul.Tensor", terms, aten("reshape", weight, [-1, *([1] * (len(shape) - 1 - axis))]))
    loss = aten.neg(aten("sum.dim_IntList", terms, [axis]))
    if reduction != MEAN:
        return _reduced(aten, loss, reduction)
    count = math.prod(shape) // max(classes, 1)
    return aten("div.Scalar", aten("sum", loss), float(count))


def _smoothed(
    aten: Aten, logs: Any, target: Any, weight: Any, reduction: int, ignore_index: int, smoothing: float
) -> Any:
    """The mix of `nll_loss` and the mean over all classes."""
    shape = aten.shape(logs)
    axis = 1 if len(shape) > 1 else 0
    plain = aten("nll_loss_nd", logs, target, weight, reduction, ignore_index)
    terms = logs
    if weight is not None:
        terms = aten("mul.Tensor", logs, aten("reshape", weight, [-1, *([1] * (len(shape) - 1 - axis))]))
    spread = aten.neg(aten("sum.dim_IntList", terms, [axis]))
    ignored = aten("eq.Scalar", target, ignore_index)
    spread = aten("masked_fill.Scalar", spread, ignored, 0.0)
    if reduction == MEAN:
        if weight is None:
            count = aten("sum", aten("to.dtype", aten.logical_not(ignored), aten.dtype(logs).code))
        else:
            safe = aten("masked_fill.Scalar", target, ignored, 0)
            chosen = aten(
                "reshape",
                aten("index_select", weight, 0, aten("reshape", safe, [-1])),
                list(aten.shape(target)),
            )
            count = aten("sum", aten("masked_fill.Scalar", chosen, ignored, 0.0))
        spread = aten("div.Tensor", aten("sum", spread), count)
    else:
        spread = _reduced(aten, spread, reduction)
    share = smoothing / shape[axis]
    return aten("add.Tensor", aten("mul.Scalar", plain, 1 - smoothing), aten("mul.Scalar", spread, share))


@composite(FAMILY, "aten::cross_entropy_loss")
def cross_entropy_loss(
    aten: Aten, self: Any, target: Any, weight: Any, reduction: int, ignore_index: int, label_smoothing: float
) -> Any:
    """`nll_loss` of `log_softmax`; the target may also be a distribution over the classes."""
    axis = 1 if len(aten.shape(self)) > 1 else 0
    logs = aten("log_softmax.int", self, axis, aten.dtype(self).code)
    if aten.shape(target) == aten.shape(self):
        if not aten.dtype(target).is_floating:
            raise DTypeError(
                "Expected floating point type for target with class probabilities, got "
                f"{aten.dtype(target).name}"
            )
        return _with_probabilities(aten, logs, target, weight, reduction, label_smoothing)
    if label_smoothing > 0:
        return _smoothed(aten, logs, target, weight, reduction, ignore_index, label_smoothing)
    return aten("nll_loss_nd", logs, target, weight, reduction, ignore_index)


def _mean_or(losses: Array, reduction: int, dtype: Any) -> Array:
    value = losses.mean() if reduction == MEAN else losses.sum() if reduction == SUM else losses
    return np.asarray(value).astype(dtype)


@FAMILY.op("aten::multi_margin_loss")
def multi_margin_loss(
    self: Array, target: Array, p: Any, margin: Any, weight: Array | None, reduction: int
) -> Array:
    """The mean over other classes of ``max(0, margin - x[t] + x[i]) ** p``."""
    x, places = np.atleast_2d(self).astype(np.float64), target.reshape(-1)
    if places.size and (places.min() < 0 or places.max() >= x.shape[1]):
        raise BoundsError("target out of range")
    right = np.take_along_axis(x, places[:, None], 1)
    terms = np.maximum(float(margin) - right + x, 0) ** p
    if weight is not None:
        terms = terms * weight.astype(np.float64)[places][:, None]
    np.put_along_axis(terms, places[:, None], 0, 1)
    losses = terms.sum(1) / x.shape[1]
    return _mean_or(losses.reshape(target.shape if self.ndim > 1 else ()), reduction, self.dtype)


@FAMILY.op("aten::multilabel_margin_loss")
def multilabel_margin_loss(self: Array, target: Array, reduction: int) -> Array:
    """The mean over pairs of target and other class of ``max(0, 1 - x[t] + x[i])``; targets end at a -1."""
    x, labels = np.atleast_2d(self).astype(np.float64), np.atleast_2d(target)
    valid = np.cumprod(labels >= 0, 1).astype(bool)
    places = np.where(valid, labels, 0)
    is_target = np.zeros(x.shape, bool)
    rows = np.broadcast_to(np.arange(len(x))[:, None], places.shape)
    is_target[rows[valid], places[valid]] = True
    right = np.take_along_axis(x, places, 1)
    gaps = np.maximum(1 - right[:, :, None] + x[:, None, :], 0)
    gaps = np.where(valid[:, :, None] & ~is_target[:, None, :], gaps, 0)
    losses = gaps.sum((1, 2)) / x.shape[1]
    return _mean_or(losses if self.ndim > 1 else losses.reshape(()), reduction, self.dtype)


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
    return _mean_or(losses if log_probs.ndim == 3 else losses.reshape(()), reduction, log_probs.dtype)


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
