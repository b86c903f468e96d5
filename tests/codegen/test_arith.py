"""Every `arith` op, on scalars and on vectors, against NumPy."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.codegen.loop_kernels import Array, apply, call, compile_loop
from tsc.codegen.arith import FLOAT_PREDICATES, INTEGER_PREDICATES

LANES = (0, 4, 8, 16)
COUNT = 64


def integers(dtype: Any, *, low: int | None = None, high: int | None = None, seed: int = 0) -> Array:
    info = np.iinfo(dtype)
    generator = np.random.default_rng(seed)
    first, last = (info.min if low is None else low, info.max if high is None else high)
    return generator.integers(first, last, COUNT, dtype=np.int64, endpoint=True).astype(dtype)


def floats(dtype: Any, seed: int = 0) -> Array:
    values = np.random.default_rng(seed).normal(0, 100, COUNT)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5]
    values[:8] = special if seed % 2 else special[::-1]
    return values.astype(dtype)


INTEGER_OPS: dict[str, Callable[[Array, Array], Array]] = {
    "addi": np.add,
    "subi": np.subtract,
    "muli": np.multiply,
    "andi": np.bitwise_and,
    "ori": np.bitwise_or,
    "xori": np.bitwise_xor,
    "minsi": np.minimum,
    "maxsi": np.maximum,
    "minui": lambda a, b: np.minimum(unsigned(a), unsigned(b)).view(a.dtype),
    "maxui": lambda a, b: np.maximum(unsigned(a), unsigned(b)).view(a.dtype),
}
DIVISIONS: dict[str, Callable[[Array, Array], Array]] = {
    "divsi": lambda a, b: (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype),
    "remsi": np.fmod,
    "divui": lambda a, b: (unsigned(a) // unsigned(b)).view(a.dtype),
    "remui": lambda a, b: (unsigned(a) % unsigned(b)).view(a.dtype),
    "floordivsi": np.floor_divide,
    "ceildivsi": lambda a, b: -np.floor_divide(-a, b),
    "ceildivui": lambda a, b: ((unsigned(a) + unsigned(b) - 1) // unsigned(b)).view(a.dtype),
}
SHIFTS: dict[str, Callable[[Array, Array], Array]] = {
    "shli": np.left_shift,
    "shrsi": np.right_shift,
    "shrui": lambda a, b: (unsigned(a) >> unsigned(b)).view(a.dtype),
}


def unsigned(array: Array) -> Array:
    kind: np.dtype[Any] = np.dtype(f"u{array.dtype.itemsize}")
    return array.view(kind)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64])
@pytest.mark.parametrize("name", INTEGER_OPS)
def test_integer_operations_wrap_as_numpy_does(name: str, dtype: Any, lanes: int) -> None:
    a, b = integers(dtype), integers(dtype, seed=1)
    got = apply(f"arith.{name} {{0}}, {{1}} : {{v}}", [a, b], dtype, lanes)
    np.testing.assert_array_equal(got, INTEGER_OPS[name](a, b))


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize("name", DIVISIONS)
def test_integer_divisions(name: str, dtype: Any, lanes: int) -> None:
    a, b = integers(dtype, low=-100), integers(dtype, low=1, high=100, seed=1)
    if name.endswith("si"):
        b[::2] *= -1
    got = apply(f"arith.{name} {{0}}, {{1}} : {{v}}", [a, b], dtype, lanes)
    expected = DIVISIONS[name](a, b) if name != "ceildivui" else ceiling_unsigned(a, b)
    np.testing.assert_array_equal(got, expected)


def ceiling_unsigned(a: Array, b: Array) -> Array:
    quotient, remainder = unsigned(a) // unsigned(b), unsigned(a) % unsigned(b)
    return (quotient + (remainder != 0)).astype(quotient.dtype).view(a.dtype)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize("name", SHIFTS)
def test_shifts(name: str, dtype: Any, lanes: int) -> None:
    a, b = integers(dtype), integers(dtype, low=0, high=7, seed=1)
    got = apply(f"arith.{name} {{0}}, {{1}} : {{v}}", [a, b], dtype, lanes)
    np.testing.assert_array_equal(got, SHIFTS[name](a, b))


FLOAT_OPS: dict[str, Callable[[Array, Array], Array]] = {
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
}


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FLOAT_OPS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_float_operations_are_bit_exact(name: str, dtype: Any, lanes: int) -> None:
    a, b = floats(dtype), floats(dtype, seed=1)
    got = apply(f"arith.{name} {{0}}, {{1}} : {{v}}", [a, b], dtype, lanes)
    np.testing.assert_array_equal(got, FLOAT_OPS[name](a, b))


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("name", ["addf", "mulf", "maximumf"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reduced_floats_are_computed_in_f32_and_rounded_once(name: str, dtype: Any, lanes: int) -> None:
    a, b = floats(dtype), floats(dtype, seed=1)
    got = apply(f"arith.{name} {{0}}, {{1}} : {{v}}", [a, b], dtype, lanes)
    expected = FLOAT_OPS[name](a.astype(np.float32), b.astype(np.float32)).astype(dtype)
    np.testing.assert_array_equal(got.astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("lanes", [0, 8])
def test_negation_flips_the_sign_of_zero(lanes: int) -> None:
    a = floats(np.float32)
    got = apply("arith.negf {0} : {v}", [a], np.float32, lanes)
    np.testing.assert_array_equal(np.signbit(got), ~np.signbit(a))


def comparison(name: str, predicate: int) -> str:
    """xDSL 0.74 has no custom syntax for comparisons of vectors; the generic form says it."""
    return f'"arith.{name}"({{0}}, {{1}}) <{{{{predicate = {predicate} : i64}}}}> : ({{v}}, {{v}}) -> {{r}}'


def conversion(name: str) -> str:
    """The generic form, for the same reason."""
    return f'"arith.{name}"({{0}}) : ({{v}}) -> {{r}}'


COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "oeq": lambda a, b: a == b,
    "ogt": lambda a, b: a > b,
    "oge": lambda a, b: a >= b,
    "olt": lambda a, b: a < b,
    "ole": lambda a, b: a <= b,
    "one": lambda a, b: (a < b) | (a > b),
    "ord": lambda a, b: ~(np.isnan(a) | np.isnan(b)),
    "uno": lambda a, b: np.isnan(a) | np.isnan(b),
    "une": lambda a, b: a != b,
    "ueq": lambda a, b: ~((a < b) | (a > b)),
    "ult": lambda a, b: ~(a >= b),
    "true": lambda a, b: np.ones_like(a, bool),
    "false": lambda a, b: np.zeros_like(a, bool),
}  # fmt: skip


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("predicate", COMPARISONS)
def test_float_comparisons(predicate: str, lanes: int) -> None:
    a, b = floats(np.float32), floats(np.float32, seed=1)
    b[10:20] = a[10:20]
    got = apply(comparison("cmpf", FLOAT_PREDICATES.index(predicate)), [a, b], np.bool_, lanes)
    np.testing.assert_array_equal(got, COMPARISONS[predicate](a, b))


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize("predicate", ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"])
def test_integer_comparisons(predicate: str, lanes: int) -> None:
    a, b = integers(np.int32), integers(np.int32, seed=1)
    b[::3] = a[::3]
    left, right = (unsigned(a), unsigned(b)) if predicate[0] == "u" else (a, b)
    compare = {"eq": np.equal, "ne": np.not_equal}.get(predicate) or {
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
    }[predicate[1:]]
    got = apply(comparison("cmpi", INTEGER_PREDICATES.index(predicate)), [a, b], np.bool_, lanes)
    np.testing.assert_array_equal(got, compare(left, right))


@pytest.mark.parametrize("lanes", [0, 8])
def test_select_chooses_by_lane(lanes: int) -> None:
    flags = np.arange(COUNT) % 3 == 0
    a, b = floats(np.float32), floats(np.float32, seed=1)
    condition = "vector<8xi1>" if lanes else "i1"
    got = apply(
        f'"arith.select"({{0}}, {{1}}, {{2}}) : ({condition}, {{v}}, {{v}}) -> {{r}}',
        [flags, a, b],
        np.float32,
        lanes,
    )
    np.testing.assert_array_equal(got, np.where(flags, a, b))


CONVERSIONS: list[tuple[str, Any, Any]] = [
    ("extf", np.float32, np.float64),
    ("truncf", np.float64, np.float32),
    ("extf", np.float16, np.float32),
    ("truncf", np.float32, np.float16),
    ("extf", np.float16, np.float64),
    ("truncf", np.float64, np.float16),
    ("extf", ml_dtypes.bfloat16, np.float32),
    ("truncf", np.float32, ml_dtypes.bfloat16),
    ("extf", ml_dtypes.bfloat16, np.float64),
    ("extsi", np.int8, np.int32),
    ("extsi", np.int32, np.int64),
    ("trunci", np.int64, np.int8),
    ("trunci", np.int32, np.int16),
    ("sitofp", np.int32, np.float32),
    ("sitofp", np.int64, np.float64),
    ("sitofp", np.int64, np.float32),
    ("sitofp", np.int16, np.float16),
    ("sitofp", np.int16, ml_dtypes.bfloat16),
]


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("name", "source", "target"), CONVERSIONS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_conversions(name: str, source: Any, target: Any, lanes: int) -> None:
    a = integers(source) if np.dtype(source).kind == "i" else floats(source)
    got = apply(conversion(name), [a], target, lanes)
    expected = a.astype(np.float32).astype(target) if target is ml_dtypes.bfloat16 else a.astype(target)
    np.testing.assert_array_equal(got.astype(np.float64), expected.astype(np.float64))


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.parametrize(
    ("source", "target"), [(np.float32, np.int32), (np.float64, np.int64), (np.float32, np.int8)]
)
def test_float_to_integer_truncates(source: Any, target: Any, lanes: int) -> None:
    a = np.random.default_rng(0).uniform(-100, 100, COUNT).astype(source)
    got = apply(conversion("fptosi"), [a], target, lanes)
    np.testing.assert_array_equal(got, a.astype(target))


@pytest.mark.parametrize("lanes", [0, 8])
def test_unsigned_conversions(lanes: int) -> None:
    a = integers(np.int32)
    got = apply(conversion("uitofp"), [a], np.float64, lanes)
    np.testing.assert_array_equal(got, unsigned(a).astype(np.float64))
    wide = apply(conversion("extui"), [a], np.int64, lanes)
    np.testing.assert_array_equal(wide, unsigned(a).astype(np.int64))
    back = apply(conversion("fptoui"), [got], np.int32, lanes)
    np.testing.assert_array_equal(back, a)


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bfloat16_rounds_to_nearest_even_for_every_pattern(lanes: int) -> None:
    high = np.arange(1 << 16, dtype=np.uint32) << 16
    for low in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        a = (high | low).view(np.float32)
        got = apply("arith.truncf {0} : {v} to {r}", [a], ml_dtypes.bfloat16, lanes)
        expected = a.astype(ml_dtypes.bfloat16)
        finite = ~np.isnan(a)
        np.testing.assert_array_equal(got.view(np.uint16)[finite], expected.view(np.uint16)[finite])
        assert np.isnan(got[~finite].astype(np.float32)).all()


@pytest.mark.parametrize("lanes", [0, 8])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_f64_to_f16_rounds_once(lanes: int) -> None:
    """Just above the middle of two halves: rounding to f32 first would land on it, and then go to even."""
    halves = np.arange(0x0001, 0x7BFF, 7, dtype=np.uint16)[:4000].view(np.float16).astype(np.float64)
    following = np.nextafter(halves.astype(np.float16), np.float16(np.inf)).astype(np.float64)
    middle = (halves + following) / 2
    a = np.concatenate([np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf), middle, -middle])
    got = apply("arith.truncf {0} : {v} to {r}", [a], np.float16, lanes)
    np.testing.assert_array_equal(got, a.astype(np.float16))


@pytest.mark.parametrize("lanes", [0, 8])
def test_bitcast_keeps_the_bits(lanes: int) -> None:
    a = floats(np.float32)
    got = apply("arith.bitcast {0} : {v} to {r}", [a], np.int32, lanes)
    np.testing.assert_array_equal(got, a.view(np.int32))
    half = floats(ml_dtypes.bfloat16)
    short = apply("arith.bitcast {0} : {v} to {r}", [half], np.int16, lanes)
    np.testing.assert_array_equal(short, half.view(np.int16))


INDEX_CAST = """
func.func @kernel(%a: memref<4xi32>, %o: memref<4xi64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %three = arith.constant 3 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %x = memref.load %a[%i] : memref<4xi32>
    %wide = arith.index_cast %x : i32 to index
    %scaled = arith.muli %wide, %three : index
    %moved = arith.addi %scaled, %i : index
    %y = arith.index_cast %moved : index to i64
    memref.store %y, %o[%i] : memref<4xi64>
  }
  func.return
}"""


def test_index_casts_and_index_arithmetic() -> None:
    a, out = np.array([5, -7, 0, 2**31 - 1], np.int32), np.zeros(4, np.int64)
    call(compile_loop(INDEX_CAST), "kernel", a, out)
    np.testing.assert_array_equal(out, a.astype(np.int64) * 3 + np.arange(4))
