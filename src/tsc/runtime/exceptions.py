"""Exceptions that a running TorchScript program raises."""

from __future__ import annotations

from typing import Any, NoReturn

from tsc.errors import ScriptError


def raise_from_script(message: Any, qualified: Any) -> NoReturn:
    """Raise what ``raise`` or ``assert`` of the program says.

    Raises:
        ScriptError: always; the message is the program's.
    """
    kind = "" if not qualified else str(qualified).rpartition(".")[2]
    prefix = f"{kind}: " if kind else ""
    raise ScriptError(f"The following operation failed in the TorchScript interpreter.\n{prefix}{message}")
