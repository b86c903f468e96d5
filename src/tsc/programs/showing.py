"""Functions and modules show themselves: what they were compiled to in a line, and in notebooks a page."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Protocol

from tsc import pipeline
from tsc.errors import TscError
from tsc.printing.graph import Graph
from tsc.programs.specialization_table import SpecializationInfo, SpecializationTable, size_text

SHOWN_STAGES = 400
"""Lines of source, as TorchScript, up to which stages are in the page: each is lowered anew for it."""
SHOWN_LINES = 300
"""Lines of a stage that are shown."""
_CELL = "text-align:left;padding:2px 12px 2px 0"


class Showable(Protocol):
    """What can be shown."""

    @property
    def graph(self) -> Graph:
        """The graph, as written, or frozen."""
        ...

    @property
    def code(self) -> str:
        """The same as Python."""
        ...

    @property
    def ir(self) -> Stages:
        """The IR at each stage."""
        ...

    def specializations(self) -> SpecializationTable:
        """What it was compiled for."""
        ...


class Stages(Protocol):
    """Texts by stage."""

    def __getitem__(self, stage: str) -> str: ...


def summary(table: Sequence[SpecializationInfo], *, is_frozen: bool) -> str:
    """In words: ``frozen, native for x: float32[4, 8], 2 more specializations``; nothing where there is
    nothing to say.
    """
    parts = ["frozen"] if is_frozen else []
    if table:
        newest = table[-1]
        given = ", ".join(str(a) for a in newest.arguments if not a.name.startswith("self."))
        parts.append(f"{newest.tier} for {given}" if given else newest.tier)
        if len(table) > 1:
            parts.append(f"{len(table) - 1} more specialization{'s' if len(table) > 2 else ''}")
    return ", ".join(parts)


def page(shown: Showable) -> str:
    """What notebooks show: what it is, what it was compiled for, its code and graph, and the stages; in HTML
    that needs nothing else, without scripts.
    """
    parts = [f"<div><pre>{html.escape(repr(shown))}</pre>", _table(shown.specializations())]
    code = _text(lambda: shown.code)
    parts += [_folded("code", code), _folded("graph", _text(lambda: str(shown.graph)))]
    if code.count("\n") <= SHOWN_STAGES:
        for stage in pipeline.STAGE_NAMES:
            parts.append(_folded(f"stage {stage}", _text(lambda name=stage: shown.ir[name])))
    else:
        parts.append(
            "<p>The stages are long: <code>.ir</code> and <code>python -m tsc view</code> show them.</p>"
        )
    return "".join([*parts, "</div>"])


def _text(made: Callable[[], str]) -> str:
    """A text, or why there is none: what was not compiled has no lower stages."""
    try:
        return made()
    except TscError as error:
        return f"({error.message})"


def _folded(title: str, text: str) -> str:
    """A text that opens when it is clicked at."""
    lines = text.rstrip("\n").split("\n")
    left_out = len(lines) - SHOWN_LINES
    if left_out > 0:
        lines = [*lines[:SHOWN_LINES], f"... ({left_out} more lines)"]
    body = html.escape("\n".join(lines))
    return (
        f'<details><summary>{html.escape(title)}</summary><pre style="overflow:auto">{body}</pre></details>'
    )


def _table(table: SpecializationTable) -> str:
    """The specializations."""
    if not table:
        return "<p>Nothing was compiled yet.</p>"
    names = (
        "method",
        "arguments",
        "runs",
        "calls",
        "kernels",
        "seconds to compile",
        "code",
        "why not native",
    )
    rows = [_row(names, "th"), *(_row(_cells(info), "td") for info in table)]
    return f"<table>{''.join(rows)}</table>"


def _cells(info: SpecializationInfo) -> tuple[str, ...]:
    given = ", ".join(map(str, info.arguments)) or "none"
    seconds = "-" if info.compile_seconds is None else f"{info.compile_seconds:.2f}"
    return (
        info.method, given, info.tier, str(info.hits), str(info.kernels), seconds,
        size_text(info.code_bytes), info.reason or "",
    )  # fmt: skip


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{html.escape(cell)}</{tag}>' for cell in cells) + "</tr>"
