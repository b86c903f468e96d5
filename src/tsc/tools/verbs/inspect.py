"""Say what is in an archive; nothing of it is run.

  python -m tsc inspect model.pt
  python -m tsc inspect model.pt --depth 1 --json

Shown are the file and who made it, the methods, the parameters and buffers, the attributes that methods
assign, the modules, and the operators of the methods (those of all modules that they call). "no definition"
are operators that fail when they run; "no native form" are those that run in Python whatever their
arguments are.

Keys of --json: file, size_bytes, format_version, producer, serialization_id, code_files,
code_files_with_source, methods (name, schema, error), parameters and buffers (count, elements, bytes,
dtypes, largest), assigned, modules (name, class_name, parameters, depth), operators, undefined,
no_native_form.
"""

from __future__ import annotations

import argparse

from tsc.tools.shared_options import add_archive, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_archive(parser)
    parser.add_argument("--method", metavar="NAME", help="operators of this method alone (default: all)")
    parser.add_argument(
        "--depth", type=int, default=2, metavar="N", help="how deep modules are shown (default: 2)"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """The report.

    Raises:
        TscError: the archive is the cause.
    """
    from tsc.tools.inspection import inspected
    from tsc.tools.reports import as_json

    found = inspected(options.archive, options.method, options.depth)
    return as_json(found) if options.json else f"{found}\n"
