"""A method and its inputs into what a page shows: the text of each stage by line, what each line comes from,
kernels, code, and the time of each pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Operation

import tsc
from tsc import pipeline
from tsc.analysis.module_functions import functions, is_kernel, kernels
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.kernel_timing import KernelTiming
from tsc.compiler.native_forms import why_not_native
from tsc.compiler.tags import tag_of
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.loop_extents import loop_extents
from tsc.dialects.mlir_text import MlirPrinter
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import ArgumentError, CodegenError
from tsc.frontend.object_graph import assemble
from tsc.runtime.descriptions import describe
from tsc.runtime.exceptions import places_of
from tsc.runtime.machine_code import compile_llvm
from tsc.tools.shared_options import Subject, subject

PACKAGE = Path(tsc.__file__).parent
Origins = Callable[[Operation], Iterable[Attribute]]
"""Where in the program an operation comes from."""


@dataclass(frozen=True)
class Line:
    """A line of a stage."""

    text: str
    origins: list[int]
    """Which places of the program it comes from."""
    function: int
    """The number of the function it is in: names of values are its own."""


@dataclass(frozen=True)
class StageView:
    """The text of a stage."""

    name: str
    holds: str
    lines: list[Line]


@dataclass(frozen=True)
class Place:
    """Where an operation was written."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class SourceLine:
    """A line of the program."""

    file: str
    line: int
    text: str
    origins: list[int]
    """The places that are in it, or are called from it."""


@dataclass(frozen=True)
class KernelView:
    """A kernel, and its loops as they are before they are scheduled."""

    name: str
    kind: str
    schedule: str
    loops: list[str]
    """A nest each: ``parallel 4 x 16, reduction 3 x 3: aten::conv2d``."""
    origins: list[int]


@dataclass(frozen=True)
class MethodView:
    """All that the page shows."""

    title: str
    method: str
    arguments: list[str]
    is_native: bool
    reason: str | None
    """Why it is not native as a whole; then the stages after `fused` are not there."""
    stages: list[StageView]
    places: list[list[Place]]
    """By number: where an operation was written, and below it the calls that led there."""
    sources: list[SourceLine]
    """The lines of the program that places name, by file."""
    kernels: list[KernelView]
    passes: list[pipeline.PassTiming]
    phases: dict[str, float]
    """Seconds of passes, of writing LLVM IR, and of LLVM."""
    llvm: str
    assembly: str


class _Lines(StringIO):
    """Text that knows in which line it ends."""

    line = 0

    def write(self, text: str, /) -> int:
        """Append."""
        self.line += text.count("\n")
        return super().write(text)


class _LocatedPrinter(MlirPrinter):
    """Prints operations, and notes in which lines they begin."""

    def __init__(self, stream: _Lines) -> None:
        super().__init__(stream)
        self.lines = stream
        self.starts: list[tuple[int, Operation]] = []

    def print_op(self, op: Operation) -> None:
        """Print one."""
        self.starts.append((self.lines.line, op))
        super().print_op(op)


@dataclass(eq=False)
class _Places:
    """Numbers the places that operations come from."""

    function: str
    numbers: dict[Attribute, int] = field(default_factory=dict[Attribute, int])
    places: list[list[Place]] = field(default_factory=list[list[Place]])

    def numbers_of(self, locations: Iterable[Attribute]) -> list[int]:
        """The numbers of those that are places."""
        return sorted({n for location in locations if (n := self._number(location)) is not None})

    def _number(self, location: Attribute) -> int | None:
        if location not in self.numbers:
            stack = places_of(location, self.function)
            if not stack or tag_of(location) is not None:
                return None
            self.numbers[location] = len(self.places)
            self.places.append([Place(place.file, place.line, place.text.strip()) for place in stack])
        return self.numbers[location]

    def stage(self, name: str, module: Operation, origins: Origins) -> StageView:
        """A stage line by line."""
        stream = _Lines()
        printer = _LocatedPrinter(stream)
        printer.print_op(module)
        texts = stream.getvalue().splitlines()
        found: list[list[int]] = [[] for _ in texts]
        numbers, count = [0] * len(texts), 0
        for line, op in printer.starts:
            found[line] = self.numbers_of(origins(op))
            if isinstance(op, FuncOp):
                count += 1
                numbers[line:] = [count] * (len(texts) - line)
        lines = [Line(t, o, f) for t, o, f in zip(texts, found, numbers, strict=True)]
        return StageView(name, _holds(name), lines)


def source_lines(places: Sequence[Sequence[Place]]) -> list[SourceLine]:
    """The lines of all files: the user's own, those of packages, and those that the archive alone has."""
    found: dict[Place, list[int]] = {}
    for number, stack in enumerate(places):
        for place in dict.fromkeys(stack):
            found.setdefault(place, []).append(number)
    ordered = sorted(found, key=lambda place: (_distance(place.file), place.file, place.line))
    return [SourceLine(place.file, place.line, place.text, found[place]) for place in ordered]


def _distance(file: str) -> int:
    """How far a file is from what its user wrote."""
    if file.startswith("code/"):
        return 2
    return int("site-packages/" in file or file.startswith(str(PACKAGE)))


def _holds(stage: str) -> str:
    return next(s.holds for s in pipeline.stages() if s.name == stage)


def _own(op: Operation) -> Iterable[Attribute]:
    """The location of an operation; of a group, those of its operators."""
    return (inner.location for inner in walk(op.body)) if isinstance(op, GroupOp) else (op.location,)


def viewed(options: argparse.Namespace) -> MethodView:
    """Compile the method that the options name, and keep what each stage looks like.

    Raises:
        ArgumentError: nothing is compiled for such arguments.
        TscError: the archive or the inputs are the cause.
    """
    written, report = _freezing(subject(options, is_frozen=False))
    called = subject(options, is_frozen=True)
    version = called.method.frozen_version()
    values: list[Any] = [*called.method.values_of(called.arguments)]
    values += [] if version.state is None else version.state.read()
    key = [text for value in values if (text := describe(value)) is not None]
    if len(key) < len(values):
        raise ArgumentError("--input: requires values that code is compiled for: tensors, numbers, strings")
    places = _Places(called.method.name)
    stages = [places.stage("torch", written, _own)]
    stages.append(places.stage("frozen", version.specialized.alone(), _own))
    try:
        own = Compilation(replace(report, timings=list(report.timings)))
        descent = Descent.specialize(version.specialized, key, own, is_whole=True)
        return _view(options, descent, key, places, stages)
    except CodegenError as error:
        descent = Descent.specialize(version.specialized, key, Compilation(report))
        return _view(options, descent, key, places, stages, error.message)


def _freezing(called: Subject) -> tuple[FuncOp, pipeline.Report]:
    """The method as it is written, calls inlined, and how long the passes of stage `frozen` take."""
    called.module.eval()
    method, pool, report = called.method, ConstantPool(), pipeline.Report()
    module = assemble(method.unit, pool, [method.function], method.receiver)
    pipeline.lower(make_context(pool), module, stop_after="frozen", report=report)
    return method.inlined()[0], report


def _view(
    options: argparse.Namespace, descent: Descent, key: Sequence[str], places: _Places,
    stages: Sequence[StageView], reason: str | None = None,
) -> MethodView:  # fmt: skip
    """The stages below `frozen`: all of them where it is native as a whole.

    Raises:
        CodegenError: it is not, which was not known before.
    """
    compilation = descent.compilation
    shown = [*stages, *(places.stage(name, descent.lower(name), _own) for name in ("value", "fused"))]
    reason = reason or why_not_native(descent.function, descent.context.pool)
    found, llvm, assembly = list[KernelView](), "", ""
    if reason is None:
        groups = KernelTiming.begin(descent.function)
        descent.lower("linalg")
        origins = _kernel_origins(descent.module, groups)
        loops = {kernel.sym_name.data: _loops(kernel) for kernel in kernels(descent.module)}
        shown.append(places.stage("linalg", descent.module, origins))
        descent.lower("loop")
        origins = _kernel_origins(descent.module, groups)
        shown.append(places.stage("loop", descent.module, origins))
        found = [
            _kernel(kernel, loops, places.numbers_of(origins(kernel))) for kernel in kernels(descent.module)
        ]
        llvm = descent.emit().text
        with compilation.timed("llvm"):
            assembly = compile_llvm(llvm, descent.target).assembly()
    passes = list(compilation.report.timings)
    return MethodView(
        options.archive, options.method, list(key), reason is None, reason, shown, places.places,
        source_lines(places.places), found, passes, compilation.seconds, llvm, assembly,
    )  # fmt: skip


def _kernel_origins(module: ModuleOp, groups: KernelTiming) -> Origins:
    """What the operations of stages `linalg` and `loop` come from: those of a kernel, from the operators of
    the groups that it is called for.
    """
    called: dict[str, list[Attribute]] = {}
    for call in walk(module):
        if isinstance(call, CallOp):
            called.setdefault(call.callee.string_value(), []).extend(_of_group(call, groups))
    owners: Mapping[Operation, list[Attribute]] = {
        op: called.get(kernel.sym_name.data, [])
        for kernel in functions(module)
        if is_kernel(kernel)
        for op in walk(kernel)
    }

    def origins(op: Operation) -> Iterable[Attribute]:
        return owners[op] if op in owners else [*_of_group(op, groups), op.location]

    return origins


def _of_group(op: Operation, groups: KernelTiming) -> Iterable[Attribute]:
    number = tag_of(op.location)
    return () if number is None else (inner.location for inner in groups.groups[number])


def _loops(kernel: FuncOp) -> list[str]:
    return [_nest(op) for op in walk(kernel) if isinstance(op, GenericOp)]


def _nest(op: GenericOp) -> str:
    """The loops of a computation in words."""
    extents = list(zip(loop_extents(op), op.iterator_types.data, strict=True))
    parts: list[str] = []
    for word, kind in (("parallel", IteratorType.PARALLEL), ("reduction", IteratorType.REDUCTION)):
        sizes = [str(extent) for extent, iterator in extents if iterator.data is kind]
        parts += [f"{word} {' x '.join(sizes)}"] if sizes else []
    doc: Any = op.properties.get("doc")
    return ", ".join(parts or ["one point"]) + (f": {doc.data}" if doc is not None else "")


def _kernel(kernel: FuncOp, loops: Mapping[str, list[str]], origins: list[int]) -> KernelView:
    name = kernel.sym_name.data
    kind, schedule = (
        str(getattr(kernel.attributes.get(f"tsc.{key}"), "data", "")) for key in ("kind", "schedule")
    )
    return KernelView(name, kind, schedule, loops.get(name, []), origins)
