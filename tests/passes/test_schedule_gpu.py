"""GPU kernels: their meaning, on an emulator of blocks and threads, and the PTX they become."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.passes.gpu_emulator import Device
from tests.passes.kernel_runner import Array, random, tensor_of
from tests.passes.linalg_text import Kernel, Value, layer_norm, module, softmax
from tests.passes.test_schedule_row import argmax, running_sum
from tsc.codegen.ptx.ptx_emitter import emit_ptx

Case = tuple[str, list[Array], Array, dict[str, Array]]
CASES: dict[str, Callable[[], Case]] = {}


def case(make: Callable[[], Case]) -> Callable[[], Case]:
    CASES[make.__name__] = make
    return make


def plain(kernel: Kernel, result: Value, inputs: list[Array], wanted: Array) -> Case:
    return module(kernel, [result]), inputs, wanted, {}


@case
def pointwise() -> Case:
    kernel = Kernel("k")
    x, y = kernel.argument((30, 20)), kernel.argument((20,))
    a, b = random(30, 20), random(20, seed=1)
    wide = kernel.map("%r = arith.addf %x0, %x0 : f32", y, shape=(30, 20))
    return plain(kernel, kernel.relu(kernel.add(x, wide)), [a, b], np.maximum(a + 2 * b, 0))


@case
def permuted() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((7, 11))
    a = random(7, 11)
    return plain(
        kernel, kernel.map("%r = arith.addf %x0, %x0 : f32", x, shape=(11, 7), maps=["d1, d0"]), [a], 2 * a.T
    )


@case
def row_softmax() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((3, 300))
    a = random(3, 300)
    return plain(kernel, softmax(kernel, x, 1), [a], torch.softmax(tensor_of(a), 1).numpy())


@case
def row_layer_norm() -> Case:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((3, 40), (40,), (40,)))
    a, scale, bias = random(3, 40), random(40, seed=1), random(40, seed=2)
    x_, scale_, bias_ = (tensor_of(t) for t in (a, scale, bias))
    wanted = functional.layer_norm(x_, (40,), scale_, bias_).numpy()
    return plain(kernel, layer_norm(kernel, x, w, b), [a, scale, bias], wanted)


@case
def row_argmax() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((6, 37))
    a = random(6, 37)
    return plain(kernel, argmax(kernel, x), [a], a.argmax(1))


@case
def row_scan() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((6, 37))
    a = random(6, 37)
    return plain(kernel, running_sum(kernel, x), [a], a.cumsum(1))


@case
def full_sum() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((6, 137))
    a = random(6, 137)
    return plain(kernel, kernel.reduce(x, (0, 1), "arith.addf", "0.0"), [a], np.asarray(a.sum()))


@case
def column_sum() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((37, 6))
    a = random(37, 6)
    return plain(kernel, kernel.reduce(x, (0,), "arith.addf", "0.0"), [a], a.sum(0))


@case
def linear() -> Case:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((70, 37), (80, 37), (80,)))
    a, weight, bias = random(70, 37), random(80, 37, seed=1), random(80, seed=2)
    result = kernel.relu(kernel.bias(kernel.matmul(x, w), b, 1))
    wanted = np.maximum(a @ weight.T + bias, 0)
    return module(kernel, [result], [None, "w", "b"]), [a], wanted, {"w": weight, "b": bias}


@case
def batched() -> Case:
    kernel = Kernel("k")
    x, y = kernel.argument((2, 9, 20)), kernel.argument((2, 13, 20))
    a, b = random(2, 9, 20), random(2, 13, 20, seed=1)
    return plain(kernel, kernel.matmul(x, y, True, 1), [a, b], a @ b.transpose(0, 2, 1))


@case
def convolution() -> Case:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 8, 7, 7)), kernel.argument((16, 8, 3, 3))
    a, weight = random(1, 8, 7, 7), random(16, 8, 3, 3, seed=1)
    wanted = functional.conv2d(tensor_of(a), tensor_of(weight), padding=1).numpy()
    return module(kernel, [kernel.conv(x, w, 1, 1)], [None, "w"]), [a], wanted, {"w": weight}


@case
def transposed_convolution() -> Case:
    kernel = Kernel("k")
    x, w, b = kernel.argument((1, 8, 5, 5)), kernel.argument((8, 6, 2, 2, 1, 3)), kernel.argument((6,))
    a, weight, bias = random(1, 8, 5, 5), random(8, 6, 2, 2, 1, 3, seed=1), random(6, seed=2)
    flat = tensor_of(weight.reshape(8, 6, 4, 3))
    wanted = functional.conv_transpose2d(tensor_of(a), flat, tensor_of(bias), (2, 3)).numpy()
    text = module(kernel, [kernel.bias(kernel.conv_transpose(x, w), b, 1)], [None, "w", "b"])
    return text, [a], wanted, {"w": weight, "b": bias}


@case
def depthwise() -> Case:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 8, 7, 7)), kernel.argument((8, 1, 3, 3))
    a, weight = random(1, 8, 7, 7), random(8, 1, 3, 3, seed=1)
    wanted = functional.conv2d(tensor_of(a), tensor_of(weight), padding=1, groups=8).numpy()
    return module(kernel, [kernel.depthwise(x, w, 1, 1)], [None, "w"]), [a], wanted, {"w": weight}


@case
def max_pool() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((1, 5, 9, 9))
    a = random(1, 5, 9, 9)
    wanted = functional.max_pool2d(tensor_of(a), 3, 2, 1).numpy()
    return plain(kernel, kernel.pool(x, 3, 2, 1, "arith.maximumf", "0xFF800000"), [a], wanted)


@case
def concatenation() -> Case:
    kernel = Kernel("k")
    x, y = kernel.argument((3, 4)), kernel.argument((3, 5))
    a, b = random(3, 4), random(3, 5, seed=1)
    joined = kernel.insert(y, kernel.insert(x, kernel.empty((3, 9)), (0, 0)), (0, 4))
    return plain(kernel, joined, [a, b], np.concatenate([a, b], 1))


@case
def scattering() -> Case:
    kernel = Kernel("k")
    x, i, v = kernel.argument((2, 5, 3)), kernel.argument((1, 7), "i64"), kernel.argument((2, 7, 3))
    a, at, b = random(2, 5, 3), np.array([[0, 4, 4, 2, -1, 9, 0]]), random(2, 7, 3, seed=1)
    wanted = a.copy()
    for number, row in enumerate(at[0].clip(0, 4)):
        wanted[:, row] += b[:, number]
    return plain(kernel, kernel.scatter(x, i, v, "%r = arith.addf %now, %x0 : f32"), [a, at, b], wanted)


@case
def padding() -> Case:
    kernel = Kernel("k")
    x = kernel.argument((3, 4))
    a = random(3, 4)
    return plain(
        kernel, kernel.pad(x, (1, 0), (0, 2), "1.5"), [a], np.pad(a, ((1, 0), (0, 2)), constant_values=1.5)
    )


@pytest.mark.parametrize("name", list(CASES))
def test_a_kernel_computes_on_the_emulator(name: str) -> None:
    text, inputs, wanted, constants = CASES[name]()
    (got,) = Device(text, constants)(*inputs)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-5 * max(1, float(np.abs(wanted).max())))


@pytest.mark.parametrize("name", list(CASES))
def test_a_kernel_becomes_ptx(name: str) -> None:
    text, _, _, constants = CASES[name]()
    assert ".visible .entry" in emit_ptx(Device(text, constants).module)


def test_neighbours_are_loaded_together() -> None:
    text, _, _, _ = CASES["pointwise"]()
    assert "ld.global.nc.v4" in emit_ptx(Device(text, {}).module)


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="needs NVIDIA's assembler")
@pytest.mark.parametrize("name", list(CASES))
def test_the_assembler_takes_it(name: str, tmp_path: Path) -> None:
    text, _, _, constants = CASES[name]()
    source = tmp_path / "kernel.ptx"
    source.write_text(emit_ptx(Device(text, constants).module))
    command = ["ptxas", "-arch=sm_90", str(source), "-o", str(tmp_path / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
