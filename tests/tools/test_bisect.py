# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Passes and code that are broken on purpose: `verify` and `bisect` name the right one, and the program that
is left is small, still shows it, and is right once the pass is.
"""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp

from tests.tools.seeded_faults import (
    FAULTS,
    Spoil,
    scalar,
)
from tsc.analysis.target import Target
from tsc.compiler.cases import Case, Fault
from tsc.dialects.constants import ConstantPool
from tsc.frontend.unit import Unit
from tsc.passes import Rewriting, schedule
from tsc.runtime import assembling
from tsc.runtime.machine_code import Assembled
from tsc.tools.case_files import write_case
from tsc.tools.command_line import MISUSED, REFUSED, main


class Sample(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 4, 3, padding=1)
        self.bn = torch.nn.BatchNorm2d(4)
        self.linear = torch.nn.Linear(4, 3)
        self.after = torch.nn.BatchNorm1d(3)
        self.drop = torch.nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn(self.conv(x)))
        y = self.drop(y).mean(dim=[2, 3])
        return torch.softmax(self.after(self.linear(y)), 1)

    @torch.jit.export
    def scaled(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(x) * 2.0 + 0.5)

    @torch.jit.export
    def written(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.sin(x) * 2
        y.mul_(3)
        y.t().relu_()
        return y - torch.tanh(x)

    @torch.jit.export
    def looped(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for i in range(3):
            x = torch.tanh(x) - i * 0.5
        a, b = torch.chunk(x, 2, 1)
        return torch.sin(a) - torch.sin(b), a * 4

    @torch.jit.export
    def stacked(self, x: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        for i in range(520):
            found.append(torch.tanh(x[i % 4]) - x[0])  # noqa: PERF401 - a program that appends
        return torch.stack(found)

    @torch.jit.export
    def chosen(self, x: torch.Tensor, i: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(i, torch.exp(x)) - x.sum() / 7

    @torch.jit.export
    def crossed(self, x: torch.Tensor) -> torch.Tensor:
        return torch.matmul(torch.softmax(x, 1), torch.softmax(x * 2, 0).t())


INPUTS = {
    "forward": ["2x2x4x4xf32"], "scaled": ["1x2x4x4xf32"], "written": ["4x6xf32"], "looped": ["2x6xf32"],
    "stacked": ["4x3xf32"], "chosen": ["5x6xf32", "3xi64"], "crossed": ["5x6xf32"],
}  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    model = Sample().eval()
    for norm in (model.bn, model.after):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    path = str(tmp_path_factory.mktemp("archive") / "sample.pt")
    torch.jit.save(torch.jit.script(model), path)
    return path


AS_A_WHOLE = ("inline", "freeze")
"""Faults of these are named, and not reduced."""
NATIVE = ("plan-memory",)
"""Passes of stage `loop`, of which the code made of them is run."""
MOST_LEFT = 8
"""Operators that are left at most."""


def break_pass(monkeypatch: pytest.MonkeyPatch, compiler_pass: Any, spoil: Spoil) -> None:
    """Let a pass do what it does, and then what it must not."""
    method = "rewrite" if issubclass(compiler_pass, Rewriting) else "apply"
    run = getattr(compiler_pass, method)

    def spoilt(self: Any, ctx: Context, module: ModuleOp) -> Any:
        changed = run(self, ctx, module)
        spoil(module, getattr(ctx, "pool", ConstantPool()))
        return changed

    monkeypatch.setattr(compiler_pass, method, spoilt)


def command(archive: str, method: str) -> list[str]:
    inputs = [word for text in INPUTS[method] for word in ("--input", text)]
    return [archive, "--method", method, *inputs]


def bisected(
    archive: str, method: str, output: Path, capsys: pytest.CaptureFixture[str], code: int = REFUSED
) -> dict[str, Any]:
    words = ["bisect", *command(archive, method), "--output", str(output), "--json"]
    ended = main(words)
    told = capsys.readouterr()
    assert ended == code, told.err
    return json.loads(told.out)


def written_test(output: Path) -> Callable[[], None]:
    """The test that was written."""
    path = output.parent / f"test_{output.name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.test_no_pass_changes_what_the_program_does


def check_reduced(report: dict[str, Any], output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert report["not_reduced"] is None
    assert report["after"]["operators"] <= min(MOST_LEFT, report["before"]["operators"])
    assert report["after"]["elements"] <= report["before"]["elements"]
    test = written_test(output)
    with pytest.raises(AssertionError):
        test()
    monkeypatch.undo()
    test()


@pytest.mark.parametrize("name", FAULTS)
def test_the_pass_that_is_wrong_is_named_and_its_program_is_small(
    name: str, archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    compiler_pass, spoil, method, stage = FAULTS[name]
    break_pass(monkeypatch, compiler_pass, spoil)
    report = bisected(archive, method, tmp_path / "fault", capsys)
    culprit = "native" if name in NATIVE else name
    assert (report["culprit"]["name"], report["culprit"]["stage"]) == (culprit, stage)
    if name in AS_A_WHOLE:
        assert "works on the module as a whole" in report["not_reduced"]
        return
    check_reduced(report, tmp_path / "fault", monkeypatch)


@pytest.mark.parametrize("method", ["forward", "written"])
def test_wrong_code_is_named(
    method: str, archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    right = assembling.assembled

    def wrong(text: str, target: Target) -> Assembled:
        return right(text.replace("fadd", "fsub"), target)

    monkeypatch.setattr(assembling, "assembled", wrong)
    report = bisected(archive, method, tmp_path / "fault", capsys)
    assert report["culprit"]["name"] == "native"
    check_reduced(report, tmp_path / "fault", monkeypatch)


def test_a_wrong_schedule_is_named(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = schedule.schedule_kernel

    def wrong(function: Any, target: Target) -> Any:
        made = right(function, target)
        scalar(arith.SubfOp, arith.AddfOp)(made, ConstantPool())
        return made

    monkeypatch.setattr(schedule, "schedule_kernel", wrong)
    report = bisected(archive, "written", tmp_path / "fault", capsys)
    assert report["culprit"]["name"] == "native"
    check_reduced(report, tmp_path / "fault", monkeypatch)


def test_verify_names_the_same_pass(
    archive: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fold-linear-batchnorm", "functionalize", "fuse"):
        compiler_pass, spoil, method, stage = FAULTS[name]
        with monkeypatch.context() as patch:
            break_pass(patch, compiler_pass, spoil)
            assert main(["verify", *command(archive, method)]) == REFUSED
        assert f"pass '{name}' of stage '{stage}' changes what" in capsys.readouterr().out


def test_nothing_is_named_where_all_is_right(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in INPUTS:
        report = bisected(archive, method, tmp_path / "fault", capsys, code=0)
        assert (report["culprit"], report["other_difference"], report["files"]) == (None, None, [])
    assert main(["bisect", *command(archive, "written")]) == 0
    assert "no pass changes what it does" in capsys.readouterr().out


def test_mistakes(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    for output, words in (("no/folder/fault", "requires a folder"), ("3d", "requires a name of Python")):
        assert main(["bisect", *command(archive, "written"), "--output", output]) == MISUSED
        assert words in capsys.readouterr().err


def test_what_a_program_says_stays_a_comment_in_the_test_that_is_written(tmp_path: Path) -> None:
    """The texts of an archive are data: none of them becomes code."""
    said = 'differs: \'a\'\n""" + ran() + """\rran()\x0cran() \\'
    case = Case(ModuleOp([]), "f", ConstantPool(), [], Unit(), print)
    _, _, test = write_case(case, Fault("value", "fuse", said), str(tmp_path / "odd'name"))
    names = {node.id for node in ast.walk(ast.parse(Path(test).read_bytes())) if isinstance(node, ast.Name)}
    assert "ran" not in names
