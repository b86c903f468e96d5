"""What commands print, to readers that may leave early and terminals that may not know all letters."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""The exit code of what Ctrl-C ended, as shells have it."""


def show(text: str) -> None:
    """Print all of a text. A reader that closed the pipe (``| head``) wanted no more of it, which is no
    error; letters that the output's encoding does not have are written as Python writes them in strings.

    Raises:
        OSError: it cannot be written.
    """
    encoding, errors = sys.stdout.encoding or "utf-8", sys.stdout.errors or "strict"
    if errors == "strict":
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would be written once more, and fail once more, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise
