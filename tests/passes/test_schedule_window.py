"""`window` kernels against PyTorch: depthwise convolution and pooling."""

import numpy as np
import pytest
from torch.nn import functional

from tests.passes.kernel_runner import assert_computes, random, tensor_of
from tests.passes.linalg_text import Kernel, module, multiply_add

DEPTHWISE = [
    (1, 16, 14, 3, 1, 1),
    (2, 12, 15, 3, 2, 1),
    (1, 20, 9, 5, 1, 2),
    (1, 3, 9, 3, 1, 1),
    (1, 40, 7, 7, 1, 3),
]


@pytest.mark.parametrize(("n", "channels", "size", "window", "stride", "padding"), DEPTHWISE)
def test_depthwise_convolution(
    n: int, channels: int, size: int, window: int, stride: int, padding: int
) -> None:
    kernel = Kernel("k")
    x, w, b = (
        kernel.argument(s) for s in ((n, channels, size, size), (channels, 1, window, window), (channels,))
    )
    result = kernel.relu(kernel.bias(kernel.depthwise(x, w, stride, padding), b, 1))
    a, weight, bias = random(*x.shape), random(*w.shape, seed=1), random(channels, seed=2)
    tensors = [tensor_of(t) for t in (a, weight, bias)]
    wanted = functional.conv2d(*tensors, stride=stride, padding=padding, groups=channels).relu().numpy()
    program = assert_computes(
        module(kernel, [result], [None, "w", "b"]), [a], wanted, {"w": weight, "b": bias}
    )
    assert "window" in program.kinds()


@pytest.mark.parametrize("is_constant", [True, False], ids=["constant", "argument"])
def test_convolution_of_groups_with_one_result_each(is_constant: bool) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((2, 8, 2, 5, 31)), kernel.argument((8, 2, 3, 2))
    total = kernel.generic(
        [(x, "n, g, c, oh + kh, ow + kw"), (w, "g, c, kh, kw")],
        (kernel.fill("0.0", (2, 8, 1, 3, 30), "f32"), "n, g, 0, oh, ow"),
        "n g oh ow | c kh kw",
        multiply_add("f32"),
        "aten::convolution",
    )
    result = kernel.generic(
        [(total, "n, g, 0, oh, ow")],
        (kernel.empty((2, 8, 3, 30), "f32"), "n, g, oh, ow"),
        "n g oh ow",
        "%r = arith.negf %x0 : f32",
    )
    a, weight = random(*x.shape), random(*w.shape, seed=1)
    wanted = -functional.conv2d(tensor_of(a).reshape(2, 16, 5, 31), tensor_of(weight), groups=8).numpy()
    text = module(kernel, [result], [None, "w" if is_constant else None])
    given, weights = ([a], {"w": weight}) if is_constant else ([a, weight], {})
    program = assert_computes(text, given, wanted, weights)
    assert program.kinds()[0] == "window"


POOLS = [
    (1, 16, 15, 3, 2, 1),
    (2, 3, 8, 2, 2, 0),
    (1, 9, 7, 3, 1, 1),
    (1, 64, 7, 7, 1, 0),
    (1, 5, 13, 5, 3, 2),
]


@pytest.mark.parametrize(("n", "channels", "size", "window", "stride", "padding"), POOLS)
def test_max_pool_reads_no_padding(
    n: int, channels: int, size: int, window: int, stride: int, padding: int
) -> None:
    kernel = Kernel("k")
    x = kernel.argument((n, channels, size, size))
    result = kernel.pool(x, window, stride, padding, "arith.maximumf", "0xFF800000")
    a = random(*x.shape) - 3
    wanted = functional.max_pool2d(tensor_of(a), window, stride, padding).numpy()
    program = assert_computes(module(kernel, [result]), [a], wanted, tolerance=0)
    assert "concat" not in program.kinds()


@pytest.mark.parametrize(("n", "channels", "size", "window", "stride", "padding"), POOLS)
def test_average_pool(n: int, channels: int, size: int, window: int, stride: int, padding: int) -> None:
    kernel = Kernel("k")
    x = kernel.argument((n, channels, size, size))
    total = kernel.pool(x, window, stride, padding, "arith.addf", "0.0")
    part = kernel.scalar(repr(1.0 / window**2))
    result = kernel.map(f"%r = arith.mulf %x0, {part} : f32", total, shape=total.shape)
    a = random(*x.shape)
    wanted = functional.avg_pool2d(tensor_of(a), window, stride, padding).numpy()
    assert_computes(module(kernel, [result]), [a], wanted)


def test_max_pool_propagates_nan_from_the_edge() -> None:
    kernel = Kernel("k")
    x = kernel.argument((1, 8, 6, 6))
    result = kernel.pool(x, 3, 2, 1, "arith.maximumf", "0xFF800000")
    a = random(1, 8, 6, 6)
    a[0, 3, 0, 0] = np.nan
    wanted = functional.max_pool2d(tensor_of(a), 3, 2, 1).numpy()
    assert_computes(module(kernel, [result]), [a], wanted, tolerance=0)


@pytest.mark.parametrize("width", [7, 40, 41])
@pytest.mark.parametrize("stride", [2, 3])
def test_max_pool_steps_along_rows_that_have_padding_above_and_below(width: int, stride: int) -> None:
    kernel = Kernel("k")
    x = kernel.argument((2, 3, 8, width))
    padded = kernel.pad(x, (0, 0, 1, 0), (0, 0, 1, 0), "0xFF800000")
    shape = (2, 3, 9, (width - 3) // stride + 1)
    result = kernel.generic(
        [(padded, f"n, c, oh + kh, ow * {stride} + kw"), (kernel.empty((2, 3), "f32"), "kh, kw")],
        (kernel.fill("0xFF800000", shape, "f32"), "n, c, oh, ow"),
        "n c oh ow | kh kw",
        "%r = arith.maximumf %x0, %acc : f32",
        "aten::max_pool2d",
    )
    a = random(*x.shape) - 3
    wanted = functional.max_pool2d(tensor_of(a), (2, 3), (1, stride), (1, 0)).numpy()
    assert_computes(module(kernel, [result]), [a], wanted, tolerance=0)
