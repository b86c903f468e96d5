"""`fold-linear-batchnorm`: batch norm in eval mode joins the weights of the linear layer only it reads."""

from __future__ import annotations

import numpy as np
import pytest

from tests.passes.layers_text import (
    CONV,
    EPS,
    NORM,
    STATISTICS,
    UNKNOWN_RANK,
    Weights,
    assert_folds,
    literal,
    numbers,
    operators,
    parameters,
    program,
)
from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.passes.fold_linear_batchnorm import FoldLinearBatchnorm

FOLD = FoldLinearBatchnorm()
FLAT = "!torch.tensor<[?,3],f32>"
LINEAR = "y = linear x w b"
WEIGHTS: Weights = STATISTICS | {"w": numbers(3, 2), "b": numbers(3, at=2.0)}
GAMMA, BETA, MEAN, VAR = STATISTICS.values()
SCALE = GAMMA / np.sqrt(VAR + EPS)
WEIGHT = WEIGHTS["w"] * SCALE[:, None]
BIAS = (WEIGHTS["b"] - MEAN) * SCALE + BETA


def normalized(
    *calls: str, weights: Weights = WEIGHTS, given: str = "", returns: str = "z", result: str = FLAT
) -> str:
    """A function of calls that normalize the result of a layer."""
    return program(*calls, weights=weights, given=given, returns=returns, result=result)


def test_the_layer_gets_new_weights_and_the_norm_goes() -> None:
    new = literal("w2", WEIGHT, "w.folded"), literal("b2", BIAS, "b.folded")
    after = normalized(*new, LINEAR.replace("w b", "w2 b2"), returns="y")
    assert_rewrites(normalized(LINEAR, NORM), after, FOLD, weights=WEIGHTS)


def test_weights_are_scaled_by_row_and_the_bias_is_shifted() -> None:
    assert_folds(normalized(LINEAR, NORM), WEIGHT, BIAS, FOLD, weights=WEIGHTS)


def test_a_layer_without_bias_gets_one() -> None:
    text = normalized(LINEAR.replace("w b", "w none"), NORM)
    assert_folds(text, WEIGHT, -MEAN * SCALE + BETA, FOLD, weights=WEIGHTS)


def test_what_folds_computes_what_it_did() -> None:
    context, module = rewritten(normalized(LINEAR, NORM), FOLD, weights=WEIGHTS)
    weight, bias = parameters(context, *operators(module))
    x = numbers(4, 2, at=-3.0)
    y = x @ WEIGHTS["w"].T + WEIGHTS["b"]
    np.testing.assert_allclose(x @ weight.T + bias, (y - MEAN) / np.sqrt(VAR + EPS) * GAMMA + BETA, rtol=1e-5)


def test_a_weight_with_another_reader_is_not_changed() -> None:
    text = normalized(LINEAR, LINEAR.replace("y =", "u ="), NORM, returns="z u")
    context, module = rewritten(text, FOLD, weights=WEIGHTS)
    folded, other = operators(module)
    np.testing.assert_allclose(parameters(context, folded)[0], WEIGHT, rtol=1e-6)
    np.testing.assert_array_equal(parameters(context, other)[0], WEIGHTS["w"])


@pytest.mark.parametrize(
    ("calls", "returns"),
    [([LINEAR, NORM], "z y"), ([LINEAR, "u = relu y", NORM], "z u"), ([LINEAR, NORM, "u = relu_ y"], "z")],
    ids=["returned", "read", "written"],
)
def test_a_layer_with_another_reader_stays(calls: list[str], returns: str) -> None:
    assert_leaves(normalized(*calls, returns=returns), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize("given", [*WEIGHTS, "eps", "no"])
def test_nothing_folds_unless_all_parameters_are_constants(given: str) -> None:
    assert_leaves(normalized(LINEAR, NORM, given=given), FOLD, weights=WEIGHTS)


def test_a_norm_in_training_mode_stays() -> None:
    assert_leaves(normalized(LINEAR, NORM.replace("var no", "var yes")), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize("layer", [CONV, "y = mm x w", "y = addmm b x w one one", "y = relu x"])
def test_a_norm_of_anything_but_a_linear_layer_stays(layer: str) -> None:
    assert_leaves(normalized(layer, NORM), FOLD, weights=WEIGHTS)


@pytest.mark.parametrize(("names", "size"), [("b", 1), ("gamma", 1), ("var", 4), ("gamma beta mean var", 2)])
def test_a_call_with_wrong_sizes_still_raises(names: str, size: int) -> None:
    weights = WEIGHTS | {name: numbers(size) for name in names.split()}
    assert_leaves(normalized(LINEAR, NORM, weights=weights), FOLD, weights=weights)


@pytest.mark.parametrize(
    "result", ["!torch.tensor<[2,3,3],f32>", pytest.param("!torch.tensor", marks=UNKNOWN_RANK)]
)
def test_a_layer_whose_result_may_have_three_dims_stays(result: str) -> None:
    assert_leaves(normalized(LINEAR, NORM, result=result), FOLD, weights=WEIGHTS)


def test_a_layer_whose_weight_has_one_dim_stays() -> None:
    weights = STATISTICS | {"w": numbers(3)}
    text = normalized(LINEAR.replace("w b", "w none"), NORM, weights=weights)
    assert_leaves(text, FOLD, weights=weights)
