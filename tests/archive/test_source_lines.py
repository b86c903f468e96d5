# pyright: reportUnknownMemberType=false
"""Lines of the program that an archive was made of: errors and reports show them, and open no file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.errors import TscError
from tsc.frontend import sources

PROGRAM = """
def product(x: Tensor, y: Tensor) -> Tensor:
    return x @ y{more}
"""


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(x)) + 1


@pytest.fixture(autouse=True)
def no_other_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of other versions of PyTorch there are, in this process."""
    monkeypatch.setattr(sources, "ARCHIVED_LINES", {})


def saved(folder: Path, module: nn.Module) -> str:
    file = str(folder / "module.pt")
    torch.jit.script(module.eval()).save(file)
    return file


@pytest.mark.parametrize("is_frozen", [False, True])
def test_an_error_shows_the_lines_that_led_to_it(tmp_path: Path, is_frozen: bool) -> None:
    module: Any = tsc.load(saved(tmp_path, Layer()))
    module = tsc.freeze(module) if is_frozen else module
    with pytest.raises(TscError) as raised:
        module(np.zeros((2, 3), np.float32))
    assert "return torch.relu(self.linear(x)) + 1\n" in str(raised.value)
    assert "return F.linear(input, self.weight, self.bias)\n" in str(raised.value)
    assert "<--- HERE" in str(raised.value)


def test_reports_show_them(tmp_path: Path) -> None:
    module: Any = tsc.freeze(tsc.load(saved(tmp_path, Layer())))
    text = str(tsc.explain(module, np.zeros((2, 4), np.float32)))
    assert "return torch.relu(self.linear(x)) + 1" in text


class Other(nn.Module):
    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program

    def forward(self, x: Tensor) -> Tensor:
        return self.program(x, x)


def test_where_archives_differ_no_line_is_shown(tmp_path: Path) -> None:
    """One file, changed between two archives: what the older one says of a line need not be what it ran."""
    errors: list[str] = []
    modules: list[Any] = []
    for number, more in enumerate(("", " + 1")):
        source = tmp_path / "program.py"
        source.write_text("from torch import Tensor\n" + PROGRAM.format(more=more))
        scope: dict[str, Any] = {"__name__": f"program_{number}"}
        exec(compile(source.read_text(), str(source), "exec"), scope)
        folder = tmp_path / str(number)
        folder.mkdir()
        modules.append(tsc.load(saved(folder, Other(torch.jit.script(scope["product"])))))
    for module in modules:
        with pytest.raises(TscError) as raised:
            module(np.zeros((2, 3), np.float32))
        errors.append(str(raised.value))
    assert "return x @ y" in errors[0]
    assert "return x @ y" not in errors[1]


def test_the_example_names_no_folder_of_who_made_it() -> None:
    with zipfile.ZipFile(Path(__file__).parents[2] / "examples/demo/model.pt") as archive:
        lines = [archive.read(name) for name in archive.namelist() if name.endswith(".debug_pkl")]
    assert any(b"tools/make_demo.py" in text for text in lines)
    assert not any(re.search(rb"/tools/make_demo|/site-packages", text) for text in lines)
