"""The typed face of `tsc`: checkers of types, completion and `help` see what there is; examples run."""

from __future__ import annotations

import builtins
import doctest
import importlib
import inspect
import io
import json
import os
import pydoc
import re
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsc
from tools.typed_face import STUB, stub

LAZY: dict[str, str] = vars(tsc)["_LAZY"]
GOOD = """\
import io
import numpy as np
import tsc

module = tsc.load(io.BytesIO())
fast = tsc.optimize_for_inference(tsc.freeze(module, ["scale"]))
fast(np.zeros(3, np.float32))
y: tsc.Tensor = tsc.relu(tsc.zeros(2, 3, dtype=tsc.float32)) * 2 + tsc.conv2d(tsc.rand([1, 2]), tsc.rand(3))
tsc.jit.script(lambda x: x)
tsc.jit.trace(tsc.relu, y)
tsc.errors.CompileError
"""
BAD = {
    "tsc.freze(module)": "freze",
    "tsc.load(3)": "3",
    "tsc.freeze(module, 1)": "1",
    "tsc.jit.scirpt(module)": "scirpt",
    "tsc.rleu(y)": "rleu",
    "tsc.conv2d(y)": "conv2d",
}


def test_the_stub_is_what_the_tables_and_schemas_say() -> None:
    assert STUB.read_text() == stub(), "write it anew: python -m tools.typed_face (or: make docs)"


def test_the_names_of_jit_are_its_functions_and_those_that_lie_elsewhere() -> None:
    own = {n for n, v in vars(tsc.jit).items() if inspect.isfunction(v) and v.__module__ == "tsc.jit"}
    public = {n for n in own if not n.startswith("_")} - {"isinstance_of"}
    assert set(tsc.jit.__all__) == public | {"annotate"} | set(vars(tsc.jit)["_ELSEWHERE"])
    assert {n for n, module in LAZY.items() if module == "tsc.jit"} - {"isinstance"} <= set(tsc.jit.__all__)


def test_completion_shows_names_that_are_there_and_no_others() -> None:
    names = dir(tsc)
    assert {"load", "relu", "Tensor", "float32", "linalg", "errors"} <= set(names)
    assert not {"os", "math", "import_module", "Any", "annotations"} & set(names)
    assert all(hasattr(tsc, name) for name in names)
    assert not [name for name in names if name.startswith("_") and name != "__version__"]
    assert all(hasattr(tsc.jit, name) for name in dir(tsc.jit))


def test_import_of_all_names_leaves_the_builtins() -> None:
    names = set(vars(tsc)["__all__"])
    assert not names & set(vars(builtins))
    assert names <= set(dir(tsc))


def test_help_shows_the_api() -> None:
    text = re.sub(".\b", "", pydoc.render_doc(tsc))  # it prints letters twice where they are bold
    assert "optimize_for_inference(mod" in text
    assert "import_module" not in text
    assert "_LAZY" not in text


def checked(command: list[str], text: str, tmp_path: Path) -> tuple[int, str]:
    file = tmp_path / "program.py"
    file.write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(STUB.parents[1]), "MYPYPATH": str(STUB.parents[1])}
    done = subprocess.run(
        [*command, str(file)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout


@pytest.fixture(params=["pyright", "mypy"])
def checker(request: pytest.FixtureRequest) -> list[str]:
    name = str(request.param)
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    python = (
        ["--pythonpath", sys.executable] if name == "pyright" else ["--python-executable", sys.executable]
    )
    quiet = [] if name == "pyright" else ["--follow-imports=silent", "--ignore-missing-imports"]
    return [found, *python, *quiet]


def test_checkers_of_types_see_what_is_wrong_and_nothing_else(checker: list[str], tmp_path: Path) -> None:
    code, said = checked(checker, GOOD, tmp_path)
    assert code == 0, said
    _, said = checked(checker, GOOD + "\n".join(BAD), tmp_path)
    first = GOOD.count("\n") + 1
    for number, line in enumerate(BAD, first):
        assert f"program.py:{number}:" in said, (line, said)


def documented() -> Iterator[tuple[str, Any]]:
    """The public functions and classes that are ours."""
    for name in LAZY:
        value = getattr(tsc, name)
        if isinstance(value, (types.FunctionType, type)) and value.__module__.startswith("tsc"):
            yield name, value


@pytest.mark.parametrize("name", [name for name, value in documented() if ">>>" in (value.__doc__ or "")])
def test_examples_in_docstrings_run(name: str) -> None:
    torch = tsc  # as in programs without PyTorch
    known = {"tsc": tsc, "torch": torch, "numpy": np, "io": io, "os": os, "tempfile": tempfile, "json": json}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(tsc, name), name, globs=known)
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
    assert result.attempted > 0
    assert result.failed == 0


def test_what_users_call_first_has_examples_and_every_name_a_docstring() -> None:
    shown = {name for name, value in documented() if ">>>" in (value.__doc__ or "")}
    assert {
        "load", "save", "script", "trace", "freeze", "optimize_for_inference", "explain", "profile", "tensor",
        "from_numpy", "set_fusion_strategy", "CompilationUnit",
    } <= shown  # fmt: skip
    assert [
        name for name, value in documented() if not (value.__doc__ or "Raises").strip().partition("\n")[0]
    ] == []
    assert [name for name, value in documented() if (value.__doc__ or "").strip().startswith("Raises")] == []


def test_importing_is_cheap() -> None:
    text = "import sys, tsc; print(sorted({'numpy', 'xdsl', 'llvmlite'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert importlib.import_module("tsc") is tsc
