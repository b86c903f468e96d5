# pyright: reportUnknownMemberType=false
"""Script modules are copied and pickled."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.count = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.linear(x) * self.count


def test_a_pickled_module_computes_the_same_and_keeps_its_state() -> None:
    module = tsc.script(Scaled().eval())
    x = torch.randn(4, 3)
    module(x)
    again = pickle.loads(pickle.dumps(module))
    assert again.count == 1
    torch.testing.assert_close(again(x), module(x).detach())


def test_a_deep_copy_shares_nothing_and_a_copy_shares_tensors() -> None:
    module = tsc.script(Scaled().eval())
    deep, shallow = copy.deepcopy(module), copy.copy(module)
    with torch.no_grad():
        module.linear.weight.zero_()
    assert not torch.equal(deep.linear.weight, module.linear.weight)
    assert torch.equal(shallow.linear.weight, module.linear.weight)


class Normalized(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)
        self.norm = torch.nn.BatchNorm1d(3)
        self.scale = 2.0
        self.count = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.linear(x))) * self.scale

    @torch.jit.export
    def counted(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return x + self.count


X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
    "pickle-twice": lambda module: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(module)))),
    "copy": copy.copy, "deepcopy": copy.deepcopy,
}  # fmt: skip


def is_native(module: Any) -> bool:
    return module.forward.last is not None and module.forward.last.is_native


@pytest.mark.parametrize("way", COPIES)
def test_an_optimized_module_stays_optimized(way: str) -> None:
    module = tsc.optimize_for_inference(tsc.script(Normalized().eval()))
    expected = module(X)
    again = COPIES[way](module)
    assert again(X).tobytes() == expected.tobytes()
    assert is_native(module)
    assert is_native(again)
    assert not hasattr(again, "scale")
    with pytest.raises(tsc.errors.CompileError, match="requires a frozen module"):
        tsc.run_frozen_optimizations(tsc.script(Normalized()))
    tsc.run_frozen_optimizations(again)


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("preserved", [["counted", "scale"], ["count"]], ids=["method", "attribute"])
def test_a_frozen_module_keeps_what_was_preserved(way: str, preserved: list[str]) -> None:
    module = tsc.freeze(tsc.script(Normalized().eval()), preserved)
    again = COPIES[way](module)
    np.testing.assert_array_equal(again(X), module(X))
    assert again.count == 0
    assert hasattr(again, "scale") == ("scale" in preserved)
    if "counted" in preserved:
        again.counted(X)
        assert (again.count, module.count) == (1, 0)


def test_a_preserved_attribute_is_in_the_archive_as_in_pytorch(tmp_path: Path) -> None:
    model = Normalized().eval()
    tsc.freeze(tsc.script(model), ["count"]).save(tmp_path / "ours.pt")
    torch.jit.freeze(torch.jit.script(model), ["count"]).save(tmp_path / "theirs.pt")
    assert torch.jit.load(tmp_path / "ours.pt").count == torch.jit.load(tmp_path / "theirs.pt").count == 0


LOADING = """
import pickle, sys
import numpy as np
x = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
with open(sys.argv[1], "rb") as file:
    module = pickle.load(file)
sys.stdout.buffer.write(module(x).tobytes())
assert module.forward.last.is_native
assert "torch" not in sys.modules
"""


def test_an_optimized_module_pickled_here_runs_native_in_another_process(tmp_path: Path) -> None:
    module = tsc.optimize_for_inference(tsc.script(Normalized().eval()))
    (tmp_path / "module.pickle").write_bytes(pickle.dumps(module))
    command = [sys.executable, "-c", LOADING, tmp_path / "module.pickle"]
    ended = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert ended.stdout == module(X).tobytes()
