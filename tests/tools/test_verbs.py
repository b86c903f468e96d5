# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""The verbs that look at an archive and run it: ordinary use, JSON with the keys of the help, no PyTorch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp

from tsc.options import environment_variables
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.tools.command_line import REFUSED, found_verbs, main
from tsc.tools.measuring import PEERS

CALLED = ("run", "bench", "explain", "verify", "profile", "diff", "bisect")
"""Verbs that call a method of an archive."""
MADE = {"compile": "libinner.so", "export": "inner.onnx", "view": "page.html"}
"""Verbs that write a file."""
NAMES = tuple(found_verbs())
BY_NAME: dict[str, set[str]] = defaultdict(
    set, inspect={"operators"}, bench={"missing"}, doctor={"versions", "optional"}, cache={"kinds"}
)
"""Keys of JSON below which are names of operators or libraries."""


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.linear(x))


class Sample(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.register_buffer("scale", torch.full((3,), 2.0))
        self.count = 0

    def forward(self, x: torch.Tensor, n: int = 2) -> dict[str, torch.Tensor]:
        self.count += n
        return {"y": self.inner(x) * self.scale, "n": torch.zeros(2) + n}

    @torch.jit.export
    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.hfft(x * 2)

    @torch.jit.export
    def special(self, x: torch.Tensor) -> tuple[torch.Tensor, str]:
        return torch.stack([x / 0, x - x, (x / 0) * 0]), "words"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = str(tmp_path_factory.mktemp("archive") / "sample.pt")
    torch.jit.save(torch.jit.script(Sample().eval()), path)
    torch.jit.save(torch.jit.script(Inner().eval()), beside(path, "inner.pt"))
    return path


def beside(archive: str, name: str) -> str:
    return str(Path(archive).with_name(name))


def command(name: str, archive: str, *options: str) -> list[str]:
    """A verb with what it needs at least."""
    if name == "export":
        pytest.importorskip("onnx", reason="requires the package onnx")
    inner = [beside(archive, "inner.pt")]  # what other programs can call
    given = {"doctor": [], "cache": ["list"], "diff": [archive, archive], "compile": inner, "export": inner}
    inputs = ["--input", "2x4xf32"] if name in (*CALLED, *MADE) else []
    few = ["--times", "2", "--warmup", "1"] if name in ("bench", "profile") else []
    few += ["--output", beside(archive, MADE[name])] if name in MADE else []
    return [name, *given.get(name, [archive]), *inputs, *few, *options]


def by_pytorch(archive: str, x: np.ndarray[Any, Any], n: int) -> dict[str, Any]:
    """The results of ``forward``."""
    results: Any = torch.jit.load(archive)(torch.from_numpy(x), n)
    return {name: value.detach().numpy() for name, value in results.items()}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a verb says with ``--json``."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def documented(name: str) -> dict[str, set[str]]:
    """The keys in the help of a verb, and the words in the parentheses after each."""
    text = (import_module(f"tsc.tools.verbs.{name}").__doc__ or "").partition("Keys of --json:")[2]
    entries = re.findall(r"([\w ]+?)(?:\s*\(([^)]*)\))?\s*[,.]", " ".join(text.split()))
    return {
        key: set(re.findall(r"\w+", words))
        for names, words in entries
        for key in names.strip().split(" and ")
    }


@pytest.mark.parametrize("name", NAMES)
def test_json_has_the_keys_that_the_help_names(
    name: str, archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report: dict[str, Any] = said(capsys, *command(name, archive))
    keys = documented(name)
    assert report.keys() == keys.keys()
    if name == "doctor":
        report["environment"] = list(report["environment"].values())
    for key in report.keys() - BY_NAME[name]:
        entries: list[Any] = report[key] if type(report[key]) is list else [report[key]]
        for entry in entries:
            inner: set[str] = set(entry) if hasattr(entry, "keys") else set()
            assert inner <= keys[key], key


@pytest.mark.parametrize("name", NAMES)
def test_pytorch_is_not_needed(name: str, archive: str) -> None:
    program = (
        "import sys; sys.modules['torch'] = None; from tsc.tools.command_line import main; sys.exit(main())"
    )
    words = [sys.executable, "-c", program, *command(name, archive)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_inspect_tells_what_is_in_an_archive(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = said(capsys, "inspect", archive, "--depth", "1")
    assert [m["name"] for m in report["methods"]] == ["forward", "special", "spectrum"]
    assert "Tensor x, int n=2" in report["methods"][0]["schema"]
    assert (report["parameters"]["count"], report["parameters"]["elements"]) == (2, 15)
    assert report["parameters"]["largest"][0]["name"] == "inner.linear.weight"
    assert (report["buffers"]["count"], report["buffers"]["dtypes"]) == (1, {"float32": 1})
    assert report["assigned"] == ["count"]
    assert [(m["name"], m["depth"], m["parameters"]) for m in report["modules"]] == [
        ("", 0, 15),
        ("inner", 1, 15),
    ]
    assert report["operators"]["aten::linear"] == 1
    assert report["no_native_form"] == ["aten::fft_hfft"]
    assert report["undefined"] == []
    assert 0 < report["code_files_with_source"] == report["code_files"]
    assert main(["inspect", archive, "--method", "forward"]) == 0
    text = capsys.readouterr().out
    assert "attributes that methods assign: count" in text
    assert "aten::fft_hfft" not in text


def test_run_gives_the_results_of_pytorch(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(1).standard_normal((2, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "named.npz", n=np.int64(5), x=x)
    np.savez(tmp_path / "ordered.npz", x, np.int64(5))
    expected = by_pytorch(archive, x, 5)
    saved = str(tmp_path / "out.npz")
    for inputs in (["x.npy", "int:5"], ["named.npz"], ["ordered.npz"]):
        files = [word if ":" in word else str(tmp_path / word) for word in inputs]
        options = [word for file in files for word in ("--input", file)]
        for how in ([], ["--unfrozen", "--times", "3"]):
            assert main(["run", archive, *options, *how, "--save", saved]) == 0
            with np.load(saved) as held:
                assert held.files == ["result['y']", "result['n']"]
                for name in ("y", "n"):
                    np.testing.assert_allclose(
                        held[f"result['{name}']"], expected[name], rtol=1e-5, atol=1e-6
                    )
    assert "runs native" in capsys.readouterr().out


def test_run_counts_what_is_not_finite(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["run", archive, "--method", "special", "--input", "5xf32", "--seed", "3"]
    tensor, word = said(capsys, *options)["results"]
    assert (tensor["path"], tensor["shape"], tensor["nans"], tensor["infinities"]) == (
        "result[0]",
        [3, 5],
        5,
        5,
    )
    assert (tensor["min"], tensor["max"], tensor["mean"], tensor["std"]) == (0, 0, 0, 0)
    assert (word["path"], word["dtype"], word["value"]) == ("result[1]", "str", "'words'")
    assert main(options) == 0
    assert "'words'" in capsys.readouterr().out


def test_inputs_are_drawn_alike_for_a_seed(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = ("run", archive, "--input", "?batch=3x4xf32", "--seed")
    one, again, other = (said(capsys, *spec, seed)["results"] for seed in ("1", "1", "2"))
    assert one == again != other
    assert one[0]["shape"] == [3, 3]


def test_bench_measures_and_says_which_peers_are_missing(
    archive: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = said(capsys, *command("bench", archive, "--peers", "--threads", "1"))
    names = [runner["name"] for runner in report["runners"]]
    assert names[:2] == ["tsc", "torch.jit"]
    assert {*names[1:], *report["missing"]} == PEERS.keys()
    for runner in report["runners"]:
        quartiles = (runner["first_quartile_seconds"], runner["third_quartile_seconds"])
        assert 0 < quartiles[0] <= runner["median_seconds"] <= quartiles[1]
    assert report["threads"] == 1
    assert main(command("bench", archive)) == 0
    assert "calls/s" in capsys.readouterr().out


def test_bench_says_so_where_a_peer_is_not_installed(
    archive: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert main(command("bench", archive, "--peers")) == 0
    assert "missing: onnxruntime: not installed" in capsys.readouterr().out


def test_explain_names_what_runs_in_python(archive: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = said(capsys, *command("explain", archive, "--method", "spectrum"))
    found = {operator["operator"]: operator for operator in report["operators"]}
    assert found["aten::fft_hfft"]["runs"] == "python"
    assert found["aten::fft_hfft"]["reason"] == "it has no native form"
    assert found["aten::fft_hfft"]["stack"][0]["file"].endswith("test_verbs.py")
    assert report["runs"] == report["specializations"][0]["runs"] == "mixed"
    assert main(command("explain", archive, "--unfrozen")) == 0
    text = capsys.readouterr().out
    assert "forward(x: float32[2, 4], n: 2" in text
    assert "where self.inner is the same object" in text


def test_doctor_finds_what_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "all is well" in text
    assert all(name in text for name in environment_variables())
    monkeypatch.setattr("tsc.tools.diagnosis.SELF_TEST", "import sys; sys.exit('wrong sums')")
    assert main(["doctor", "--json"]) == REFUSED
    report = json.loads(capsys.readouterr().out)
    assert not report["is_well"]
    assert report["problems"][0]["what"] == "the self-test failed: wrong sums"
    monkeypatch.setattr("tsc.tools.diagnosis.SELF_TEST", "import os; os.abort()")
    assert main(["doctor"]) == REFUSED
    assert "by signal 6" in capsys.readouterr().out
    monkeypatch.setattr("tsc.tools.diagnosis.REQUIRED", ("numpy", "a_package_that_nobody_has"))
    assert main(["doctor"]) == REFUSED
    assert "to do: python -m pip install a_package_that_nobody_has" in capsys.readouterr().out


def test_doctor_knows_every_variable_of_the_options() -> None:
    from tsc import options

    text = Path(options.__file__).read_text()
    assert set(re.findall(r"\b(?:TSC|PYTORCH|OMP)_[A-Z_]+\b", text)) == environment_variables().keys()


def test_verify_names_the_first_pass_that_is_wrong(
    archive: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = said(capsys, *command("verify", archive))
    assert report["is_equal"]
    assert "stage 'loop' or code generation" in report["checked"]
    assert report["first_difference"] is None
    right = FuseElementwise.apply

    def wrong(self: FuseElementwise, ctx: Context, op: ModuleOp) -> None:
        right(self, ctx, op)
        for found in list(op.walk()):
            if isinstance(found, arith.MulfOp):
                found.operands[1] = found.operands[0]

    monkeypatch.setattr(FuseElementwise, "apply", wrong)
    assert main(command("verify", archive)) == REFUSED
    assert "DIFFERENT: __torch__" in (text := capsys.readouterr().out)
    assert "pass 'fuse-elementwise' of stage 'linalg' changes what the function does" in text


def test_doctor_runs_without_numpy() -> None:
    program = (
        "import sys; sys.modules['numpy'] = None; from tsc.tools.command_line import main; "
        "sys.exit(main(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == REFUSED
    assert "BROKEN: numpy is not installed\n  to do: python -m pip install numpy\n" in done.stdout


def test_verify_refuses_to_call_equal_what_it_could_not_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Draws(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.randperm(x.size(0))

    path = str(tmp_path / "draws.pt")
    torch.jit.save(torch.jit.script(Draws().eval()), path)
    assert main(["verify", path, "--input", "4xf32", "--json"]) == REFUSED
    report = json.loads(capsys.readouterr().out)
    assert report["not_checked"][0].startswith("aten::randperm draws")
    assert (report["checked"], report["first_difference"], report["is_equal"]) == ([], None, False)
