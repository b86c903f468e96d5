"""Attention of several heads between projected sequences; masks are numbers that are added to scores."""

from __future__ import annotations

import math
import warnings

import tsc
from tsc.dtypes import DType
from tsc.runtime.tensor import Tensor


def warn_of_kinds(mask: Tensor | None, name: str, other: Tensor | None, other_name: str) -> None:
    """Warn of two masks of which one is of bools and the other is not."""
    if mask is not None and other is not None and mask.dtype != other.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )


def added_mask(mask: Tensor | None, name: str, dtype: DType) -> Tensor | None:
    """A mask of bools, or of what is added to scores, as what is added: minus infinity where it is True."""
    if mask is None:
        return None
    if tsc.is_floating_point(mask):
        return mask
    if mask.dtype != tsc.bool:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return tsc.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))


# --- what is asked of arguments ---


def _check_shapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether there is a dim of batches."""
    ndim = query.dim()
    if ndim != 2 and ndim != 3:
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor"
        )
    kind = "batched" if ndim == 3 else "unbatched"
    if key.dim() != ndim or value.dim() != ndim:
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `key` and `value` to be {ndim}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != ndim - 1:
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but "
            f"found {key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() != 2 and attn_mask.dim() != 3:
        raise AssertionError(
            f"For {kind} ({ndim}-D) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{attn_mask.dim()}-D tensor instead"
        )
    return ndim == 3


def _check_widths(query: Tensor, key: Tensor, value: Tensor, width: int, heads: int, separate: bool) -> None:
    """Refuse sequences that do not fit each other, or the heads."""
    if query.size(-1) != width:
        raise AssertionError(f"was expecting embedding dimension of {width}, but got {query.size(-1)}")
    if width // heads * heads != width:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {heads}")
    if separate:
        if key.size()[:2] != value.size()[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.size()[:2]} do not match value's {value.size()[:2]}"
            )
    elif key.size() != value.size():
        raise AssertionError(f"key shape {key.size()} does not match value shape {value.size()}")


def _batched_mask(mask: Tensor | None, sizes: list[int]) -> Tensor | None:
    """A mask of one or all ``[batch * heads, target, source]``, whose `sizes` are given, with three dims."""
    if mask is None:
        return None
    ndim = mask.dim()
    if ndim == 2:
        if mask.size() != sizes[1:]:
            raise RuntimeError(
                f"The shape of the 2D attn_mask is {mask.size()}, but should be {(sizes[1], sizes[2])}."
            )
        return mask.unsqueeze(0)
    if mask.size() != sizes:
        raise RuntimeError(
            f"The shape of the 3D attn_mask is {mask.size()}, but should be {(sizes[0], sizes[1], sizes[2])}."
        )
    return mask


# --- projections ---


def _third(bias: Tensor | None, i: int) -> Tensor | None:
    return None if bias is None else bias.chunk(3)[i]


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The three by one weight: in one product if they are one."""
    if query is key and key is value:
        parts = tsc.linear(query, weight, bias).chunk(3, -1)
        return parts[0].contiguous(), parts[1].contiguous(), parts[2].contiguous()
    weights = weight.chunk(3)
    return (
        tsc.linear(query, weights[0], _third(bias, 0)),
        tsc.linear(key, weights[1], _third(bias, 1)),
        tsc.linear(value, weights[2], _third(bias, 2)),
    )


def _required(weight: Tensor | None, name: str, separate: bool) -> Tensor:
    if weight is None:
        raise AssertionError(f"use_separate_proj_weight is {separate} but {name} is None")
    return weight


def _heads(projected: Tensor, static: Tensor | None, name: str, count: int, width: int) -> Tensor:
    """``[batch * heads, length, width]`` of a projection, or given so."""
    if static is None:
        return projected.view([projected.size(0), count, width]).transpose(0, 1)
    if static.size(0) != count:
        raise AssertionError(f"expecting {name}.size(0) of {count}, but got {static.size(0)}")
    if static.size(2) != width:
        raise AssertionError(f"expecting {name}.size(2) of {width}, but got {static.size(2)}")
    return static


def _with_bias(sequence: Tensor, bias: Tensor | None) -> Tensor:
    """One more element of the sequence, the same in each batch."""
    return sequence if bias is None else tsc.cat([sequence, bias.repeat([1, sequence.size(1), 1])])


def _with_zeros(heads: Tensor) -> Tensor:
    """One more element, of zeros."""
    return tsc.cat([heads, heads.new_zeros([heads.size(0), 1, heads.size(2)])], dim=1)


def _longer_mask(mask: Tensor | None, by: int) -> Tensor | None:
    """A mask that lets more elements through."""
    return None if mask is None or by == 0 else tsc.pad(mask, [0, by])


def _check_biases(
    bias_k: Tensor | None, bias_v: Tensor | None, static_k: Tensor | None, static_v: Tensor | None
) -> None:
    if bias_k is not None and bias_v is not None:
        if static_k is not None:
            raise AssertionError("bias cannot be added to static key.")
        if static_v is not None:
            raise AssertionError("bias cannot be added to static value.")
    elif bias_k is not None:
        raise AssertionError("bias_k is set but bias_v is None")
    elif bias_v is not None:
        raise AssertionError("bias_v is set but bias_k is None")


def _all_masks(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, batch: int, heads: int, length: int
) -> Tensor | None:
    """The sum of both masks, of what there is."""
    if key_padding_mask is None:
        return attn_mask
    if key_padding_mask.size(0) != batch:
        raise AssertionError(
            f"Expected key_padded_mask.shape[0] to be {batch}, but got {key_padding_mask.size(0)}"
        )
    if key_padding_mask.size(1) != length:
        raise AssertionError(
            f"Expected key_padded_mask.shape[1] to be {length}, but got {key_padding_mask.size(1)}"
        )
    each = key_padding_mask.view([batch, 1, 1, length]).expand([-1, heads, -1, -1])
    padding = each.reshape([batch * heads, 1, length])
    return padding if attn_mask is None else attn_mask + padding


# --- attention ---


def _weighted_values(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float
) -> tuple[Tensor, Tensor]:
    """The attended values and the weights, ``[batch * heads, ...]``."""
    scaled, turned = q * math.sqrt(1.0 / float(q.size(2))), k.transpose(-2, -1)
    scores = tsc.bmm(scaled, turned) if mask is None else tsc.baddbmm(mask, scaled, turned)
    weights = tsc.softmax(scores, -1)
    if dropout_p > 0.0:
        weights = tsc.dropout(weights, dropout_p, True)
    return tsc.bmm(weights, v), weights


def _attended(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, batch: int, dropout_p: float, is_causal: bool
) -> Tensor:
    """The attended values, ``[batch, heads, target, width]``, in one operator."""
    heads, length = q.size(0) // batch, k.size(1)
    if mask is not None:
        mask = mask.unsqueeze(0) if mask.size(0) == 1 else mask.view([batch, heads, -1, length])
    return tsc.scaled_dot_product_attention(
        q.view([batch, heads, q.size(1), q.size(2)]),
        k.view([batch, heads, length, k.size(2)]),
        v.view([batch, heads, length, v.size(2)]),
        mask,
        dropout_p,
        is_causal,
    )


def _output(attended: Tensor, weight: Tensor, bias: Tensor | None, length: int, batch: int) -> Tensor:
    """The projection of attended values ``[target, batch, heads, ...]``."""
    rows = tsc.linear(attended.reshape([length * batch, -1]), weight, bias)
    return rows.view([length, batch, rows.size(1)])


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of `num_heads` heads: what of the values the queries get, and, if they are needed, the
    weights; sequences are ``[length, batch, width]``.
    """
    is_batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not is_batched:
        is_one = query is key and key is value
        query = query.unsqueeze(1)
        key = query if is_one else key.unsqueeze(1)
        value = query if is_one else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    warn_of_kinds(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask")
    key_padding_mask = added_mask(key_padding_mask, "key_padding_mask", query.dtype)
    is_causal = is_causal and key_padding_mask is None
    attn_mask = None if is_causal and not need_weights else added_mask(attn_mask, "attn_mask", query.dtype)
    _check_widths(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        q = tsc.linear(query, _required(q_proj_weight, "q_proj_weight", True), _third(in_proj_bias, 0))
        k = tsc.linear(key, _required(k_proj_weight, "k_proj_weight", True), _third(in_proj_bias, 1))
        v = tsc.linear(value, _required(v_proj_weight, "v_proj_weight", True), _third(in_proj_bias, 2))
    else:
        weight = _required(in_proj_weight, "in_proj_weight", False)
        q, k, v = _projected(query, key, value, weight, in_proj_bias)
    length, batch = query.size(0), query.size(1)
    count, width = batch * num_heads, query.size(2) // num_heads
    attn_mask = _batched_mask(attn_mask, [count, length, key.size(0)])
    _check_biases(bias_k, bias_v, static_k, static_v)
    q = _heads(q, None, "query", count, width)
    k = _heads(_with_bias(k, bias_k), static_k, "static_k", count, width)
    v = _heads(_with_bias(v, bias_v), static_v, "static_v", count, width)
    if add_zero_attn:
        k, v = _with_zeros(k), _with_zeros(v)
    more = int(bias_k is not None) + int(add_zero_attn)
    if more > 0:
        attn_mask, key_padding_mask = _longer_mask(attn_mask, more), _longer_mask(key_padding_mask, more)
    mask = _all_masks(attn_mask, key_padding_mask, batch, num_heads, k.size(1))
    dropout_p = dropout_p if training else 0.0
    if not need_weights:
        attended = _attended(q, k, v, mask, batch, dropout_p, is_causal).permute([2, 0, 1, 3])
        output = _output(attended, out_proj_weight, out_proj_bias, length, batch)
        return output if is_batched else output.squeeze(1), None
    attended, weights = _weighted_values(q, k, v, mask, dropout_p)
    output = _output(attended.transpose(0, 1), out_proj_weight, out_proj_bias, length, batch)
    weights = weights.view([batch, num_heads, length, k.size(1)])
    if average_attn_weights:
        weights = weights.mean(1)
    if is_batched:
        return output, weights
    return output.squeeze(1), weights.squeeze(0)
