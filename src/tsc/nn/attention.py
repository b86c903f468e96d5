"""Attention of several heads."""

from __future__ import annotations

from tsc.dtypes import DType
from tsc.nn import functional as F  # noqa: N812
from tsc.nn import init
from tsc.nn.functional.attention import added_mask, warn_of_kinds
from tsc.nn.linear import Linear
from tsc.nn.module import Module
from tsc.nn.parameters import new_parameter
from tsc.nn.sizes import Device
from tsc.runtime.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that PyTorch gives the last one of `MultiheadAttention`."""


class MultiheadAttention(Module):
    """What of the values the queries get, by how their heads fit the keys'."""

    __constants__ = ("batch_first",)

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.batch_first, self.add_zero_attn = batch_first, add_zero_attn
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self._make_projections(bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            made = new_parameter((1, 1, embed_dim), device, dtype) if add_bias_kv else None
            self.register_parameter(name, made)
        self._reset_parameters()

    def _make_projections(self, bias: bool, device: Device, dtype: DType | None) -> None:
        """One weight for queries, keys and values of one width, else one for each."""
        width = self.embed_dim
        if self._qkv_same_embed_dim:
            self.in_proj_weight = new_parameter((3 * width, width), device, dtype)
        widths = {"q_proj_weight": width, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        for name, columns in widths.items():
            separate = None if self._qkv_same_embed_dim else new_parameter((width, columns), device, dtype)
            self.register_parameter(name, separate)
        if not self._qkv_same_embed_dim:
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", new_parameter(3 * width, device, dtype) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(width, width, bias, device, dtype)

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        warn_of_kinds(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask")
        is_turned = self.batch_first and query.dim() == 3
        is_one = query is key and key is value
        if is_turned:
            query = query.transpose(1, 0)
            key = query if is_one else key.transpose(1, 0)
            value = query if is_one else value.transpose(1, 0)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=added_mask(key_padding_mask, "key_padding_mask", query.dtype),
            need_weights=need_weights,
            attn_mask=added_mask(attn_mask, "attn_mask", query.dtype),
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return output.transpose(1, 0) if is_turned else output, weights
