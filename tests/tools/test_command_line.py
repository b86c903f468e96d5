# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""``python -m tsc``: verbs, exit codes, and errors of one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import tsc
from tsc.tools import opt
from tsc.tools.command_line import MISUSED, REFUSED, found_verbs, main
from tsc.tools.console import INTERRUPTED


class Scale(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2.0

    @torch.jit.export
    def distinct(self, x: torch.Tensor) -> torch.Tensor:
        return torch.unique(x)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("archive") / "scale-2.pt")
    torch.jit.save(torch.jit.script(Scale().eval()), path)
    return path


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["compile", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"tsc {tsc.__version__}" in out
    assert all(name in out for name in found_verbs())
    assert "--input SPEC" in out


@pytest.mark.parametrize("arguments", [[], ["sing"], ["compile"], ["compile", "model.pt", "--volume", "11"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == MISUSED
    assert "usage: python -m tsc" in capsys.readouterr().err


def test_wrong_usage_names_what_may_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (["inpsect", "model.pt"], "no verb 'inpsect': did you mean inspect? verbs are bench, "),
        (["model.pt"], "no verb 'model.pt'; verbs are bench, "),
        (["run", "model.pt", "4xf32"], "python -m tsc run: error: unrecognized arguments: 4xf32"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == MISUSED
        assert words in (said := capsys.readouterr().err)
        assert ("--input SPEC" in said) == (arguments[0] == "run"), "the usage is that of the verb"


COMMANDS = (["tsc", "inspect"], ["tsc.tools.opt"])


def ended(command: list[str], archive: str, output: int, **variables: str) -> tuple[int, str]:
    """The exit code of a command whose output goes somewhere, and what it says of errors."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(
        [sys.executable, "-m", *command, archive],
        stdout=output, stderr=subprocess.PIPE, env=environment, text=True,
    ) as process:  # fmt: skip
        os.close(output)
        _, said = process.communicate()
        return process.returncode, said


@pytest.mark.parametrize("command", COMMANDS)
def test_readers_may_leave_early(command: list[str], archive: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    assert ended(command, archive, writing) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_output_that_cannot_be_written_is_an_error(command: list[str], archive: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("requires /dev/full")
    code, said = ended(command, archive, os.open("/dev/full", os.O_WRONLY))
    assert (code, said.count("\n")) == (REFUSED, 1)
    assert "error: No space left on device" in said


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_names_may_have_letters_that_the_terminal_does_not_have(
    variables: dict[str, str], archive: str, tmp_path: Path
) -> None:
    path = Path(shutil.copy(archive, tmp_path / "é.pt"))
    written = tmp_path / "out"
    output = os.open(written, os.O_WRONLY | os.O_CREAT)
    assert ended(["tsc", "inspect"], str(path), output, PYTHONCOERCECLOCALE="0", **variables) == (0, "")
    name = "\\xe9.pt" if "PYTHONIOENCODING" in variables else "é.pt"
    assert f"{name}: " in written.read_text(encoding="utf-8")


@pytest.mark.parametrize("run", [main, opt.main])
def test_interrupted_commands_say_so(
    run: Callable[[list[str]], int], archive: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tsc.tools.verbs.inspect.run", interrupt)
    monkeypatch.setattr("tsc.tools.opt.run", interrupt)
    assert run(["inspect", archive] if run is main else [archive]) == INTERRUPTED
    assert capsys.readouterr().err == ("inspect" if run is main else "tsc-opt") + ": interrupted\n"


def test_what_the_linker_says_is_told(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "libscale.so").mkdir()
    assert main(["compile", archive, "--input", "4xf32", "-o", str(tmp_path / "libscale.so")]) == REFUSED
    assert "cannot open output file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--input", "4xf32"], 0, ""),
        ([], MISUSED, "requires one --input for each argument: 1 (x); got 0"),
        (["--input", "4xf32", "--method", "sing"], MISUSED, "requires one of forward, distinct; got sing"),
        (["--input", "4xf32", "--cpu", "z80"], MISUSED, "requires one of native, x86-64"),
        (["--input", "4xf32", "--name", "3d"], MISUSED, "requires a name of C; got '3d'"),
        (["--input", "4xf32", "--weights", "/elsewhere/w"], MISUSED, "requires a file in the folder"),
        (["--method", "distinct", "--input", "4xf32"], REFUSED, "distinct cannot run without Python"),
    ],
)
def test_compile_says_what_it_wrote_or_what_is_wrong(
    options: list[str],
    code: int,
    words: str,
    archive: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "libscale-2.so"
    assert main(["compile", archive, *options, "-o", str(output)]) == code
    told = capsys.readouterr()
    if code == 0:
        assert [line.partition(":")[0] for line in told.out.splitlines()] == [
            str(output),
            str(tmp_path / "scale_2.h"),
        ]
        assert "scale_2_run_forward(" in (tmp_path / "scale_2.h").read_text()
    else:
        assert not list(tmp_path.iterdir())
        assert told.err.startswith("compile: error: ")
        assert words in told.err


def test_pytorch_is_not_needed(archive: str, tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from tsc.tools.command_line import main; sys.exit(main())"
    )
    options = ["compile", archive, "--input", "4xf32", "-o", str(tmp_path / "libm.so")]
    made = subprocess.run(
        [sys.executable, "-c", program, *options], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stderr) == (0, "")


def test_files_that_are_not_there(tmp_path: Path, archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(tmp_path / "none.pt"), "-o", str(tmp_path / "libm.so")]) == REFUSED
    assert main(["compile", archive, "--input", "4xf32", "-o", str(tmp_path / "no" / "libm.so")]) == MISUSED
    (tmp_path / "text.pt").write_text("no archive")
    assert main(["compile", str(tmp_path / "text.pt"), "-o", str(tmp_path / "libm.so")]) == REFUSED
    assert main(["compile", str(tmp_path), "-o", str(tmp_path / "libm.so")]) == REFUSED
    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert "none.pt" in first
    assert "requires a folder that is there" in second
    assert "text.pt" in third
    assert str(tmp_path) in fourth
