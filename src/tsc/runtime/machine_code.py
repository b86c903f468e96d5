"""LLVM IR text to machine code in memory: parse, verify, optimize, assemble, load."""

import contextlib
import sys
import time
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from tsc.analysis.target import Target
from tsc.concurrency import hold_for_fork, once, serialized
from tsc.errors import CodegenError
from tsc.runtime.elf import symbols_of

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

_MATH_LIBRARIES = {"linux": ("libm.so.6",)}


@dataclass(frozen=True)
class Timings:
    """How long each phase of a compilation took, in nanoseconds."""

    parse_ns: int = 0
    optimize_ns: int = 0
    codegen_ns: int = 0
    load_ns: int = 0


@cache
def _initialize() -> None:
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


@cache
def target_machine(target: Target) -> llvm.TargetMachine:
    """LLVM's code generator for `target`.

    The small code model with position-independent code is safe at any address: an object's sections are
    loaded side by side (llvmlite's memory manager), and calls out of it go through stubs.
    """
    return _create_machine(target)


def _create_machine(target: Target) -> llvm.TargetMachine:
    """A machine of its own, as each engine needs: it becomes the engine's."""
    _initialize()
    machine = llvm.Target.from_triple(target.triple)
    return machine.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small", jit=True
    )


def optimized(text: str, target: Target) -> tuple[llvm.ModuleRef, Timings]:
    """Parse, verify and optimize `text`.

    LLVM's own vectorizers are off: the schedule has chosen the vectors, and reordering would change results.
    Loops are unrolled only where the schedule asks (``tsc.unroll``).

    Types and constants live in a context of their own, which goes with the module.

    Raises:
        CodegenError: `text` is not valid LLVM IR.
    """
    start = time.perf_counter_ns()
    machine = target_machine(target)
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
        manager.run(module, builder)
    finally:
        # llvmlite 0.50 never frees one: its class finds the empty `_dispose` of another base first.
        llvm.ffi.lib.LLVMPY_DisposeNewModulePassManger(manager)
        manager.detach()


@serialized
def assemble(text: str, target: Target) -> tuple[bytes, Timings]:
    """The relocatable object file of `text`: what a cache stores and `load_object` takes."""
    module, timings = optimized(text, target)
    start = time.perf_counter_ns()
    data = target_machine(target).emit_object(module)
    elapsed = time.perf_counter_ns() - start
    return data, Timings(timings.parse_ns, timings.optimize_ns, elapsed)


class CompiledObject:
    """Machine code in memory. Its memory is freed with this object, so whoever holds an address holds this
    too.
    """

    def __init__(
        self, engine: llvm.ExecutionEngine, object_bytes: bytes, text: str, target: Target, timings: Timings
    ):
        self._engine = engine
        self._text = text
        self._target = target
        self.object_bytes = object_bytes
        self.timings = timings
        self.symbols = symbols_of(object_bytes).defined

    def address(self, name: str) -> int:
        """Where the exported function or table `name` lies.

        Raises:
            CodegenError: the object exports no such name.
        """
        if name not in self.symbols:
            raise CodegenError(f"jit: requires one of {sorted(self.symbols)}; got {name}")
        return self._engine.get_global_value_address(name)

    @serialized
    def llvm_ir(self) -> str:
        """The optimized LLVM IR (computed again when asked)."""
        return str(optimized(self._text, self._target)[0])

    @serialized
    def assembly(self) -> str:
        """The assembly text (computed again when asked)."""
        return target_machine(self._target).emit_assembly(optimized(self._text, self._target)[0])


@serialized
def load_object(
    data: bytes, target: Target, text: str = "", timings: Timings | None = None
) -> CompiledObject:
    """Load an object file made by `assemble`.

    Raises:
        CodegenError: the object needs a symbol this process does not have (loading it would abort).
    """
    start = time.perf_counter_ns()
    _initialize()
    missing = [n for n in symbols_of(data).undefined if not llvm.address_of_symbol(n)]
    if missing:
        raise CodegenError(f"jit: requires symbols of this process; got {missing[0]}")
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _create_machine(target), use_lmm=True)
    engine.add_object_file(llvm.ObjectFileRef.from_data(data))
    engine.finalize_object()
    before = timings or Timings()
    elapsed = time.perf_counter_ns() - start
    recorded = Timings(before.parse_ns, before.optimize_ns, before.codegen_ns, elapsed)
    return CompiledObject(engine, data, text, target, recorded)


def compile_llvm(text: str, target: Target) -> CompiledObject:
    """Machine code of `text`, loaded.

    Raises:
        CodegenError: `text` is not valid LLVM IR, or calls what this process does not have.
    """
    data, timings = assemble(text, target)
    return load_object(data, target, text, timings)
