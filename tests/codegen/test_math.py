"""The elementary functions: error in units of the last place, special values, and the same bits in every
lane.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.codegen.loop_kernels import Array, apply

COUNT = 1 << 15

# Name -> (reference, interval of interest, largest error in f32 ulp, in f64 ulp). The bounds are a little
# above what was measured.
erf_of: Callable[[Array], Array] = np.vectorize(math.erf, otypes=[np.float64])
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], tuple[float, float], float, float]] = {
    "exp": (np.exp, (-110, 92), 1.0, 1.0),
    "exp2": (np.exp2, (-155, 130), 1.1, 1.2),
    "expm1": (np.expm1, (-20, 90), 1.6, 1.9),
    "log": (np.log, (0, 10), 1.0, 1.0),
    "log2": (np.log2, (0, 10), 1.0, 1.0),
    "log10": (np.log10, (0, 10), 1.0, 1.0),
    "log1p": (np.log1p, (-1, 10), 1.6, 1.2),
    "tanh": (np.tanh, (-12, 12), 2.6, 2.4),
    "sinh": (np.sinh, (-92, 92), 2.2, 2.2),
    "cosh": (np.cosh, (-92, 92), 2.0, 2.0),
    "asinh": (np.arcsinh, (-100, 100), 2.2, 2.0),
    "acosh": (np.arccosh, (1, 100), 2.4, 2.0),
    "atanh": (np.arctanh, (-1, 1), 2.4, 2.0),
    "sin": (np.sin, (-100, 100), 1.6, 1.6),
    "cos": (np.cos, (-100, 100), 1.6, 1.6),
    "tan": (np.tan, (-100, 100), 3.0, 3.0),
    "asin": (np.arcsin, (-1, 1), 2.6, 2.4),
    "acos": (np.arccos, (-1, 1), 1.4, 1.4),
    "atan": (np.arctan, (-100, 100), 1.6, 1.6),
    "erf": (erf_of, (-5, 5), 2.6, 2.4),
    "cbrt": (np.cbrt, (-100, 100), 1.0, 1.0),
    "rsqrt": (lambda x: 1 / np.sqrt(x), (0, 100), 1.6, 1.6),
    "sqrt": (np.sqrt, (0, 100), 0.51, 0.51),
}
SPECIAL = (
    0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, 0.5, -0.5, 1e-45, -1e-45, 1.2e-38,
    3.4e38, -3.4e38, 88.7, -87.4, -103.9, 128.0, -149.0, 1e5, -1e6, 1e20,
)  # fmt: skip


def samples(interval: tuple[float, float], dtype: Any) -> Array:
    """The interval, the same shrunk towards 0, any bit pattern, and the special values."""
    generator = np.random.default_rng(0)
    part = COUNT // 4
    plain = generator.uniform(*interval, 2 * part)
    small = generator.uniform(*interval, part) * 2.0 ** -generator.integers(0, 40, part)
    width = np.uint32 if dtype is np.float32 else np.uint64
    patterns = generator.integers(0, np.iinfo(width).max, part, dtype=width).view(dtype)
    values = np.concatenate([plain.astype(dtype), small.astype(dtype), patterns])
    values[: len(SPECIAL)] = SPECIAL
    return values


def worst_error(got: Array, reference: Array) -> float:
    """The largest error in ulp of the result's type; infinite where an infinity, NaN or overflow is wrong."""
    rounded = reference.astype(got.dtype)
    is_finite = np.isfinite(rounded)
    agree = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    if not agree[~is_finite].all():
        return math.inf
    ulp = np.maximum(np.abs(np.spacing(rounded[is_finite])), np.finfo(got.dtype).smallest_subnormal)
    error = np.abs(got[is_finite].astype(reference.dtype) - reference[is_finite]) / ulp.astype(
        reference.dtype
    )
    return float(error.max())


def evaluate(name: str, x: Array, lanes: int) -> Array:
    return apply(f"math.{name} {{0}} : {{v}}", [x], x.dtype, lanes)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_f32_error_over_the_whole_range(name: str) -> None:
    function, interval, bound, _ = FUNCTIONS[name]
    x = samples(interval, np.float32)
    assert worst_error(evaluate(name, x, 8), function(x.astype(np.float64))) <= bound


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_f64_error_over_the_whole_range(name: str) -> None:
    function, interval, _, bound = FUNCTIONS[name]
    x = samples(interval, np.float64)
    wide = x if name == "erf" else x.astype(np.longdouble)
    # The reference itself may be off by an ulp where the C library has only doubles.
    slack = 1.0 if wide.dtype == np.float64 or np.finfo(np.longdouble).nmant < 60 else 0.0
    assert worst_error(evaluate(name, x, 4), function(wide)) <= bound + slack


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_lane_computes_what_a_scalar_does(name: str, lanes: int) -> None:
    x = samples(FUNCTIONS[name][1], np.float32)[-4096:]
    scalar, vector = evaluate(name, x, 0), evaluate(name, x, lanes)
    is_number = ~np.isnan(scalar)
    np.testing.assert_array_equal(scalar.view(np.int32)[is_number], vector.view(np.int32)[is_number])
    np.testing.assert_array_equal(np.isnan(scalar), np.isnan(vector))


@pytest.mark.parametrize(
    "name", ["expm1", "log1p", "tanh", "sinh", "asinh", "atanh", "sin", "tan", "asin", "atan", "erf", "cbrt"]
)
def test_odd_functions_keep_the_sign_of_zero(name: str) -> None:
    x = np.array([0.0, -0.0] * 4, np.float32)
    np.testing.assert_array_equal(np.signbit(evaluate(name, x, 8)), np.signbit(x))


def pairs() -> tuple[Array, Array]:
    generator = np.random.default_rng(0)
    special = np.array(
        [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, np.inf, -np.inf, np.nan, 3, -3, 1e-45, 3e38, 2.0**24 + 1]
    )
    first, second = (grid.ravel() for grid in np.meshgrid(special, special))
    count = 4096 - first.size
    x = np.concatenate([first, generator.uniform(0, 30, count)]).astype(np.float32)
    y = np.concatenate([second, generator.uniform(-25, 25, count)]).astype(np.float32)
    x[-500:], y[-500:] = -x[-500:], np.round(y[-500:])
    return x, y


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize(("name", "function"), [("powf", np.power), ("atan2", np.arctan2)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_functions_of_two_arguments(name: str, function: Callable[[Array, Array], Array], lanes: int) -> None:
    x, y = pairs()
    operation = f"math.{name} {{0}}, {{1}} : {{v}}"
    got = apply(operation, [x, y], np.float32, lanes)
    reference = function(x.astype(np.float64), y.astype(np.float64))
    assert worst_error(got, reference) <= 1.7
    is_number = ~np.isnan(reference)
    np.testing.assert_array_equal(np.signbit(got)[is_number], np.signbit(reference)[is_number])
    wide = apply(operation, [x.astype(np.float64), y.astype(np.float64)], np.float64, lanes and 4)
    assert worst_error(wide, reference) <= 3.0


ROUNDING: dict[str, Callable[[Array], Array]] = {
    "absf": np.abs,
    "ceil": np.ceil,
    "floor": np.floor,
    "trunc": np.trunc,
    "roundeven": np.round,
    "round": lambda x: np.copysign(np.floor(np.abs(x.astype(np.float64)) + 0.5), x).astype(x.dtype),
}


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("name", ROUNDING)
def test_rounding(name: str, lanes: int) -> None:
    x = np.array(
        [
            0.5,
            1.5,
            2.5,
            -0.5,
            -1.5,
            0.49999997,
            1e10,
            -3.2,
            0.0,
            -0.0,
            np.inf,
            8388609.0,
            2.4,
            2.6,
            -2.6,
            7.0,
        ],
        np.float32,
    )
    np.testing.assert_array_equal(evaluate(name, x, lanes), ROUNDING[name](x))


@pytest.mark.parametrize("lanes", [0, 8])
def test_integer_functions(lanes: int) -> None:
    x = np.array([0, 1, -1, 5, 2**31 - 1, -(2**31) + 1, 1 << 20, -300] * 2, np.int32)
    np.testing.assert_array_equal(apply("math.absi {0} : {v}", [x], np.int32, lanes), np.abs(x))
    bits = [f"{v & 0xFFFFFFFF:032b}" for v in x.tolist()]
    counts = [text.count("1") for text in bits]
    np.testing.assert_array_equal(apply("math.ctpop {0} : {v}", [x], np.int32, lanes), counts)
    leading = [len(text) - len(text.lstrip("0")) for text in bits]
    np.testing.assert_array_equal(apply("math.ctlz {0} : {v}", [x], np.int32, lanes), leading)
    trailing = [len(text) - len(text.rstrip("0")) for text in bits]
    np.testing.assert_array_equal(apply("math.cttz {0} : {v}", [x], np.int32, lanes), trailing)


@pytest.mark.parametrize("lanes", [0, 4])
def test_integer_powers(lanes: int) -> None:
    base = np.array([2, -3, 0, 1, -1, -1, 7, 10], np.int64)
    exponent = np.array([10, 3, 0, -5, -3, -2, -1, 18], np.int64)
    got = apply("math.ipowi {0}, {1} : {v}", [base, exponent], np.int64, lanes)
    np.testing.assert_array_equal(got, [1024, -27, 1, 1, -1, 1, 0, 10**18])


@pytest.mark.parametrize("lanes", [0, 8])
def test_fused_multiply_add_rounds_once(lanes: int) -> None:
    generator = np.random.default_rng(0)
    a, b, c = (generator.normal(size=64).astype(np.float32) for _ in range(3))
    got = apply("math.fma {0}, {1}, {2} : {v}", [a, b, c], np.float32, lanes)
    exact = a.astype(np.float64) * b.astype(np.float64) + c.astype(np.float64)
    np.testing.assert_array_equal(got, exact.astype(np.float32))


def test_copysign_and_fpowi() -> None:
    x, y = np.array([1.0, -2.0, 0.0, np.inf], np.float32), np.array([-1.0, 1.0, -0.0, -1.0], np.float32)
    np.testing.assert_array_equal(
        apply("math.copysign {0}, {1} : {v}", [x, y], np.float32, 0), np.copysign(x, y)
    )
    exponent = np.array([3, 3, 0, -1], np.int32)
    got = apply("math.fpowi {0}, {1} : f32, i32", [x, exponent], np.float32, 0)
    np.testing.assert_array_equal(got, np.power(x.astype(np.float64), exponent).astype(np.float32))
