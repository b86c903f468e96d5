r"""Compile an archive's module ahead of time: a shared library and a C header, which need no Python.

  python -m tsc compile model.pt --input 1x3x224x224xf32 -o libmodel.so
  python -m tsc compile model.pt --input '?batchx3x32x32xf32' --cpu x86-64-v3 --cpu x86-64-v4 -o libmodel.so
  python -m tsc compile model.pt --method encode --input '1x?xi64' --method decode --input 1x64xf32 \
      -o libmodel.so

An input is a tensor (1x3xf32, '?x4xi64'), a constant (int:3, float:0.5, true, none, str:gelu), a number that
the caller gives (int, float, bool: a tensor without dims), or several: '[2x3xf32;4xf32]' for a list or tuple.
A size that may be any is '?', or has a name ('?batch'), which stands for one size wherever it is used;
'?batch=8' gives an example, which the code is made fast for.

Keys of --json: files (file, size_bytes).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsc.tools.reports import as_json
from tsc.tools.shared_options import add_archive, add_json, output_path


class _Signature(argparse.Action):
    """Keeps ``--method`` and ``--input`` in the order in which they are given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Note one of them."""
        namespace.signature = [*namespace.signature, ((option_string or "").lstrip("-"), values)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.set_defaults(signature=[])
    add_archive(parser)
    parser.add_argument(
        "--input",
        action=_Signature,
        metavar="SPEC",
        help="an argument of the method before it; in their order",
    )
    parser.add_argument(
        "--method", action=_Signature, metavar="NAME", help="a method, whose inputs follow (default: forward)"
    )
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the library: libmodel.so")
    parser.add_argument(
        "--name",
        help="what its functions begin with, and the header is called (default: that of the library)",
    )
    parser.add_argument(
        "--cpu",
        action="append",
        metavar="LEVEL",
        help="a kind of processor to make code for, picked when an instance is made: native (default; this "
        "machine), x86-64, x86-64-v2, x86-64-v3, x86-64-v4; may be repeated",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="put the weights into this file beside the library, which maps it, and not into the library",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """Make the library; which files were written.

    Raises:
        TscError: the archive, or what is asked of it, is the cause.
    """
    from tsc.ahead import LibraryRequest, MethodRequest, build_library
    from tsc.ahead.levels import level
    from tsc.jit import load

    output = output_path(options.output)
    methods = [MethodRequest(name, inputs) for name, inputs in _methods(options.signature)]
    levels = [level(name) for name in options.cpu or ["native"]]
    weights = None if options.weights is None else Path(options.weights)
    request = LibraryRequest(methods, levels, output, options.name or _name_of(output), weights)
    built = build_library(load(options.archive), request)
    files = [{"file": str(path), "size_bytes": path.stat().st_size} for path in built.files]
    if options.json:
        return as_json({"files": files})
    return "".join(f"{entry['file']}: {entry['size_bytes']} bytes\n" for entry in files)


def _methods(signature: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """The methods, and the inputs of each."""
    methods: list[tuple[str, list[str]]] = []
    if not signature or signature[0][0] == "input":
        methods.append(("forward", []))
    for option, value in signature:
        if option == "method":
            methods.append((value, []))
        else:
            methods[-1][1].append(value)
    return methods


def _name_of(output: Path) -> str:
    """``model`` for ``libmodel.so``."""
    stem = output.name.partition(".")[0].removeprefix("lib")
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return name if name.isidentifier() else f"model_{name}"
