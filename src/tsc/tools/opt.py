"""`tsc-opt`: run passes and stages on ``.mlir``, ``.pt`` and ``.py:name`` inputs; print what comes out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import DiagnosticException, ParseError, PassFailedException, VerifyException

from tsc import pipeline
from tsc.dialects.context import TorchContext
from tsc.errors import ArgumentError, IRError, TscError
from tsc.tools.inputs import read_input
from tsc.tools.outputs import KINDS, emit
from tsc.tools.passes import available_passes, parse_pipeline

EPILOG = """\
examples:
  tsc-opt model.pt --stop-after frozen
  tsc-opt model.pt --example-shapes 1x3x224x224xf32 --stop-after linalg
  tsc-opt model.mlir -p "inline,freeze,canonicalize"
  tsc-opt program.py:function --example-shapes 4x8xf32,4x8xf32 --emit asm
  tsc-opt program.py:function --example-shapes 1024xf32 --emit ptx --arch sm_90
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="tsc-opt",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "input",
        nargs="?",
        default="-",
        help="file.mlir, archive.pt, program.py:name, or - for MLIR text on standard input",
    )
    made.add_argument(
        "-p",
        "--passes",
        metavar="PIPELINE",
        help='passes in order, with options: "freeze{preserved-attrs=\\"scale\\"},fuse"',
    )
    made.add_argument(
        "--stop-after",
        metavar="STAGE",
        help=f"lower through the stages up to this one: {', '.join(pipeline.STAGE_NAMES)}",
    )
    made.add_argument(
        "--example-shapes",
        metavar="SHAPES",
        help="specialize for arguments such as 1x3x224x224xf32,int:3,none",
    )
    made.add_argument("--emit", choices=sorted(KINDS), default="mlir", help="what to print (default: mlir)")
    made.add_argument("--arch", default="sm_90", help="GPU architecture for --emit ptx (default: sm_90)")
    made.add_argument(
        "--method", default="forward", help="the method of an archive's module (default: forward)"
    )
    made.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    made.add_argument(
        "--print-ir-before",
        metavar="PASS",
        action="append",
        default=[],
        help="print the IR before this pass, to standard error",
    )
    made.add_argument(
        "--print-ir-after",
        metavar="PASS",
        action="append",
        default=[],
        help="print the IR after this pass, to standard error",
    )
    made.add_argument("--print-ir-before-all", action="store_true", help="print the IR before every pass")
    made.add_argument("--print-ir-after-all", action="store_true", help="print the IR after every pass")
    made.add_argument(
        "--print-op-generic", action="store_true", help="print operations in MLIR's generic form"
    )
    made.add_argument(
        "--time-passes", action="store_true", help="print how long each pass took, to standard error"
    )
    made.add_argument("--list-passes", action="store_true", help="list all passes and their options")
    return made


class Driver:
    """Runs passes one by one, printing and timing as the options say."""

    def __init__(self, options: argparse.Namespace, context: TorchContext, module: ModuleOp) -> None:
        self.options = options
        self.context = context
        self.module = module
        self.timings: list[tuple[str, float]] = []

    def run(self, passes: Sequence[ModulePass]) -> None:
        """Run `passes` in order, verifying after each."""
        for compiler_pass in passes:
            name = compiler_pass.name
            if self.options.print_ir_before_all or name in self.options.print_ir_before:
                self._show("Before", name)
            begin = time.perf_counter()
            compiler_pass.apply(self.context, self.module)
            self.timings.append((name, time.perf_counter() - begin))
            self.module.verify()
            if self.options.print_ir_after_all or name in self.options.print_ir_after:
                self._show("After", name)

    def _show(self, when: str, name: str) -> None:
        print(f"// -----// IR Dump {when} {name} //----- //\n" + str(self.module), file=sys.stderr)

    def report(self) -> None:
        """Print the time of each pass."""
        total = sum(seconds for _, seconds in self.timings)
        for name, seconds in self.timings:
            print(f"  {seconds * 1e3:9.2f} ms  {seconds / max(total, 1e-12):6.1%}  {name}", file=sys.stderr)
        print(f"  {total * 1e3:9.2f} ms  100.0%  total", file=sys.stderr)


def run(options: argparse.Namespace) -> str:
    """Do what the options say; the text to print.

    Raises:
        TscError: the input or an option is wrong.
    """
    if options.list_passes:
        return "".join(f"{name}\n    {text}\n" for name, text in sorted(_descriptions().items()))
    context, module, stage = read_input(options.input, options.method)
    driver = Driver(options, context, module)
    target = (
        "loop"
        if options.emit != "mlir" and options.stop_after is None and options.passes is None
        else options.stop_after
    )
    if options.passes:
        driver.run(parse_pipeline(options.passes))
    if target is not None:
        driver.run(_stage_passes(options, stage, target))
    elif options.example_shapes:
        driver.run(_specialize(options))
    if options.time_passes:
        driver.report()
    return emit(options.emit, module, arch=options.arch, generic=options.print_op_generic)


def _descriptions() -> dict[str, str]:
    return {name: (cls.__doc__ or "").strip().splitlines()[0] for name, cls in available_passes().items()}


def _specialize(options: argparse.Namespace) -> list[ModulePass]:
    from tsc.passes.specialize import Specialize
    from tsc.tools.passes import split_top_level

    return [Specialize(tuple(split_top_level(options.example_shapes, ",")))]


def _stage_passes(options: argparse.Namespace, start: str, stop: str) -> list[ModulePass]:
    """The passes from stage `start` to `stop`, with `specialize` after `frozen` when shapes are given."""
    from tsc.compiler.native_text import machine_of

    names = pipeline.STAGE_NAMES
    if stop not in names:
        raise IRError(f"no stage {stop!r}; stages are {', '.join(names)}")
    if names.index(start) > names.index(stop):
        raise ArgumentError(f"--stop-after {stop}: the input is at stage {start} already")
    chosen: list[ModulePass] = []
    for stage in pipeline.stages(machine_of(options.emit, options.arch))[
        names.index(start) + 1 : names.index(stop) + 1
    ]:
        if stage.name == "value" and options.example_shapes:
            chosen += _specialize(options)
        for compiler_pass in stage.passes:
            chosen.append(compiler_pass)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; the exit code."""
    options = parser().parse_args(arguments)
    try:
        text = run(options)
        if options.output:
            Path(options.output).write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
    except BrokenPipeError:
        return 0
    except ParseError as error:
        print(f"{options.input}{_position(error)}: error: {error.msg}", file=sys.stderr)
        return 1
    except TscError as error:
        where = (
            "" if error.where is None else f"{error.where.file}:{error.where.line}:{error.where.column + 1}: "
        )
        print(f"{where or options.input + ': '}error: {error}", file=sys.stderr)
        return 1
    except (OSError, VerifyException, DiagnosticException, PassFailedException) as error:
        print(
            f"{options.input}: error: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            file=sys.stderr,
        )
        return 1
    return 0


def _position(error: ParseError) -> str:
    """``:line:column`` of a parse error."""
    text = cast("str", error.span.input.content[: error.span.start])
    return f":{text.count(chr(10)) + 1}:{len(text) - text.rfind(chr(10))}"


if __name__ == "__main__":
    sys.exit(main())
