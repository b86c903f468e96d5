"""Objects made in threads beside the one that writes their text."""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time

import pytest

from tsc.errors import CodegenError
from tsc.runtime import assembling
from tsc.runtime.assembling import Assembly
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import Assembled

COUNT = 20
CALLS = "".join(f"declare hidden i64 @k{i}(i64)\n" for i in range(COUNT))
CHAIN = "".join(f"%v{i + 1} = call i64 @k{i}(i64 %v{i})\n" for i in range(COUNT))
HOST = f"{CALLS} define i64 @main(i64 %v0) {{ {CHAIN} ret i64 %v{COUNT} }}"


def unit(number: int) -> str:
    return f"define hidden i64 @k{number}(i64 %x) {{ %y = add i64 %x, {number} ret i64 %y }}"


def llvm_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("tsc-llvm")]


def test_units_are_assembled_and_call_each_other() -> None:
    with Assembly(host_target()) as assembly:
        for number in range(COUNT):
            assembly.add(unit(number))
        code = assembly.loaded(HOST)
    main = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(code.address("main"))
    assert main(5) == 5 + sum(range(COUNT))
    assert len(code.objects) == COUNT + 1
    assert "@main" in code.llvm_ir()
    assert "@k19" in code.llvm_ir()
    assert code.timings.optimize_ns > 0
    assert not llvm_threads()


def test_a_module_alone_needs_no_thread() -> None:
    with Assembly(host_target()) as assembly:
        code = assembly.loaded("define i64 @main(i64 %x) { ret i64 %x }")
        assert not llvm_threads()
    assert len(code.objects) == 1


def test_wrong_text_is_told_when_all_is_loaded() -> None:
    with Assembly(host_target()) as assembly:
        assembly.add("no LLVM IR")
        with pytest.raises(CodegenError, match="valid LLVM IR"):
            assembly.loaded("define void @main() { ret void }")
    assert not llvm_threads()


def test_what_is_given_up_ends_what_has_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[str]()

    def slow(text: str, target: object) -> Assembled:
        begun.append(text)
        time.sleep(0.05)
        return Assembled(b"")

    monkeypatch.setattr(assembling, "assembled", slow)
    with contextlib.suppress(KeyError), Assembly(host_target()) as assembly:
        for number in range(100):
            assembly.add(str(number))
        raise KeyError
    assert not llvm_threads()
    assert len(begun) < 100
