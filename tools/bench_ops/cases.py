# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The operators that are timed: each a module, and inputs whose sizes grow with a scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tools.bench_ops.modules import module_of

Make = Callable[[int], tuple[nn.Module, tuple[Tensor, ...]]]


@dataclass(frozen=True)
class Case:
    """An operator or a usual pair of them; `make` gives a module and inputs for a scale (1, 2 or 4)."""

    name: str
    make: Make
    takes_double: bool = True
    """Whether it is timed in float64 too."""


_MODULE = """
class Timed(nn.Module):
    def forward(self, {arguments}):
        return {text}
"""


def expression(text: str, *arguments: str) -> nn.Module:
    """A module that computes an expression of ``x`` (or of `arguments`)."""
    return module_of(_MODULE.format(arguments=", ".join(arguments or ("x",)), text=text))


ACTIVATIONS = {
    "relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid,
    "hardswish": nn.Hardswish, "softplus": nn.Softplus,
}  # fmt: skip
POINTWISE = (
    "x + x", "x * 2.0", "x.exp()", "x.abs().log()", "x.sin()", "x.tanh()", "x.sigmoid()", "x.erf()",
    "x.sqrt()", "x.abs() ** 2.5", "x.clamp(-1.0, 1.0)", "x.round()", "torch.where(x > 0, x, x * 2)",
    "x.masked_fill(x > 0, 0.0)", "x / (x.abs() + 1)", "x.half()",
)  # fmt: skip
ROWS = (
    "x.sum(1)", "x.sum(0)", "x.mean()", "x.var(1)", "x.std(0)", "x.amax(1)", "x.max(1)[1]", "x.argmax(1)",
    "x.argmin(0)", "x.softmax(1)", "x.softmax(0)", "x.log_softmax(1)", "x.logsumexp(1)", "x.cumsum(1)",
    "x.cumsum(0)", "x.norm()", "x.prod(1)", "(x > 0).any(1)", "x.topk(5, 1)[0]", "x.sort(1)[0]",
)  # fmt: skip
MOVES = (
    "x.t().contiguous()", "torch.cat([x, x], 1)", "torch.stack([x, x], 2)", "x.flip(1)", "x.roll(3, 1)",
    "x[:, ::2] + 1", "x.repeat(2, 1)", "x.tril()", "x.unfold(1, 4, 4).sum(2)", "x[:, 1:] - x[:, :-1]",
)  # fmt: skip
IMAGES = (
    "F.max_pool2d(x, 3, 2, 1)", "F.max_pool2d(x, 2)", "F.avg_pool2d(x, 2)",
    "F.adaptive_avg_pool2d(x, [1, 1])",
    'F.interpolate(x, scale_factor=2.0, mode="nearest")', "F.group_norm(x, 8)", "F.instance_norm(x)",
    'F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)', "F.pixel_shuffle(x, 2)",
    'F.pad(x, [1, 1, 1, 1], mode="reflect")', "x.permute(0, 2, 3, 1).contiguous()",
)  # fmt: skip


def _matrix(scale: int) -> Tensor:
    return torch.randn(128 * scale, 192 * scale)


def _image(scale: int, channels: int = 32) -> Tensor:
    return torch.randn(1, channels * scale, 28 * scale, 28 * scale)


def _of_matrix(text: str) -> Make:
    return lambda scale: (expression(text), (_matrix(scale),))


def _of_image(text: str) -> Make:
    return lambda scale: (expression(text), (_image(scale),))


def _linear(activation: type[nn.Module]) -> Make:
    def make(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        width = 192 * scale
        return nn.Sequential(nn.Linear(width, 4 * width), activation()), (torch.randn(49 * scale, width),)

    return make


def _convolution(
    kernel: int, activation: type[nn.Module] = nn.Identity, groups: int = 1, stride: int = 1
) -> Make:
    def make(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        channels = 32 * scale
        of = channels if groups == 0 else groups
        layer = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=of)
        return nn.Sequential(layer, activation()), (_image(scale),)

    return make


def _attention(queries: int, is_causal: bool) -> Make:
    def make(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        text = f"F.scaled_dot_product_attention(q, k, v, is_causal={is_causal})"
        shape = (1, 4 * scale, 64 * scale, 64)
        q = torch.randn(1, 4 * scale, queries or 64 * scale, 64)
        return expression(text, "q", "k", "v"), (q, torch.randn(shape), torch.randn(shape))

    return make


def _layer(build: Callable[[int], nn.Module], fixed: Sequence[int], growing: Sequence[int]) -> Make:
    """A layer for a scale, and an input of some sizes that stay and others that grow."""
    return lambda scale: (build(scale), (torch.randn(*fixed, *(n * scale for n in growing)),))


def _gather(text: str) -> Make:
    def make(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
        return expression(text, "x", "i"), (_matrix(scale), torch.randint(128 * scale, (150 * scale,)))

    return make


def cases() -> Iterator[Case]:
    """All of them."""
    for text in (*POINTWISE, *ROWS, *MOVES):
        yield Case(text, _of_matrix(text))
    for text in IMAGES:
        yield Case(text, _of_image(text))
    yield Case("linear", _linear(nn.Identity))
    for name, activation in ACTIVATIONS.items():
        yield Case(f"linear + {name}", _linear(activation), takes_double=False)
    for kernel in (1, 3, 5):
        yield Case(f"conv2d {kernel}x{kernel}", _convolution(kernel))
    for name in ("relu", "silu"):
        yield Case(f"conv2d 3x3 + {name}", _convolution(3, ACTIVATIONS[name]), takes_double=False)
    yield Case("conv2d 3x3, stride 2", _convolution(3, stride=2))
    yield Case("conv2d 3x3, 8 groups", _convolution(3, groups=8))
    for kernel in (3, 5, 7):
        yield Case(f"depthwise {kernel}x{kernel}", _convolution(kernel, groups=0))
    yield Case("depthwise 3x3, stride 2", _convolution(3, groups=0, stride=2))
    image = (32, 28, 28)
    yield Case("first conv2d 7x7", _layer(lambda s: nn.Conv2d(3, 16 * s, 7, 2, 3), (1, 3), (56, 56)))
    yield Case("conv1d 5", _layer(lambda s: nn.Conv1d(32 * s, 32 * s, 5, 1, 2), (1,), (32, 250)))
    back = _layer(lambda s: nn.ConvTranspose2d(16 * s, 16 * s, 4, 2, 1), (1,), (16, 14, 14))
    yield Case("conv_transpose2d 4x4", back)
    yield Case("layer_norm", _layer(lambda s: nn.LayerNorm(192 * s), (), (98, 192)))
    yield Case("batch_norm", _layer(lambda s: nn.BatchNorm2d(32 * s), (1,), image))
    yield Case("linear of one row", _layer(lambda s: nn.Linear(512 * s, 512 * s), (1,), (512,)))
    yield Case("linear of four rows", _layer(lambda s: nn.Linear(512 * s, 512 * s), (4,), (512,)))
    yield Case("attention", _attention(0, is_causal=False))
    yield Case("attention, causal", _attention(0, is_causal=True))
    yield Case("attention of one query", _attention(1, is_causal=False))
    yield Case("x[i]", _gather("x[i]"))
    yield Case("embedding", _gather("F.embedding(i, x)"))
    yield Case("bmm", _products)
    yield Case("gather", _elements)


def _products(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    return expression("torch.bmm(x, y)", "x", "y"), (
        torch.randn(16 * scale, 32, 48),
        torch.randn(16 * scale, 48, 32),
    )


def _elements(scale: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    places = torch.randint(192 * scale, (128 * scale, 50))
    return expression("x.gather(1, i)", "x", "i"), (_matrix(scale), places)


def typed(value: Any, dtype: torch.dtype) -> Any:
    """A module, or a tensor of floats, in another dtype."""
    if isinstance(value, nn.Module) or value.dtype.is_floating_point:
        return value.to(dtype)
    return value
