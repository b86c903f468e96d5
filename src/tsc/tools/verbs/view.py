"""Write a page that shows how a method becomes code: all stages side by side.

  python -m tsc view model.pt --input 1x3x224x224xf32 -o page.html

The method is frozen and compiled for the inputs; it is not run. The page is one file that needs nothing else.
Pointing at a line or a value marks what comes from the same place of the program in all stages, with that
place; a click keeps it marked, and shows it in all columns. Kernels are listed with their loops, passes with
their times; LLVM IR and assembly are there on request. What is not native as a whole is shown down to the
groups of stage fused.

Keys of --json: file, size_bytes, runs (native, or mixed), reason, stages, kernels (names).
"""

from __future__ import annotations

import argparse

from tsc.tools.shared_options import add_call, add_json, output_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the page: page.html")
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """Write the page; what is on it.

    Raises:
        TscError: the archive or the inputs are the cause.
        OSError: a file cannot be read or written.
    """
    from tsc.tools.reports import as_json
    from tsc.tools.view_page import page_of
    from tsc.tools.viewing import viewed

    path = output_path(options.output)
    view = viewed(options)
    path.write_text(page_of(view), encoding="utf-8")
    report = {
        "file": str(path),
        "size_bytes": path.stat().st_size,
        "runs": "native" if view.is_native else "mixed",
        "reason": view.reason,
        "stages": [stage.name for stage in view.stages],
        "kernels": [kernel.name for kernel in view.kernels],
    }
    return as_json(report) if options.json else f"{path}: {path.stat().st_size} bytes\n"
