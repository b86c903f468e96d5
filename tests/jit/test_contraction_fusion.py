# pyright: reportUnknownMemberType=false
"""`enable_onednn_fusion`: whether functions that are not frozen fuse contractions with what follows."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

import tsc


def layers(x: Tensor, weight: Tensor, image: Tensor, kernel: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(torch.nn.functional.linear(x, weight)), torch.tanh(torch.conv2d(image, kernel) + 1)


ARGUMENTS = (torch.randn(4, 8), torch.randn(6, 8), torch.randn(1, 3, 9, 9), torch.randn(4, 3, 3, 3))


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = tsc.onednn_fusion_enabled()
    yield
    tsc.enable_onednn_fusion(before)


def groups(text: str) -> int:
    return text.count("tsc.group")


def test_it_is_off_at_first_as_in_pytorch() -> None:
    assert tsc.onednn_fusion_enabled() is torch.jit.onednn_fusion_enabled() is False


@pytest.mark.parametrize(("is_enabled", "expected"), [(False, 4), (True, 2)])
def test_it_decides_for_functions(is_enabled: bool, expected: int) -> None:
    tsc.enable_onednn_fusion(is_enabled)
    assert tsc.onednn_fusion_enabled() is is_enabled
    scripted = tsc.script(layers)
    torch.testing.assert_close(scripted(*ARGUMENTS), layers(*ARGUMENTS))
    assert scripted.last.is_native
    assert groups(scripted.ir["fused"]) == expected
    tsc.enable_onednn_fusion(not is_enabled)
    assert groups(scripted.ir["fused"]) == expected


def test_frozen_modules_always_fuse() -> None:
    frozen = tsc.freeze(tsc.script(torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU()).eval()))
    with torch.no_grad():
        frozen(ARGUMENTS[0])
    assert groups(frozen.ir["fused"]) == 1


def weights_as_bias(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    linear = torch.nn.functional.linear
    return linear(x, weight, weight), linear(weight, weight, weight)


@pytest.mark.parametrize("size", [4, 40])
def test_weights_may_be_read_by_what_follows_too(size: int) -> None:
    x, weight = torch.randn(size, size), torch.randn(size, size)
    scripted = tsc.script(weights_as_bias)
    torch.testing.assert_close(scripted(x, weight), weights_as_bias(x, weight), rtol=1e-4, atol=1e-5)
    assert scripted.last.is_native
