"""`winograd`: which convolutions become products of tiles, and that these give the same."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import torch
from torch.nn import functional
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass

import tsc
from tests.passes.kernel_runner import Array, build, random, tensor_of
from tests.passes.linalg_text import Kernel, module
from tests.passes.rewriting import rewritten
from tsc.analysis.target import AVX2, AVX512, Target, ptx
from tsc.analysis.winograd import POINTS
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import IRError
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.split_kernels import SplitKernels
from tsc.passes.winograd import Winograd
from tsc.runtime.host import host_target
from tsc.verification.stages import run_linalg

TRANSFORMED = ["winograd-input", "contraction", "winograd-output"]
COUNT = count()


def convolution(
    image: tuple[int, ...], outputs: int, padding: int = 1, stride: int = 1, dilation: int = 1, taps: int = 3
) -> str:
    """A convolution with bias and ReLU; its filters are the constant ``filters``."""
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in (image, (outputs, image[1], taps, taps), (outputs,)))
    result = kernel.relu(kernel.bias(kernel.conv(x, w, stride, padding, dilation), b, 1))
    return module(kernel, [result], [None, "filters", "bias"])


def renamed(text: str, weights: dict[str, Array]) -> tuple[str, dict[str, Array]]:
    """The same with names for the constants that no other module has: xDSL knows them all."""
    number = next(COUNT)
    for name in weights:
        text = text.replace(f"dense_resource<{name}>", f"dense_resource<{name}_of_case_{number}_>")
    return text, {f"{name}_of_case_{number}_": array for name, array in weights.items()}


def split(text: str, weights: dict[str, Array], *passes: ModulePass) -> tuple[ModuleOp, ConstantPool]:
    text, weights = renamed(text, weights)
    context, result = rewritten(text, FuseElementwise(), SplitKernels(), *passes, weights=weights)
    return result, context.pool


def kinds(result: ModuleOp) -> list[str]:
    """Of the kernels that are called, in order."""
    kernels = {f.sym_name.data: f for f in result.ops if isinstance(f, func.FuncOp)}
    calls = [op for op in result.walk() if isinstance(op, func.CallOp)]
    return [getattr(kernels[c.callee.string_value()].attributes["tsc.kind"], "data", "") for c in calls]


IMAGES = [
    ((1, 32, 14, 14), 32, 1),
    ((2, 32, 13, 18), 40, 1),
    ((1, 48, 12, 12), 32, 0),
    ((3, 32, 7, 9), 64, 2),
    ((1, 40, 8, 30), 36, 1),
]
"""Images, channels of the result, and zeros around: whole tiles, and tiles of which a part is cut off."""


@pytest.mark.parametrize(("image", "outputs", "padding"), IMAGES)
@pytest.mark.parametrize("side", POINTS)
def test_the_kernels_compute_the_convolution(
    image: tuple[int, ...], outputs: int, padding: int, side: int
) -> None:
    text = convolution(image, outputs, padding)
    weights = {"filters": random(outputs, image[1], 3, 3), "bias": random(outputs, seed=1)}
    x = random(*image, seed=2)
    made = [split(text, weights, Winograd(side=side)), split(text, weights)]
    assert kinds(made[0][0]) == TRANSFORMED
    results = [run_linalg(result, [x], pool)[0] for result, pool in made]
    np.testing.assert_allclose(results[0], results[1], rtol=0, atol=2e-5 * float(np.abs(results[1]).max()))


@pytest.mark.parametrize(("image", "outputs", "padding"), IMAGES)
@pytest.mark.parametrize("side", POINTS)
@pytest.mark.parametrize("target", [host_target(), AVX2], ids=["host", "avx2"])
def test_native_code_computes_it_as_pytorch_does(
    image: tuple[int, ...], outputs: int, padding: int, side: int, target: Target
) -> None:
    given = {"filters": random(outputs, image[1], 3, 3), "bias": random(outputs, seed=1)}
    pool = ConstantPool()
    text, weights = renamed(convolution(image, outputs, padding), given)
    for name, array in weights.items():
        pool.set(name, array)
    program = build(text, target=target, pool=pool, side=side)
    assert [k for k in program.kinds() if k.startswith("winograd")] == TRANSFORMED[::2]
    x = random(*image, seed=2)
    image_, weight, bias = (tensor_of(t).double() for t in (x, *given.values()))
    wanted = functional.conv2d(image_, weight, bias, padding=padding).relu().numpy()
    (got,) = program(x)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5 * float(np.abs(wanted).max()))


def test_what_follows_may_read_the_image_and_the_filters() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 32, 14, 14)), kernel.argument((32, 32, 3, 3))
    total = kernel.map("%r = arith.addf %x0, %x1 : f32", kernel.conv(x, w, 1, 1), x, shape=x.shape)
    text = module(kernel, [total], [None, "filters"])
    weight, image = random(32, 32, 3, 3), random(*x.shape, seed=1)
    result, pool = split(text, {"filters": weight}, Winograd(side=4))
    assert kinds(result) == TRANSFORMED
    wanted = functional.conv2d(tensor_of(image), tensor_of(weight), padding=1).numpy() + image
    np.testing.assert_allclose(run_linalg(result, [image], pool)[0], wanted, rtol=0, atol=2e-4)


def test_one_code_serves_images_of_all_sizes() -> None:
    layer = torch.nn.Sequential(torch.nn.Conv2d(32, 32, 3, padding=1), torch.nn.ReLU()).eval()
    frozen = tsc.optimize_for_inference(tsc.freeze(tsc.script(layer)))
    before = tsc.set_fusion_strategy([("DYNAMIC", 1)])
    try:
        for sizes in [(2, 40, 44), (1, 13, 19), (3, 4, 4), (1, 1, 2), (2, 7, 60)]:
            x = tensor_of(random(sizes[0], 32, *sizes[1:]))
            np.testing.assert_allclose(frozen(x), layer(x).detach(), rtol=0, atol=2e-5)
    finally:
        tsc.set_fusion_strategy(before)
    assert len(frozen.specializations()) == 1
    assert any(kernel.kernel.endswith("_4x4") for kernel in tsc.profile(frozen, x).kernels)


LEFT = {
    "a stride": convolution((1, 32, 28, 28), 32, stride=2),
    "a dilation": convolution((1, 32, 28, 28), 32, padding=2, dilation=2),
    "filters of 5 x 5": convolution((1, 32, 28, 28), 32, padding=2, taps=5),
    "float64": convolution((1, 32, 28, 28), 32).replace("f32", "f64"),
    "filters that stand in the text": convolution((1, 32, 28, 28), 32).replace(
        "dense_resource<filters>", "dense<0.5>"
    ),
}


@pytest.mark.parametrize("case", LEFT)
def test_other_convolutions_stay(case: str) -> None:
    weights = {"filters": np.zeros(1, np.float32), "bias": np.zeros(1, np.float32)}
    assert kinds(split(LEFT[case], weights, Winograd(side=4))[0]) == ["contraction"]


def test_without_a_side_it_is_done_where_it_pays() -> None:
    weights = {"filters": random(64, 64, 3, 3), "bias": random(64)}
    few, many = (convolution((1, 64, size, size), 64) for size in (4, 56))
    assert kinds(split(few, weights, Winograd(AVX512))[0]) == ["contraction"]
    assert kinds(split(many, weights, Winograd(AVX512))[0]) == TRANSFORMED
    assert kinds(split(many, weights, Winograd(ptx()))[0]) == ["contraction"]


def test_there_are_tiles_of_few_sides() -> None:
    with pytest.raises(IRError, match=r"requires side in \[2, 4\]; got 3"):
        split(convolution((1, 32, 14, 14), 32), {}, Winograd(side=3))


def test_filters_are_transformed_once_for_all_that_reads_them() -> None:
    text, weights = renamed(convolution((1, 32, 14, 14), 32), {"filters": random(32, 32, 3, 3)})
    pool = ConstantPool()
    for name, array in weights.items():
        pool.set(name, array)
    for _ in range(2):
        module_ = Parser(make_context(pool), text).parse_module()
        for compiler_pass in (SplitKernels(), Winograd(side=4)):
            compiler_pass.apply(make_context(pool), module_)
    made = [array for key, array in pool.items() if ".winograd4" in key]
    assert [array.shape for array in made] == [(6, 6, 32, 32)]
