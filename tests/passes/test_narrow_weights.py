"""`narrow-weights`: which weights are stored in fewer bits, and that products with them give the same."""

from __future__ import annotations

import re

import numpy as np
import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp

from tests.passes.kernel_runner import Array, build, random
from tests.passes.linalg_text import Kernel, module
from tests.passes.rewriting import rewritten
from tests.passes.test_winograd import renamed
from tsc.analysis.narrow_weights import LEAST_ELEMENTS, rounded
from tsc.analysis.target import AVX2, AVX512, Target, ptx
from tsc.dialects.constants import ConstantPool
from tsc.passes.narrow_weights import MOST_ROWS, NarrowWeights
from tsc.runtime.host import host_target
from tsc.verification.stages import run_linalg

DEPTH, COLUMNS = 160, 132


def layer(rows: int, *, transposed: bool = True, is_read_twice: bool = False) -> str:
    """A product of `rows` rows with the constant ``weights``, bias and ReLU."""
    kernel = Kernel("k")
    shape = (COLUMNS, DEPTH) if transposed else (DEPTH, COLUMNS)
    x, w, b = (kernel.argument(s) for s in ((rows, DEPTH), shape, (COLUMNS,)))
    result = kernel.relu(kernel.bias(kernel.matmul(x, w, transposed), b, 1))
    if is_read_twice:
        return module(kernel, [result, kernel.relu(w)], [None, "weights", "bias"])
    return module(kernel, [result], [None, "weights", "bias"])


def weights(precision: str | None, *, transposed: bool = True) -> dict[str, Array]:
    made = random(*((COLUMNS, DEPTH) if transposed else (DEPTH, COLUMNS)))
    made = made if precision is None else rounded(made, precision, 0 if transposed else 1)
    return {"weights": made, "bias": random(COLUMNS, seed=1)}


def narrow(text: str, given: dict[str, Array], target: Target | None = None) -> tuple[ModuleOp, ConstantPool]:
    text, named = renamed(text, given)
    context, result = rewritten(text, NarrowWeights(target), weights=named)
    return result, context.pool


def stored(result: ModuleOp) -> set[str]:
    """The element types of the tensors among the constants, which are passed to kernels."""
    kinds = [str(op.result.type) for op in result.walk() if isinstance(op, arith.ConstantOp)]
    return {re.split("[x<]", kind)[-1][:-1] for kind in kinds if kind.startswith("tensor")}


ELEMENTS = {"bf16": {"bf16", "f32"}, "int8": {"i8", "f32"}, None: {"f32"}}


@pytest.mark.parametrize("precision", ELEMENTS)
@pytest.mark.parametrize("transposed", [True, False])
def test_weights_are_stored_in_as_many_bits_as_they_have(precision: str | None, transposed: bool) -> None:
    text, given = layer(3, transposed=transposed), weights(precision, transposed=transposed)
    result, pool = narrow(text, given)
    assert stored(result) == ELEMENTS[precision]
    x = random(3, DEPTH, seed=2)
    weight = given["weights"].T if transposed else given["weights"]
    wanted = np.maximum(x.astype(np.float64) @ weight + given["bias"], 0)
    np.testing.assert_allclose(run_linalg(result, [x], pool)[0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
@pytest.mark.parametrize("rows", [1, 2, 5, MOST_ROWS])
@pytest.mark.parametrize("target", [host_target(), AVX2], ids=["host", "avx2"])
def test_native_code_multiplies_with_them(precision: str, rows: int, target: Target) -> None:
    text, given = renamed(layer(rows), weights(precision))
    pool = ConstantPool()
    for name, array in given.items():
        pool.set(name, array)
    program = build(text, target=target, pool=pool)
    x = random(rows, DEPTH, seed=2)
    weight, bias = given.values()
    wanted = np.maximum(x.astype(np.float64) @ weight.T + bias, 0)
    np.testing.assert_allclose(program(x)[0], wanted, rtol=1e-4, atol=1e-5)


LEFT = {
    "many rows": layer(MOST_ROWS + 1),
    "another reader": layer(1, is_read_twice=True),
    "float64": layer(1).replace("f32", "f64"),
}


@pytest.mark.parametrize("what", LEFT)
def test_weights_are_left(what: str) -> None:
    given = weights("bf16")
    if what == "float64":
        given = {name: array.astype(np.float64) for name, array in given.items()}
    assert stored(narrow(LEFT[what], given)[0]) == {"f64" if what == "float64" else "f32"}


def test_small_weights_are_left() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((1, 64)), kernel.argument((LEAST_ELEMENTS // 64 - 1, 64))
    text = module(kernel, [kernel.matmul(x, w)], [None, "weights"])
    assert stored(narrow(text, {"weights": rounded(random(*w.shape), "bf16")})[0]) == {"f32"}


def test_schedules_of_gpus_read_them_as_they_are() -> None:
    assert stored(narrow(layer(1), weights("bf16"), ptx("sm_90"))[0]) == {"f32"}
    assert stored(narrow(layer(1), weights("bf16"), AVX512)[0]) == ELEMENTS["bf16"]


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_rounding_once_is_enough(precision: str) -> None:
    """What is rounded stays as it is, so that archives of rounded modules are narrow when they are loaded."""
    weight = random(64, 96) * np.logspace(-20, 20, 64, dtype=np.float32)[:, None]
    weight[3] = 0
    once = rounded(weight, precision)
    assert np.array_equal(rounded(once, precision), once)
    largest = np.abs(weight) if precision == "bf16" else np.abs(weight).max(1, keepdims=True)
    assert np.all(np.abs(once - weight) <= largest * (2.0**-8 if precision == "bf16" else 0.5 / 126.9))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_left_without_a_warning(number: float) -> None:
    given = weights(None)
    given["weights"][0, 0] = number
    assert stored(narrow(layer(1), given)[0]) == {"f32"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_outputs_with_weights_that_are_not_finite_are_not_rounded(number: float) -> None:
    weight = random(8, 16)
    weight[2, 3] = number
    made = rounded(weight, "int8")
    assert np.array_equal(made[2], weight[2], equal_nan=True)
    assert np.array_equal(np.delete(made, 2, 0), rounded(np.delete(weight, 2, 0), "int8"))
