"""`split-kernels`: the forms kernels reach, and how many of them there are."""

import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg

from tests.passes.kernel_runner import assert_computes, context, parse, random
from tests.passes.linalg_text import Kernel, layer_norm, module, softmax
from tsc.errors import CodegenError
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.passes.split_kernels import SplitKernels


def split(text: str) -> ModuleOp:
    result = parse(text)
    for compiler_pass in (FuseElementwise(), SplitKernels()):
        compiler_pass.apply(context(), result)
    result.verify()
    return result


def kernels(result: ModuleOp) -> list[func.FuncOp]:
    return [f for f in result.ops if isinstance(f, func.FuncOp) and f.sym_visibility is not None]


def kinds(result: ModuleOp) -> list[str]:
    return [getattr(f.attributes["tsc.kind"], "data", "") for f in kernels(result)]


def generics(result: ModuleOp) -> int:
    return sum(isinstance(op, linalg.GenericOp) for op in result.walk())


@pytest.mark.parametrize("name", ["softmax", "layer_norm"])
def test_normalizations_are_one_row_kernel(name: str) -> None:
    kernel = Kernel("k")
    x = kernel.argument((4, 40))
    if name == "softmax":
        output = softmax(kernel, x, 1)
    else:
        output = layer_norm(kernel, x, kernel.argument((40,)), kernel.argument((40,)))
    assert kinds(split(module(kernel, [output]))) == ["row"]


def test_a_convolution_takes_its_epilogue_along() -> None:
    kernel = Kernel("k")
    x, w, b = (kernel.argument(s) for s in ((1, 4, 8, 8), (8, 4, 3, 3), (8,)))
    output = kernel.relu(kernel.bias(kernel.conv(x, w, 1, 1), b, 1))
    result = split(module(kernel, [output], [None, "w", "b"]))
    assert (kinds(result), generics(result)) == (["contraction"], 2)


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


def test_loops_of_one_iteration_are_dropped() -> None:
    kernel = Kernel("k")
    x = kernel.argument((1, 5, 1))
    result = split(module(kernel, [kernel.relu(x)]))
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
        split(text)
