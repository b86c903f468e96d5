"""The lane operations of `vector`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.codegen.loop_kernels import Array, call, compile_loop

REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "add": np.sum,
    "mul": np.prod,
    "minsi": np.min,
    "maxsi": np.max,
    "minui": lambda v: v.view(np.uint32).min().astype(np.int32),
    "maxui": lambda v: v.view(np.uint32).max().view(np.int32),
    "and": np.bitwise_and.reduce,
    "or": np.bitwise_or.reduce,
    "xor": np.bitwise_xor.reduce,
}
FLOAT_REDUCTIONS: dict[str, Callable[[Array], Any]] = {
    "minimumf": np.min,
    "maximumf": np.max,
    "minnumf": np.fmin.reduce,
    "maxnumf": np.fmax.reduce,
}


def reduce(kind: str, values: Array, element: str, accumulator: str = "") -> Array:
    lanes = values.size
    text = f"""
    func.func @kernel(%a: memref<{lanes}x{element}>, %o: memref<1x{element}>) {{
      %c0 = arith.constant 0 : index
      %v = vector.load %a[%c0] : memref<{lanes}x{element}>, vector<{lanes}x{element}>
      %old = memref.load %o[%c0] : memref<1x{element}>
      %r = vector.reduction <{kind}>, %v{accumulator} : vector<{lanes}x{element}> into {element}
      memref.store %r, %o[%c0] : memref<1x{element}>
      func.return
    }}"""
    out = np.ones(1, values.dtype)
    call(compile_loop(text), "kernel", values, out)
    return out[0]


@pytest.mark.parametrize("lanes", [4, 8, 16, 6, 1])
@pytest.mark.parametrize("kind", REDUCTIONS)
def test_integer_reductions(kind: str, lanes: int) -> None:
    values = np.random.default_rng(lanes).integers(-50, 50, lanes).astype(np.int32)
    assert reduce(kind, values, "i32") == REDUCTIONS[kind](values).astype(np.int32)


@pytest.mark.parametrize("kind", FLOAT_REDUCTIONS)
@pytest.mark.parametrize("has_nan", [False, True])
def test_float_extremes_and_nan(kind: str, has_nan: bool) -> None:
    values = np.random.default_rng(0).normal(size=8).astype(np.float32)
    values[3] = np.nan if has_nan else 0
    np.testing.assert_array_equal(reduce(kind, values, "f32"), FLOAT_REDUCTIONS[kind](values))


def test_float_sum_has_one_order() -> None:
    """Halves are added lane by lane; the accumulator comes last."""
    v = np.random.default_rng(0).normal(size=8).astype(np.float32)
    quarter = (v[:4] + v[4:])[:2] + (v[:4] + v[4:])[2:]
    assert reduce("add", v, "f32") == quarter[0] + quarter[1]
    assert reduce("add", v, "f32", ", %old") == np.float32(1) + (quarter[0] + quarter[1])


LANES = """
func.func @kernel(%a: memref<8xf32>, %k: memref<1xi64>, %o: memref<4x8xf32>, %b: memref<8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %v = vector.load %a[%c0] : memref<8xf32>, vector<8xf32>
  %n = memref.load %k[%c0] : memref<1xi64>
  %i = arith.index_cast %n : i64 to index
  %x = vector.extract %v[%i] : f32 from vector<8xf32>
  %y = vector.extract %v[2] : f32 from vector<8xf32>
  %s = vector.broadcast %x : f32 to vector<8xf32>
  vector.store %s, %o[%c0, %c0] : memref<4x8xf32>, vector<8xf32>
  %t = vector.insert %y, %s [5] : f32 into vector<8xf32>
  vector.store %t, %o[%c1, %c0] : memref<4x8xf32>, vector<8xf32>
  %u = vector.insert %y, %v [%i] : f32 into vector<8xf32>
  vector.store %u, %o[%c2, %c0] : memref<4x8xf32>, vector<8xf32>
  %w = vector.shuffle %v, %s [7, 6, 5, 4, 3, 2, 1, 8] : vector<8xf32>, vector<8xf32>
  vector.store %w, %o[%c3, %c0] : memref<4x8xf32>, vector<8xf32>
  %bits = vector.bitcast %v : vector<8xf32> to vector<8xi32>
  vector.store %bits, %b[%c0] : memref<8xi32>, vector<8xi32>
  func.return
}"""


def test_lanes_are_taken_put_and_moved() -> None:
    v, out, bits = np.arange(8, dtype=np.float32) + 1, np.zeros((4, 8), np.float32), np.zeros(8, np.int32)
    call(compile_loop(LANES), "kernel", v, np.array([6]), out, bits)
    np.testing.assert_array_equal(out[0], np.full(8, 7))
    np.testing.assert_array_equal(out[1], [7, 7, 7, 7, 7, 3, 7, 7])
    np.testing.assert_array_equal(out[2], [1, 2, 3, 4, 5, 6, 3, 8])
    np.testing.assert_array_equal(out[3], [8, 7, 6, 5, 4, 3, 2, 7])
    np.testing.assert_array_equal(bits, v.view(np.int32))
