"""`set_background_compilation`: calls do not wait for compilations."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc.concurrency import COMPILING
from tsc.errors import StrictFusionError

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
SECONDS = 60.0


@pytest.fixture(autouse=True)
def _in_background() -> Generator[None]:
    before = tsc.set_background_compilation(True)
    yield
    assert tsc.wait_for_compilation(SECONDS)
    tsc.set_background_compilation(before)


def scaled(x: Tensor) -> Tensor:
    return torch.softmax(x * 2 + 1, -1)


def expected(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return scaled(torch.from_numpy(x)).numpy()  # pyright: ignore[reportUnknownMemberType]


def tiers(function: Any) -> list[str]:
    return [made.tier for made in function.specializations()]


def test_the_first_call_compiles_nothing_and_the_one_after_the_compilation_is_native() -> None:
    function = tsc.script(scaled)
    np.testing.assert_allclose(function(X), expected(X), rtol=1e-6)
    assert tiers(function) == []
    assert tsc.wait_for_compilation(SECONDS)
    np.testing.assert_allclose(function(X), expected(X), rtol=1e-6)
    assert tiers(function) == ["native"]


def test_calls_go_on_while_another_thread_compiles() -> None:
    function = tsc.script(scaled)
    function(X)
    assert tsc.wait_for_compilation(SECONDS)
    function(X)
    with ThreadPoolExecutor(1) as pool, COMPILING:  # what compiles now takes as long as this block
        known, unknown = pool.submit(function, X), pool.submit(function, X[:2])
        np.testing.assert_allclose(known.result(SECONDS), expected(X), rtol=1e-6)
        np.testing.assert_allclose(unknown.result(SECONDS), expected(X[:2]), rtol=1e-6)
        assert not tsc.wait_for_compilation(0)


def test_many_threads_want_one_thing() -> None:
    function = tsc.script(scaled)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(function, [X] * 40):
            np.testing.assert_allclose(got, expected(X), rtol=1e-6)
    assert tsc.wait_for_compilation(SECONDS)
    function(X)
    assert tiers(function) == ["native"]


def test_what_is_ready_is_not_made_again() -> None:
    """A call may look for what is being made just before it is ready, and ask for it just after."""
    function = tsc.script(scaled)
    function(X)
    assert tsc.wait_for_compilation(SECONDS)
    table = function.frozen_version().specializations
    values = function.values_of((X,))
    (key,) = table._ready
    made = table._ready[key].made
    assert table._make_ready(key, values).made is made


def test_sizes_become_symbolic_as_the_strategy_says() -> None:
    function = tsc.script(scaled)
    for rows in (3, 2, 1, 3, 2):
        before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
        np.testing.assert_allclose(function(X[:rows]), expected(X[:rows]), rtol=1e-6)
        tsc.set_fusion_strategy(before)
        assert tsc.wait_for_compilation(SECONDS)
    assert tiers(function) == ["native", "native"]


class Counting(nn.Module):
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.total = self.total + x.sum(0)
        parts = [str(n) for n in range(2)]  # strings: this runs in parts
        return torch.relu(x @ x.t()).sum(0)[: len(parts)] + self.total[0] * self.calls


def test_state_is_right_from_tier_to_tier() -> None:
    ours, theirs = tsc.script(Counting().eval()), Counting().eval()
    for _ in range(5):
        want = theirs(torch.from_numpy(X)).numpy()  # pyright: ignore[reportUnknownMemberType]
        np.testing.assert_allclose(ours(X), want, rtol=1e-5)
        assert tsc.wait_for_compilation(SECONDS)
    assert tiers(ours)[0] in ("native", "mixed")


def strictly(x: Tensor) -> Tensor:
    with torch.jit.strict_fusion():
        return torch.linalg.svdvals(x * 2)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def test_what_a_compilation_raises_a_later_call_raises() -> None:
    function = tsc.script(strictly)
    function(X)
    assert tsc.wait_for_compilation(SECONDS)
    with pytest.raises(StrictFusionError, match="linalg_svdvals"):
        function(X)


PROGRAM = """
import numpy as np, tsc
from tsc import Tensor
def f(x: Tensor):
    for _ in range(60):
        x = tsc.softmax(x * 2 + 1, -1)
    return x
tsc.set_background_compilation(True)
tsc.script(f)(np.ones((3, 4), np.float32))
assert not tsc.wait_for_compilation(0)
print("done", flush=True)
"""


def test_a_process_ends_while_something_compiles(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    environment = {**os.environ, "TSC_CACHE": "0"}
    ended = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_compiles_what_it_needs() -> None:
    function = tsc.script(scaled)
    function(X)
    child = os.fork()
    if child == 0:
        function(X)
        is_ready = tsc.wait_for_compilation(SECONDS)
        function(X)
        os._exit(0 if is_ready and tiers(function) == ["native"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
