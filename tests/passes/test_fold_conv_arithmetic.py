"""`fold-conv-arithmetic`: what adds or multiplies a number per channel joins the weights of a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.passes.layers_text import (
    CONV,
    LAYER,
    RESULT,
    UNKNOWN_RANK,
    Array,
    Weights,
    assert_folds,
    literal,
    numbers,
    operators,
    parameters,
    program,
)
from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.passes.fold_conv_arithmetic import FoldConvArithmetic

FOLD = FoldConvArithmetic()
W, B = LAYER["w"], LAYER["b"]
CONSTANT = numbers(3, at=5.0)
TENSORS = {
    "add": "z = add.Tensor y c one",
    "sub": "z = sub.Tensor y c one",
    "mul": "z = mul.Tensor y c",
    "div": "z = div.Tensor y c",
}
NUMBERS = {
    "add": "z = add.Scalar y {} one",
    "sub": "z = sub.Scalar y {} one",
    "mul": "z = mul.Scalar y {}",
    "div": "z = div.Scalar y {}",
}
PER_CHANNEL = [(3, 1, 1), (1, 3, 1, 1)]
ONE_NUMBER = [(), (1,), (1, 1, 1), (1, 1, 1, 1)]


def with_constant(array: Array, layer: Weights = LAYER) -> Weights:
    """The weights of a program whose constant ``c`` is `array`."""
    return layer | {"c": array}


def folded(name: str, constant: Any) -> tuple[Array, Array]:
    """The weight and the bias after an operation with `constant`: a number, or one per channel."""
    shift = np.broadcast_to(np.asarray(constant, np.float64), (3,))
    column = shift.reshape(3, 1, 1, 1)
    if name in ("add", "sub"):
        return W, B + shift if name == "add" else B - shift
    return (W * column, B * shift) if name == "mul" else (W / column, B / shift)


def test_the_convolution_gets_new_weights_and_the_operation_goes() -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1))
    new = literal("w2", W, "w.folded"), literal("b2", B, "b.folded")
    after = program(*new, CONV.replace("w b", "w2 b2"), weights=weights, returns="y")
    assert_rewrites(program(CONV, TENSORS["mul"], weights=weights), after, FOLD, weights=weights)


@pytest.mark.parametrize("shape", PER_CHANNEL)
@pytest.mark.parametrize("name", TENSORS)
def test_a_number_per_channel_folds(name: str, shape: tuple[int, ...]) -> None:
    weights = with_constant(CONSTANT.reshape(shape))
    text = program(CONV, TENSORS[name], weights=weights)
    assert_folds(text, *folded(name, CONSTANT), FOLD, weights=weights)


@pytest.mark.parametrize("shape", ONE_NUMBER)
@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_of_one_number_folds(name: str, shape: tuple[int, ...]) -> None:
    weights = with_constant(np.full(shape, 5.0, np.float32))
    text = program(CONV, TENSORS[name], weights=weights)
    assert_folds(text, *folded(name, 5.0), FOLD, weights=weights)


@pytest.mark.parametrize(("scalar", "value"), [("two", 2), ("half", 0.5)])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_folds(name: str, scalar: str, value: float) -> None:
    text = program(CONV, NUMBERS[name].format(scalar), weights=LAYER)
    assert_folds(text, *folded(name, value), FOLD, weights=LAYER)


@pytest.mark.parametrize("calls", [TENSORS, NUMBERS], ids=["tensor", "number"])
@pytest.mark.parametrize(("name", "alpha", "factor"), [("add", "two", 2), ("sub", "half", 0.5)])
def test_alpha_counts(calls: dict[str, str], name: str, alpha: str, factor: float) -> None:
    weights = with_constant(np.full((1,), 5.0, np.float32))
    call = calls[name].replace("one", alpha).format("two")
    wanted = folded(name, factor * (5.0 if calls is TENSORS else 2.0))
    assert_folds(program(CONV, call, weights=weights), *wanted, FOLD, weights=weights)


def test_operations_one_after_another_fold() -> None:
    text = program(CONV, "z = mul.Scalar y two", "u = add.Scalar z half one", weights=LAYER, returns="u")
    assert_folds(text, W * 2, B * 2 + 0.5, FOLD, weights=LAYER)


def test_a_convolution_without_bias_gets_one() -> None:
    text = program(CONV.replace("w b", "w none"), NUMBERS["sub"].format("two"), weights=LAYER)
    assert_folds(text, W, np.full(3, -2.0), FOLD, weights=LAYER)


def test_a_weight_with_another_reader_is_not_changed() -> None:
    calls = CONV, CONV.replace("y =", "u ="), NUMBERS["mul"].format("two")
    context, module = rewritten(program(*calls, weights=LAYER, returns="z u"), FOLD, weights=LAYER)
    first, other = operators(module)
    np.testing.assert_array_equal(parameters(context, first)[0], W * 2)
    np.testing.assert_array_equal(parameters(context, other)[0], W)


@pytest.mark.parametrize(
    "shape", [(3,), (1, 3), (3, 1), (1, 1, 3), (3, 3, 1), (2, 3, 1, 1), (3, 1, 1, 1), (1, 1, 1, 3)]
)
def test_a_constant_that_varies_over_space_or_the_batch_stays(shape: tuple[int, ...]) -> None:
    weights = with_constant(numbers(*shape))
    assert_leaves(program(CONV, TENSORS["mul"], weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize("shape", [(1, 1, 3, 1, 1), (1, 1, 1, 1, 1)])
def test_a_constant_that_adds_dims_stays(shape: tuple[int, ...]) -> None:
    weights = with_constant(numbers(*shape))
    assert_leaves(program(CONV, TENSORS["mul"], weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(3, 1, 1), ()])
def test_a_constant_of_another_dtype_stays(dtype: Any, shape: tuple[int, ...]) -> None:
    weights = with_constant(numbers(*shape).astype(dtype))
    assert_leaves(program(CONV, TENSORS["mul"], weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("given", ["w", "b", "c"])
def test_nothing_folds_unless_weights_and_constant_are_known(given: str, name: str) -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1))
    assert_leaves(program(CONV, TENSORS[name], weights=weights, given=given), FOLD, weights=weights)


@pytest.mark.parametrize("name", ["add", "sub"])
def test_an_unknown_alpha_stays(name: str) -> None:
    text = program(CONV, NUMBERS[name].format("two"), weights=LAYER, given="one")
    assert_leaves(text, FOLD, weights=LAYER)


@pytest.mark.parametrize("number", ["yes", "i", "eps"])
def test_what_is_no_known_real_number_stays(number: str) -> None:
    text = program(CONV, NUMBERS["mul"].format(number), weights=LAYER, given="eps")
    assert_leaves(text, FOLD, weights=LAYER)


@pytest.mark.parametrize(
    "call",
    [
        "z = mul.Tensor c y",
        "z = rsub.Scalar y two one",
        "z = div.Scalar_mode y two same",
        "z = mul_.Scalar y two",
        "z = pow.Tensor_Scalar y two",
        "z = mul.Tensor y y",
    ],
)
def test_other_operations_stay(call: str) -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1))
    assert_leaves(program(CONV, call, weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize(
    ("calls", "returns"),
    [
        ([CONV, TENSORS["mul"]], "z y"),
        ([CONV, "u = relu y", TENSORS["mul"]], "z u"),
        ([CONV, TENSORS["mul"], "u = relu_ y"], "z"),
    ],
    ids=["returned", "read", "written"],
)
def test_a_convolution_with_another_reader_stays(calls: list[str], returns: str) -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1))
    assert_leaves(program(*calls, weights=weights, returns=returns), FOLD, weights=weights)


@pytest.mark.parametrize(
    "layer",
    [
        "convolution x w b ints ints ints yes ints one",
        "conv_transpose2d.input x w b ints ints ints one ints",
        "linear x w b",
        "relu x",
    ],
)
def test_anything_but_a_plain_convolution_stays(layer: str) -> None:
    weights = LAYER | {"w": numbers(3, 3, 1, 1)}  # as many channels either way
    text = program(f"y = {layer}", NUMBERS["mul"].format("two"), weights=weights)
    assert_leaves(text, FOLD, weights=weights)


@pytest.mark.parametrize(("name", "shape"), [("b", (1,)), ("b", (4,)), ("c", (4, 1, 1))])
def test_a_call_with_wrong_sizes_still_raises(name: str, shape: tuple[int, ...]) -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1)) | {name: numbers(*shape)}
    assert_leaves(program(CONV, TENSORS["mul"], weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize(
    "result", ["!torch.tensor<[3,?,?],f32>", pytest.param("!torch.tensor", marks=UNKNOWN_RANK)]
)
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1, 1, 1, 1)])
def test_a_constant_that_adds_the_batch_dim_stays(shape: tuple[int, ...], result: str) -> None:
    weights = with_constant(np.full(shape, 5.0, np.float32))
    assert_leaves(program(CONV, TENSORS["mul"], weights=weights, result=result), FOLD, weights=weights)


@pytest.mark.parametrize("call", [NUMBERS["mul"].format("half"), NUMBERS["div"].format("two")])
def test_integer_weights_do_not_take_fractions(call: str) -> None:
    weights = {name: array.astype(np.int64) for name, array in LAYER.items()}
    text = program(CONV, call, weights=weights, result=RESULT.replace("f32", "unk"))
    assert_leaves(text, FOLD, weights=weights)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_complex_weights_keep_their_imaginary_parts() -> None:
    weights = {name: (array * (1 + 2j)).astype(np.complex64) for name, array in LAYER.items()}
    context, module = rewritten(
        program(CONV, NUMBERS["mul"].format("two"), weights=weights, result="!torch.tensor"),
        FOLD,
        weights=weights,
    )
    layer, *rest = operators(module)
    factor = 1 if rest else 2
    for found, old in zip(parameters(context, layer), weights.values(), strict=True):
        np.testing.assert_allclose(found, old * factor)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_division_by_zero_stays() -> None:
    assert_leaves(program(CONV, NUMBERS["div"].format("zero"), weights=LAYER), FOLD, weights=LAYER)


def test_a_constant_that_is_written_stays() -> None:
    weights = with_constant(CONSTANT.reshape(3, 1, 1))
    text = program("u = zero_ c", CONV, TENSORS["mul"], weights=weights)
    assert_leaves(text, FOLD, weights=weights)
