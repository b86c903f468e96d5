"""Runs passes one by one as the options of `tsc-opt` say: printing the IR around them, and timing them, also
those inside fixed points.

This is not xDSL's driver (`xDSLOptMain`), whose passes, dialects and options are here too: that makes the
list of passes before it has read the module, while here the stage of the input says which are left; it cannot
look into fixed points; it ends at the first error with a traceback; and its ``--disable-verify`` changes a
class of the whole process.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc import pipeline
from tsc.compiler.native_text import machine_of
from tsc.dialects.context import TorchContext
from tsc.dialects.mlir_text import mlir_text
from tsc.dialects.torch_types import TensorType
from tsc.errors import ArgumentError
from tsc.passes import FixedPoint, Rewriting
from tsc.passes.specialize import Specialize
from tsc.tools.passes import split_top_level

Result = TypeVar("Result")


@dataclass
class _Time:
    """How long a pass took, and in a fixed point each of its passes, in all rounds together."""

    name: str
    seconds: float = 0.0
    runs: int = 0
    inside: dict[str, _Time] = field(default_factory=dict[str, "_Time"])

    def add(self, seconds: float) -> None:
        """One more run."""
        self.seconds += seconds
        self.runs += 1


class Driver:
    """Runs passes on a module, verifying it after each."""

    def __init__(self, options: argparse.Namespace, context: TorchContext, module: ModuleOp) -> None:
        self.options = options
        self.context = context
        self.module = module
        self.times: list[_Time] = []

    def run(self, passes: Sequence[ModulePass]) -> None:
        """Run `passes` in order."""
        for compiler_pass in passes:
            taken = _Time(compiler_pass.name)
            self.times.append(taken)
            self._timed(compiler_pass.name, taken, partial(self._apply, compiler_pass, taken))
            self.module.verify()

    def _apply(self, compiler_pass: ModulePass, taken: _Time) -> None:
        """Run a pass; of a fixed point one by one those of its rounds."""
        if isinstance(compiler_pass, FixedPoint):
            taken.inside = {inner.name: _Time(inner.name) for inner in compiler_pass.passes}
            compiler_pass.rounds(partial(self._run_inside, taken))
        else:
            compiler_pass.apply(self.context, self.module)

    def _run_inside(self, taken: _Time, inner: Rewriting) -> bool:
        rewrite = partial(inner.rewrite, self.context, self.module)
        return self._timed(inner.name, taken.inside[inner.name], rewrite)

    def _timed(self, name: str, taken: _Time, work: Callable[[], Result]) -> Result:
        """Do the work of a pass, print the IR around it, and note what it took."""
        self._show("Before", name)
        begin = time.perf_counter()
        result = work()
        taken.add(time.perf_counter() - begin)
        self._show("After", name)
        return result

    def specialize(self) -> None:
        """Give the arguments the shapes of the examples."""
        self.run([Specialize(tuple(split_top_level(self.options.example_shapes, ",")))])

    def run_stages(self, start: str, stop: str) -> None:
        """Lower from stage `start` to `stop`, with `specialize` after `frozen` when shapes are given.

        Raises:
            ArgumentError: the input is beyond that stage, or it needs shapes and has none.
        """
        names = pipeline.STAGE_NAMES
        if names.index(start) > names.index(stop):
            raise ArgumentError(f"--stop-after {stop}: the input is at stage {start} already")
        machine = machine_of(self.options.emit, self.options.arch)
        for stage in pipeline.stages(machine)[names.index(start) + 1 : names.index(stop) + 1]:
            if stage.name == "value" and self.options.example_shapes:
                self.specialize()
            if stage.name == "linalg":
                self._require_shapes(stop)
            self.run(stage.passes)

    def _require_shapes(self, stop: str) -> None:
        """Kernels are made for tensors of known shapes."""
        for function in pipeline.hosts(self.module):
            for argument in function.body.block.args:
                kind = argument.type
                if isinstance(kind, TensorType) and (kind.sizes is None or kind.dtype is None):
                    raise ArgumentError(
                        f"--stop-after {stop}: requires --example-shapes, the shapes of all arguments; that "
                        f"of {argument.name_hint or 'one'} is not known"
                    )

    def _show(self, when: str, name: str) -> None:
        chosen = vars(self.options)
        key = f"print_ir_{when.lower()}"
        if chosen[f"{key}_all"] or name in chosen[key]:
            title = f"// -----// IR Dump {when} {name} //----- //"
            print(
                f"{title}\n{mlir_text(self.module, is_generic=self.options.print_op_generic)}",
                file=sys.stderr,
            )

    def report(self) -> None:
        """Print the time of each pass."""
        total = sum(taken.seconds for taken in self.times)
        for taken in self.times:
            _print_time(taken.seconds, total, taken.name)
            for inner in taken.inside.values():
                _print_time(inner.seconds, total, f"  {inner.name} ({inner.runs} times)")
        _print_time(total, total, "total")


def _print_time(seconds: float, total: float, name: str) -> None:
    share = seconds / total if total else 1.0
    print(f"  {seconds * 1e3:9.2f} ms  {share:6.1%}  {name}", file=sys.stderr)
