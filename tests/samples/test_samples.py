"""The samples of the documentation that the API comes from, in words of our own: each gives with `tsc`
what it gives with PyTorch, with PyTorch's objects and, as ``import tsc as torch``, without PyTorch.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.printing.comparing import renumbered, without_places
from tests.samples.run_program import plain

HERE = Path(__file__).parent
PROGRAMS = sorted(HERE.glob("programs/*.py"))
IMPORTS = {
    "import torch": "import tsc as torch",
    "import torch.nn as nn": "from tsc import nn",
    "import torch.nn.functional as F": "import tsc.nn.functional as F",
}


def with_torch_objects(text: str) -> str:
    """The program with `tsc` in the place of ``torch.jit``."""
    return text.replace("import torch\n", "import torch, tsc\n", 1).replace("torch.jit", "tsc.jit")


def without_torch(text: str) -> str:
    """The program with `tsc` in the place of ``torch``."""
    return "\n".join(IMPORTS.get(line, line) for line in text.split("\n"))


def expected(program: Path) -> Any:
    """What the program gives with PyTorch."""
    return plain(runpy.run_path(str(program))["result"])


def assert_close(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted), (found, wanted)
    if isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    elif isinstance(wanted, str) and wanted.startswith("graph("):
        assert renumbered(without_places(found)) == renumbered(without_places(wanted))
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), (found, wanted)  # pyright: ignore[reportUnknownArgumentType]
        for mine, theirs in zip(found, wanted, strict=True):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            assert_close(mine, theirs)
    elif isinstance(wanted, dict):
        assert found["dtype"] == wanted["dtype"]
        assert_close(found["elements"], wanted["elements"])
    else:
        assert found == wanted


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_a_sample_with_torch_objects(program: Path, tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(with_torch_objects(program.read_text()))
    assert_close(plain(runpy.run_path(str(file))["result"]), expected(program))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.stem)
def test_a_sample_without_torch(program: Path, tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(without_torch(program.read_text()))
    command = [sys.executable, str(HERE / "run_program.py"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert_close(json.loads(done.stdout), expected(program))


DEBUGGED = """
import tsc as torch

@torch.jit.script
def quadrupled(x: torch.Tensor):
    for i in range(2):
        x = x + x
    return x

def negated(x):
    x = torch.neg(x)
    breakpoint()
    return quadrupled(x)

traced = torch.jit.trace(negated, (torch.ones(2),))
print("value", traced(torch.ones(2)).tolist())
"""


@pytest.mark.parametrize("variable", ["PYTORCH_JIT", "TSC_JIT"])
def test_a_debugger_steps_into_script_functions_when_nothing_is_compiled(
    variable: str, tmp_path: Path
) -> None:
    file = tmp_path / "debugged.py"
    file.write_text(DEBUGGED)
    environment = os.environ | {variable: "0", "PYTHONBREAKPOINT": "pdb.set_trace"}
    commands = "step\nstep\nnext\nwhere\ncontinue\n"
    done = subprocess.run(
        [sys.executable, str(file)],
        input=commands,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "quadrupled()\n-> x = x + x" in done.stdout
    assert "value [-4.0, -4.0]" in done.stdout
