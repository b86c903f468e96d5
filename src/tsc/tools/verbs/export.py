r"""Export a method of an archive's module as an ONNX model, which ONNX Runtime and Netron read.

  python -m tsc export model.pt --input 1x3x224x224xf32 -o model.onnx
  python -m tsc export model.pt --input '?batchx3x224x224xf32' --input-name image --output-name scores \
      -o model.onnx

An input is what compile takes: a tensor (1x3xf32), with sizes that may be any ('?batchx3xf32'), or a
constant (int:3, float:0.5, true, none, str:gelu). The package onnx is required. What ONNX cannot say is
refused, and named with the lines of the program.

Keys of --json: file, size_bytes.
"""

from __future__ import annotations

import argparse

from tsc.tools.reports import as_json
from tsc.tools.shared_options import add_json, add_method, output_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_method(parser, "as for compile")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the model: model.onnx")
    parser.add_argument(
        "--input-name", action="append", metavar="NAME", help="what an input is called, in their order"
    )
    parser.add_argument(
        "--output-name", action="append", metavar="NAME", help="what a result is called, in their order"
    )
    parser.add_argument("--opset", type=int, metavar="N", help="the operator set: 18 (default) or later")
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """Export the model; which file was written.

    Raises:
        TscError: the archive, or what is asked of it, is the cause.
    """
    from tsc.jit import load
    from tsc.onnx import export

    output = output_path(options.output)
    export(
        load(options.archive),
        tuple(options.input),
        output,
        input_names=options.input_name,
        output_names=options.output_name,
        opset_version=options.opset,
        method=options.method,
    )
    report = {"file": str(output), "size_bytes": output.stat().st_size}
    return as_json(report) if options.json else f"{output}: {report['size_bytes']} bytes\n"
