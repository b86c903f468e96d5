"""Text that others wrote into its syntax tree, without Python's warnings about how it is written."""

from __future__ import annotations

import ast
import re
import warnings

NAME = "<archived code>"
"""What Python takes for the file, and so for the module that a warning is about."""
_MODULE = re.compile(re.escape(NAME))


def parsed_quietly(text: str, mode: str = "exec") -> ast.AST:
    r"""What `ast.parse` makes of `text`. It warns of ``'\d'`` and ``1if x``, and raises where warnings are
    errors; to whoever loads a program, neither says anything.

    Warnings are the whole process's, and `warnings.catch_warnings` takes those of other threads away, or
    what these change. So a filter for this text alone is put before all others, and stays.

    Raises:
        SyntaxError: it is not Python.
    """
    while True:
        _ignore_our_warnings()
        try:
            return ast.parse(text, NAME, mode)
        except SyntaxError:
            if _are_ours_ignored():
                raise
            # Another thread put a filter before ours, which may have made an error of a warning.


def _ignore_our_warnings() -> None:
    if not _are_ours_ignored():
        warnings.filterwarnings("ignore", module=_MODULE.pattern)


def _are_ours_ignored() -> bool:
    """Whether our filter is the first."""
    return next(iter(warnings.filters), None) == ("ignore", None, Warning, _MODULE, 0)
