"""Writes docs/options.md from what src/tsc/options.py says of each option.

python -m tools.options_page
"""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path

from tsc.options import environment_variables

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/options.md"
BEGINNING = """# Options

Environment variables are read when `tsc` is first used. A program changes the same options as attributes of
`tsc.options.options()`, which have the names in the last column. This page is written by `make docs`.

"""
LOGGERS = (
    (
        "tsc",
        "WARNING",
        "once of a module that is called often and not frozen, or while gradients are recorded "
        "(`TSC_HINTS=0`: nothing)",
    ),
    ("tsc", "WARNING", "that a function is compiled for no further shapes (`set_fusion_strategy`)"),
    ("tsc", "INFO", "why a function runs in the generic tier, or keeps its object"),
    ("tsc", "DEBUG", "what LLVM's engine loads, and fixed points that were left"),
    ("tsc.cache", "WARNING", "that the cache cannot be used"),
    ("tsc.cache", "INFO", "what was not found or not stored, and why"),
    ("tsc.cache", "DEBUG", "what was found, stored and deleted"),
    (
        "tsc.progress",
        "INFO",
        "what takes over a second, where no terminal is (`TSC_PROGRESS=0`: nothing)",
    ),
)
LOGS = """
## What is said, and where

The loggers of Python's `logging` say what happens. Nothing is configured, so Python shows warnings on the
error output, and nothing else.

"""
END = """
What a program should know of, and can change, is a Python warning in the line that led to it, once for each
line and cause: code that could not be compiled, and runs in Python (`TSC_STRICT=1` makes an error of that).

Tracebacks of errors have the frames of your program, and that of the call into `tsc`; `TSC_TRACEBACK=full`
shows those of the library too.
"""


def page() -> str:
    """The page, in Markdown."""
    variables = environment_variables()
    rows: list[str] = []
    for name, text in described().items():
        names = ", ".join(f"`{variable}`" for variable, option in variables.items() if option == name)
        rows.append(f"| {names or '-'} | {_cell(text)} | `{name}` |")
    said = [f"| `{name}` | {level} | {text} |" for name, level, text in LOGGERS]
    options = _table("| variable | | option |", rows)
    return f"{BEGINNING}{options}{LOGS}{_table('| logger | level | says |', said)}{END}"


def _table(header: str, rows: list[str]) -> str:
    return "\n".join([header, "|---|---|---|", *rows, ""])


def described() -> dict[str, str]:
    """The options, and what the source says of each."""
    tree = ast.parse((ROOT / "src/tsc/options.py").read_text(encoding="utf-8"))
    body = next(n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Options")
    found: dict[str, str] = {}
    for option, text in pairwise(body):
        if isinstance(option, ast.AnnAssign) and isinstance(option.target, ast.Name):
            assert isinstance(text, ast.Expr), f"option {option.target.id} says nothing"
            found[option.target.id] = ast.literal_eval(text.value)
    return found


def _cell(text: str) -> str:
    """A docstring in a cell of a table."""
    words = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"``?(.+?)``?", r"`\1`", words).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
