"""Attention, in terms of matrix products and softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tsc import dtypes
from tsc.dims import certainly_empty
from tsc.errors import DTypeError, ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family
from tsc.ops.promotion import computation_dtype

FAMILY = Family()


def _repeated_heads(aten: Aten, x: AnyTensor, heads: int) -> AnyTensor:
    """Grouped-query attention: each key (value) head serves several query heads."""
    shape = list(aten.shape(x))
    times = heads // shape[-3]
    if times == 1:
        return x
    grouped = aten("unsqueeze", x, -3)
    wide = aten("expand", grouped, [*shape[:-2], times, *shape[-2:]])
    return aten("reshape", wide, [*shape[:-3], heads, *shape[-2:]])


def _causal_scores(aten: Aten, scores: AnyTensor) -> AnyTensor:
    rows, columns = aten.shape(scores)[-2:]
    allowed = aten("tril", aten("ones", [rows, columns], dtype=dtypes.BOOL.code))
    return aten("masked_fill.Scalar", scores, aten("logical_not", allowed), -math.inf)


def _masked_scores(aten: Aten, scores: AnyTensor, mask: AnyTensor) -> AnyTensor:
    if aten.dtype(mask) is dtypes.BOOL:
        return aten("masked_fill.Scalar", scores, aten("logical_not", mask), -math.inf)
    return aten("add.Tensor", scores, mask)


def _safe_softmax(aten: Aten, scores: AnyTensor) -> AnyTensor:
    """Softmax over the last dim; a row that is -inf throughout gives zeros, not NaN."""
    if certainly_empty(aten.shape(scores)[-1:]):
        return scores  # there is nothing to attend to
    top = aten.amax(scores, [-1], True)
    finite = aten("masked_fill.Scalar", top, aten("eq.Scalar", top, -math.inf), 0.0)
    e = aten.exp(aten("sub.Tensor", scores, finite))
    total = aten("sum.dim_IntList", e, [-1], True)
    return aten("div.Tensor", e, aten("masked_fill.Scalar", total, aten("eq.Scalar", total, 0.0), 1.0))


def _require_attention(
    aten: Aten, query: AnyTensor, key: AnyTensor, value: AnyTensor, mask: AnyTensor | None
) -> None:
    if any(len(aten.shape(t)) < 2 for t in (query, key, value)):
        raise ShapeError("scaled_dot_product_attention: requires query, key and value of at least 2 dims")
    if len({aten.dtype(t) for t in (query, key, value)}) > 1:
        got = ", ".join(aten.dtype(t).name for t in (query, key, value))
        raise DTypeError(f"Expected query, key, and value to have the same dtype, but got {got}")
    if mask is None:
        return
    if aten.dtype(mask) not in (dtypes.BOOL, aten.dtype(query)):
        raise DTypeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{aten.dtype(mask).name} and  query.dtype: {aten.dtype(query).name} instead."
        )


@composite(FAMILY, "aten::scaled_dot_product_attention", draws=True)
def scaled_dot_product_attention(
    aten: Aten, query: AnyTensor, key: AnyTensor, value: AnyTensor, attn_mask: AnyTensor | None,
    dropout_p: float, is_causal: bool,
    scale: float | None, enable_gqa: bool,
) -> AnyTensor:  # fmt: skip
    """``softmax(query @ key.T * scale + mask) @ value``. Source: Vaswani et al., 2017.

    A bool mask says which keys take part; queries whose scores are all minus infinity give zeros. The softmax
    is computed in float32 for 16-bit floats.
    """
    _require_attention(aten, query, key, value, attn_mask)
    result = aten.dtype(query)
    if enable_gqa:
        heads = aten.shape(query)[-3]
        key, value = _repeated_heads(aten, key, heads), _repeated_heads(aten, value, heads)
    width = aten.shape(query)[-1]
    factor = scale if scale is not None else 1 / math.sqrt(width) if width else math.inf
    wide = computation_dtype(result)
    q, k, v = (x if wide is result else aten("to.dtype", x, wide.code) for x in (query, key, value))
    scores = aten("mul.Scalar", aten("matmul", q, aten("transpose.int", k, -2, -1)), factor)
    if is_causal:
        scores = _causal_scores(aten, scores)
    if attn_mask is not None:
        scores = _masked_scores(aten, scores, attn_mask)
    weights = _safe_softmax(aten, scores)
    if dropout_p > 0:
        weights = aten("dropout", weights, dropout_p, True)
    attended = aten("matmul", weights, v)
    return attended if wide is result else aten("to.dtype", attended, result.code)


# --- the fused operators of nn.MultiheadAttention and nn.TransformerEncoderLayer ---


def _split_heads(aten: Aten, x: AnyTensor, heads: int) -> AnyTensor:
    batch, length, width = aten.shape(x)
    return aten("transpose.int", aten("reshape", x, [batch, length, heads, width // heads]), 1, 2)


def _fused_mask(aten: Aten, scores: AnyTensor, mask: AnyTensor, mask_type: int | None) -> AnyTensor:
    """True means "leave out". Type 0 is ``(L, L)``, 1 is ``(batch, L)``, 2 fits the scores."""
    batch, _, rows, columns = aten.shape(scores)
    if mask_type == 1 or (
        mask_type is None and tuple(aten.shape(mask)) == (batch, columns) and batch != rows
    ):
        mask = aten("reshape", mask, [batch, 1, 1, columns])
    if aten.dtype(mask) is dtypes.BOOL:
        return aten("masked_fill.Scalar", scores, mask, -math.inf)
    return aten("add.Tensor", scores, mask)


def _multi_head(
    aten: Aten,
    query: AnyTensor,
    key: AnyTensor,
    value: AnyTensor,
    heads: int,
    qkv: tuple[Any, Any],
    mask: AnyTensor | None,
    mask_type: int | None,
) -> tuple[Any, Any]:
    """The attended values, heads side by side, and the weights of each head."""
    batch, _, width = aten.shape(query)
    weights, biases = ([aten("narrow", p, 0, i * width, width) for i in range(3)] for p in qkv)
    projected = [
        _split_heads(aten, aten("linear", x, w, b), heads)
        for x, w, b in zip((query, key, value), weights, biases, strict=True)
    ]
    q = aten("mul.Scalar", projected[0], 1 / math.sqrt(width // heads))
    scores = aten("matmul", q, aten("transpose.int", projected[1], -2, -1))
    if mask is not None:
        scores = _fused_mask(aten, scores, mask, mask_type)
    attention = aten("softmax.int", scores, -1)
    attended = aten("transpose.int", aten("matmul", attention, projected[2]), 1, 2)
    return aten("reshape", attended, [batch, -1, width]), attention


@composite(FAMILY, "aten::_native_multi_head_attention")
def native_multi_head_attention(
    aten: Aten, query: AnyTensor, key: AnyTensor, value: AnyTensor, embed_dim: int, num_head: int,
    qkv_weight: AnyTensor,
    qkv_bias: AnyTensor, proj_weight: AnyTensor, proj_bias: AnyTensor, mask: AnyTensor | None,
    need_weights: bool,
    average_attn_weights: bool, mask_type: int | None,
) -> tuple[Any, Any]:  # fmt: skip
    """Multi-head attention of batch-first tensors; the weights are empty unless wanted."""
    attended, weights = _multi_head(
        aten, query, key, value, num_head, (qkv_weight, qkv_bias), mask, mask_type
    )
    projected = aten("linear", attended, proj_weight, proj_bias)
    if not need_weights:
        return projected, aten("new_empty", query, [0])
    return projected, aten("mean.dim", weights, [1], False) if average_attn_weights else weights


@composite(FAMILY, "aten::_transformer_encoder_layer_fwd")
def transformer_encoder_layer(
    aten: Aten, src: AnyTensor, embed_dim: int, num_heads: int, qkv_weight: AnyTensor, qkv_bias: AnyTensor,
    proj_weight: AnyTensor,
    proj_bias: AnyTensor, use_gelu: bool, norm_first: bool, eps: float, norm_weight_1: AnyTensor,
    norm_bias_1: AnyTensor,
    norm_weight_2: AnyTensor, norm_bias_2: AnyTensor, ffn_weight_1: AnyTensor, ffn_bias_1: AnyTensor,
    ffn_weight_2: AnyTensor,
    ffn_bias_2: AnyTensor, mask: AnyTensor | None, mask_type: int | None,
) -> AnyTensor:  # fmt: skip
    """Attention and a two-layer network, each with a residual and a layer_norm before or after."""

    def normalized(x: AnyTensor, weight: AnyTensor, bias: AnyTensor) -> AnyTensor:
        return aten("layer_norm", x, [embed_dim], weight, bias, eps)

    def attend(x: AnyTensor) -> AnyTensor:
        attended, _ = _multi_head(aten, x, x, x, num_heads, (qkv_weight, qkv_bias), mask, mask_type)
        return aten("linear", attended, proj_weight, proj_bias)

    def feed_forward(x: AnyTensor) -> AnyTensor:
        hidden = aten("linear", x, ffn_weight_1, ffn_bias_1)
        activated = aten.gelu(hidden) if use_gelu else aten.relu(hidden)
        return aten("linear", activated, ffn_weight_2, ffn_bias_2)

    first, second = (norm_weight_1, norm_bias_1), (norm_weight_2, norm_bias_2)
    if norm_first:
        x = aten("add.Tensor", src, attend(normalized(src, *first)))
        return aten("add.Tensor", x, feed_forward(normalized(x, *second)))
    x = normalized(aten("add.Tensor", src, attend(src)), *first)
    return normalized(aten("add.Tensor", x, feed_forward(x)), *second)


@composite(FAMILY, "aten::to_padded_tensor")
def to_padded_tensor(
    aten: Aten, self: AnyTensor, padding: float, output_size: Sequence[int] | None
) -> AnyTensor:
    """The tensor itself: `tsc` has no nested tensors, so nothing is ragged."""
    return aten("alias", self)
