# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Layers and functions as programs use them: each exported, and run in ONNX Runtime beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.onnx.running import assert_same, exported, session_of


class Wrapped(nn.Module):
    """A layer in a module, as recurrent ones are used."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        return self.layer(x)


class WrappedOnce(nn.Module):
    """One whose state is one tensor."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(x)


class Attending(nn.Module):
    """Attention with a mask, and to what was before."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
        attend = nn.functional.scaled_dot_product_attention
        return attend(x, x, x, is_causal=True), attend(x, x, x, attn_mask=mask)


class Indexing(nn.Module):
    """Elements by place, order and condition."""

    def forward(self, x: Tensor) -> list[Tensor]:
        places = torch.where(x > 0, x, -x).max(dim=1)[1]
        return [
            x[:, [0, 2]],
            x[..., ::2],
            x.roll(1, 1),
            x.cumsum(1).flip(0),
            places,
            x.repeat_interleave(2, 1),
        ]


class Reducing(nn.Module):
    """Sums in several forms, and tensors taken apart."""

    def forward(self, x: Tensor) -> list[Tensor]:
        product = torch.einsum("bij,bjk->bik", x, x.transpose(1, 2))
        return [product, x.std(-1), torch.norm(x, 2, [1]), torch.stack(x.unbind(1)), x.chunk(2, -1)[1]]


class Deciding(nn.Module):
    """Branches in a loop, which write to rows."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(x.size(0))
        for i in range(x.size(0)):
            if bool(x[i].sum() > 0):
                out[i] = x[i].max()
        return out


IMAGE, SEQUENCE = (2, 4, 6, 6), (5, 2, 4)
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "lstm": (lambda: Wrapped(nn.LSTM(4, 5, 2, bidirectional=True)), SEQUENCE),
    "gru": (lambda: WrappedOnce(nn.GRU(4, 5)), SEQUENCE),
    "rnn": (lambda: WrappedOnce(nn.RNN(4, 5)), SEQUENCE),
    "lstm_cell": (lambda: nn.LSTMCell(4, 5), (2, 4)),
    "transformer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
    "group_norm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "instance_norm": (lambda: nn.InstanceNorm2d(4), IMAGE),
    "rms_norm": (lambda: nn.RMSNorm(8), (2, 8)),
    "local_response_norm": (lambda: nn.LocalResponseNorm(3), IMAGE),
    "batch_norm": (lambda: nn.BatchNorm1d(4), (3, 4)),
    "prelu": (lambda: nn.PReLU(4), IMAGE),
    "celu": (lambda: nn.CELU(0.7), IMAGE),
    "glu": (lambda: nn.GLU(), IMAGE),
    "unfold": (lambda: nn.Unfold(3, padding=1, stride=2), IMAGE),
    "fold": (lambda: nn.Fold((6, 6), 2, stride=2), (2, 12, 9)),
    "nearest": (lambda: nn.Upsample(scale_factor=1.5), IMAGE),
    "bilinear": (lambda: nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=True), IMAGE),
    "bicubic": (lambda: nn.Upsample(size=(7, 9), mode="bicubic"), IMAGE),
    "transposed": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2, output_padding=1), (2, 4, 5)),
    "volume": (lambda: nn.Sequential(nn.Conv3d(2, 3, 3, padding=1), nn.MaxPool3d(2)), (1, 2, 4, 4, 4)),
    "same": (lambda: nn.Conv2d(4, 2, 4, padding="same"), IMAGE),
    "circular": (lambda: nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"), IMAGE),
    "max_pool": (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (1, 2, 7, 7)),
    "avg_pool": (lambda: nn.AvgPool2d(3, 2, ceil_mode=True), IMAGE),
    "power_pool": (lambda: nn.LPPool2d(2, 2), IMAGE),
    "adaptive_avg_pool": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGE),
    "adaptive_max_pool": (lambda: nn.AdaptiveMaxPool2d(2), IMAGE),
    "shuffle": (lambda: nn.ChannelShuffle(2), IMAGE),
    "attention": (lambda: Attending(), (2, 4, 8)),
    "indexing": (lambda: Indexing(), (2, 4, 6)),
    "reducing": (lambda: Reducing(), (2, 3, 4)),
    "deciding": (lambda: Deciding(), (5, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_has_equal_results(name: str) -> None:
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    module, x = make().eval(), torch.randn(shape)
    assert_same(session_of(exported(module, x)), module, x)
