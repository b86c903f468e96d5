"""Objects in memory without LLVM: what the code computes, where it lies, and what is refused."""

from __future__ import annotations

import ctypes
import gc
import struct
from pathlib import Path

import pytest

from tsc.errors import CodegenError
from tsc.runtime.elf import UnsupportedObjectError
from tsc.runtime.elf_loader import ElfImage
from tsc.runtime.host import host_target
from tsc.runtime.llvm import EngineImage
from tsc.runtime.machine_code import Assembled, assemble, compile_llvm, load_objects

pytestmark = pytest.mark.skipif(
    not host_target().triple.startswith("x86_64") or "linux" not in host_target().triple,
    reason="the loader is for objects of x86-64 Linux; others are LLVM's engine's",
)

CALLS = """
@three = dso_local global double 3.0
@table = dso_local global [2 x ptr] [ptr @twice, ptr @power]
@environ = external global ptr
@zeros = dso_local global [100 x i64] zeroinitializer
declare double @pow(double, double)
declare ptr @memset(ptr, i32, i64)
define double @twice(double %x) { %y = fmul double %x, 2.0 ret double %y }
define double @power(double %x) {
  %e = load double, ptr @three
  %y = call double @pow(double %x, double %e)
  %z = fadd double %y, 0.1
  ret double %z
}
define double @by_table(double %x, i64 %n) {
  %p = getelementptr ptr, ptr @table, i64 %n
  %f = load ptr, ptr %p
  %y = call double %f(double %x)
  ret double %y
}
define ptr @environment() { %p = load ptr, ptr @environ ret ptr %p }
define i64 @filled() {
  %a = call ptr @memset(ptr @zeros, i32 1, i64 800)
  %p = getelementptr i64, ptr @zeros, i64 99
  %v = load i64, ptr %p
  ret i64 %v
}
"""


def call_by_table(image: ElfImage | EngineImage, number: int) -> float:
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)
    return kind(image.address("by_table"))(5.0, number)


def test_calls_tables_and_data_elsewhere_are_found() -> None:
    data, _ = assemble(CALLS, host_target())
    image = ElfImage([data])
    assert call_by_table(image, 0) == 10.0
    assert call_by_table(image, 1) == 125.1
    there = ctypes.CFUNCTYPE(ctypes.c_void_p)(image.address("environment"))()
    assert there == ctypes.c_void_p.in_dll(ctypes.CDLL(None), "environ").value
    assert ctypes.CFUNCTYPE(ctypes.c_int64)(image.address("filled"))() == 0x0101010101010101


def test_llvms_engine_gives_the_same() -> None:
    data, _ = assemble(CALLS, host_target())
    engine, image = EngineImage([data], ["pow"], host_target()), ElfImage([data])
    assert [call_by_table(engine, n) for n in (0, 1)] == [call_by_table(image, n) for n in (0, 1)]


def mapping_of(address: int) -> str:
    """The access to the memory at an address; nothing where there is none."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        begin, end = (int(part, 16) for part in line.split()[0].split("-"))
        if begin <= address < end:
            return line.split()[1]
    return ""


def test_code_is_never_writable_and_data_never_runs() -> None:
    image = ElfImage([assemble(CALLS, host_target()).data])
    assert mapping_of(image.address("twice")) == "r-xp"
    assert mapping_of(image.address("three")) == "rw-p"


def test_the_memory_goes_with_the_object() -> None:
    compiled = compile_llvm("define void @f() { ret void }", host_target())
    address = compiled.address("f")
    assert mapping_of(address) == "r-xp"
    del compiled
    gc.collect()
    assert mapping_of(address) == ""


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF\x01\x01" + bytes(100)])
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedObjectError):
        ElfImage([data])


def test_an_object_of_another_machine_is_refused() -> None:
    data = bytearray(assemble(CALLS, host_target())[0])
    struct.pack_into("<H", data, 0x12, 183)  # AArch64
    with pytest.raises(UnsupportedObjectError, match="x86-64"):
        ElfImage([bytes(data)])


def test_a_name_that_is_nowhere_is_told() -> None:
    data, _ = assemble(
        "declare void @no_such_name() define void @f() { call void @no_such_name() ret void }", host_target()
    )
    with pytest.raises(LookupError, match="no_such_name"):
        ElfImage([data])
    with pytest.raises(CodegenError, match="no_such_name"):
        load_objects([Assembled(data)], host_target())


def test_a_weak_name_that_is_nowhere_is_null() -> None:
    text = "declare extern_weak void @perhaps() define i1 @f() { %r = icmp eq ptr @perhaps, null ret i1 %r }"
    image = ElfImage([assemble(text, host_target()).data])
    assert ctypes.CFUNCTYPE(ctypes.c_bool)(image.address("f"))()


UNIT = """
@shared = external global i64
define internal i64 @chunk() { %v = load i64, ptr @shared ret i64 %v }
define hidden i64 @kernel(i64 %x) { %v = call i64 @chunk() %r = mul i64 %x, %v ret i64 %r }
"""
HOST = """
@shared = global i64 7
declare hidden i64 @kernel(i64)
define internal i64 @chunk() { ret i64 1 }
define i64 @main(i64 %x) {
  %a = call i64 @kernel(i64 %x)
  %b = call i64 @chunk()
  %r = add i64 %a, %b
  ret i64 %r
}
"""


@pytest.mark.parametrize("order", [(HOST, UNIT), (UNIT, HOST)])
def test_objects_find_each_others_names_and_keep_their_own(order: tuple[str, str]) -> None:
    objects = [assemble(text, host_target()).data for text in order]
    for image in (ElfImage(objects), EngineImage(objects, [], host_target())):
        assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(image.address("main"))(6) == 43


def test_what_no_object_has_is_told() -> None:
    with pytest.raises(CodegenError, match="kernel"):
        load_objects([assemble(HOST, host_target())], host_target())
