"""What holds for every test: nothing comes from a cache, and PyTorch's table of operators stays true."""

import importlib
import os
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
