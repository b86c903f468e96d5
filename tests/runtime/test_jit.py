"""Text to code in memory: errors instead of aborts, symbols, and what is kept alive."""

import ctypes
import gc

import pytest

from tsc.errors import CodegenError
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, assemble, compile_llvm, load_objects

ADD = "define i64 @add(i64 %a, i64 %b) { %c = add i64 %a, %b ret i64 %c }"


def add_of(compiled: CompiledObject) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(compiled.address("add"))(40, 2)


def test_compiles_and_runs() -> None:
    compiled = compile_llvm(ADD, host_target())
    assert add_of(compiled) == 42
    assert compiled.timings.optimize_ns > 0
    assert "ret" in compiled.assembly()
    assert "@add" in compiled.llvm_ir()


def test_an_object_can_be_loaded_again() -> None:
    made = assemble(ADD, host_target())
    assert add_of(load_objects([made], host_target())) == 42


@pytest.mark.parametrize(
    "text",
    [
        "define i64 @f() { ret i32 0 }",
        "this is no IR",
        "define i64 @f() { %a = add i64 %b, 1 ret i64 %a }",
        "define void @f(ptr %p) { call void @llvm.exp.f32(ptr %p) ret void } declare void @llvm.exp.f32(ptr)",
    ],
)
def test_invalid_text_raises(text: str) -> None:
    with pytest.raises(CodegenError, match="requires valid LLVM IR"):
        compile_llvm(text, host_target())


@pytest.mark.skipif("linux" not in host_target().triple, reason="undefined symbols are read from ELF objects")
def test_a_missing_symbol_raises() -> None:
    with pytest.raises(CodegenError, match="got no_such_function"):
        compile_llvm(
            "declare void @no_such_function() define void @f() { call void @no_such_function() ret void }",
            host_target(),
        )


def test_an_unknown_name_raises() -> None:
    with pytest.raises(CodegenError, match="got subtract"):
        compile_llvm(ADD, host_target()).address("subtract")


def test_library_calls_and_many_constants_load_side_by_side() -> None:
    """Calls through the address table and constant sections of several kinds, in many engines at once."""
    lines = ["declare double @sin(double)", "declare double @cos(double)", "define double @f(double %x) {"]
    lines += [
        "%s = call double @sin(double %x)",
        "%c = call double @cos(double %x)",
        "%t0 = fadd double %s, %c",
    ]
    lines += [f"%t{i + 1} = fmul double %t{i}, {1.0 + (i + 1) / 1024!r}" for i in range(300)]
    text = "\n".join([*lines, "ret double %t300 }"])
    engines = [compile_llvm(text, host_target()) for _ in range(8)]
    functions = [ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(e.address("f")) for e in engines]
    assert len({function(0.5) for function in functions}) == 1


def test_code_is_freed_with_its_object() -> None:
    for _ in range(50):
        compile_llvm(ADD, host_target())
    gc.collect()
    assert add_of(compile_llvm(ADD, host_target())) == 42
