"""`fold-conv-batchnorm`: batch norm in eval mode joins the weights of the convolution that only it reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.ir import Operation

from tests.passes.layers_text import (
    CONV,
    CONVOLUTIONS,
    EPS,
    LAYER,
    NORM,
    RESULT,
    STATISTICS,
    UNKNOWN_RANK,
    WEIGHTS,
    assert_folds,
    literal,
    numbers,
    operators,
    parameters,
    program,
)
from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.passes.fold_conv_batchnorm import FoldConvBatchnorm

FOLD = FoldConvBatchnorm()
SCALE = WEIGHTS["gamma"] / np.sqrt(WEIGHTS["var"] + EPS)
WEIGHT = WEIGHTS["w"] * SCALE[:, None, None, None]
BIAS = (WEIGHTS["b"] - WEIGHTS["mean"]) * SCALE + WEIGHTS["beta"]


def test_the_convolution_gets_new_weights_and_the_norm_goes() -> None:
    new = literal("w2", WEIGHT, "w.folded"), literal("b2", BIAS, "b.folded")
    after = program(*new, CONV.replace("w b", "w2 b2"), returns="y")
    assert_rewrites(program(CONV, NORM), after, FOLD, weights=WEIGHTS)


@pytest.mark.parametrize("kind", ["tensor", "vtensor"])
def test_new_weights_are_mutable_where_the_old_ones_are(kind: str) -> None:
    _, module = rewritten(program(CONV, NORM, kind=kind), FOLD, weights=WEIGHTS)
    owners = [operators(module)[0].argument(name).owner for name in ("weight", "bias")]
    assert [o.name for o in owners if isinstance(o, Operation)] == [f"torch.{kind}.literal"] * 2


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_weights_are_scaled_by_channel_and_the_bias_is_shifted(name: str) -> None:
    assert_folds(program(f"y = {name} x w b {CONVOLUTIONS[name]}", NORM), WEIGHT, BIAS, FOLD)


NONE = [("none beta", 1.0, WEIGHTS["beta"]), ("gamma none", WEIGHTS["gamma"], 0.0), ("none none", 1.0, 0.0)]


@pytest.mark.parametrize(("names", "gamma", "beta"), NONE)
def test_a_norm_without_weight_or_bias_folds(names: str, gamma: Any, beta: Any) -> None:
    scale = gamma / np.sqrt(WEIGHTS["var"] + EPS)
    bias = (WEIGHTS["b"] - WEIGHTS["mean"]) * scale + beta
    text = program(CONV, NORM.replace("gamma beta", names))
    assert_folds(text, WEIGHTS["w"] * scale[:, None, None, None], bias, FOLD)


def test_a_convolution_without_bias_gets_one() -> None:
    bias = -WEIGHTS["mean"] * SCALE + WEIGHTS["beta"]
    assert_folds(program(CONV.replace("w b", "w none"), NORM), WEIGHT, bias, FOLD)


def test_parameters_are_seen_through_casts() -> None:
    kinds = "!torch.tensor<[3],f32> to !torch.optional<tensor>"
    casts = [f"%{n}_cast = torch.derefine %{n} : {kinds}" for n in ("b", *STATISTICS)]
    norm = NORM.replace("gamma beta mean var", "gamma_cast beta_cast mean_cast var_cast")
    assert_folds(program(*casts, CONV.replace("w b", "w b_cast"), norm), WEIGHT, BIAS, FOLD)


def test_norms_one_after_another_fold() -> None:
    text = program(CONV, NORM, NORM.replace("z = batch_norm y", "u = batch_norm z"), returns="u")
    bias = (BIAS - WEIGHTS["mean"]) * SCALE + WEIGHTS["beta"]
    assert_folds(text, WEIGHT * SCALE[:, None, None, None], bias, FOLD)


def test_weights_keep_their_dtype() -> None:
    weights = {name: array.astype(np.float16) for name, array in WEIGHTS.items()}
    text = program(CONV, NORM, weights=weights, result=RESULT.replace("f32", "f16"))
    assert_folds(text, WEIGHT, BIAS, FOLD, weights=weights, rtol=2e-3)


def test_a_weight_with_another_reader_is_not_changed() -> None:
    text = program(CONV, CONV.replace("y =", "u ="), NORM, returns="z u")
    context, module = rewritten(text, FOLD, weights=WEIGHTS)
    folded, other = operators(module)
    np.testing.assert_allclose(parameters(context, folded)[0], WEIGHT, rtol=1e-6)
    for found, wanted in zip(parameters(context, other), LAYER.values(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_question_about_the_shape_does_not_count_as_a_reader() -> None:
    _, module = rewritten(program(CONV, "n: !torch.int = dim y", NORM, returns="z n"), FOLD, weights=WEIGHTS)
    assert [op.schema.name for op in operators(module)] == ["aten::conv2d", "aten::dim"]


READERS = {
    "returned": ([CONV, NORM], "z y"),
    "read": ([CONV, "u = relu y", NORM], "z u"),
    "written": ([CONV, NORM, "u = relu_ y"], "z"),
    "normalized twice": ([CONV, NORM, NORM.replace("z =", "u =")], "z u"),
    "normalized by itself": ([CONV, NORM.replace("y gamma", "y y")], "z"),
}


@pytest.mark.parametrize(("calls", "returns"), READERS.values(), ids=READERS)
def test_a_convolution_with_another_reader_stays(calls: list[str], returns: str) -> None:
    assert_leaves(program(*calls, returns=returns), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize("given", [*WEIGHTS, "eps", "no"])
def test_nothing_folds_unless_all_parameters_are_constants(given: str) -> None:
    assert_leaves(program(CONV, NORM, given=given), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize(("old", "new"), [("var no", "var yes"), ("mean", "none"), ("var", "none")])
def test_a_norm_with_the_statistics_of_the_batch_stays(old: str, new: str) -> None:
    assert_leaves(program(CONV, NORM.replace(old, new)), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        ("convolution x w b ints ints ints yes ints one", ""),
        ("convolution x w b ints ints ints yes ints one", "yes"),
        ("_convolution x w b ints ints ints yes ints one no no no no", ""),
        ("conv_transpose2d.input x w b ints ints ints one ints", ""),
        ("linear x w b", ""),
        ("relu x", ""),
    ],
)
def test_a_norm_of_anything_but_a_plain_convolution_stays(layer: str, given: str) -> None:
    weights = WEIGHTS | {"w": numbers(3, 3, 1, 1)}  # as many channels either way
    assert_leaves(program(f"y = {layer}", NORM, weights=weights, given=given), FOLD, weights=weights)


@pytest.mark.parametrize(
    ("names", "shape"),
    [(n, (k,)) for n in ("b", "gamma", "beta", "mean", "var") for k in (1, 4)]
    + [("gamma beta mean var", (2,)), ("gamma beta mean var", (3, 1)), ("w", (1, 2, 1, 1))],
)
def test_a_call_with_wrong_sizes_still_raises(names: str, shape: tuple[int, ...]) -> None:
    weights = WEIGHTS | {name: numbers(*shape) for name in names.split()}
    assert_leaves(program(CONV, NORM, weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_a_call_with_wrong_dtypes_still_raises(dtype: Any) -> None:
    weights = LAYER | {name: array.astype(dtype) for name, array in STATISTICS.items()}
    assert_leaves(program(CONV, NORM, weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize(
    "result", ["!torch.tensor<[3,3],f32>", pytest.param("!torch.tensor", marks=UNKNOWN_RANK)]
)
def test_a_norm_along_another_dim_than_the_channels_stays(result: str) -> None:
    weights = WEIGHTS | {"w": numbers(3, 2, 1)}
    text = program(CONV.replace("conv2d", "conv1d"), NORM, weights=weights, result=result)
    assert_leaves(text, FOLD, weights=weights)
