"""Whole kernels as the schedules write them: tails, reductions, a register tile, memory of all types, host
and constants.
"""

import ctypes
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.codegen.loop_kernels import Array, apply, call, call_main, compile_loop, parse_loop
from tsc.analysis.target import AVX2, AVX512, GENERIC_X86
from tsc.codegen import emit_cpu
from tsc.errors import CodegenError
from tsc.runtime.host import host_target
from tsc.runtime.native import ArraySpec, native_function
from tsc.runtime.threads import get_num_threads, set_num_threads


def constants(*values: int) -> str:
    return "\n".join(f"%c{v} = arith.constant {v} : index" for v in values)


POINTWISE = f"""
func.func private @double(%a: memref<19xf32>, %o: memref<19xf32>) {{
  {constants(0, 1, 8, 16, 19)}
  %two = arith.constant dense<2.0> : vector<8xf32>
  %one = arith.constant 2.0 : f32
  scf.for %i = %c0 to %c16 step %c8 {{
    %v = vector.load %a[%i] : memref<19xf32>, vector<8xf32>
    %w = arith.mulf %v, %two : vector<8xf32>
    vector.store %w, %o[%i] : memref<19xf32>, vector<8xf32>
  }}
  scf.for %i = %c16 to %c19 step %c1 {{
    %v = memref.load %a[%i] : memref<19xf32>
    %w = arith.mulf %v, %one : f32
    memref.store %w, %o[%i] : memref<19xf32>
  }}
  func.return
}}
func.func @main(%a: memref<19xf32>, %o: memref<19xf32>, %arena: memref<256xi8>) attributes {{tsc.num_inputs =
1 : i64}} {{
  %c64 = arith.constant 64 : index
  %t = memref.view %arena[%c64][] : memref<256xi8> to memref<19xf32>
  func.call @double(%a, %t) : (memref<19xf32>, memref<19xf32>) -> ()
  func.call @double(%t, %o) : (memref<19xf32>, memref<19xf32>) -> ()
  func.return
}}"""


def test_host_calls_kernels_through_the_arena() -> None:
    x, out, arena = np.arange(19, dtype=np.float32), np.zeros(19, np.float32), np.zeros(256, np.uint8)
    call_main(compile_loop(POINTWISE), [x], [out], arena)
    np.testing.assert_array_equal(out, 4 * x)
    np.testing.assert_array_equal(arena[64 : 64 + 76].view(np.float32), 2 * x)
    assert not arena[:64].any()
    assert not arena[140:].any()


ROW_SOFTMAX = f"""
func.func @kernel(%a: memref<5x24xf32>, %o: memref<5x24xf32>) {{
  {constants(0, 1, 5, 8, 24)}
  %lowest = arith.constant 0xFF800000 : f32
  %low = vector.broadcast %lowest : f32 to vector<8xf32>
  %zero = arith.constant dense<0.0> : vector<8xf32>
  scf.for %r = %c0 to %c5 step %c1 {{
    %m = scf.for %i = %c0 to %c24 step %c8 iter_args(%acc = %low) -> (vector<8xf32>) {{
      %v = vector.load %a[%r, %i] : memref<5x24xf32>, vector<8xf32>
      %n = arith.maximumf %acc, %v : vector<8xf32>
      scf.yield %n : vector<8xf32>
    }}
    %max = vector.reduction <maximumf>, %m : vector<8xf32> into f32
    %maxv = vector.broadcast %max : f32 to vector<8xf32>
    %s = scf.for %i = %c0 to %c24 step %c8 iter_args(%acc = %zero) -> (vector<8xf32>) {{
      %v = vector.load %a[%r, %i] : memref<5x24xf32>, vector<8xf32>
      %d = arith.subf %v, %maxv : vector<8xf32>
      %e = math.exp %d : vector<8xf32>
      vector.store %e, %o[%r, %i] : memref<5x24xf32>, vector<8xf32>
      %n = arith.addf %acc, %e : vector<8xf32>
      scf.yield %n : vector<8xf32>
    }}
    %sum = vector.reduction <add>, %s : vector<8xf32> into f32
    %sumv = vector.broadcast %sum : f32 to vector<8xf32>
    scf.for %i = %c0 to %c24 step %c8 {{
      %e = vector.load %o[%r, %i] : memref<5x24xf32>, vector<8xf32>
      %q = arith.divf %e, %sumv : vector<8xf32>
      vector.store %q, %o[%r, %i] : memref<5x24xf32>, vector<8xf32>
    }}
  }}
  func.return
}}"""


def test_row_reductions_with_carried_vectors() -> None:
    x = np.random.default_rng(0).normal(size=(5, 24)).astype(np.float32)
    out = np.zeros_like(x)
    call(compile_loop(ROW_SOFTMAX), "kernel", x, out)
    expected = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(out, expected / expected.sum(1, keepdims=True), rtol=1e-6)


def gemm(m: int, n: int, k: int, rows: int = 6, vectors: int = 2, lanes: int = 8) -> str:
    """A packed GEMM: panels of B are the chunks of the parallel loop; the accumulators are carried values."""
    width, vector = vectors * lanes, f"vector<{lanes}xf32>"
    a, b, o = f"memref<{m}x{k}xf32>", f"memref<{n // width}x{k}x{width}xf32>", f"memref<{m}x{n}xf32>"
    tile = [(i, j) for i in range(rows) for j in range(vectors)]
    body = [f"%b{j} = vector.load %b[%p, %k, %c{j * lanes}] : {b}, {vector}" for j in range(vectors)]
    stores: list[str] = []
    for i in range(rows):
        body.append(f"%i{i} = arith.addi %i, %c{i} : index")
        body.append(f"%s{i} = memref.load %a[%i{i}, %k] : {a}")
        body.append(f"%w{i} = vector.broadcast %s{i} : f32 to {vector}")
    for position, (i, j) in enumerate(tile):
        body.append(f"%f{i}_{j} = vector.fma %w{i}, %b{j}, %acc{i}_{j} : {vector}")
        stores.append(f"%oi{position} = arith.addi %i, %c{i} : index")
        stores.append(f"%oj{position} = arith.addi %n, %c{j * lanes} : index")
        stores.append(f"vector.store %r#{position}, %o[%oi{position}, %oj{position}] : {o}, {vector}")
    types = ", ".join([vector] * len(tile))
    carried = ", ".join(f"%acc{i}_{j} = %z" for i, j in tile)
    yielded = ", ".join(f"%f{i}_{j}" for i, j in tile)
    numbers = sorted({*range(rows), *range(0, width, lanes), 0, 1, m, k, rows, width, n // width})
    newline = "\n"
    return f"""
func.func @kernel(%a: {a}, %b: {b}, %o: {o}) {{
  {constants(*numbers)}
  %z = arith.constant dense<0.0> : {vector}
  "scf.parallel"(%c0, %c{n // width}, %c1) <{{operandSegmentSizes = array<i32: 1, 1, 1, 0>}}> ({{
  ^bb0(%p: index):
    %n = arith.muli %p, %c{width} : index
    scf.for %i = %c0 to %c{m} step %c{rows} {{
      %r:{len(tile)} = scf.for %k = %c0 to %c{k} step %c1 iter_args({carried}) -> ({types}) {{
        {newline.join(body)}
        scf.yield {yielded} : {types}
      }}
      {newline.join(stores)}
    }}
    scf.reduce
  }}) : (index, index, index) -> ()
  func.return
}}"""


def packed(b: Array, width: int) -> Array:
    return np.ascontiguousarray(b.reshape(b.shape[0], -1, width).transpose(1, 0, 2))


def test_gemm_tile_is_right() -> None:
    generator = np.random.default_rng(0)
    a, b = (
        generator.normal(size=(12, 40)).astype(np.float32),
        generator.normal(size=(40, 48)).astype(np.float32),
    )
    out = np.zeros((12, 48), np.float32)
    call(compile_loop(gemm(12, 48, 40)), "kernel", a, packed(b, 16), out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(host_target().vector_bits < 256, reason="the tile is made for 16 registers of 8 floats")
def test_gemm_tile_stays_in_registers() -> None:
    assembly = compile_loop(gemm(12, 48, 40)).assembly()
    assert "Spill" not in assembly
    assert assembly.count("vfmadd") >= 12


def test_addresses_end_in_one_constant() -> None:
    """Six rows of the tile share one variable address; only constants differ."""
    text = emit_cpu(parse_loop(gemm(12, 48, 40)), AVX2).text
    assert text.count("mul nsw i64") <= 6


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "bool"]
)
@pytest.mark.parametrize("lanes", [0, 8])
def test_every_element_type_is_loaded_and_stored(dtype: str, lanes: int) -> None:
    element: Any = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    x = np.arange(64).astype(element)
    condition = "vector<8xi1>" if lanes else "i1"
    flags = np.arange(64) % 2 == 0
    got = apply(
        f'"arith.select"({{0}}, {{1}}, {{1}}) : ({condition}, {{v}}, {{v}}) -> {{r}}',
        [flags, x],
        element,
        lanes,
    )
    np.testing.assert_array_equal(got, x)


def test_any_nonzero_byte_is_true() -> None:
    flags = np.array([0, 1, 2, 255] * 2, np.uint8).view(np.bool_)
    x = np.arange(8, dtype=np.float32)
    got = apply('"arith.select"({0}, {1}, {1}) : (vector<8xi1>, {v}, {v}) -> {r}', [flags, x], np.float32, 8)
    np.testing.assert_array_equal(got, x)


CONSTANTS = """
"memref.global"() <{sym_name = "w", sym_visibility = "private", type = memref<4xf32>, initial_value}> : () ->
() "memref.global"() <{sym_name = "bias", sym_visibility = "private", type = memref<4xf32>, initial_value}> :
() -> () func.func @main(%o: memref<4xf32>, %arena: memref<0xi8>) attributes {tsc.num_inputs = 0 : i64} {
  %b = memref.get_global @bias : memref<4xf32>
  %w = memref.get_global @w : memref<4xf32>
  func.call @add(%w, %b, %o) : (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> ()
  func.return
}
func.func private @add(%w: memref<4xf32>, %b: memref<4xf32>, %o: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %x = vector.load %w[%c0] : memref<4xf32>, vector<4xf32>
  %y = vector.load %b[%c0] : memref<4xf32>, vector<4xf32>
  %z = arith.subf %x, %y : vector<4xf32>
  vector.store %z, %o[%c0] : memref<4xf32>, vector<4xf32>
  func.return
}"""


def test_constants_are_found_through_the_table() -> None:
    emitted = emit_cpu(parse_loop(CONSTANTS), host_target())
    assert emitted.constant_keys == ("bias", "w")
    assert emitted.entries == ("main",)
    compiled = compile_loop(CONSTANTS)
    arrays = {"w": np.arange(4, dtype=np.float32), "bias": np.full(4, 2, np.float32)}
    table = (ctypes.c_void_p * 2).from_address(compiled.address("tsc_constants"))
    for position, key in enumerate(emitted.constant_keys):
        table[position] = arrays[key].ctypes.data
    out = np.zeros(4, np.float32)
    call_main(compiled, [], [out])
    np.testing.assert_array_equal(out, arrays["w"] - arrays["bias"])


VIEWS = f"""
func.func @kernel(%a: memref<6x8xf32>, %o: memref<8x6xf32>, %p: memref<4x6xf32>) {{
  {constants(0, 1, 2, 3, 4, 6, 8)}
  %t = memref.reinterpret_cast %o to offset: [0], sizes: [6, 8], strides: [1, 6] : memref<8x6xf32> to
  memref<6x8xf32, strided<[1, 6]>> scf.for %i = %c0 to %c6 step %c1 {{
    scf.for %j = %c0 to %c8 step %c1 {{
      %x = memref.load %a[%i, %j] : memref<6x8xf32>
      memref.store %x, %t[%i, %j] : memref<6x8xf32, strided<[1, 6]>>
    }}
  }}
  scf.for %r = %c0 to %c4 step %c1 {{
    %next = arith.addi %r, %c1 : index
    %row = memref.subview %a[%next, 2] [1, 6] [1, 1] : memref<6x8xf32> to memref<6xf32, strided<[1], offset:
    ?>> %stack = memref.alloca() : memref<6xf32>
    scf.for %j = %c0 to %c6 step %c1 {{
      %x = memref.load %row[%j] : memref<6xf32, strided<[1], offset: ?>>
      memref.store %x, %stack[%j] : memref<6xf32>
    }}
    scf.for %j = %c0 to %c6 step %c1 {{
      %x = memref.load %stack[%j] : memref<6xf32>
      memref.store %x, %p[%r, %j] : memref<4x6xf32>
    }}
  }}
  func.return
}}"""


def test_views_only_change_addresses() -> None:
    x = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    out, part = np.zeros((8, 6), np.float32), np.zeros((4, 6), np.float32)
    call(compile_loop(VIEWS), "kernel", x, out, part)
    np.testing.assert_array_equal(out, x.T)
    np.testing.assert_array_equal(part, x[1:5, 2:8])


MASKED = f"""
func.func @kernel(%a: memref<11xf32>, %o: memref<11xf32>, %n: memref<1xi64>) {{
  {constants(0, 8)}
  %zero = arith.constant dense<7.0> : vector<8xf32>
  %count = memref.load %n[%c0] : memref<1xi64>
  %size = arith.index_cast %count : i64 to index
  %mask = vector.create_mask %size : vector<8xi1>
  %v = vector.maskedload %a[%c8], %mask, %zero : memref<11xf32>, vector<8xi1>, vector<8xf32> into
  vector<8xf32> %w = arith.addf %v, %v : vector<8xf32>
  vector.maskedstore %o[%c8], %mask, %w : memref<11xf32>, vector<8xi1>, vector<8xf32>
  func.return
}}"""


@pytest.mark.parametrize("count", [-1, 0, 1, 3])
def test_masked_tail_touches_nothing_else(count: int) -> None:
    x, out = np.arange(11, dtype=np.float32), np.full(11, -1, np.float32)
    call(compile_loop(MASKED), "kernel", x, out, np.array([count]))
    expected = np.full(11, -1, np.float32)
    expected[8 : 8 + max(0, count)] = 2 * x[8 : 8 + max(0, count)]
    np.testing.assert_array_equal(out, expected)


CONTROL = f"""
func.func @kernel(%a: memref<8xi32>, %o: memref<8xi32>) {{
  {constants(0, 1, 8)}
  %zero = arith.constant 0 : i32
  scf.for %i = %c0 to %c8 step %c1 {{
    %x = memref.load %a[%i] : memref<8xi32>
    %negative = arith.cmpi slt, %x, %zero : i32
    %y, %k = scf.if %negative -> (i32, index) {{
      %m = arith.subi %zero, %x : i32
      scf.yield %m, %c1 : i32, index
    }} else {{
      scf.yield %x, %i : i32, index
    }}
    scf.if %negative {{
      memref.store %zero, %a[%i] : memref<8xi32>
    }}
    %w = arith.index_cast %k : index to i32
    %s = arith.addi %y, %w : i32
    memref.store %s, %o[%i] : memref<8xi32>
  }}
  func.return
}}"""


def test_branches_with_results() -> None:
    x, out = np.array([3, -4, 5, -6, 0, 1, -1, 2], np.int32), np.zeros(8, np.int32)
    expected = np.where(x < 0, 1 - x, x + np.arange(8))
    kept = np.where(x < 0, 0, x)
    call(compile_loop(CONTROL), "kernel", x, out)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(x, kept)


def test_what_is_outside_the_stage_is_named() -> None:
    module = parse_loop("func.func @f(%a: tensor<4xf32>) { %b = tensor.empty() : tensor<4xf32> func.return }")
    with pytest.raises(CodegenError, match=r"codegen: requires .*; got tensor"):
        emit_cpu(module, AVX2)


@pytest.mark.parametrize("target", [GENERIC_X86, AVX2, AVX512], ids=["sse2", "avx2", "avx512"])
def test_emission_does_not_need_the_machine_it_is_for(target: Any) -> None:
    text = emit_cpu(parse_loop(gemm(12, 48, 40)), target).text
    assert f'"prefer-vector-width"="{target.vector_bits}"' in text
    assert ("llvm.fma" in text) == target.has_fma


def parallel_gemm() -> str:
    """The GEMM as a kernel behind a host function."""
    a, b, o = "memref<12x40xf32>", "memref<3x40x16xf32>", "memref<12x48xf32>"
    kernel = gemm(12, 48, 40).replace("func.func @kernel", "func.func private @kernel")
    return f"""{kernel}
    func.func @main(%a: {a}, %b: {b}, %o: {o}, %arena: memref<0xi8>)
        attributes {{tsc.num_inputs = 2 : i64}} {{
      func.call @kernel(%a, %b, %o) : ({a}, {b}, {o}) -> ()
      func.return
    }}"""


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    specs = [ArraySpec(np.dtype(np.float32), shape) for shape in ((12, 40), (3, 40, 16), (12, 48))]
    compiled = compile_loop(parallel_gemm())
    function = native_function(compiled, "main", specs[:2], specs[2:], 0, lambda *_: None, release_gil=True)
    generator = np.random.default_rng(0)
    a, b = (
        generator.normal(size=(12, 40)).astype(np.float32),
        generator.normal(size=(40, 48)).astype(np.float32),
    )
    before = get_num_threads()
    results: list[Array] = []
    for threads in (1, 2, 3):
        set_num_threads(threads)
        results += [function(a, packed(b, 16)) for _ in range(50)]
    set_num_threads(before)
    np.testing.assert_allclose(results[0], a @ b, rtol=1e-4, atol=1e-5)
    assert all(np.array_equal(result, results[0]) for result in results)


def test_kernel_arguments_are_disjoint_unless_said_otherwise() -> None:
    apart = emit_cpu(parse_loop(POINTWISE), AVX2).text
    assert "(ptr noalias %v1, ptr noalias %v2) noinline" in apart
    together = POINTWISE.replace(
        "%o: memref<19xf32>) {", "%o: memref<19xf32>) attributes {tsc.may_alias} {", 1
    )
    assert "noalias" not in emit_cpu(parse_loop(together), AVX2).text
