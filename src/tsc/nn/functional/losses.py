"""Losses of predictions: by class, by element, and between distributions."""

from __future__ import annotations

import math
import warnings

import tsc
from tsc.nn.functional.reductions import reduced, reduction_name, reduction_number
from tsc.runtime.tensor import Tensor

# --- by class ---


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of the right class; `weight` has a factor for each class."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    return tsc.nll_loss_nd(input, target, weight, number, ignore_index)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """`nll_loss` of logits; the target has classes, or a probability for each."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    return tsc.cross_entropy_loss(input, target, weight, number, ignore_index, label_smoothing)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the log-probability of sequences, over all alignments to the input."""
    number = reduction_number(reduction)
    return tsc.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, number, zero_infinity)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """How much the score of the right class is less than the others' and a margin."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    if p != 1 and p != 2:
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return tsc.multi_margin_loss(input, target, p, margin, weight, number)


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`multi_margin_loss` where several classes are right; the target lists them, up to a -1."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    return tsc.multilabel_margin_loss(input, target, number)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`binary_cross_entropy_with_logits` of each class, and their mean."""
    name = reduction_name(size_average, reduce, reduction)
    if name != "none" and name != "mean" and name != "sum":
        raise ValueError(name + " is not valid")
    losses = -(target * tsc.log_sigmoid(input) + (1 - target) * tsc.log_sigmoid(-input))
    if weight is not None:
        losses = losses * weight
    last = input.dim() - 1
    return reduced(losses.sum(last) / input.size(last), name)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """``log(1 + exp(-y * x))``."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    return tsc.soft_margin_loss(input, target, number)


# --- of distributions ---


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of counts that are distributed as Poisson said."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    return tsc.poisson_nll_loss(input, target, log_input, full, eps, number)


def _variances(input: Tensor, var: Tensor) -> Tensor:
    """One variance for each element, or each row, of the input."""
    if var.size() == input.size():
        return var
    if var.size() == input.size()[:-1]:
        return var.unsqueeze(-1)
    differing = 0  # the sum of the sizes that differ: 1 if one dim does, whose size is 1
    if var.dim() == input.dim():
        for d in range(var.dim()):
            if var.size(d) != input.size(d):
                differing += var.size(d)
    if differing != 1:
        raise ValueError("var is of incorrect size")
    return var


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood under normal distributions of these means and variances."""
    if isinstance(var, Tensor):
        if bool(tsc.any(var < 0)):
            raise ValueError("var has negative entry/entries")
        variances = _variances(input, var)
    else:
        if var < 0:
            raise ValueError("var has negative entry/entries")
        variances = var * tsc.ones_like(input)
    if reduction != "none" and reduction != "mean" and reduction != "sum":
        raise ValueError(reduction + " is not valid")
    variances = variances.clamp(min=eps)
    losses = 0.5 * (tsc.log(variances) + (input - target) ** 2 / variances)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Kullback-Leibler divergence of log-probabilities from probabilities."""
    name = reduction_name(size_average, reduce, reduction)
    if size_average is None and reduce is None and name == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. "
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition.",
            stacklevel=2,
        )
    number = reduction_number("sum" if name == "batchmean" else name)
    result = tsc.kl_div(input, target, number, log_target=log_target)
    if name == "batchmean" and input.dim() != 0:
        return result / input.size(0)
    return result


def _check_same_size(target: Tensor, input: Tensor) -> None:
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-likelihood of yes or no, by the probability of yes."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = tsc.broadcast_tensors([weight, target])[0]
    return tsc.binary_cross_entropy(input, target, weight, number)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of the sigmoid of logits; `pos_weight` is a factor for yes."""
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    _check_same_size(target, input)
    return tsc.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)


# --- of differences ---


def _same_size(input: Tensor, target: Tensor) -> list[Tensor]:
    """Both, expanded to one size; that it took expanding is worth a warning."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the "
            "same size.",
            stacklevel=3,
        )
    return tsc.broadcast_tensors([input, target])


def _check_weight(weight: Tensor, input: Tensor, reduction: str) -> None:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    if reduction != "none" and reduction != "sum" and reduction != "mean":
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


def _weighted(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """The losses times their weights; a mean is that of the weights too."""
    if reduction == "mean":
        return tsc.sum(losses * weight) / tsc.sum(weight)
    return reduced(losses * weight, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squares of differences."""
    both = _same_size(input, target)
    name = reduction_name(size_average, reduce, reduction)
    if weight is None:
        return tsc.mse_loss(both[0], both[1], reduction_number(name))
    _check_weight(weight, input, name)
    return _weighted(tsc.pow(both[0] - both[1], 2), weight, name)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Magnitudes of differences."""
    both = _same_size(input, target)
    name = reduction_name(size_average, reduce, reduction)
    if weight is None:
        return tsc.l1_loss(both[0], both[1], reduction_number(name))
    _check_weight(weight, input, name)
    return _weighted(tsc.abs(both[0] - both[1]), weight, name)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """`l1_loss`, less half of `beta`; of differences below `beta`, squares over twice `beta`."""
    both = _same_size(input, target)
    number = reduction_number(reduction_name(size_average, reduce, reduction))
    if beta == 0.0:
        return tsc.l1_loss(both[0], both[1], number)
    return tsc.smooth_l1_loss(both[0], both[1], number, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """`smooth_l1_loss` times `delta`."""
    both = _same_size(input, target)
    if weight is None:
        return tsc.huber_loss(both[0], both[1], reduction_number(reduction), delta)
    _check_weight(weight, input, reduction)
    return reduced(tsc.huber_loss(both[0], both[1], 0, delta) * weight, reduction)
