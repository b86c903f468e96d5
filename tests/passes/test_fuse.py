"""Decisions of `fuse`: how many kernels a program becomes, and of which kind."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tsc
from tests.passes.programs import group_kinds


def chain(x: Tensor, y: Tensor) -> Tensor:
    return torch.relu(x * y + x).sigmoid() * 2


def two_products(x: Tensor, y: Tensor) -> Tensor:
    return x * y.exp() - y * x.exp()


def softmax(x: Tensor) -> Tensor:
    return torch.softmax(x, -1)


def normalized(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return torch.softmax(F.layer_norm(x, [64], w, b), -1)


def image_mean(x: Tensor) -> Tensor:
    return x.mean([2, 3]).relu()


def transposed(x: Tensor, y: Tensor) -> Tensor:
    return x.t() + y


def two_users(x: Tensor) -> Tensor:
    y = torch.exp(x)
    return torch.matmul(y, y) + y


def projected(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return F.gelu(F.linear(x, w, b)) + x


def test_a_pointwise_chain_is_one_kernel() -> None:
    assert group_kinds(chain, "4x8xf32,4x8xf32") == ["pointwise"]


def test_chains_that_meet_are_one_kernel() -> None:
    assert group_kinds(two_products, "4x8xf32,4x8xf32") == ["pointwise"]


def test_softmax_is_one_kernel() -> None:
    assert group_kinds(softmax, "32x64xf32") == ["row"]


def test_layer_norm_and_softmax_are_one_kernel() -> None:
    assert group_kinds(normalized, "32x64xf32,64xf32,64xf32") == ["row"]


def test_the_mean_of_an_image_is_a_window() -> None:
    assert group_kinds(image_mean, "1x8x6x6xf32") == ["window"]


def test_a_transpose_is_read_in_place() -> None:
    assert group_kinds(transposed, "4x8xf32,8x4xf32") == ["pointwise"]


def test_a_producer_with_two_users_is_computed_once() -> None:
    assert group_kinds(two_users, "8x8xf32") == ["pointwise", "contraction"]


def test_bias_activation_and_residual_join_the_layer() -> None:
    assert group_kinds(projected, "8x16xf32,16x16xf32,16xf32") == ["contraction"]


class ConvBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.conv(x)).relu_()
        y += x
        return y


def test_convolution_batch_norm_relu_and_residual_are_one_kernel() -> None:
    assert group_kinds(ConvBlock().eval(), "1x8x6x6xf32") == ["contraction"]


def read_in_a_branch(x: Tensor) -> Tensor:
    a = x * 2
    if bool(x.sum() > 0):
        b = a + 1
    else:
        b = a - 1
    return a * b + a


def read_in_a_loop(x: Tensor) -> Tensor:
    a = x * 2
    b = a
    i = 0
    while i < int(x.sum()):
        b = b + a
        i += 1
    return a * b + a


def read_in_a_loop_of_a_branch(x: Tensor) -> Tensor:
    a = x * 2
    b = a
    if bool(x.sum() > 0):
        for row in range(int(x.sum())):
            b = b + a[0] * row
    return a * b + a


def read_by_a_number(x: Tensor) -> Tensor:
    a = x * 2
    b = torch.full([4], float(a.sum()))
    return a * b + a


@pytest.mark.parametrize(
    "program", [read_in_a_branch, read_in_a_loop, read_in_a_loop_of_a_branch, read_by_a_number]
)
def test_what_depends_on_a_group_does_not_join_it(program: Callable[[Tensor], Tensor]) -> None:
    x = torch.ones(4)
    scripted = tsc.script(program)
    for _ in range(2):
        assert torch.equal(scripted(x), program(x))
