"""Profilers find the names of native functions: ``TSC_PERF=1``."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import tsc
from tsc import nn
from tsc.options import options
from tsc.runtime import perf_map
from tsc.runtime.elf_loader import ElfImage
from tsc.runtime.host import host_target
from tsc.runtime.machine_code import assemble

pytestmark = pytest.mark.skipif(
    not host_target().triple.startswith("x86_64") or "linux" not in host_target().triple,
    reason="the map is written for objects of x86-64 Linux",
)

TEXT = """
define double @twice(double %x) { %y = fmul double %x, 2.0 ret double %y }
define internal double @thrice(double %x) noinline { %y = fmul double %x, 3.0 ret double %y }
define double @six(double %x) { %y = call double @thrice(double %x) %z = fmul double %y, 2.0 ret double %z }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the maps are written."""
    monkeypatch.setattr(perf_map, "FOLDER", str(tmp_path))
    monkeypatch.setattr(options(), "writes_perf_map", True)
    return tmp_path


def lines(file: Path) -> dict[str, tuple[int, int]]:
    """Addresses and sizes by name."""
    found = [
        re.fullmatch(r"([0-9a-f]+) ([0-9a-f]+) tsc:(\S+)", text) for text in file.read_text().splitlines()
    ]
    return {m[3]: (int(m[1], 16), int(m[2], 16)) for m in found if m is not None}


def test_functions_are_where_the_image_has_them() -> None:
    image = ElfImage([assemble(TEXT, host_target()).data])
    found = {name: (address, size) for name, address, size in image.functions()}
    assert found.keys() == {"twice", "thrice", "six"}
    assert found["twice"][0] == image.address("twice")
    ends = sorted((address, address + size) for address, size in found.values())
    assert all(end <= begin for (_, end), (begin, _) in pairwise(ends)), "they overlap"


def test_kernels_have_names_in_the_map(folder: Path) -> None:
    model = tsc.optimize_for_inference(tsc.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU()).eval()))
    model(np.zeros((2, 8), np.float32))
    found = lines(folder / f"perf-{os.getpid()}.map")
    assert model.forward.last is not None
    assert set(model.forward.last.compilation.kernels) <= found.keys()
    assert all(size for _, size in found.values())


def test_a_forked_child_has_a_map_of_its_own(folder: Path) -> None:
    perf_map.note([("kernel", 0x1000, 16)])
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert lines(folder / f"perf-{child}.map")["kernel"] == (0x1000, 16)


def test_nothing_is_written_through_a_link(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = folder / "other"
    other.write_text("")
    (folder / f"perf-{os.getpid()}.map").symlink_to(other)
    perf_map.note([("kernel", 0x1000, 16)])
    assert other.read_text() == ""
    assert "is not written" in caplog.text
