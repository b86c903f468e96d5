"""Rows of text as a table of aligned columns."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], widest: int = 60) -> list[str]:
    """A line for each row, its cells padded to the width of their column; the last cell is not padded, and a
    wider cell than `widest` pushes the rest of its own row alone.
    """
    count = max(map(len, rows), default=0)
    widths = [
        max((len(r[i]) for r in rows if i < len(r) and len(r[i]) <= widest), default=0) for i in range(count)
    ]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip() for row in rows]
