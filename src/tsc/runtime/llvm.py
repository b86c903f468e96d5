"""LLVM through llvmlite: text to object files (parse, verify, optimize, assemble), and objects loaded by its
engine. Only what compiles imports this.

A module is worked on in a context and with a code generator of its own, so that several threads can work on
one each. llvmlite holds a lock during each of its calls; the two that take long are called without it.
"""

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from tsc.analysis.target import Target
from tsc.concurrency import hold_for_fork, once
from tsc.errors import CodegenError
from tsc.runtime.timings import Timings

_SLACK = """
@tsc.slack.rw = private global [2048 x i8] zeroinitializer, section ".tsc.slack.rw"
@tsc.slack.ro = private constant [2048 x i8] zeroinitializer, section ".tsc.slack.ro"
@llvm.compiler.used = appending global [2 x ptr] [ptr @tsc.slack.rw, ptr @tsc.slack.ro], section
"llvm.metadata"
"""
# The memory manager reserves what it adds up beforehand, and forgets the address table (GOT) that calls to
# other libraries need and the padding between constant sections; running out aborts. These sections are
# counted and never loaded, since no symbol refers to them.


# The garbage collector frees machine code at any time and in any thread: the compile lock alone does not keep
# other threads out of LLVM.
hold_for_fork(llvm.ffi.lib._lock)

_INITIALIZING = threading.Lock()
_MATH_LIBRARIES = {"linux": ("libm.so.6",)}


@cache
def _initialize() -> None:
    with _INITIALIZING:
        _initialize_once()


@cache
def _initialize_once() -> None:
    if "numba" not in sys.modules:
        # Half of the code generator's time, and no code of ours is faster for it: its addresses are sums
        # already. The option is the process's, and Numba's code may be of another kind.
        llvm.set_option("tsc", "-disable-lsr")
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for name in _MATH_LIBRARIES.get(sys.platform, ()):
        # Some Python executables hold the C library's mathematics without exporting it.
        with contextlib.suppress(RuntimeError):
            llvm.load_library_permanently(name)


@once
def prepare_inline_assembly() -> None:
    """Let code for this kind of processor hold assembly text."""
    _initialize()
    llvm.initialize_native_asmparser()


def _create_machine(target: Target) -> llvm.TargetMachine:
    """LLVM's code generator for `target`.

    The small code model with position-independent code is safe at any address: objects are loaded side by
    side, and calls out of them go through stubs.
    """
    _initialize()
    machine = llvm.Target.from_triple(target.triple)
    return machine.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small", jit=True
    )


def optimized(text: str, machine: llvm.TargetMachine) -> tuple[llvm.ModuleRef, Timings]:
    """Parse, verify and optimize `text`.

    LLVM's own vectorizers are off: the schedule has chosen the vectors, and reordering would change results.
    Loops are unrolled only where the schedule asks (``tsc.unroll``).

    Types and constants live in a context of their own, which goes with the module.

    Raises:
        CodegenError: `text` is not valid LLVM IR.
    """
    start = time.perf_counter_ns()
    try:
        module = llvm.parse_assembly(text + _SLACK, llvm.create_context())
        module.verify()
    except RuntimeError as error:
        raise CodegenError(f"jit: requires valid LLVM IR; got {error}") from error
    parsed = time.perf_counter_ns()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.slp_vectorization = False
    options.loop_vectorization = False
    options.loop_interleaving = False
    options.loop_unrolling = False
    _run_passes(module, llvm.create_pass_builder(machine, options))
    return module, Timings(parsed - start, time.perf_counter_ns() - parsed)


def _run_passes(module: llvm.ModuleRef, builder: llvm.PassBuilder) -> None:
    manager = builder.getModulePassManager()
    try:
        _unlocked("LLVMPY_RunNewModulePassManager")(manager, module, builder)
    finally:
        # llvmlite 0.50 never frees one: its class finds the empty `_dispose` of another base first.
        llvm.ffi.lib.LLVMPY_DisposeNewModulePassManger(manager)
        manager.detach()


def assemble(text: str, target: Target) -> tuple[bytes, Timings]:
    """The relocatable object file of `text`: what the cache stores and `load_objects` takes."""
    machine = _create_machine(target)
    module, timings = optimized(text, machine)
    start = time.perf_counter_ns()
    data = _emitted(machine, module)
    elapsed = time.perf_counter_ns() - start
    return data, Timings(timings.parse_ns, timings.optimize_ns, elapsed)


def _emitted(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> bytes:
    """The object file of an optimized module."""
    library = llvm.ffi.lib
    with llvm.ffi.OutputString() as message:
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(machine, module, 1, message)
        if not buffer:
            raise CodegenError(f"jit: LLVM makes no object: {message}")
    try:
        return ctypes.string_at(library.LLVMPY_GetBufferStart(buffer), library.LLVMPY_GetBufferSize(buffer))
    finally:
        library.LLVMPY_DisposeMemoryBuffer(buffer)


def _unlocked(name: str) -> Callable[..., Any]:
    """A function of llvmlite's library that other threads need not wait for."""
    return getattr(llvm.ffi.lib, name)._cfn


class EngineImage:
    """Objects in memory, which LLVM's engine has loaded.

    Raises:
        LookupError: they need a name that this process does not have (loading them would abort).
    """

    def __init__(self, objects: Sequence[bytes], undefined: Iterable[str], target: Target) -> None:
        _initialize()
        missing = [name for name in undefined if not llvm.address_of_symbol(name)]
        if missing:
            raise LookupError(missing[0])
        self._engine = llvm.create_mcjit_compiler(
            llvm.parse_assembly(""), _create_machine(target), use_lmm=True
        )
        for data in objects:
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where an exported name lies."""
        return self._engine.get_global_value_address(name)


def optimized_text(text: str, target: Target) -> str:
    """The optimized LLVM IR."""
    return str(optimized(text, _create_machine(target))[0])


def assembly_text(text: str, target: Target) -> str:
    """The assembly text."""
    machine = _create_machine(target)
    return machine.emit_assembly(optimized(text, machine)[0])


def host_description() -> list[str]:
    """The triple, the name and the features of the processor this runs on."""
    return [llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
