"""`tsc-opt`: run passes and stages on ``.mlir``, ``.pt`` and ``.py:name`` inputs; print what comes out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import tsc
from tsc import pipeline
from tsc.errors import ArgumentError
from tsc.tools.console import INTERRUPTED, show
from tsc.tools.diagnostics import Diagnostic, expected_in, unmet
from tsc.tools.inputs import Chunk, read_input, split
from tsc.tools.opt_driver import Driver
from tsc.tools.outputs import KINDS, emit
from tsc.tools.passes import available_passes, known_names, parse_pipeline

EPILOG = """\
examples:
  tsc-opt model.pt --stop-after frozen
  tsc-opt model.pt --example-shapes 1x3x224x224xf32 --stop-after linalg
  tsc-opt model.pt --example-shapes 1x3x224x224xf32 --stop-after linalg --with-weights | iree-compile -
  tsc-opt model.mlir -p "inline,freeze,canonicalize"
  tsc-opt program.py:function --example-shapes 4x8xf32,4x8xf32 --emit asm
  tsc-opt program.py:function --example-shapes 1024xf32 --emit ptx --arch sm_90
  tsc-opt cases.mlir -p fuse --split-input-file --verify-diagnostics
"""


class _Version(argparse.Action):
    """Prints the versions of what texts depend on."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        libraries = ", ".join(f"{name} {version(name)}" for name in ("xdsl", "llvmlite"))
        print(f"tsc-opt {tsc.__version__} ({libraries})")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="tsc-opt",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--version", action=_Version, nargs=0, help="print the versions")
    _add_input(made)
    _add_work(made)
    _add_output(made)
    return made


def _add_input(parser: argparse.ArgumentParser) -> None:
    made = parser.add_argument_group("what is read")
    made.add_argument(
        "input",
        nargs="?",
        default="-",
        help="file.mlir, archive.pt, program.py:name, or - for MLIR text on standard input",
    )
    made.add_argument(
        "--method", default="forward", help="the method of an archive's module (default: forward)"
    )
    made.add_argument(
        "--split-input-file",
        action="store_true",
        help="MLIR text is several modules, between lines `// -----`, each by itself",
    )
    made.add_argument(
        "--allow-unregistered-dialect", action="store_true", help="read operations that nobody knows"
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    made = parser.add_argument_group("what is done")
    made.add_argument(
        "-p",
        "--passes",
        metavar="PIPELINE",
        help='passes in order, with options: "freeze{preserved-attrs=\\"scale\\"},fuse"; those of xDSL too',
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
    made.add_argument("--list-passes", action="store_true", help="list all passes and their options")
    made.add_argument(
        "--verify-diagnostics",
        action="store_true",
        help="hold errors to the comments `// expected-error @+1 {{text}}` of MLIR text, as mlir-opt does",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    made = parser.add_argument_group("what is printed")
    made.add_argument("--emit", choices=sorted(KINDS), default="mlir", help="what to print (default: mlir)")
    made.add_argument("--arch", default="sm_90", help="GPU architecture for --emit ptx (default: sm_90)")
    made.add_argument(
        "--with-weights",
        action="store_true",
        help="write the arrays of constants behind the text (dialect_resources), for other tools of MLIR",
    )
    made.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    for when in ("before", "after"):
        made.add_argument(
            f"--print-ir-{when}",
            metavar="PASS",
            action="append",
            default=[],
            help=f"print the IR {when} this pass, to standard error; also inside a fixed point",
        )
        made.add_argument(
            f"--print-ir-{when}-all", action="store_true", help=f"print the IR {when} every pass"
        )
    made.add_argument(
        "--print-op-generic", action="store_true", help="print operations in MLIR's generic form"
    )
    made.add_argument("--print-debuginfo", action="store_true", help="print the location of each operation")
    made.add_argument(
        "--time-passes", action="store_true", help="print how long each pass took, to standard error"
    )


def run(options: argparse.Namespace) -> tuple[str, list[Diagnostic]]:
    """Do what the options say: the text to print, and what is wrong.

    Raises:
        ArgumentError: an option is wrong.
        OSError: the input cannot be read.
    """
    if options.list_passes:
        return "".join(f"{name}\n    {text}\n" for name, text in sorted(_descriptions().items())), []
    _require_known(options)
    texts: list[str] = []
    found: list[Diagnostic] = []
    for chunk in split(options.input, options.split_input_file):
        text, diagnostics = _one(options, chunk)
        texts.append(text)
        found += diagnostics
        if diagnostics and not options.verify_diagnostics:
            break
    return "" if options.verify_diagnostics else "// -----\n".join(texts), found


def _one(options: argparse.Namespace, chunk: Chunk) -> tuple[str, list[Diagnostic]]:
    """What comes of one module, and what is wrong: with `--verify-diagnostics`, what was not expected."""
    text, found = "", list[Diagnostic]()
    try:
        text = _lowered(options, chunk)
    except Diagnostic.RAISED as error:
        found = [Diagnostic.of(error, chunk)]
    if not options.verify_diagnostics:
        return text, found
    return "", unmet(expected_in(chunk), found)


def _lowered(options: argparse.Namespace, chunk: Chunk) -> str:
    context, module, stage = read_input(chunk, options.method, is_open=options.allow_unregistered_dialect)
    driver = Driver(options, context, module)
    asked = options.stop_after is not None or options.passes is not None
    target = "loop" if options.emit != "mlir" and not asked else options.stop_after
    try:
        if options.passes:
            driver.run(parse_pipeline(options.passes))
        if target is not None:
            driver.run_stages(stage, target)
        elif options.example_shapes:
            driver.specialize()
    finally:
        if options.time_passes:
            driver.report()
    return emit(
        options.emit, module, context.pool if options.with_weights else None, arch=options.arch,
        generic=options.print_op_generic, located=options.print_debuginfo,
    )  # fmt: skip


def _require_known(options: argparse.Namespace) -> None:
    """Names of passes and stages are looked at before anything is read."""
    parse_pipeline(options.passes or "")
    for name in (*options.print_ir_before, *options.print_ir_after):
        if name not in known_names():
            raise ArgumentError(f"no pass {name!r} to print the IR around (--list-passes lists them)")
    if options.stop_after is not None and options.stop_after not in pipeline.STAGE_NAMES:
        raise ArgumentError(f"no stage {options.stop_after!r}; stages are {', '.join(pipeline.STAGE_NAMES)}")


def _descriptions() -> dict[str, str]:
    return {name: (cls.__doc__ or "").strip().splitlines()[0] for name, cls in available_passes().items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; the exit code: 1 where something is wrong, which one line each says."""
    options = parser().parse_args(arguments)
    try:
        text, found = run(options)
        if options.output and not found:
            Path(options.output).write_text(text, encoding="utf-8")
        elif not found:
            show(text)
    except KeyboardInterrupt:
        print("tsc-opt: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Diagnostic.RAISED as error:
        found = [Diagnostic.of(error, Chunk(options.input))]
    for diagnostic in found:
        print(diagnostic, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
