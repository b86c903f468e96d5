# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Mistakes of users, given to each verb: one error that says what is required, an exit code, no traceback."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tsc.ops.registry import operators
from tsc.tools.command_line import MISUSED, REFUSED, main

CALLED = ("run", "bench", "explain", "verify", "profile", "bisect")


class Scale(torch.nn.Module):
    def forward(self, x: torch.Tensor, n: int = 2) -> torch.Tensor:
        return x.reshape(2, 2) * n

    @torch.jit.export
    def named(self, values: dict[str, torch.Tensor], pair: tuple[int, float]) -> torch.Tensor:
        return values["a"] + pair[0]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("archive") / "scale.pt")
    torch.jit.save(torch.jit.script(Scale().eval()), path)
    return path


def with_code(archive: str, folder: Path, pattern: bytes, text: bytes) -> str:
    """A copy of an archive whose code says something else."""
    path = folder / "changed.pt"
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(path, "w") as changed:
        for info in whole.infolist():
            held = whole.read(info)
            changed.writestr(info.filename, re.sub(pattern, text, held) if ".py" in info.filename else held)
    return str(path)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Checks what a command line ends with."""

    def check(arguments: list[str], code: int, words: str) -> None:
        assert main(arguments) == code
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"{arguments[0]}: error: ")
        assert words in told.err
        assert "Traceback (most" not in told.err

    return check


@pytest.mark.parametrize("verb", ["inspect", *CALLED])
def test_files_that_are_no_archives(
    verb: str, archive: str, tmp_path: Path, refused: Callable[..., None]
) -> None:
    whole = Path(archive).read_bytes()
    (tmp_path / "damaged.pt").write_bytes(whole[: len(whole) // 2])
    inputs = ["--input", "4xf32"] if verb in CALLED else []
    refused([verb, str(tmp_path / "none.pt"), *inputs], REFUSED, "none.pt does not exist")
    refused([verb, str(tmp_path / "damaged.pt"), *inputs], REFUSED, "damaged.pt is not a TorchScript archive")
    refused([verb, str(tmp_path), *inputs], REFUSED, "it is a folder")
    words = "method: requires one of forward, named; got sing"
    refused([verb, archive, *inputs, "--method", "sing"], MISUSED, words)


@pytest.mark.parametrize("verb", CALLED)
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], MISUSED, "requires one --input for each argument: 2 (Tensor x, int n=2); got 0"),
        (["4xf32", "int:1", "int:1"], MISUSED, "(Tensor x, int n=2); got 3"),
        (["4xf33"], MISUSED, "--input 4xf33: requires a shape like"),
        (["4?xf32"], MISUSED, "requires sizes like 3, ?, ?batch"),
        (["4xf32", "number:1"], MISUSED, "--input number:1: requires int:, float:"),
        (["4xf32", "int:one"], MISUSED, "'one' is no int"),
        (["[4xf32"], MISUSED, "requires ] at the end"),
        (["99999999999x99999999999xf32"], MISUSED, "--input 99999999999x99999999999xf32: "),
        (["4xf32", "str:two"], MISUSED, "Expected a value of type 'int' for argument 'n'"),
        (["5xf32"], REFUSED, "shape '[2, 2]' is invalid for input of size 5"),
        (["none.npy"], REFUSED, "none.npy: No such file"),
    ],
)
def test_inputs_that_are_wrong(
    verb: str, options: list[str], code: int, words: str, archive: str, refused: Callable[..., None]
) -> None:
    inputs = [word for option in options for word in ("--input", option)]
    refused([verb, archive, *inputs], code, words)


def test_files_that_hold_no_arrays(archive: str, tmp_path: Path, refused: Callable[..., None]) -> None:
    (tmp_path / "words.npy").write_text("words")
    (tmp_path / "words.npz").write_text("words")
    (tmp_path / "empty.npy").write_bytes(b"")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    np.savez(tmp_path / "partly.npz", x=np.ones(4), y=np.ones(4))
    np.savez(tmp_path / "many.npz", np.ones(4), np.int64(1), np.int64(2))
    for name in ("words.npy", "words.npz", "empty.npy", "objects.npy"):
        refused(["run", archive, "--input", str(tmp_path / name)], MISUSED, "requires a file of NumPy's")
    words = "partly.npz: requires arrays called x, n; got x, y"
    refused(["run", archive, "--input", str(tmp_path / "partly.npz")], MISUSED, words)
    refused(["run", archive, "--input", str(tmp_path / "many.npz")], MISUSED, "2 (x, n); got 3")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["run", "--times", "0"], MISUSED, "--times: requires a number of at least 1; got 0"),
        (["run", "--seed", "-1"], MISUSED, "--seed: requires a number of at least 0; got -1"),
        (["run", "--threads", "0"], MISUSED, "requires at least 1 thread; got 0"),
        (["run", "--save", "no/folder/out.npz"], REFUSED, "no/folder/out.npz: No such file"),
        (["bench", "--warmup", "-1"], MISUSED, "--warmup: requires a number of at least 0; got -1"),
        (["profile", "--times", "0"], MISUSED, "--times: requires a number of at least 1; got 0"),
        (["profile", "--trace", "no/folder/t.json"], REFUSED, "no/folder/t.json: No such file"),
        (["bench", "--onnx", "model.onnx"], MISUSED, "--onnx: requires --peers"),
    ],
)
def test_options_that_make_no_sense(
    options: list[str], code: int, words: str, archive: str, refused: Callable[..., None]
) -> None:
    verb, *rest = options
    refused([verb, archive, "--input", "4xf32", *rest], code, words)


def test_containers_that_do_not_fit(archive: str, refused: Callable[..., None]) -> None:
    def inputs(values: str, pair: str) -> list[str]:
        return ["run", archive, "--method", "named", "--input", values, "--input", pair]

    refused(inputs("{str:a=2xf32}", "[int:1]"), MISUSED, "requires 2 entries in a tuple; got 1")
    refused(inputs("2xf32", "[int:1;float:2]"), MISUSED, "type 'Dict[str, Tensor]' for argument 'values'")
    assert main(inputs("{str:a=2xf32}", "[int:1;float:2]")) == 0


def test_a_method_that_cannot_be_compiled_hides_no_other(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_code(archive, tmp_path, b"torch.reshape", b"torch.no_such_operator")
    assert main(["inspect", path]) == 0
    text = capsys.readouterr().out
    assert "forward cannot be compiled: " in text
    assert "no_such_operator" in text
    assert "named(__torch__" in text


def test_operators_without_a_definition_are_named(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = set(operators())
    assert "aten::_conj_physical" not in known, "take another that has no definition"
    path = with_code(archive, tmp_path, rb"torch.reshape\([^)]*\)", b"torch._conj_physical(x)")
    assert main(["inspect", path]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "_conj_physical" in line)
    assert row.split() == ["aten::_conj_physical", "1", "no", "definition"]


def test_depths_that_make_no_sense(archive: str, refused: Callable[..., None]) -> None:
    refused(
        ["inspect", archive, "--depth", "-1"], MISUSED, "--depth: requires a number of at least 0; got -1"
    )


def test_settings_that_make_no_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsc.errors import ArgumentError
    from tsc.options import Options

    monkeypatch.setenv("TSC_PROFILED_RUNS", "often")
    with pytest.raises(ArgumentError, match="TSC_PROFILED_RUNS: requires a number of calls; got 'often'"):
        Options()
