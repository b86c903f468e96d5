# pyright: reportUnknownMemberType=false
"""Transposed convolutions are native, and give what PyTorch gives, for every geometry."""

from __future__ import annotations

import random
from dataclasses import astuple, dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tsc.errors import ShapeError

LAYERS = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """The arguments of a layer, and the image it is called with."""

    inputs: int
    outputs: int
    kernel: Numbers
    stride: Numbers = (1,)
    padding: Numbers = (0,)
    extra: Numbers = (0,)
    groups: int = 1
    has_bias: bool = True
    dilation: Numbers = (1,)
    image: Numbers = (5, 6, 7)
    batch: int = 1
    dtype: torch.dtype = torch.float32

    def layer(self) -> Any:
        size = len(self.kernel)
        stride, padding, extra, dilation = (
            n * size if len(n) == 1 else n for n in (self.stride, self.padding, self.extra, self.dilation)
        )
        made: Any = LAYERS[size - 1]
        layer = made(
            self.inputs,
            self.outputs,
            self.kernel,
            stride,
            padding,
            extra,
            self.groups,
            self.has_bias,
            dilation,
        )
        return layer.to(self.dtype).eval()

    def argument(self) -> Tensor:
        return torch.randn(self.batch, self.inputs, *self.image[: len(self.kernel)], dtype=self.dtype)


CASES = [
    Case(8, 4, (16,), (8,), (4,), image=(20,)),
    Case(6, 5, (4,), (2,), (1,), batch=2),
    Case(4, 8, (2, 2), (2,)),
    Case(4, 32, (2, 2), (2,), dtype=torch.float64),
    Case(4, 3, (4, 4), (2,), (1,), batch=2),
    Case(4, 5, (3, 3), (2,), (1,), (1,)),
    Case(4, 16, (3, 3), (1,), (1,)),
    Case(4, 5, (3, 2), (1,), (2,)),
    Case(3, 5, (1, 2), (3,), (0,), (2,)),
    Case(3, 5, (2, 1), (3, 2), (0,), (1, 0), has_bias=False),
    Case(4, 6, (3, 3), (1,), (2,), dilation=(2,)),
    Case(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), dilation=(3, 2)),
    Case(4, 6, (3, 3), (2, 1), (2, 1), dilation=(1, 2), dtype=torch.float64),
    Case(4, 8, (4, 4), (2,), (1,), groups=2, batch=2),
    Case(4, 20, (3, 1), (3, 1), (0,), (1, 0), groups=4, has_bias=False),
    Case(6, 6, (4, 4), (2,), (1,), groups=6),
    Case(6, 6, (3, 3), (1,), (1,), groups=6, has_bias=False),
    Case(8, 4, (2, 2, 2), (2,), image=(3, 4, 5)),
    Case(2, 3, (3, 2, 4), (2, 1, 3), (1, 0, 2), (1, 0, 0), groups=1, image=(3, 4, 5), batch=2),
    Case(1, 1, (2, 2), (2,), image=(1, 1)),
    Case(3, 4, (3, 3), (2,), (3,), image=(6, 6)),
    Case(3, 4, (2, 2), (2,), (4,), image=(6, 6)),
    Case(3, 4, (3, 3), (2,), batch=0),
]


def assert_same(function: Any, *arguments: Tensor, expected: Tensor, is_native: bool = True) -> None:
    with torch.no_grad():
        result = function(*arguments)
    last = getattr(function, "forward", function).last
    assert last.is_native is is_native, last.reason
    assert result.stride() == expected.stride()
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda c: str(astuple(c)))
def test_frozen_layers_are_native(case: Case) -> None:
    torch.manual_seed(0)
    layer, x = case.layer(), case.argument()
    assert_same(tsc.freeze(tsc.script(layer)), x, expected=layer(x).detach())


def test_many_geometries() -> None:
    torch.manual_seed(0)
    choose = random.Random(0)
    for _ in range(40):
        size, groups = choose.choice([1, 2, 2, 3]), choose.choice([1, 1, 2])

        def some(*options: int, size: int = size) -> Numbers:
            return tuple(choose.choice(options) for _ in range(size))

        stride, dilation = some(1, 2, 3), some(1, 1, 2)
        most = [max(n) - 1 for n in zip(stride, dilation, strict=True)]
        extra = tuple(choose.randint(0, n) for n in most)
        case = Case(
            groups * choose.choice([1, 3, 8]), groups * choose.choice([1, 5, 16]), some(1, 2, 3, 4), stride,
            some(0, 1, 2), extra, groups, choose.random() < 0.5, dilation, (4, 6, 5), choose.choice([1, 2]),
        )  # fmt: skip
        layer, x = case.layer(), case.argument()
        try:
            expected = layer(x).detach()
        except RuntimeError:
            continue
        if expected.numel() == 0:
            continue  # PyTorch refuses these or not, by backend
        assert_same(tsc.freeze(tsc.script(layer)), x, expected=expected)


def upsampled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.conv_transpose2d(x, weight, bias, [2, 3], [1, 0], [1, 1], 2, [1, 2])


def test_weights_may_be_arguments() -> None:
    arguments = (torch.randn(2, 4, 5, 6), torch.randn(4, 3, 3, 2), torch.randn(6))
    assert_same(tsc.script(upsampled), *arguments, expected=upsampled(*arguments))


def unbatched(x: Tensor, weight: Tensor) -> Tensor:
    return torch.conv_transpose1d(x, weight, None, 2)


def test_there_may_be_no_batch() -> None:
    arguments = (torch.randn(4, 5), torch.randn(4, 3, 2))
    assert_same(tsc.script(unbatched), *arguments, expected=unbatched(*arguments))


def test_traces_are_native() -> None:
    layer, x = Case(4, 5, (3, 3), (2,), (1,), (1,)).layer(), torch.randn(1, 4, 5, 6)
    assert_same(tsc.freeze(tsc.trace(layer, x)), x, expected=layer(x).detach())


def general(x: Tensor, weight: Tensor) -> Tensor:
    return torch.convolution(x, weight, None, [2], [0], [1], True, [0], 1)


@pytest.mark.parametrize(("kernel", "is_native"), [(4, True), (3, False)])
def test_the_operator_itself_wants_a_kernel_that_strides_divide(kernel: int, is_native: bool) -> None:
    arguments = (torch.randn(1, 4, 5), torch.randn(4, 3, kernel))
    assert_same(tsc.script(general), *arguments, expected=general(*arguments), is_native=is_native)


def test_wrong_sizes_are_refused() -> None:
    arguments = (torch.randn(1, 3, 5, 6), torch.randn(4, 3, 3, 2), torch.randn(6))
    with pytest.raises(ShapeError, match=r"weight of size \[4, 3, 3, 2\].* 4 channels, but got 3 channels"):
        tsc.script(upsampled)(*arguments)


def kernel_count(layer: Any, x: Tensor) -> int:
    frozen = tsc.freeze(tsc.script(layer.eval()))
    with torch.no_grad():
        torch.testing.assert_close(frozen(x), layer(x), rtol=1e-4, atol=1e-5)
    return frozen.ir["linalg"].count("func.func private")


def test_bias_and_what_follows_join_the_kernel() -> None:
    layer = torch.nn.ConvTranspose2d(8, 16, 2, 2)
    assert (
        kernel_count(torch.nn.Sequential(layer, torch.nn.ReLU(), torch.nn.Sigmoid()), torch.randn(1, 8, 5, 5))
        == 1
    )


def test_what_padding_cuts_off_is_read_past_with_what_follows() -> None:
    layer = torch.nn.ConvTranspose2d(8, 16, 4, 2, 1)
    assert kernel_count(torch.nn.Sequential(layer, torch.nn.ReLU()), torch.randn(1, 8, 5, 5)) == 2
