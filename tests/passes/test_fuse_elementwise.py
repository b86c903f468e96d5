"""`fuse-elementwise`: the forms kernels reach, and how many of them there are."""

import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg

from tests.passes.kernel_runner import assert_computes, context, parse, random
from tests.passes.linalg_text import Kernel, Value, layer_norm, module, softmax
from tsc.errors import CodegenError
from tsc.passes.fuse_elementwise import FuseElementwise


def fused(text: str) -> ModuleOp:
    result = parse(text)
    FuseElementwise().apply(context(), result)
    result.verify()
    return result


def kernels(result: ModuleOp) -> list[func.FuncOp]:
    return [f for f in result.ops if isinstance(f, func.FuncOp) and f.sym_visibility is not None]


def kinds(result: ModuleOp) -> list[str]:
    return [getattr(f.attributes["tsc.kind"], "data", "") for f in kernels(result)]


def generics(result: ModuleOp) -> int:
    return sum(isinstance(op, linalg.GenericOp) for op in result.walk())


def test_a_chain_becomes_one_generic() -> None:
    kernel = Kernel("k")
    x, y = kernel.argument((4, 5)), kernel.argument((5,))
    wide = kernel.map("%r = arith.addf %x0, %x0 : f32", y, shape=(4, 5))
    result = fused(module(kernel, [kernel.relu(kernel.add(kernel.add(x, wide), x))]))
    assert (kinds(result), generics(result)) == (["pointwise"], 1)


def test_a_transposed_intermediate_disappears() -> None:
    kernel = Kernel("k")
    x, y = kernel.argument((6, 40)), kernel.argument((40, 6))
    turned = kernel.map("%r = arith.addf %x0, %x0 : f32", x, shape=(40, 6), maps=["d1, d0"])
    a, b = random(6, 40), random(40, 6, seed=1)
    program = assert_computes(module(kernel, [kernel.add(turned, y)]), [a, b], 2 * a.T + b, tolerance=0)
    assert program.kinds() == ["pointwise"]


def test_an_expensive_value_with_two_readers_is_computed_once() -> None:
    kernel = Kernel("k")
    x = kernel.argument((4, 5))
    power = kernel.map("%r = math.exp %x0 : f32", x, shape=(4, 5))
    result = fused(module(kernel, [kernel.relu(power), kernel.add(power, x)]))
    assert kinds(result) == ["pointwise"]
    assert str(result).count("math.exp") == 1


@pytest.mark.parametrize("name", ["softmax", "layer_norm"])
def test_normalizations_are_one_row_kernel(name: str) -> None:
    kernel = Kernel("k")
    x = kernel.argument((4, 40))
    if name == "softmax":
        output = softmax(kernel, x, 1)
    else:
        output = layer_norm(kernel, x, kernel.argument((40,)), kernel.argument((40,)))
    assert kinds(fused(module(kernel, [output]))) == ["row"]


def test_a_convolution_takes_its_epilogue_along() -> None:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((1, 4, 8, 8), (8, 4, 3, 3), (8,)))
    output = kernel.relu(kernel.bias(kernel.conv(x, w, 1, 1), b, 1))
    result = fused(module(kernel, [output], [None, "w", "b"]))
    assert (kinds(result), generics(result)) == (["contraction"], 2)


def attention_scores(kernel: Kernel, packed: Value) -> Value:
    """The product of two parts of one tensor."""
    body = "%t = arith.mulf %x0, %x1 : f32\n    %r = arith.addf %acc, %t : f32"
    operands = [(packed, "0, b, i, k"), (packed, "1, b, j, k")]
    return kernel.generic(operands, (kernel.fill("0.0", (2, 9, 9)), "b, i, j"), "b i j | k", body)


def test_weights_that_are_part_of_a_tensor_are_copied_into_panels() -> None:
    kernel = Kernel("k")
    packed = kernel.argument((2, 2, 9, 16))
    a = random(2, 2, 9, 16)
    program = assert_computes(
        module(kernel, [attention_scores(kernel, packed)]), [a], a[0] @ a[1].transpose(0, 2, 1)
    )
    assert program.kinds() == ["pack", "contraction"]


def test_what_has_no_single_form_becomes_several_kernels() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((6, 40)), kernel.argument((7, 40))
    product = kernel.matmul(kernel.relu(x), w)
    top = kernel.reduce(product, (1,), "arith.maximumf", "0xFF800000")
    output = kernel.map("%r = arith.subf %x0, %x1 : f32", product, top, shape=(6, 7), maps=["d0, d1", "d0"])
    a, b = random(6, 40), random(7, 40, seed=1)
    scores = a.clip(0) @ b.T
    text = module(kernel, [output], [None, "w"])
    program = assert_computes(text, [a], scores - scores.max(1, keepdims=True), {"w": b})
    assert program.kinds() == ["pointwise", "contraction", "row"]


def test_a_reshape_between_kernels_moves_to_the_host() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((2, 5, 8)), kernel.argument((12, 8))
    heads = kernel.reshape(kernel.matmul(x, w), (2, 5, 3, 4), "[[0], [1], [2, 3]]")
    output = kernel.map("%r = arith.addf %x0, %x0 : f32", heads, shape=(2, 3, 5, 4), maps=["d0, d2, d1, d3"])
    a, b = random(2, 5, 8), random(12, 8, seed=1)
    wanted = 2 * (a @ b.T).reshape(2, 5, 3, 4).transpose(0, 2, 1, 3)
    assert_computes(module(kernel, [output], [None, "w"]), [a], wanted, {"w": b})


@pytest.mark.parametrize("returns_early", [False, True])
def test_a_collapsed_tensor_is_read_in_place(returns_early: bool) -> None:
    kernel = Kernel("k")
    x, y = kernel.argument((2, 6, 4)), kernel.argument((2, 24))
    flat = kernel.reshape(kernel.relu(x), (2, 24), "[[0], [1, 2]]")
    a, b = random(2, 6, 4), random(2, 24, seed=1)
    flattened = a.clip(0).reshape(2, 24)
    output, wanted = (flat, flattened) if returns_early else (kernel.add(flat, y), flattened + b)
    program = assert_computes(module(kernel, [output]), [a, b], wanted, tolerance=0)
    assert program.kinds() == ["pointwise"]


def test_loops_of_one_iteration_are_dropped() -> None:
    kernel = Kernel("k")
    x = kernel.argument((1, 5, 1))
    result = fused(module(kernel, [kernel.relu(x)]))
    assert "affine_map<(d0) -> (0, d0, 0)>" in str(result)


def test_a_filled_tensor_may_be_returned() -> None:
    kernel = Kernel("k")
    kernel.argument((3,))
    filled = kernel.fill("2.5", (4, 5))
    assert_computes(module(kernel, [filled]), [random(3)], 2.5 + 0 * random(4, 5), tolerance=0)


def test_an_op_without_a_form_is_named() -> None:
    kernel = Kernel("k")
    x = kernel.argument((4, 5))
    text = module(kernel, [kernel.relu(x)]).replace(
        "func.return %v", "%e = tensor.cast %a0 : tensor<4x5xf32> to tensor<4x5xf32>\n  func.return %v", 1
    )
    text = text.replace("func.return %v4 ", "func.return %e ").replace("func.return %v3 ", "func.return %e ")
    with pytest.raises(CodegenError, match=r"requires ops with a canonical form; got tensor\.cast"):
        fused(text)
