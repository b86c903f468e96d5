"""Modules whose export shows one thing each."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Attention over a sequence, with its sizes asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(16, 32)
        self.norm = nn.LayerNorm(32)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        batch, time, _ = x.shape
        y = self.norm(self.project(x)).view(batch, time, 4, 8).transpose(1, 2)
        weights = torch.softmax(y @ y.transpose(-1, -2), -1)
        z = (weights @ y).transpose(1, 2).reshape(batch, time, 32)
        z = z + torch.arange(time)[None, :, None]
        return z, {"mean": z.mean(1), "halves": z[:, : time // 2].sum(1)}


class Branching(nn.Module):
    """A branch that data decides."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            y = x * 2
        else:
            y = x - 1
        return y + 1


class Looping(nn.Module):
    """A loop whose rounds data decides."""

    def forward(self, x: Tensor) -> Tensor:
        while bool(x.abs().max() > 1):
            x = x / 2
        return x


class Counting(nn.Module):
    """A loop of many rounds, which stays one."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        for i in range(600):
            y = torch.tanh(y + x * i)
        return y


class Writing(nn.Module):
    """Writes to views of a tensor of its own."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        y[:, 0] = 1.0
        y[1:].mul_(2)
        return y.relu_()


class Optional(nn.Module):
    """Arguments that are constants in the model."""

    def forward(self, x: Tensor, scale: float, bias: Tensor | None = None, mode: str = "plain") -> Tensor:
        y = x * scale
        if bias is not None:
            y = y + bias
        return y.relu() if mode == "relu" else y


class Sampling(nn.Module):
    """What ONNX does not have, in two lines."""

    def forward(self, x: Tensor) -> Tensor:
        y = x + torch.randn_like(x)
        return torch.inverse(y)


class Keeping(nn.Module):
    """State that calls change."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.total = self.total + x
        return self.total


class Pooling(nn.Module):
    """Images through the families of a convolutional net."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(2),
            nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish(),
            nn.AdaptiveAvgPool2d(3), nn.Upsample(scale_factor=2.0, mode="bilinear"),
            nn.ConvTranspose2d(8, 4, 2, stride=2), nn.PixelShuffle(2),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pad(self.features(x), [1, 0, 0, 2], mode="reflect").flatten(1)
