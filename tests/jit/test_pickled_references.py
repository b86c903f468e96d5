# pyright: reportUnknownMemberType=false
"""Modules of archives are pickled as references to the file that they came from."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

import tsc

X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 16)
WEIGHT_BYTES = 128 * 16 * 4
FEW = 6000
"""Bytes: more than the code of such a module takes, and less than its weights."""


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(16, 128)
        self.second = torch.nn.Linear(128, 16)
        self.scale = 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x))) * self.scale


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.jit.script(Net().eval()).save(tmp_path / "model.pt")
    return tmp_path / "model.pt"


def alone(program: str, *arguments: object, cache: Path) -> str:
    """What a process without PyTorch, and with a cache, prints."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    environment = {**os.environ, "TSC_CACHE": "1", "TSC_CACHE_DIR": str(cache)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_weights_are_left_to_the_archive(archive: Path) -> None:
    module = tsc.jit.load(archive)
    pickled = pickle.dumps(module)
    assert len(pickled) < FEW < WEIGHT_BYTES < len(module.save_to_buffer())
    np.testing.assert_array_equal(pickle.loads(pickled)(X), module(X))
    frozen = tsc.freeze(module)
    pickled = pickle.dumps(frozen)
    assert len(pickled) < FEW
    np.testing.assert_array_equal(pickle.loads(pickled)(X), frozen(X))


def test_a_pickle_of_what_was_unpickled_refers_to_the_archive_too(archive: Path) -> None:
    module = tsc.jit.load(archive)
    again = pickle.loads(pickle.dumps(module))
    assert len(pickle.dumps(again)) < FEW
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(again))(X), module(X))


def test_what_was_changed_is_pickled_by_value_and_the_rest_is_not(archive: Path) -> None:
    module = tsc.jit.load(archive)
    with torch.no_grad():
        module.first.weight.zero_()
    module.scale = 3.0
    pickled = pickle.dumps(module)
    assert WEIGHT_BYTES < len(pickled) < 2 * WEIGHT_BYTES
    again = pickle.loads(pickled)
    assert again.scale == 3.0
    torch.testing.assert_close(again(torch.tensor(X)), module(torch.tensor(X)))


def test_a_module_whose_archive_is_gone_or_changed_is_pickled_by_value(archive: Path) -> None:
    gone, changed = tsc.jit.load(archive), tsc.jit.load(archive)
    expected = gone(X)
    archive.unlink()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(gone))(X), expected)
    torch.jit.script(Net().eval()).save(archive)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(changed))(X), expected)


def test_unpickling_says_that_the_archive_is_gone_or_another(archive: Path) -> None:
    pickled = pickle.dumps(tsc.jit.load(archive))
    torch.jit.script(Net().eval()).save(archive)
    with pytest.raises(
        tsc.errors.ArchiveError, match=r"as it was when pickled; .*model\.pt has other contents"
    ):
        pickle.loads(pickled)
    archive.unlink()
    with pytest.raises(tsc.errors.MissingArchiveError, match=r"model\.pt does not exist here") as caught:
        pickle.loads(pickled)
    assert isinstance(caught.value, FileNotFoundError)


def test_a_relative_path_is_found_from_another_folder(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archive.parent)
    pickled = pickle.dumps(tsc.jit.load("model.pt"))
    monkeypatch.chdir("/")
    assert pickle.loads(pickled)(X).shape == (4, 16)


PICKLING = """
    import pickle, sys
    import numpy as np
    import tsc
    model = tsc.load(sys.argv[1])
    model = tsc.optimize_for_inference(model) if sys.argv[3] == "optimized" else model
    x = np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 16)
    y = model(x) if sys.argv[3] == "optimized" else None
    pickled = pickle.dumps(model)
    with open(sys.argv[2], "wb") as file:
        file.write(pickled)
        pickle.dump(x, file)
    assert type(model).__name__ == "LoadedModule", "it was looked into"
    print(len(pickled), (model(x) if y is None else y).tobytes().hex())
"""
UNPICKLING = """
    import pickle, sys
    with open(sys.argv[1], "rb") as file:
        model, x = pickle.load(file), pickle.load(file)  # arrays are pickled on their way to workers too
    y = model(x).tobytes().hex()
    print("xdsl" in sys.modules, type(model).__name__, y)
"""


@pytest.mark.parametrize("state", ["loaded", "optimized"])
def test_a_module_that_is_its_archive_is_pickled_as_its_name(
    state: str, archive: Path, tmp_path: Path
) -> None:
    said = alone(PICKLING, archive, tmp_path / "pickle", state, cache=tmp_path / "cache").split()
    assert int(said[0]) < 500
    imports_compiler, _, result = alone(UNPICKLING, tmp_path / "pickle", cache=tmp_path / "cache").split()
    assert result == said[1]
    assert imports_compiler == str(state == "loaded"), "the worker compiled what the cache has"


EVALUATED = """
    import pickle, sys
    import tsc
    module = tsc.load(sys.argv[1])
    assert pickle.loads(pickle.dumps(module)).training
    module.eval()
    assert not pickle.loads(pickle.dumps(module)).training
    frozen = tsc.freeze(module)
    again = pickle.loads(pickle.dumps(frozen))
    assert not hasattr(again, "training"), "it is not frozen"
    module.train()
    assert pickle.loads(pickle.dumps(module)).training
    assert not hasattr(pickle.loads(pickle.dumps(frozen)), "training")
"""


def test_training_mode_and_being_frozen_are_kept(tmp_path: Path) -> None:
    torch.jit.script(Net()).save(tmp_path / "training.pt")
    alone(EVALUATED, tmp_path / "training.pt", cache=tmp_path / "cache")
