# pyright: reportUnknownMemberType=false
"""The example of the documentation, compiled and run; and that what runs has no fault that valgrind sees."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import tsc
from tests.ahead import programs_ahead as programs
from tests.ahead.client import RESET, Call, compile_c, library, needs_compiler, use_linker
from tsc.ahead.levels import level
from tsc.runtime.host import host_target
from tsc.tools.command_line import main

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = needs_compiler


def test_the_example_prints_what_python_computes(tmp_path: Path) -> None:
    archive = str(EXAMPLES / "demo/model.pt")
    assert main(["compile", archive, "--input", "1x3x64x64xf32", "-o", str(tmp_path / "libmodel.so")]) == 0
    compile_c(EXAMPLES / "classify.c", tmp_path / "classify", tmp_path)
    with np.load(EXAMPLES / "demo/example.npz") as recorded:
        image = recorded["input"]
    image.tofile(tmp_path / "image.f32")
    command = [str(tmp_path / "classify"), str(tmp_path / "image.f32")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = tsc.optimize_for_inference(tsc.load(archive))(image)
    np.testing.assert_array_equal(np.array(printed.split(), np.float32), expected.reshape(-1))
    missing = subprocess.run([command[0], "/none"], capture_output=True, text=True, check=False)
    assert (missing.returncode, missing.stderr) == (1, "/none: cannot be read\n")


VALGRIND = shutil.which("valgrind")


@pytest.mark.skipif(VALGRIND is None, reason="requires valgrind")
@pytest.mark.skipif(
    not all(host_target().has(name) for name in level("x86-64-v3").needs), reason="requires AVX2"
)
@pytest.mark.parametrize("linker", ["cc", None], ids=["cc", "own"])
def test_valgrind_sees_no_fault_and_no_leak(
    tmp_path: Path, linker: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_linker(monkeypatch, linker)
    torch.manual_seed(0)
    methods = {"forward": ["1x8xf32"]}
    client = library(tmp_path, programs.Counter(), methods, levels=["x86-64-v3"], weights="w")
    assert VALGRIND is not None
    under = [VALGRIND, "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=all"]
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8)
    calls = (Call([x], output_count=2), RESET, Call([x], output_count=2), Call([x[:, 1:]], output_count=2))
    answers = client.run(*calls, threads=2, under=[*under, "--errors-for-leak-kinds=all"])
    assert [answer.status for answer in answers] == [0, 0, 0, 0, 3]
    np.testing.assert_array_equal(answers[1].outputs[0], answers[3].outputs[0])
