# pyright: reportUnknownMemberType=false, reportReturnType=false
"""Instances in several threads at once, and in a forked child."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.ahead.client import needs_compiler
from tsc.ahead import LibraryRequest, MethodRequest, build_library
from tsc.ahead.layout import Status, tensor_bytes
from tsc.ahead.levels import level
from tsc.ahead.library import FEWEST_DIMS

pytestmark = needs_compiler
Array = np.ndarray[Any, Any]


class Rounds(nn.Module):
    """Enough work for several threads, and a while of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.calls += 1.0
        y = x
        for _ in range(40):
            y = torch.tanh(y @ x)
        return y, self.calls + 0.0


class TensorStructure(ctypes.Structure):
    """The header's."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("sizes", ctypes.c_int64 * FEWEST_DIMS),
    )


def tensor(array: Array) -> TensorStructure:
    code = tsc.dtypes.by_numpy(array.dtype).code
    sizes = (ctypes.c_int64 * FEWEST_DIMS)(*array.shape)
    return TensorStructure(array.ctypes.data, code, array.ndim, sizes)


class Instance:
    """An instance of the library, called through ctypes, which releases the GIL."""

    def __init__(self, library: ctypes.CDLL, threads: int) -> None:
        self.library = library
        options = (ctypes.c_int64 * 2)(threads, 0)
        self.address = ctypes.c_void_p()
        assert library.model_create(ctypes.byref(options), ctypes.byref(self.address)) == 0
        assert library.model_threads(self.address) == threads

    def run(self, x: Array) -> tuple[int, Array, float]:
        y, calls = np.empty_like(x), np.zeros((), np.float32)
        inputs, outputs = (TensorStructure * 1)(tensor(x)), (TensorStructure * 2)(tensor(y), tensor(calls))
        count = ctypes.c_size_t
        status = self.library.model_run_forward(self.address, inputs, count(1), outputs, count(2))
        return status, y, calls.item()

    def destroy(self) -> None:
        self.library.model_destroy(self.address)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("library")
    torch.jit.save(torch.jit.script(Rounds().eval()), str(folder / "m.pt"))
    output = folder / "libmodel.so"
    request = LibraryRequest([MethodRequest("forward", ["192x192xf32"])], [level("native")], output, "model")
    build_library(tsc.load(str(folder / "m.pt")), request)
    assert ctypes.sizeof(TensorStructure) == tensor_bytes(FEWEST_DIMS)
    return ctypes.CDLL(str(Path(output)))


X = (np.random.default_rng(0).standard_normal((192, 192), np.float32) * 0.1).astype(np.float32)


def in_threads(*functions: Callable[[], None]) -> None:
    threads = [threading.Thread(target=f) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_instances_with_several_threads_each_run_at_once(library: ctypes.CDLL) -> None:
    alone = Instance(library, 1)
    expected = alone.run(X)[1]
    found: list[tuple[int, bool, float]] = []

    def calls(threads: int) -> Callable[[], None]:
        def run() -> None:
            own = Instance(library, threads)
            for _ in range(5):
                status, y, count = own.run(X)
                found.append((status, np.array_equal(y, expected), count))
            own.destroy()

        return run

    in_threads(calls(1), calls(2), calls(3))
    alone.destroy()
    assert sorted(found) == sorted([(0, True, n) for n in (1.0, 2.0, 3.0, 4.0, 5.0)] * 3)


def test_a_second_call_of_an_instance_is_refused_while_one_runs(library: ctypes.CDLL) -> None:
    shared = Instance(library, 2)
    is_seen, deadline = threading.Event(), time.monotonic() + 60
    done: list[float] = []

    def call() -> None:
        while not is_seen.is_set() and time.monotonic() < deadline:
            status, _, count = shared.run(X)
            if status == 0:
                done.append(count)
            else:
                assert status == Status.BUSY
                is_seen.set()

    in_threads(call, call)
    assert is_seen.is_set()
    assert sorted(done) == [float(n + 1) for n in range(len(done))]
    shared.destroy()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_runs_alone_and_frees_what_it_has(library: ctypes.CDLL) -> None:
    parent = Instance(library, 3)
    expected = parent.run(X)[1]
    child = os.fork()
    if child == 0:
        status, y, _ = parent.run(X)
        is_right = status == 0 and np.array_equal(y, expected)
        parent.destroy()
        os._exit(0 if is_right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(parent.run(X)[1], expected)
    parent.destroy()
