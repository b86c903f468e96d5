"""The results as a table and as a plot."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

Times = dict[str, dict[str, float]]


def table(results: Times) -> str:
    """A Markdown table: milliseconds per model and peer, the best in bold, and how far tsc is ahead of the
    best other.
    """
    peers = list(dict.fromkeys(peer for row in results.values() for peer in row))
    lines = [f"| model | {' | '.join(peers)} | best other / tsc |", "|---" * (len(peers) + 2) + "|"]
    for model, row in results.items():
        best = min(row.values())
        cells = [_cell(row.get(peer), best) for peer in peers]
        others = [t for peer, t in row.items() if peer != "tsc"]
        ratio = f"{min(others) / row['tsc']:.2f}" if "tsc" in row and others else ""
        lines.append(f"| {model} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines)


def _cell(milliseconds: float | None, best: float) -> str:
    if milliseconds is None:
        return "-"
    digits = 4 if milliseconds < 0.1 else 3 if milliseconds < 10 else 1
    text = f"{milliseconds:.{digits}f}"
    return f"**{text}**" if milliseconds == best else text


def plot(results: Times, file: Path) -> None:
    """A bar chart of times relative to tsc; nothing is written where matplotlib is not installed."""
    try:
        pyplot: Any = import_module("matplotlib.pyplot")
    except ImportError:
        return
    pyplot.switch_backend("Agg")

    peers = list(dict.fromkeys(peer for row in results.values() for peer in row))
    size = (1.6 * len(results) + 3, 4.5)
    figure, axes = pyplot.subplots(figsize=size, layout="constrained")
    width = 0.8 / len(peers)
    for i, peer in enumerate(peers):
        heights = [row.get(peer, 0.0) / row.get("tsc", 1.0) for row in results.values()]
        axes.bar([x + i * width for x in range(len(results))], heights, width, label=peer)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(results))], list(results), rotation=20)
    axes.set_ylabel("time relative to tsc (lower is faster)")
    axes.set_ylim(0, 6)
    axes.legend()
    figure.savefig(file, dpi=120)
