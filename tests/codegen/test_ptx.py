"""GPU kernels to PTX: the text on any machine; `ptxas` accepts it where there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.codegen.loop_kernels import parse_loop
from tsc.codegen.ptx import emit_ptx
from tsc.errors import CodegenError

ELEMENTWISE = (
    "exp",
    "log",
    "tanh",
    "erf",
    "sin",
    "cos",
    "log1p",
    "expm1",
    "sqrt",
    "rsqrt",
    "absf",
    "floor",
    "asin",
    "atan",
)


def kernel(body: str, element: str = "f32") -> str:
    """A kernel of 256 threads; `body` computes %y from %x."""
    return f"""
"gpu.module"() <{{sym_name = "kernels"}}> ({{
"gpu.func"() <{{function_type = (memref<1024x{element}>, memref<1024x{element}>) -> (), kernel}}> ({{
^bb0(%a: memref<1024x{element}>, %o: memref<1024x{element}>):
  %b = "gpu.block_id"() <{{dimension = #gpu<dim x>}}> : () -> index
  %d = "gpu.block_dim"() <{{dimension = #gpu<dim x>}}> : () -> index
  %t = "gpu.thread_id"() <{{dimension = #gpu<dim x>}}> : () -> index
  %s = arith.muli %b, %d : index
  %i = arith.addi %s, %t : index
  %x = memref.load %a[%i] : memref<1024x{element}>
  {body}
  memref.store %y, %o[%i] : memref<1024x{element}>
  "gpu.return"() : () -> ()
}}) {{sym_name = "k", gpu.known_block_size = array<i32: 256, 1, 1>}} : () -> ()
}}) : () -> ()"""


TRANSPOSE = """
"gpu.module"() <{sym_name = "kernels"}> ({
"gpu.func"() <{function_type = (memref<256xf32>, memref<256xf32>) -> (), kernel}> ({
^bb0(%a: memref<256xf32>, %o: memref<256xf32>):
  %t = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
  %c4 = arith.constant 4 : index
  %c63 = arith.constant 63 : index
  %s = memref.alloca() : memref<256xf32, 3>
  %i = arith.muli %t, %c4 : index
  %v = vector.load %a[%i] : memref<256xf32>, vector<4xf32>
  vector.store %v, %s[%i] : memref<256xf32, 3>, vector<4xf32>
  "gpu.barrier"() : () -> ()
  %r = arith.subi %c63, %t : index
  %j = arith.muli %r, %c4 : index
  %w = vector.load %s[%j] : memref<256xf32, 3>, vector<4xf32>
  vector.store %w, %o[%i] : memref<256xf32>, vector<4xf32>
  "gpu.return"() : () -> ()
}) {sym_name = "reverse"} : () -> ()
}) : () -> ()"""


def assemble(ptx: str, arch: str, folder: Path) -> None:
    path = folder / "kernel.ptx"
    path.write_text(ptx)
    result = subprocess.run(
        ["ptxas", f"-arch={arch}", str(path), "-o", str(folder / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


needs_ptxas = pytest.mark.skipif(shutil.which("ptxas") is None, reason="ptxas is not on PATH (CUDA toolkit)")


def test_four_aligned_floats_are_one_load() -> None:
    ptx = emit_ptx(parse_loop(TRANSPOSE))
    assert "ld.global.nc.v4" in ptx
    assert "st.shared.v4" in ptx
    assert "ld.shared.v4" in ptx
    assert "bar.sync" in ptx


def test_block_size_is_declared() -> None:
    ptx = emit_ptx(parse_loop(kernel("%y = arith.mulf %x, %x : f32")))
    assert ".entry k(" in ptx
    assert ".maxntid 256, 1, 1" in ptx
    assert "mul.rn.f32" in ptx


@needs_ptxas
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_ptxas_accepts_the_elementary_functions(name: str, arch: str, tmp_path: Path) -> None:
    assemble(emit_ptx(parse_loop(kernel(f"%y = math.{name} %x : f32")), arch), arch, tmp_path)


@needs_ptxas
def test_ptxas_accepts_shared_memory(tmp_path: Path) -> None:
    assemble(emit_ptx(parse_loop(TRANSPOSE)), "sm_90", tmp_path)


@needs_ptxas
@pytest.mark.parametrize("element", ["f16", "bf16", "f64"])
def test_ptxas_accepts_other_floats(element: str, tmp_path: Path) -> None:
    assemble(emit_ptx(parse_loop(kernel(f"%y = math.exp %x : {element}", element))), "sm_90", tmp_path)


def test_a_module_without_kernels_is_refused() -> None:
    with pytest.raises(CodegenError, match="at least one gpu"):
        emit_ptx(parse_loop("func.func @f() { func.return }"))
