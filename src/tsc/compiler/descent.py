"""`Descent`: one function on its way down the stages, from `frozen` to machine code."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.passes import ModulePass

from tsc import pipeline
from tsc.analysis.module_functions import functions, hosts
from tsc.analysis.target import Target
from tsc.codegen import ALONE, CallTiming, EmittedModule, KernelUnits, Linkage, emit_cpu, emit_host
from tsc.compiler.dumps import Dump
from tsc.compiler.entry import Entry
from tsc.compiler.kernel_timing import KernelTiming
from tsc.compiler.sizes import Sizes
from tsc.dialects.context import TorchContext, make_context
from tsc.passes.gradients.halves import Half
from tsc.passes.specialize import Specialize
from tsc.runtime.assembling import Assembly
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject

VALUE = pipeline.STAGE_NAMES.index("value")
"""The stage below which nothing is asked of symbolic sizes but what is certain."""


@dataclass
class Compilation:
    """What compiling did: passes, operations, kernels, and the time of each phase."""

    report: pipeline.Report = field(default_factory=pipeline.Report)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    kernels: list[str] = field(default_factory=list[str])
    is_whole: bool = False
    """Whether branches and loops were to become native code too."""
    whole_refusal: str | None = None
    """Why branches and loops did not become native code, where that was tried."""
    python_groups: dict[int, str] = field(default_factory=dict[int, str])
    """Groups of a mixed program, by their number, that run in Python, and why."""
    timings: list[KernelTiming] = field(default_factory=list[KernelTiming])
    """Of code that is profiled: the clocks around its kernels, for each native function."""
    checked: list[str] = field(default_factory=list[str])
    """With ``TSC_VERIFY=1``: after which passes the function was run and did what it did before."""

    @contextmanager
    def timed(self, phase: str) -> Generator[None]:
        """Add the time of the ``with`` block to a phase, but for that of phases inside it."""
        begin, before = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
        finally:
            own = time.perf_counter() - begin - (sum(self.seconds.values()) - before)
            self.seconds[phase] = self.seconds.get(phase, 0.0) + own


@dataclass(eq=False)
class Descent:
    """The function of `module`, its only one, which has reached `stage`. Each step goes down from there, and
    notes in `compilation` what it did.
    """

    context: TorchContext
    module: ModuleOp
    stage: str
    compilation: Compilation
    dump: Dump | None
    check: pipeline.Watcher | None = None
    """Holds each pass to what the function did before it."""
    fuses_contractions: bool = True
    is_whole: bool = False
    """Whether branches and loops are to become native code too."""
    called_from_python: bool = True
    """Whether the caller takes views of results, and puts what is written into arguments part by part; else
    it is given tensors as wholes.
    """
    sizes: Sizes | None = None
    """What names of sizes among the arguments stand for."""
    target: Target = field(default_factory=host_target)
    """The machine that the code is for."""
    finds_sizes: bool = False
    """Whether results may be as large as elements say."""
    timing: KernelTiming | None = None
    """Of code that is profiled: what is to be known of its kernels."""
    half: Half | None = None
    """Which half of the function it is to become."""

    @classmethod
    def specialize(
        cls, entry: Entry, arguments: Sequence[str], compilation: Compilation,
        check: pipeline.Watcher | None = None, *, is_whole: bool = False, sizes: Sizes | None = None,
        finds_sizes: bool = False, keeps_questions: bool = False, half: Half | None = None,
    ) -> Descent:  # fmt: skip
        """`entry` for arguments as the pass `specialize` spells them, with `sizes` by name."""
        context, module = make_context(entry.pool), entry.alone()
        if sizes is not None:
            context.sizes = sizes.environment
        context.sizes.keeps_questions = keeps_questions
        dump = Dump.begin(entry.name, entry.pool)
        specialize = Specialize(tuple(arguments), {} if sizes is None else sizes.values)
        with compilation.timed("passes"):
            specialize.apply(context, module)
        for watcher in filter(None, (dump, check)):
            watcher("frozen", specialize, module)
        fuses = entry.fuses_contractions
        return cls(
            context, module, "frozen", compilation, dump, check, fuses, is_whole, sizes=sizes,
            finds_sizes=finds_sizes, half=half,
        )  # fmt: skip

    @property
    def function(self) -> FuncOp:
        """The function; once it has kernels, the host function that calls them."""
        found = list(functions(self.module))
        return found[0] if len(found) == 1 else hosts(self.module)[0]

    def copy(self) -> Descent:
        """Another way down from here."""
        return replace(self, module=self.module.clone())

    def lower(self, stage: str, units: KernelUnits | None = None) -> FuncOp:
        """Run the passes down to `stage`; kernels that are at stage `loop` go to `units`, where given.

        Raises:
            CodegenError: something has no native form.
        """
        if self.sizes is not None or self.finds_sizes:
            if self.stage != "value" and pipeline.STAGE_NAMES.index(self.stage) < VALUE:
                self._run("value")
            self.context.sizes.decides_equality = False
        self._run(stage, units)
        return self.function

    def _run(self, stage: str, units: KernelUnits | None = None) -> None:
        def write(kernel: FuncOp) -> None:
            assert units is not None
            with self.compilation.timed("emit"):
                units.add(kernel)

        with self.compilation.timed("passes"):
            pipeline.lower(
                self.context,
                self.module,
                start=self.stage,
                stop_after=stage,
                target=self.target,
                fuse_contractions=self.fuses_contractions,
                is_whole=self.is_whole,
                called_from_python=self.called_from_python,
                finds_sizes=self.finds_sizes,
                half=self.half,
                watch=self._watch if self.timing is not None else self.dump,
                report=self.compilation.report,
                check=self.check,
                kernel_ready=None if units is None else write,
            )
        self.stage = stage

    def _watch(self, stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        for watcher in filter(None, (self.dump, self.timing)):
            watcher(stage, compiler_pass, module)

    def emit(self, linkage: Linkage = ALONE, units: KernelUnits | None = None) -> EmittedModule:
        """LLVM IR of stage `loop`, but for what `units` has written."""
        with self.compilation.timed("emit"):
            if units is not None:
                units.finish()
                return emit_host(self.module, units)
            clocks = None if self.timing is None else CallTiming(self.target.triple)
            emitted = emit_cpu(self.module, self.target, linkage, clocks)
            if self.timing is not None and clocks is not None:
                self.timing.note_calls(self.module, clocks.calls)
        if self.dump is not None:
            self.dump.write("llvm.ll", emitted.text)
        return emitted

    def load(self, emitted: EmittedModule, assembly: Assembly) -> CompiledObject:
        """Machine code of a module and of those of `assembly`, in memory."""
        with self.compilation.timed("llvm"):
            return assembly.loaded(emitted.text)
