"""Losses against classes: negative log likelihood, cross entropy, margins between classes."""

from __future__ import annotations

import math

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, Real
from tsc.errors import BoundsError, DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of
from tsc.ops.losses import MEAN, NONE, reduced_array, reduced_loss
from tsc.ops.promotion import computation_dtype

FAMILY = Family()


def _require_classes(self: TensorSpec, target: TensorSpec, weight: TensorSpec | None) -> None:
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
    self: TensorSpec, target: TensorSpec, weight: TensorSpec | None, reduction: int, ignore_index: int
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


def _nll_computed(
    aten: Aten, self: AnyTensor, target: AnyTensor, weight: AnyTensor | None, reduction: int,
    ignore_index: int,
) -> AnyTensor:  # fmt: skip
    """`_nll_reduced` in terms of other operators."""
    _require_classes(aten.spec(self), aten.spec(target), None if weight is None else aten.spec(weight))
    dtype, is_vector = aten.dtype(self), len(aten.shape(self)) == 1
    wide = aten.in_dtype(self, computation_dtype(dtype))
    x = aten("unsqueeze", wide, 0) if is_vector else wide
    samples, _, *rest = aten.shape(x)
    places = aten.in_dtype(aten("reshape", target, [samples, *rest]), dtypes.I64)
    used = aten("ne.Scalar", places, ignore_index)
    chosen = aten("where.ScalarOther", used, places, 0)
    picked = aten("squeeze.dim", aten("gather", x, 1, aten("unsqueeze", chosen, 1), False), 1)
    weights = aten.in_dtype(used, aten.dtype(x))
    if weight is not None:
        of_chosen = aten(
            "index_select", aten.in_dtype(weight, aten.dtype(x)), 0, aten("reshape", chosen, [-1])
        )
        weights = aten("where.ScalarOther", used, aten("reshape", of_chosen, [samples, *rest]), 0.0)
    losses = aten("where.ScalarOther", used, aten("mul.Tensor", aten.neg(picked), weights), 0.0)
    if reduction == NONE:
        return aten.in_dtype(aten("reshape", losses, [] if is_vector else list(aten.shape(target))), dtype)
    total = aten("sum", losses)
    return aten.in_dtype(
        aten("div.Tensor", total, aten("sum", weights)) if reduction == MEAN else total, dtype
    )


@FAMILY.op(
    "aten::nll_loss", "aten::nll_loss2d", "aten::nll_loss_nd",
    infer=_nll_infer, kind="composite", composite=_nll_computed,
)  # fmt: skip
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
    aten: Aten, logs: AnyTensor, target: AnyTensor, weight: AnyTensor | None, reduction: int, smoothing: float
) -> AnyTensor:
    """Cross entropy with a distribution as the target."""
    shape = aten.shape(logs)
    axis = 1 if len(shape) > 1 else 0
    classes = shape[axis]
    if smoothing > 0:
        target = aten("add.Scalar", aten("mul.Scalar", target, 1 - smoothing), smoothing / classes)
    terms = aten("mul.Tensor", logs, target)
    if weight is not None:
        terms = aten("mul.Tensor", terms, aten("reshape", weight, [-1, *([1] * (len(shape) - 1 - axis))]))
    loss = aten.neg(aten("sum.dim_IntList", terms, [axis]))
    if reduction != MEAN:
        return reduced_loss(aten, loss, reduction)
    count = math.prod(shape) // max(classes, 1)
    return aten("div.Scalar", aten("sum", loss), float(count))


def _smoothed(
    aten: Aten,
    logs: AnyTensor,
    target: AnyTensor,
    weight: AnyTensor | None,
    reduction: int,
    ignore_index: int,
    smoothing: float,
) -> AnyTensor:
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
        spread = reduced_loss(aten, spread, reduction)
    share = smoothing / shape[axis]
    return aten("add.Tensor", aten("mul.Scalar", plain, 1 - smoothing), aten("mul.Scalar", spread, share))


@composite(FAMILY, "aten::cross_entropy_loss")
def cross_entropy_loss(
    aten: Aten,
    self: AnyTensor,
    target: AnyTensor,
    weight: AnyTensor | None,
    reduction: int,
    ignore_index: int,
    label_smoothing: float,
) -> AnyTensor:
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


def _one_hot(aten: Aten, places: AnyTensor, classes: int) -> AnyTensor:
    """Bools, with a dim of classes behind those of the places."""
    numbers = aten("arange", classes, dtypes.I64.code, None, None, None)
    return aten("eq.Tensor", aten("unsqueeze", places, -1), numbers)


def _multi_margin_computed(
    aten: Aten, x: AnyTensor, target: AnyTensor, p: Real, margin: Real, weight: AnyTensor | None,
    reduction: int,
) -> AnyTensor:  # fmt: skip
    """`multi_margin_loss` in terms of other operators."""
    is_one = len(aten.shape(x)) < 2
    rows = aten("reshape", x, [1, -1]) if is_one else x
    classes = aten.shape(rows)[1]
    places = aten("reshape", target, [-1])
    right = aten("gather", rows, 1, aten("unsqueeze", places, 1))
    gap = aten("add.Scalar", aten("sub.Tensor", rows, right), margin)
    counts = aten(
        "logical_and", aten("gt.Scalar", gap, 0), aten("logical_not", _one_hot(aten, places, classes))
    )
    terms = aten("where.ScalarOther", counts, gap if p == 1 else aten("mul.Tensor", gap, gap), 0.0)
    if weight is not None:
        terms = aten("mul.Tensor", terms, aten("unsqueeze", aten("index_select", weight, 0, places), 1))
    losses = aten("div.Scalar", aten("sum.dim_IntList", terms, [1], False, dtype=None), classes)
    return reduced_loss(aten, aten("reshape", losses, []) if is_one else losses, reduction)


def _multilabel_margin_computed(aten: Aten, x: AnyTensor, target: AnyTensor, reduction: int) -> AnyTensor:
    """`multilabel_margin_loss` in terms of other operators."""
    is_one = len(aten.shape(x)) < 2
    rows, labels = (aten("reshape", t, [1, -1]) if is_one else t for t in (x, target))
    classes = aten.shape(rows)[1]
    is_label = aten("to.dtype", aten("ge.Scalar", labels, 0), dtypes.I64.code)
    is_label = aten("eq.Scalar", aten("cumprod", is_label, 1, dtype=None), 1)
    places = aten("where.ScalarOther", is_label, labels, 0)
    hits = aten("logical_and", _one_hot(aten, places, classes), aten("unsqueeze", is_label, -1))
    is_other = aten("logical_not", aten("any.dim", hits, 1, False))
    right = aten("unsqueeze", aten("gather", rows, 1, places), 2)
    gaps = aten("add.Scalar", aten("sub.Tensor", aten("unsqueeze", rows, 1), right), 1)
    counts = aten("logical_and", aten("unsqueeze", is_label, 2), aten("unsqueeze", is_other, 1))
    counts = aten("logical_and", counts, aten("gt.Scalar", gaps, 0))
    terms = aten("where.ScalarOther", counts, gaps, 0.0)
    losses = aten("div.Scalar", aten("sum.dim_IntList", terms, [1, 2], False, dtype=None), classes)
    return reduced_loss(aten, aten("reshape", losses, []) if is_one else losses, reduction)


@FAMILY.op("aten::multi_margin_loss", kind="composite", composite=_multi_margin_computed)
def multi_margin_loss(
    self: Array, target: Array, p: Real, margin: Real, weight: Array | None, reduction: int
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
    return reduced_array(losses.reshape(target.shape if self.ndim > 1 else ()), reduction, self.dtype)


@FAMILY.op("aten::multilabel_margin_loss", kind="composite", composite=_multilabel_margin_computed)
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
    return reduced_array(losses if self.ndim > 1 else losses.reshape(()), reduction, self.dtype)
