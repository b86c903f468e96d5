"""What holds for every test: nothing comes from a cache, and PyTorch's table of operators stays true."""

import gc
import importlib
import os
import time
from collections.abc import Generator
from typing import Any

import pytest

os.environ["TSC_HINTS"] = "0"  # most modules of tests are not frozen
os.environ["TSC_CACHE"] = "0"  # what an earlier run left there would hide faults


@pytest.fixture(scope="session", autouse=True)
def operators_alive() -> Any:
    """Keep each function that PyTorch takes for an operator, and give them.

    PyTorch knows operators by the address of their function, and forgets none. Once a library of operators
    is gone, any object may come to lie there: a list that is a module's attribute is then "a builtin" to
    torch.jit.script.
    """
    table: Any = importlib.import_module("torch.jit._builtins")
    register = table._register_builtin
    kept: list[Any] = []

    def keep(function: Any, operator: str) -> None:
        kept.append(function)
        register(function, operator)

    table._register_builtin = keep
    yield kept
    table._register_builtin = register


SECONDS_BETWEEN_FREEZES = 5.0
_last_freeze = [0.0]


@pytest.fixture(scope="module", autouse=True)
def small_collections() -> Generator[None]:
    """Have Python's collector look at what is new: of the samples of all operators, of PyTorch and of
    thousands of tests it would find each time that they are still there.
    """
    yield
    if time.monotonic() - _last_freeze[0] > SECONDS_BETWEEN_FREEZES:
        gc.collect()
        gc.freeze()
        _last_freeze[0] = time.monotonic()
