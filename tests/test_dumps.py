"""Dumps: every pass of a compilation is written, and `tsc-opt` compiles on from what was written."""

from pathlib import Path

import numpy as np
import pytest

import tsc
from tsc.tools.opt import main

DEMO = Path(__file__).parents[1] / "examples/demo/model.pt"


def test_a_dump_holds_every_stage_and_can_be_compiled_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tsc.dump_ir(tmp_path):
        tsc.optimize_for_inference(tsc.load(DEMO))(np.zeros((1, 3, 64, 64), np.float32))
    files = sorted(tmp_path.rglob("*.mlir"))
    stages = {f.name.split("-")[1] for f in files}
    assert stages == {"frozen", "value", "fused", "linalg", "loop"}
    last_value = [f for f in files if "-value-" in f.name][-1]
    passes = (
        "fuse,eliminate-dead-code,lower-to-linalg,fuse-elementwise,split-kernels,assign-layouts,pack-constants,"
        "schedule,plan-memory"
    )
    assert main([str(last_value), "-p", passes]) == 0
    assert "memref.view" in capsys.readouterr().out


def test_a_dump_without_its_weights_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with tsc.dump_ir(tmp_path):
        tsc.optimize_for_inference(tsc.load(DEMO))(np.zeros((1, 3, 64, 64), np.float32))
    file = sorted(tmp_path.rglob("*linalg-split-kernels.mlir"))[-1]
    (file.parent / "weights.npz").unlink()
    assert main([str(file), "-p", "assign-layouts,pack-constants"]) == 1
    assert "weights.npz" in capsys.readouterr().err


def last_of_each_row(x: tsc.Tensor) -> tsc.Tensor:
    places = tsc.nonzero(x)
    column = places[..., -1]
    column.add_(1)
    return places * 2


def test_a_dump_holds_sizes_that_the_program_finds(tmp_path: Path) -> None:
    scripted = tsc.script(last_of_each_row)
    with tsc.dump_ir(tmp_path):
        found = [scripted(np.ones((2, 2), np.float32)) for _ in range(3)]
    assert np.asarray(found[-1]).tolist() == [[0, 2], [0, 4], [2, 2], [2, 4]]
    assert any("output_shape [%" in f.read_text() for f in tmp_path.rglob("*linalg-split-kernels.mlir"))
