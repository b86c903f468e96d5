"""`fuse-elementwise`: what is composed, and what stays a tensor."""

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg import ops as linalg

from tests.passes.kernel_runner import assert_computes, context, parse, random
from tests.passes.linalg_text import Kernel, Value, module
from tsc.passes.fuse_elementwise import FuseElementwise


def fused(text: str) -> ModuleOp:
    result = parse(text)
    FuseElementwise().apply(context(), result)
    result.verify()
    return result


def generics(result: ModuleOp) -> int:
    return sum(isinstance(op, linalg.GenericOp) for op in result.walk())


def test_a_chain_becomes_one_generic() -> None:
    kernel = Kernel("k")
    x, y = kernel.argument((4, 5)), kernel.argument((5,))
    wide = kernel.map("%r = arith.addf %x0, %x0 : f32", y, shape=(4, 5))
    result = fused(module(kernel, [kernel.relu(kernel.add(kernel.add(x, wide), x))]))
    assert generics(result) == 1


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
    assert str(result).count("math.exp") == 1


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
