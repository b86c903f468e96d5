"""Programs that are long, deep, or stand for much more than they say: compiled in bounded time or refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

import tsc
from tsc.errors import NestingError
from tsc.passes.unroll_loops import UNROLLED
from tsc.pipeline import ROLLED
from tsc.programs.script_functions import ScriptFunction

X = np.ones(4, np.float32)
HEAD = "def f(x: Tensor, a: int) -> Tensor:\n"


def made(text: str) -> ScriptFunction:
    return tsc.CompilationUnit(text).f


def seconds(build: Callable[[int], str], size: int) -> float:
    function = made(build(size))
    begin = time.process_time()
    function(X, 3)
    return time.process_time() - begin


def _lines(count: int) -> str:
    return HEAD + "    x = x + 1\n" * count + "    return x\n"


def _products(count: int) -> str:
    return HEAD + "    x = torch.outer(x, x) @ x\n" * count + "    return x\n"


def _list(count: int) -> str:
    return HEAD + "    return torch.stack([" + "x, " * count + "])\n"


def _appends(count: int) -> str:
    return HEAD + "    l = [x]\n" + "    l.append(x + 1)\n" * count + "    return torch.stack(l)\n"


def _twice(count: int) -> str:
    return HEAD + "    x = torch.addcmul(x, x, x, value=0.5)\n" * count + "    return x\n"


def _branches(count: int) -> str:
    return HEAD + "".join(f"    if a == {i}:\n        x = x + {i}\n" for i in range(count)) + "    return x\n"


@pytest.mark.parametrize("build", [_lines, _products, _list, _appends, _branches, _twice])
def test_the_first_call_takes_time_in_proportion_to_the_length(build: Callable[[int], str]) -> None:
    seconds(build, 20)  # what is imported and made once
    ratios: list[float] = []
    while len(ratios) < 3 and (not ratios or ratios[-1] >= 10):  # others may use the machine meanwhile
        ratios.append(seconds(build, 600) / seconds(build, 150))
    assert ratios[-1] < 10, f"four times the length takes {ratios} times as long"


def test_thousands_of_lines_are_one_program() -> None:
    assert np.array_equal(made(_lines(1_000))(X, 0), X + 1_000)


def test_a_thousand_tensors_are_joined() -> None:
    assert made(_list(1_500))(X, 0).shape == (1_500, 4)


@pytest.mark.parametrize(
    "expression",
    ["x" + " + 1" * 2_000, "x" + ".relu()" * 2_000, "x if " + " and ".join(["a > 0"] * 3_000) + " else x"],
)
def test_expressions_beyond_the_stack_are_refused(expression: str) -> None:
    with pytest.raises(NestingError, match="nests too deep to be read"):
        made(f"{HEAD}    return {expression}\n")


def test_early_returns_beyond_the_stack_are_refused() -> None:
    body = "".join(f"    if a == {i}:\n        return x + {i}\n" for i in range(1_000))
    with pytest.raises(NestingError, match="'f' nests too deep to be read"):
        made(f"{HEAD}{body}    return x\n")


@pytest.mark.parametrize("depth", [19, 25, 60])
def test_nested_loops_run_or_are_refused(depth: int) -> None:
    loops = "".join(" " * (i + 1) + f"while a > {i}:\n" for i in range(depth))
    inside = " " * (depth + 1)
    function = made(f"{HEAD}{loops}{inside}x = x + 1\n{inside}a = -1\n return x\n")
    if depth < 20:
        assert np.array_equal(function(X, depth), X + 1)
    else:
        with pytest.raises(NestingError, match="f: blocks nest too deep for Python"):
            function(X, depth)


def test_all_loops_of_a_function_share_one_budget() -> None:
    loops = "    for i in range(60):\n        x = x + 1\n" * 40
    function = made(f"{HEAD}{loops}    return x\n")
    assert np.array_equal(function(X, 0), X + 60 * 40)
    unrolled = next(iter(function.module_at("value").ops)).attributes[UNROLLED].value.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    assert 0 < unrolled <= ROLLED


@pytest.mark.parametrize(
    ("expression", "want"),
    [
        ("len([1] * 2000000)", 2_000_000),
        ("torch.ones([3000, 3000])[0].numel()", 3_000),
        ("len([i for i in range(100000)])", 100_000),
        ("torch.cat([x] * 100000).numel()", 400_000),
    ],
)
def test_what_is_short_to_say_does_not_become_constants(expression: str, want: int) -> None:
    function = made(f"def f(x: Tensor, a: int) -> int:\n    return {expression}\n")
    assert function(X, 0) == want
    assert len(str(function.module_at("frozen"))) < 20_000


def test_memory_that_cannot_be_had_is_an_error_of_the_program() -> None:
    function = made(HEAD + "    return torch.ones([a, 1000000000, 1000])\n")
    with pytest.raises(RuntimeError, match="allocate"):
        function(X, 1_000_000)
