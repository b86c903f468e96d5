"""A module that was only loaded, frozen and called is, for whoever looks, the module itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsc
from tests.caching.programs import saved
from tsc.errors import ArchiveError, CompileError
from tsc.modules import origin as origins
from tsc.modules.loaded_module import LoadedModule
from tsc.modules.script_modules import RecursiveScriptModule

X = (np.arange(2 * 64, dtype=np.float32) % 13.0 - 6.0).reshape(2, 64)


@pytest.fixture
def archive(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An archive, in a process as it is without PyTorch."""
    for module in ("tsc.modules.origin", "tsc.interop.torch_modules", "tsc.interop.torch"):
        monkeypatch.setattr(f"{module}.torch", lambda: None)
    return saved("perceptron", tmp_path)


def is_itself(module: object) -> bool:
    """Whether a module is no `LoadedModule` any more."""
    return type(module) is not LoadedModule


def test_it_is_a_script_module(archive: str) -> None:
    module = tsc.optimize_for_inference(tsc.load(archive))
    assert not is_itself(module)
    assert isinstance(module, RecursiveScriptModule)
    assert not is_itself(module)


def test_the_special_methods_of_modules_are_its_own() -> None:
    plain = set(dir(object)) | {"__module__", "__dict__", "__weakref__", "__annotations__", "__getattr__"}
    made = {name for cls in RecursiveScriptModule.__mro__ for name in vars(cls)}
    special = {
        name for name in made if name.startswith("__") and callable(getattr(RecursiveScriptModule, name))
    }
    wanted = (special - plain) | {"__dir__", "__reduce__", "__reduce_ex__", "__repr__"}
    assert wanted - {"__class_getitem__", "__init_subclass__"} <= set(vars(LoadedModule))


LOOKS: dict[str, Callable[[Any], object]] = {
    "state": lambda m: m.state_dict(),
    "method": lambda m: m.forward,
    "graph": lambda m: m.graph,
    "text": repr,
    "specializations": lambda m: m.specializations(),
    "mode": lambda m: m.train(False),
    "copy": copy.copy,
    "names": dir,
    "attribute": lambda m: setattr(m, "note", 1),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_whoever_looks_sees_the_module_itself(look: Callable[[Any], Any], archive: str) -> None:
    module = tsc.load(archive)
    expected = tsc.optimize_for_inference(tsc.load(archive))(X)
    look(module)
    assert is_itself(module)
    assert type(module) is RecursiveScriptModule
    np.testing.assert_array_equal(tsc.optimize_for_inference(module)(X), expected)


def test_a_module_that_was_changed_is_another_program(archive: str) -> None:
    expected = tsc.optimize_for_inference(tsc.load(archive))(X)
    module = tsc.load(archive)
    module.state_dict()["second.bias"][0] += 1.0
    changed = tsc.optimize_for_inference(module)(X)
    assert np.abs(changed - expected).max() > 0.01
    np.testing.assert_array_equal(tsc.optimize_for_inference(tsc.load(archive))(X), expected)


def test_what_was_frozen_before_a_change_is_as_it_was(archive: str) -> None:
    expected = tsc.optimize_for_inference(tsc.load(archive))(X)
    module = tsc.load(archive)
    frozen = tsc.optimize_for_inference(module)
    module.second.bias = np.zeros(10, np.float32)
    np.testing.assert_array_equal(frozen(X), expected)
    assert np.abs(tsc.optimize_for_inference(module)(X) - expected).max() > 0.001


def test_what_is_frozen_after_somebody_has_looked_is_frozen_at_once(archive: str) -> None:
    module = tsc.load(archive)
    first = tsc.optimize_for_inference(module)
    expected = first(X)
    assert first.graph is not None
    assert is_itself(first)
    assert not is_itself(module)
    frozen = tsc.optimize_for_inference(module)
    module.second.bias = np.zeros(10, np.float32)
    np.testing.assert_array_equal(frozen(X), expected)


def test_copies_and_pickles_compute_the_same(archive: str) -> None:
    module = tsc.optimize_for_inference(tsc.load(archive))
    expected = module(X)
    np.testing.assert_allclose(copy.deepcopy(tsc.load(archive)).eval()(X), expected, rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(module))(X), expected)


def test_unusual_arguments_are_those_of_the_module(archive: str) -> None:
    module = tsc.optimize_for_inference(tsc.load(archive))
    expected = module(X)
    np.testing.assert_array_equal(tsc.optimize_for_inference(tsc.load(archive))(x=X), expected)
    fortran = tsc.optimize_for_inference(tsc.load(archive))(np.asfortranarray(X))
    np.testing.assert_array_equal(fortran, expected)
    tensor = tsc.optimize_for_inference(tsc.load(archive))(tsc.Tensor(X))
    assert isinstance(tensor, tsc.Tensor)
    with pytest.raises(RuntimeError, match="at most 2 argument"):
        tsc.optimize_for_inference(tsc.load(archive))(X, X)


def test_code_that_was_loaded_counts_its_calls(archive: str) -> None:
    tsc.optimize_for_inference(tsc.load(archive))(X)
    module = tsc.optimize_for_inference(tsc.load(archive))
    for _ in range(3):
        module(X)
    (info,) = module.specializations()
    assert (info.tier, info.hits, info.kernels) == ("native", 3, 3)
    assert str(tsc.jit.last_executed_optimized_graph()).startswith("graph(%x")


def test_an_index_out_of_range_raises_what_the_program_raises(archive: str, tmp_path: Path) -> None:
    path = saved("looked", tmp_path)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    expected = tsc.optimize_for_inference(tsc.load(path))(x)
    module = tsc.optimize_for_inference(tsc.load(path))
    for _ in range(2):
        np.testing.assert_array_equal(module(x), expected)
        with pytest.raises(IndexError, match="out of range"):
            module(x + 100)
    assert not is_itself(module)


def test_training_modules_are_not_frozen(archive: str) -> None:
    with pytest.raises(CompileError, match="eval mode"):
        tsc.freeze(tsc.load(archive).train())
    module = tsc.load(archive)
    assert module.eval() is module
    assert not is_itself(tsc.freeze(module))
    assert not is_itself(module)


def test_damaged_archives_are_refused_as_ever(archive: str, tmp_path: Path) -> None:
    data = Path(archive).read_bytes()
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(data[: len(data) // 2])
    with pytest.raises(ArchiveError, match=r"damaged\.pt"):
        tsc.load(damaged)
    with pytest.raises(FileNotFoundError):
        tsc.load(tmp_path / "none.pt")
    with pytest.raises(ArchiveError, match="folder"):
        tsc.load(tmp_path)


def test_where_pytorch_is_modules_are_its_modules(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "torch", lambda: object())
    assert is_itself(tsc.load(archive))


def test_a_file_that_changes_after_it_was_read_is_not_stored(archive: str, folder: Path) -> None:
    module = tsc.optimize_for_inference(tsc.load(archive))
    path = Path(archive)
    path.write_bytes(path.read_bytes())
    module(X)
    assert not list(folder.glob("code-*"))
