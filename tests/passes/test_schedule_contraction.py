"""`contraction` kernels against PyTorch: linear, batched products, and convolutions of every shape."""

import numpy as np
import pytest
from torch.nn import functional
from xdsl.dialects.builtin import StringAttr

from tests.passes.kernel_runner import Array, assert_computes, build, lower, random, tensor_of
from tests.passes.linalg_text import Host, Kernel, Value, module, multiply_add
from tsc.analysis.target import AVX2, AVX512, GENERIC_X86, Target
from tsc.passes.schedules.tiles import choose_tile, cut_rows


@pytest.mark.parametrize(
    ("rows", "depth", "columns"),
    [
        (1, 128, 10),
        (1, 64, 128),
        (5, 7, 9),
        (13, 33, 40),
        (128, 96, 80),
        (6, 40, 1),
        (3, 0, 4),
        (2, 1, 3),
        (0, 5, 5),
    ],
)
def test_linear_with_bias_and_relu(rows: int, depth: int, columns: int) -> None:
    kernel = Kernel("k")
    x, weight, bias = (kernel.argument(s) for s in ((rows, depth), (columns, depth), (columns,)))
    result = kernel.relu(kernel.bias(kernel.matmul(x, weight), bias, 1))
    a, w, b = random(rows, depth), random(columns, depth, seed=1), random(columns, seed=2)
    text = module(kernel, [result], [None, "w", "b"])
    assert_computes(text, [a], np.maximum(a @ w.T + b, 0), {"w": w, "b": b})


BATCHED = [(3, 7, 9, 5), (12, 50, 50, 64), (2, 1, 33, 20), (1, 6, 16, 16), (2, 9, 3, 8)]


@pytest.mark.parametrize(("batch", "rows", "columns", "depth"), BATCHED)
@pytest.mark.parametrize("transposed", [False, True])
def test_product_of_two_computed_batches(
    batch: int, rows: int, columns: int, depth: int, transposed: bool
) -> None:
    kernel = Kernel("k")
    shape = (batch, columns, depth) if transposed else (batch, depth, columns)
    x, y = kernel.argument((batch, rows, depth)), kernel.argument(shape)
    a, b = random(batch, rows, depth), random(*shape, seed=1)
    wanted = a @ (b.transpose(0, 2, 1) if transposed else b)
    assert_computes(module(kernel, [kernel.matmul(x, y, transposed, 1)]), [a, b], wanted)


def convolution(
    kernel: Kernel, image: tuple[int, ...], weight: tuple[int, ...], stride: int, padding: int, dilation: int
) -> Value:
    x, w, b = kernel.argument(image), kernel.argument(weight), kernel.argument(weight[:1])
    return kernel.bias(kernel.conv(x, w, stride, padding, dilation), b, 1)


def reference(a: Array, w: Array, b: Array | None, *geometry: int, groups: int = 1) -> Array:
    bias = None if b is None else tensor_of(b).double()
    x, weight = tensor_of(a).double(), tensor_of(w).double()
    stride, padding, dilation = geometry
    return functional.conv2d(x, weight, bias, stride, padding, dilation, groups).numpy()


CONVOLUTIONS = [
    ((1, 16, 8, 8), (16, 16, 3, 3), 1, 1, 1),
    ((1, 3, 33, 33), (64, 3, 7, 7), 2, 3, 1),
    ((2, 17, 9, 9), (5, 17, 1, 1), 1, 0, 1),
    ((1, 8, 15, 15), (24, 8, 3, 3), 2, 1, 1),
    ((1, 8, 15, 15), (24, 8, 3, 3), 1, 2, 2),
    ((1, 8, 7, 11), (20, 8, 5, 5), 1, 2, 1),
    ((1, 16, 9, 9), (8, 16, 1, 1), 2, 0, 1),
    ((2, 8, 7, 7), (16, 8, 3, 3), 1, 1, 1),
    ((1, 1, 5, 5), (3, 1, 3, 3), 1, 1, 1),
    ((1, 4, 6, 40), (8, 4, 1, 7), 1, 0, 1),
]


@pytest.mark.parametrize(("image", "weight", "stride", "padding", "dilation"), CONVOLUTIONS, ids=str)
@pytest.mark.parametrize("has_residual", [False, True])
def test_convolution_with_bias_residual_and_relu(
    image: tuple[int, ...],
    weight: tuple[int, ...],
    stride: int,
    padding: int,
    dilation: int,
    has_residual: bool,
) -> None:
    kernel = Kernel("k")
    result = convolution(kernel, image, weight, stride, padding, dilation)
    a, w, b = random(*image), random(*weight, seed=1), random(weight[0], seed=2)
    wanted, inputs = reference(a, w, b, stride, padding, dilation), [a]
    if has_residual:
        result = kernel.add(result, kernel.argument(result.shape))
        inputs.append(random(*result.shape, seed=3))
        wanted = wanted + inputs[1]
    text = module(kernel, [kernel.relu(result)], [None, "w", "b"])
    assert_computes(text, inputs, np.maximum(wanted, 0), {"w": w, "b": b})


@pytest.mark.parametrize(("rows", "columns"), [(20, 64), (14, 40), (3, 9), (1, 100)])
@pytest.mark.parametrize("target", [None, AVX2], ids=["host", "avx2"])
def test_a_dear_epilogue_leaves_the_sums_their_registers(
    rows: int, columns: int, target: Target | None
) -> None:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((rows, 24), (columns, 24), (columns,)))
    total = kernel.bias(kernel.matmul(x, w), b, 1)
    result = kernel.map("%r = math.tanh %x0 : f32", total, shape=total.shape)
    text = module(kernel, [result], [None, "w", "b"])
    a, weight, bias = random(rows, 24), random(columns, 24, seed=1), random(columns, seed=2)
    program = build(text, {"w": weight, "b": bias}, target)
    np.testing.assert_allclose(program(a)[0], np.tanh(a @ weight.T + bias), rtol=0, atol=2e-6)
    (contraction,) = [k for k in program.kernels() if k.attributes["tsc.kind"] == StringAttr("contraction")]
    assert str(contraction).count("math.tanh") <= 2 * 4 * 2  # a row of the tile, of both sizes, and its tail


@pytest.mark.parametrize("rows", [14, 20, 41])
def test_rows_that_meet_in_the_cache_are_copied_together(rows: int) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((rows, 1024)), kernel.argument((64, 1024))
    text = module(kernel, [kernel.matmul(x, w)], [None, "w"])
    a, b = random(*x.shape), random(*w.shape, seed=1)
    assert "memref.alloca" in str(lower(text, AVX512))
    assert "memref.alloca" not in str(lower(text, AVX2))
    assert_computes(text, [a], a @ b.T, {"w": b}, tolerance=1e-4)


@pytest.mark.parametrize(("channels", "stride", "width"), [(512, 2, 20), (128, 8, 130)])
def test_rows_of_images_that_meet_in_the_cache_are_copied_together(
    channels: int, stride: int, width: int
) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((1, channels, 12, width)), kernel.argument((32, channels, 3, 3))
    text = module(kernel, [kernel.conv(x, w, stride, 1)], [None, "w"])
    a, b = random(*x.shape), random(*w.shape, seed=1)
    assert "memref.alloca" in str(lower(text, AVX512))
    assert_computes(text, [a], reference(a, b, None, stride, 1, 1), {"w": b}, tolerance=1e-4)


@pytest.mark.parametrize("outputs", [32, 12, 5, 1])
@pytest.mark.parametrize(("taps", "stride"), [((2, 1), (2, 2)), ((1, 1), (3, 2)), ((2, 3), (1, 4))])
def test_transposed_convolution_with_bias_residual_and_relu(
    outputs: int, taps: tuple[int, int], stride: tuple[int, int]
) -> None:
    kernel, (th, tw), (sh, sw) = Kernel("k"), taps, stride
    x, b = kernel.argument((2, 8, 5, 6)), kernel.argument((outputs,))
    w = kernel.argument((8, outputs, th, sh, tw, sw))
    result = kernel.bias(kernel.conv_transpose(x, w), b, 1)
    result = kernel.relu(kernel.add(result, kernel.argument(result.shape)))
    image, bias, weight = random(*x.shape), random(outputs, seed=1), random(*w.shape, seed=2)
    rest = random(*result.shape, seed=3)
    flat = tensor_of(weight.reshape(8, outputs, th * sh, tw * sw))
    wanted = functional.conv_transpose2d(tensor_of(image), flat, tensor_of(bias), stride).numpy() + rest
    text = module(kernel, [result], [None, "b", "w", None])
    program = assert_computes(text, [image, rest], np.maximum(wanted, 0), {"b": bias, "w": weight})
    assert program.kinds().count("contraction") == 1
    assert set(program.kinds()) == {"contraction", "pointwise"}  # copies into and out of channels last


@pytest.mark.parametrize("size", [14, 7])
def test_convolutions_in_a_row_are_connected_by_halos(size: int) -> None:
    host, kernel = Host(), Kernel("k")
    x, w = kernel.argument((1, 16, size, size)), kernel.argument((16, 16, 3, 3))
    result = kernel.relu(kernel.conv(x, w, 1, 1))
    value, weights = host.argument(x.shape), [random(16, 16, 3, 3, seed=n) for n in range(3)]
    (value,) = host.call(kernel, [result], value, host.constant("w0", w.shape))
    for n in (1, 2):
        (value,) = host.call_again(kernel, [result], value, host.constant(f"w{n}", w.shape))
    a = random(1, 16, size, size)
    wanted = a
    for weight in weights:
        wanted = np.maximum(reference(wanted, weight, None, 1, 1, 1), 0)
    constants = {f"w{n}": weight for n, weight in enumerate(weights)}
    program = assert_computes(host.text(value), [a], wanted, constants)
    assert sorted(program.kinds()) == ["contraction", "contraction", "pointwise", "pointwise"]


@pytest.mark.parametrize(
    ("n", "groups", "inputs", "outputs", "size", "stride"), [(1, 2, 8, 16, 9, 1), (2, 4, 4, 4, 8, 2)]
)
def test_grouped_convolution(n: int, groups: int, inputs: int, outputs: int, size: int, stride: int) -> None:
    kernel = Kernel("k")
    x, w = (
        kernel.argument((n, groups * inputs, size, size)),
        kernel.argument((groups * outputs, inputs, 3, 3)),
    )
    data = kernel.reshape(x, (n, groups, inputs, size, size), "[[0], [1, 2], [3], [4]]")
    weight = kernel.reshape(w, (groups, outputs, inputs, 3, 3), "[[0, 1], [2], [3], [4]]")
    data = kernel.pad(data, (0, 0, 0, 1, 1), (0, 0, 0, 1, 1))
    out = (size - 1) // stride + 1
    output = kernel.fill("0.0", (n, groups, outputs, out, out))
    rows = f"oh * {stride} + kh, ow * {stride} + kw"
    operands = [(data, f"n, g, ic, {rows}"), (weight, "g, oc, ic, kh, kw")]
    result = kernel.generic(
        operands, (output, "n, g, oc, oh, ow"), "n g oc oh ow | ic kh kw", multiply_add("f32")
    )
    result = kernel.reshape(result, (n, groups * outputs, out, out), "[[0], [1, 2], [3], [4]]")
    a, weights = random(*x.shape), random(*w.shape, seed=1)
    program = assert_computes(
        module(kernel, [result], [None, "w"]),
        [a],
        reference(a, weights, None, stride, 1, 1, groups=groups),
        {"w": weights},
    )
    assert "contraction" in program.kinds()


@pytest.mark.parametrize(("element", "dtype"), [("i64", np.int64), ("i32", np.int32), ("f64", np.float64)])
def test_other_element_types(element: str, dtype: type[np.generic]) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((9, 20), element), kernel.argument((13, 20), element)
    a: Array = (10 * random(9, 20)).astype(dtype)
    b: Array = (10 * random(13, 20, seed=1)).astype(dtype)
    assert_computes(module(kernel, [kernel.matmul(x, w)]), [a, b], np.dot(a, b.T), tolerance=1e-14)


@pytest.mark.parametrize("weight", ["w", None])
def test_half_precision_accumulates_in_single(weight: str | None) -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((9, 20), "f16"), kernel.argument((13, 20), "f16")
    body = (
        "%a = arith.extf %x0 : f16 to f32\n    %b = arith.extf %x1 : f16 to f32\n"
        "    %t = arith.mulf %a, %b : f32\n    %r = arith.addf %acc, %t : f32"
    )
    result = kernel.generic(
        [(x, "m, k"), (w, "n, k")], (kernel.fill("0.0", (9, 13)), "m, n"), "m n | k", body
    )
    result = kernel.map("%r = arith.truncf %x0 : f32 to f16", result, shape=(9, 13), element="f16")
    a, b = random(9, 20).astype(np.float16), random(13, 20, seed=1).astype(np.float16)
    wanted = (a.astype(np.float32) @ b.astype(np.float32).T).astype(np.float16)
    inputs = [a] if weight else [a, b]
    assert_computes(module(kernel, [result], [None, weight]), inputs, wanted, {"w": b}, tolerance=1e-3)


def test_sum_starts_from_a_tensor() -> None:
    kernel = Kernel("k")
    x, w, start = kernel.argument((6, 40)), kernel.argument((7, 40)), kernel.argument((6, 7))
    result = kernel.generic([(x, "m, k"), (w, "n, k")], (start, "m, n"), "m n | k", multiply_add("f32"))
    a, b, c = random(6, 40), random(7, 40, seed=1), random(6, 7, seed=2)
    assert_computes(module(kernel, [result], [None, "w"]), [a, c], a @ b.T + c, {"w": b})


def test_result_written_permuted() -> None:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((2, 5, 8), (12, 8), (12,)))
    result = kernel.bias(kernel.matmul(x, w), b, 2)
    result = kernel.map("%r = arith.addf %x0, %x0 : f32", result, shape=(2, 12, 5), maps=["d0, d2, d1"])
    a, weight, bias = random(2, 5, 8), random(12, 8, seed=1), random(12, seed=2)
    wanted = 2 * (a @ weight.T + bias).transpose(0, 2, 1)
    assert_computes(module(kernel, [result], [None, "w", "b"]), [a], wanted, {"w": weight, "b": bias})


@pytest.mark.parametrize("target", [AVX2, AVX512, GENERIC_X86], ids=["avx2", "avx512", "sse2"])
def test_tiles_fit_the_registers(target: object) -> None:
    from tsc.analysis.target import Target

    assert isinstance(target, Target)
    for rows, columns in ((1, 10), (1, 1000), (49, 512), (196, 256), (3136, 64), (128, 768)):
        tile = choose_tile(rows, columns, 512, target.lanes(32), target)
        assert tile.rows * tile.vectors + tile.vectors * (tile.rows > 1) + 1 <= target.vector_registers
        assert tile.rows <= rows


def test_big_tiles_are_the_known_best_ones() -> None:
    assert (choose_tile(3136, 64, 576, 8, AVX2).rows, choose_tile(3136, 64, 576, 8, AVX2).vectors) == (6, 2)
    assert (
        choose_tile(784, 128, 1152, 16, AVX512).rows,
        choose_tile(784, 128, 1152, 16, AVX512).vectors,
    ) == (14, 2)


@pytest.mark.parametrize("total", [1, 5, 6, 7, 14, 49, 56, 3136])
def test_row_tiles_cover_all_rows_once(total: int) -> None:
    cut = cut_rows(total, 6)
    sizes = [cut.rows + (n < cut.tall) for n in range(cut.count)]
    assert sum(sizes) == total
    assert max(sizes) - min(sizes) <= 1
    assert [cut.start(n) for n in range(cut.count)] == [sum(sizes[:n]) for n in range(cut.count)]


def test_wide_weights_are_shared_among_chunks() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((49, 512)), kernel.argument((512, 512))
    program = build(module(kernel, [kernel.matmul(x, w)], [None, "w"]), {"w": random(512, 512)})
    assert "chunks" in str(program.kernels()[0].attributes["tsc.schedule"])
