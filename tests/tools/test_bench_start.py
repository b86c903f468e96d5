"""`tools.bench_start`: processes that answer once, and when."""

from __future__ import annotations

from pathlib import Path

import torch

from tools.bench_start.__main__ import Files, Start, parts_table, start, tables
from tools.bench_start.layers import Chain


def test_a_process_answers_cold_and_from_its_cache(tmp_path: Path) -> None:
    files = Files(tmp_path, Chain(4).eval(), (torch.randn(4, 32),))
    files.write()
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    cached = {"TSC_CACHE": "1", "TSC_CACHE_DIR": str(cache)}
    made = [start("tsc", files.archive, files.arrays, e) for e in ({"TSC_CACHE": "0"}, cached, cached)]
    assert list(made[0].parts) == ["import", "load", "freeze", "first call"]
    assert all(0 < sum(s.parts.values()) < s.seconds for s in made)
    assert made[2].memory_bytes < made[0].memory_bytes  # neither xDSL nor LLVM is there
    assert any(cache.iterdir())


def test_tables_show_medians() -> None:
    starts = [Start(n, n, 1e6 * n, {"load": n, "first call": 2 * n}) for n in (1.0, 2.0, 30.0)]
    text = tables({"net": {"tsc, nothing cached": starts}})
    assert "| net | 2.00 |" in text
    assert "| net | 2 |" in text
    assert "| net | 2.00 | 4.00 | 2.00 |" in parts_table({"net": starts})
