"""`Descent`: one function on its way down the stages, from `frozen` to machine code."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc import pipeline
from tsc.analysis.module_functions import functions, hosts
from tsc.analysis.target import Target
from tsc.codegen import ALONE, EmittedModule, Linkage, emit_cpu
from tsc.compiler.dumps import Dump
from tsc.compiler.entry import Entry
from tsc.compiler.sizes import Sizes
from tsc.dialects.context import TorchContext, make_context
from tsc.passes.specialize import Specialize
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import CompiledObject, compile_llvm

VALUE = pipeline.STAGE_NAMES.index("value")
"""The stage below which nothing is asked of symbolic sizes but what is certain."""


@dataclass
class Compilation:
    """What compiling did: passes, operations, kernels, and the time of each phase."""

    report: pipeline.Report = field(default_factory=pipeline.Report)
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    kernels: list[str] = field(default_factory=list[str])
    assembly: Callable[[], str] | None = None
    llvm: str = ""
    is_whole: bool = False
    """Whether branches and loops were to become native code too."""
    whole_refusal: str | None = None
    """Why branches and loops did not become native code, where that was tried."""
    python_groups: dict[int, str] = field(default_factory=dict[int, str])
    """Groups of a mixed program, by their number, that run in Python, and why."""
    checked: list[str] = field(default_factory=list[str])
    """With ``TSC_VERIFY=1``: after which passes the function was run and did what it did before."""

    @contextmanager
    def timed(self, phase: str) -> Generator[None]:
        """Add the time of the ``with`` block to a phase."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - begin


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
    sizes: Sizes | None = None
    """What names of sizes among the arguments stand for."""
    target: Target = field(default_factory=host_target)
    """The machine that the code is for."""

    @classmethod
    def specialize(
        cls, entry: Entry, arguments: Sequence[str], compilation: Compilation,
        check: pipeline.Watcher | None = None, *, is_whole: bool = False, sizes: Sizes | None = None,
    ) -> Descent:  # fmt: skip
        """`entry` for arguments as the pass `specialize` spells them, with `sizes` by name."""
        context, module = make_context(entry.pool), entry.alone()
        dump = Dump.begin(entry.name, entry.pool)
        specialize = Specialize(tuple(arguments), {} if sizes is None else sizes.values)
        with compilation.timed("passes"):
            specialize.apply(context, module)
        for watcher in filter(None, (dump, check)):
            watcher("frozen", specialize, module)
        fuses = entry.fuses_contractions
        return cls(context, module, "frozen", compilation, dump, check, fuses, is_whole, sizes)

    @property
    def function(self) -> FuncOp:
        """The function; once it has kernels, the host function that calls them."""
        found = list(functions(self.module))
        return found[0] if len(found) == 1 else hosts(self.module)[0]

    def copy(self) -> Descent:
        """Another way down from here."""
        return replace(self, module=self.module.clone())

    def lower(self, stage: str) -> FuncOp:
        """Run the passes down to `stage`.

        Raises:
            CodegenError: something has no native form.
        """
        if self.sizes is not None:
            if self.stage != "value" and pipeline.STAGE_NAMES.index(self.stage) < VALUE:
                self._run("value")
            self.sizes.environment.decides_equality = False
        self._run(stage)
        return self.function

    def _run(self, stage: str) -> None:
        with self.compilation.timed("passes"):
            pipeline.lower(
                self.context,
                self.module,
                start=self.stage,
                stop_after=stage,
                target=self.target,
                fuse_contractions=self.fuses_contractions,
                is_whole=self.is_whole,
                watch=self.dump,
                report=self.compilation.report,
                check=self.check,
            )
        self.stage = stage

    def emit(self, linkage: Linkage = ALONE) -> EmittedModule:
        """LLVM IR of stage `loop`."""
        with self.compilation.timed("emit"):
            emitted = emit_cpu(self.module, self.target, linkage)
        self.compilation.llvm = emitted.text
        if self.dump is not None:
            self.dump.write("llvm.ll", emitted.text)
        return emitted

    def load(self, emitted: EmittedModule) -> CompiledObject:
        """Machine code, in memory."""
        with self.compilation.timed("llvm"):
            compiled = compile_llvm(emitted.text, self.target)
        self.compilation.assembly = compiled.assembly
        return compiled
