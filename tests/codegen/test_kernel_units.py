"""Programs as several LLVM modules: they do what one module does."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from tests.codegen.loop_kernels import Array, call_main, parse_loop
from tsc.analysis.module_functions import is_kernel
from tsc.codegen import KernelUnits, emit_cpu, emit_host, kernel_units
from tsc.runtime.assembling import Assembly
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm

KERNEL = """
func.func private @{name}(%a: memref<8xf32>, %o: memref<8xf32>) {{
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %two = arith.constant {factor} : f32
  {begin}
    %v = memref.load %a[%i] : memref<8xf32>
    %w = arith.mulf %v, %two : f32
    memref.store %w, %o[%i] : memref<8xf32>
  {end}
  func.return
}}
"""
SERIAL = "scf.for %i = %c0 to %c8 step %c4 {", "}"
PARALLEL = (
    '"scf.parallel"(%c0, %c8, %c4) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({ ^bb0(%i: index):',
    "scf.reduce }) : (index, index, index) -> ()",
)
VECTOR = "memref<8xf32>"
HOST = f"""
func.func @main(%x: {VECTOR}, %o: {VECTOR}, %p: {VECTOR}, %arena: memref<0xi8>)
    attributes {{tsc.num_inputs = 1 : i64}} {{
  func.call @first(%x, %o) : ({VECTOR}, {VECTOR}) -> ()
  func.call @second(%o, %p) : ({VECTOR}, {VECTOR}) -> ()
  func.return
}}
"""


def program(loop: tuple[str, str]) -> ModuleOp:
    begin, end = loop
    factors = {"first": 2.0, "second": 5.0}
    kernels = [KERNEL.format(name=n, factor=f, begin=begin, end=end) for n, f in factors.items()]
    return parse_loop("".join([*kernels, HOST]))


def result(code: CompiledObject) -> Array:
    given, between, made = np.arange(8, dtype=np.float32), np.zeros(8, np.float32), np.zeros(8, np.float32)
    call_main(code, [given], [between, made])
    return made


@pytest.mark.parametrize("loop", [SERIAL, PARALLEL], ids=["serial", "parallel"])
@pytest.mark.parametrize(("full", "count"), [(1, 2), (1 << 20, 1)])
def test_units_do_what_one_module_does(
    monkeypatch: pytest.MonkeyPatch, loop: tuple[str, str], full: int, count: int
) -> None:
    monkeypatch.setattr(kernel_units, "UNIT_BYTES", full)
    module = program(loop)
    with Assembly(host_target()) as assembly:
        units = KernelUnits(host_target(), assembly.add)
        for function in module.ops:
            if isinstance(function, func.FuncOp) and is_kernel(function):
                units.add(function)
        units.finish()
        assert len(assembly.texts) == count
        assert units.is_parallel == (loop is PARALLEL)
        emitted = emit_host(module, units)
        code = assembly.loaded(emitted.text)
    assert emitted.is_parallel == (loop is PARALLEL)
    assert "define hidden" not in emitted.text
    whole = compile_llvm(emit_cpu(module, host_target()).text, host_target())
    np.testing.assert_array_equal(result(code), result(whole))
    np.testing.assert_array_equal(result(code)[::4], [0.0, 40.0])
