"""The bytes of text in an archive."""

from __future__ import annotations


def encoded(text: str) -> bytes:
    """`text` in UTF-8. Halves of surrogate pairs, which a program may hold as well, are three bytes each."""
    return text.encode("utf-8", "surrogatepass")
