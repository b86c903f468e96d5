"""Methods of a module into a shared library, its C header, and a file of weights if that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsc.ahead.call_ir import add_calls
from tsc.ahead.check_ir import add_checks
from tsc.ahead.cpu_ir import add_cpu
from tsc.ahead.header import header
from tsc.ahead.instance_ir import add_instance
from tsc.ahead.ir_text import ModuleText
from tsc.ahead.levels import Level, ordered
from tsc.ahead.library_text import Library, TableOfConstants
from tsc.ahead.linker import link, require_system
from tsc.ahead.object_file import data_object
from tsc.ahead.program import CompiledMethod, MethodRequest, Program
from tsc.ahead.threads_ir import add_threads
from tsc.ahead.weights import Weights
from tsc.ahead.weights_ir import SYMBOL, add_weights
from tsc.analysis.target import GENERIC_X86
from tsc.codegen import Linkage
from tsc.dims import hint_of
from tsc.errors import ArgumentError
from tsc.modules.script_modules import RecursiveScriptModule
from tsc.runtime.llvm import prepare_inline_assembly
from tsc.runtime.machine_code import assemble

FEWEST_DIMS = 4
"""Sizes that the header's tensor structure has room for, at least."""
MOST_INSIDE = 1 << 30
"""Bytes of weights that code reaches in the library itself (it adds 32-bit distances)."""
_INTRINSICS = (
    "declare i64 @llvm.smax.i64(i64, i64)",
    "declare i64 @llvm.smin.i64(i64, i64)",
    "declare i64 @llvm.ctpop.i64(i64)",
)


@dataclass(frozen=True)
class LibraryRequest:
    """What is to be made."""

    methods: Sequence[MethodRequest]
    levels: Sequence[Level]
    output: Path
    """The shared library; the header lies beside it, called `name`.h."""
    name: str
    """What the names of its functions begin with."""
    weights: Path | None = None
    """A file of weights, which lies in the folder of the library; None: they are in the library."""


@dataclass(frozen=True)
class BuiltLibrary:
    """What was made."""

    files: Sequence[Path]
    methods: Sequence[CompiledMethod]
    weights_bytes: int


def build_library(module: RecursiveScriptModule, request: LibraryRequest) -> BuiltLibrary:
    """Make a library of methods of `module`, which is taken as it is in eval mode.

    Raises:
        ArgumentError: the request makes no sense.
        RefusedError: a method cannot run without Python.
        ResourceError: this system is another, or has no linker.
    """
    require_system()
    _require_names(request)
    levels = ordered(list(request.levels))
    program = Program(module, request.methods, levels, _linkage)
    methods = program.compile()
    weights = Weights()
    initial = [weights.add(cell.initial) for cell in program.cells]
    tables = _tables(methods, weights)
    _require_room(request, weights)
    plans = [method.plan for method in methods]
    most = max(FEWEST_DIMS, *(len(s.shape) for p in plans for s in (*p.inputs, *p.results)))
    file = None if request.weights is None else request.weights.name
    library = Library(
        name=request.name,
        module=ModuleText(GENERIC_X86.triple, [*_INTRINSICS]),
        levels=levels,
        methods=plans,
        cells=program.cells,
        initial=initial,
        tables=tables,
        weights_bytes=len(weights.block()),
        weights_file=file,
        weights_header=weights.header(),
        most_dims=most,
    )
    objects = [assemble(text, level.target)[0] for text, level in _codes(methods, levels)]
    objects.append(_own_code(library, methods))
    if file is None:
        objects.append(data_object(SYMBOL, weights.block()))
    files = _write(request, objects, header(request.name, levels, plans, program.cells, file, most))
    if request.weights is not None:
        weights.write(request.weights)
        files.append(request.weights)
    return BuiltLibrary(files, methods, weights.size_bytes)


def _linkage(symbol: str) -> Linkage:
    """Of code that the library calls: one slot for the pool, in each thread."""
    pool = "@tsc_pool = external hidden thread_local global ptr"
    return Linkage(f"{symbol}.constants", pool, "hidden ")


def _require_names(request: LibraryRequest) -> None:
    if not request.name.isidentifier() or not request.name.isascii():
        raise ArgumentError(f"name: requires a name of C; got {request.name!r}")
    for method in request.methods:
        if not method.name.isascii():
            raise ArgumentError(f"method: requires a name of C; got {method.name!r}")
    folder = request.output.resolve().parent
    if request.weights is not None and request.weights.resolve().parent != folder:
        raise ArgumentError(
            f"weights: requires a file in the folder of the library, {folder}; got {request.weights}"
        )
    if not request.methods or not request.levels:
        raise ArgumentError("compile: requires at least one method and one level of processor; got none")


def _require_room(request: LibraryRequest, weights: Weights) -> None:
    size = weights.size_bytes
    if request.weights is None and size > MOST_INSIDE:
        raise ArgumentError(
            f"weights: requires a file for more than {MOST_INSIDE} bytes of weights; got {size}"
        )


def _tables(methods: Sequence[CompiledMethod], weights: Weights) -> list[TableOfConstants]:
    """The constants of all code, which `weights` takes."""
    return [
        TableOfConstants(
            f"{code.symbol}.constants",
            [weights.add(method.entry.pool[key]) for key in code.host.emitted.constant_keys],
        )
        for method in methods
        for code in method.codes
        if code.host.emitted.constant_keys
    ]


def _codes(methods: Sequence[CompiledMethod], levels: Sequence[Level]) -> list[tuple[str, Level]]:
    """The LLVM IR of all code, and what it is for."""
    return [
        (code.host.emitted.text, level)
        for method in methods
        for code, level in zip(method.codes, levels, strict=True)
    ]


def _own_code(library: Library, methods: Sequence[CompiledMethod]) -> bytes:
    """The object with the functions that callers see."""
    library.declare()
    library.module.parts.append("@tsc_pool = hidden thread_local global ptr null")
    add_cpu(library)
    add_weights(library)
    add_threads(library)
    add_checks(library)
    add_instance(library)
    for method in methods:
        add_calls(library, method.plan, [hint_of(code.host.arena) for code in method.codes])
    prepare_inline_assembly()
    return assemble(library.module.text(), GENERIC_X86)[0]


def _write(request: LibraryRequest, objects: Sequence[bytes], text: str) -> list[Path]:
    """The library and its header."""
    link(objects, f"{request.name}_", request.output)
    header_path = request.output.with_name(f"{request.name}.h")
    header_path.write_text(text, encoding="utf-8")
    return [request.output, header_path]
