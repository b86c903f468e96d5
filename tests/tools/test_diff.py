# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""``python -m tsc diff``: the first operator that gives something else, in two archives or in PyTorch."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tsc.ops.registry import find
from tsc.tools.command_line import MISUSED, REFUSED, main


class Layers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 8)
        self.second = torch.nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.first(x))
        y.add_(1)
        y = self.second(y)
        y.mul_(2)
        return torch.softmax(y, 1)

    @torch.jit.export
    def drawn(self, x: torch.Tensor) -> torch.Tensor:
        noisy = torch.nn.functional.dropout(x, 0.5, True) + torch.randn_like(x)
        return noisy / 3

    @torch.jit.export
    def halves(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(2, -1).sum(1)


class Other(Layers):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(torch.neg(torch.neg(self.first(x))))
        y.add_(1)
        return torch.softmax(self.second(y) * 2, 1)


@pytest.fixture(scope="module")
def models() -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    same = Layers().eval()
    changed = copy.deepcopy(same)
    with torch.no_grad():
        changed.second.weight[1, 2] += 0.5
    rearranged = Other().eval()
    rearranged.load_state_dict(same.state_dict())
    wide = copy.deepcopy(same).double()
    return {"same": same, "changed": changed, "rearranged": rearranged, "wide": wide}


@pytest.fixture
def path(models: dict[str, torch.nn.Module], tmp_path: Path) -> Callable[[str], str]:
    def saved(name: str) -> str:
        file = str(tmp_path / f"{name}.pt")
        torch.jit.save(torch.jit.script(models[name]), file)
        return file

    return saved


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> dict[str, Any]:
    assert main(["diff", *arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_first_operator_that_differs_is_named(
    path: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [path("same"), path("changed"), "--input", "2x4xf32"]
    report = said(capsys, REFUSED, *command)
    found = report["first_difference"]
    assert found["operator"] == "aten::linear"
    assert found["reads"] == ["self.second.weight", "self.second.bias"]
    assert found["places"][0][-1]["file"].endswith("test_diff.py")
    assert found["difference"]["elements"] == 2
    assert found["difference"]["greatest"] > 1e-3
    assert report["result_difference"]["path"] == "result"
    assert main(["diff", *command]) == REFUSED
    text = capsys.readouterr().out
    assert f"DIFFERENT: operator {found['number']}, aten::linear: result: " in text
    assert "reads self.second.weight, self.second.bias" in text


def test_archives_that_do_the_same_are_equal(
    path: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    report = said(capsys, 0, path("same"), path("same"), "--input", "2x4xf32", "--atol", "0", "--rtol", "0")
    assert report["is_equal"]
    assert report["compared"] >= 6
    report = said(capsys, 0, path("same"), path("rearranged"), "--input", "2x4xf32")
    assert report["only_second"].count("aten::neg") == 2
    assert report["only_first"] == ["aten::mul_.Scalar"]


def test_dtypes_are_compared(path: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    np.save(file := str(Path(path("same")).parent / "x.npy"), np.ones((2, 4), np.float32))
    report = said(capsys, REFUSED, path("same"), path("wide"), "--input", file)
    assert report["errors"][0] is None
    assert report["errors"][1] is not None
    assert not report["is_equal"]


@pytest.mark.parametrize("method", ["forward", "drawn"])
def test_pytorch_gives_the_same(
    method: str, path: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = [path("same"), "--against", "torch", "--input", "2x4xf32", "--method", method]
    report = said(capsys, 0, *command)
    assert report["is_equal"]
    assert (report["only_first"], report["only_second"], report["other"]) == ([], [], "torch")


def test_an_operator_that_is_wrong_is_found_by_pytorch(
    path: Callable[[str], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    softmax = find("aten::softmax.int")
    assert softmax is not None
    right: Any = softmax.eager

    def wrong(*given: object) -> Any:
        return np.square(right(*given))

    monkeypatch.setitem(vars(softmax), "eager", wrong)
    report = said(capsys, REFUSED, path("same"), "--against", "torch", "--input", "2x4xf32")
    assert report["first_difference"]["operator"] == "aten::softmax.int"


def test_tolerances(path: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    command = [path("same"), path("changed"), "--input", "2x4xf32"]
    assert said(capsys, 0, *command, "--atol", "100")["is_equal"]
    assert not said(capsys, REFUSED, *command, "--rtol", "1e-6")["is_equal"]


def test_exceptions_are_compared(path: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    command = [path("same"), path("same"), "--method", "halves", "--input", "5xf32"]
    report = said(capsys, 0, *command)
    assert all("invalid for input of size 5" in error for error in report["errors"])
    assert report["is_equal"]


def test_mistakes(
    path: Callable[[str], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = path("same")
    for options, code, words in (
        ([], MISUSED, "requires a second archive or --against torch, and not both"),
        ([archive, "--against", "torch"], MISUSED, "requires a second archive or --against torch"),
        ([archive, "--atol", "-1"], MISUSED, "--atol: requires a number of at least 0; got -1.0"),
        ([archive, "--rtol", "nan"], MISUSED, "--rtol: requires a number of at least 0; got nan"),
        ([f"{archive}.none"], REFUSED, "does not exist"),
    ):
        assert main(["diff", archive, *options, "--input", "2x4xf32"]) == code
        told = capsys.readouterr()
        assert told.out == ""
        assert words in told.err
        assert "Traceback (most" not in told.err

    def none(_: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", none)
    assert main(["diff", archive, "--against", "torch", "--input", "2x4xf32"]) == REFUSED
    assert "requires PyTorch, which is not installed" in capsys.readouterr().err
    assert "torch" in sys.modules
