# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false, reportPrivateUsage=false
"""Functions of numbers and lists are native; what native code cannot do, Python does from the beginning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

import tsc
from tests.jit import python_values
from tests.runtime import number_programs as programs
from tsc.options import options
from tsc.runtime.number_code import UNSUITED, NumberCode

LEAST, NAN = -(2**63), float("nan")
FLOATS = [0.0, -0.0, 0.5, -0.25, 1.0, -1.0, 2.75, -40.0, 800.0, float("inf"), float("-inf"), NAN, 1e-310]
LISTS: list[list[int]] = [[], [1], [4, 5, 6]]
CALLS: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    (
        programs.moved,
        [
            ([], [], (1, []), []),
            ([[0.5], [], [1.0, -0.0]], [True, False], (-3, [LEAST]), [[], [[1], []], [[2, 3]]]),
        ],
    ),
    (
        programs.edited,
        [(xs, ys, at) for xs in LISTS for ys in LISTS for at in (-2, 0, 1) if len(xs + ys) > 2],
    ),
    (programs.zipped, [([], [0.5]), ([1], [0.5]), ([1, 2, 3], [2.5, 1.0, 3.0])]),
    (programs.ranges, [(0, 5, 1), (5, 0, 1), (5, -3, -2), (-4, 9, 3), (3, 3, -1)]),
    (programs.divided, [(7, 2), (-7, 2), (7, -2), (0, 5)]),
    (programs.filled, [(0,), (1000,)]),
    (
        programs.asked,
        [
            ([], [], [], 1),
            ([2**20, -(2**21), 3], [0.1, 0.2, -0.3], [True, True], 3),
            ([-1], [NAN, 1.0, -0.0, 0.0], [False], 3),
            ([5, 4], [1.0, NAN], [False, True], 4),
        ],
    ),
    (programs.functions, [(x, n) for x in FLOATS for n in (1, -3)]),
    (programs.converted, [(1.5, 2, True), (-2.5, 0, False), (0.0, -1, True), (2.0**62, 3, False)]),
    (programs.rows_of, [(0,), (5000,)]),
]


def _native(program: Callable[..., Any]) -> NumberCode:
    return NumberCode(tsc.jit.script(program)._entry().function)


@pytest.mark.parametrize(("program", "calls"), CALLS, ids=lambda c: getattr(c, "__name__", ""))
def test_they_do_what_pytorch_s_do(program: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    code, ours, theirs = _native(program), tsc.jit.script(program), torch.jit.script(program)
    for arguments in calls:
        given = copy.deepcopy(arguments)
        wanted = repr(theirs(*copy.deepcopy(arguments)))
        assert repr(ours(*given)) == wanted
        assert given == arguments or "nan" in wanted
        found = code(*given)
        assert found is UNSUITED or repr(found) == wanted
    (row,) = ours.specializations()
    assert (row.tier, row.reason) == ("native", None)


NATIVE = (
    "fibonacci",
    "chained",
    "kept_list",
    "best_of",
    "branches",
    "until",
    "wrapping",
    "shared",
    "counted",
)


@pytest.mark.parametrize("name", NATIVE)
def test_all_of_a_function_of_numbers_is_native(name: str) -> None:
    assert _native(getattr(python_values, name)) is not None


@pytest.mark.parametrize(
    ("program", "arguments", "wanted"),
    [
        (programs.held, ([1], 1, 0), "list index out of range"),
        (programs.held, ([1], 0, -1), "least is negative"),
        (programs.divided, (1, 0), "division by 0"),
        (programs.ranges, (0, 1, 0), "arg 3 must not be zero"),
        (programs.edited, ([], [], 0), "pop from empty list"),
        (programs.asked, ([], [0.5], [], 1), "empty sequence"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_raises_is_told_as_by_python(
    program: Callable[..., Any], arguments: tuple[Any, ...], wanted: str
) -> None:
    assert _native(program)(*copy.deepcopy(arguments)) is UNSUITED
    ours = tsc.jit.script(program)
    for _ in range(2):
        with pytest.raises(tsc.errors.TscError, match=wanted):
            ours(*copy.deepcopy(arguments))
        assert ours.specializations()[0].is_native


def test_the_least_int_by_minus_one_is_python_s() -> None:
    assert _native(programs.divided)(LEAST, -1) is UNSUITED  # PyTorch ends the process
    assert tsc.jit.script(programs.divided)(LEAST, -1) == (LEAST, 0, 2.0**63)


def test_one_operation_without_a_native_form_leaves_all_to_python() -> None:
    ours = tsc.jit.script(programs.chosen)
    assert (ours((3, 4), 1), ours((3, 4), 0)) == (4, 3)
    assert ours.specializations()[0].tier == "generic"


def test_calls_that_need_much_memory_are_python_s() -> None:
    code = _native(programs.filled)
    assert code(2**26) is UNSUITED
    assert code(2**62) is UNSUITED
    assert code(10) == 10


def test_ints_beyond_64_bits_are_python_s() -> None:
    code = _native(programs.held)
    assert code([2**63], 0, 1) is UNSUITED
    assert code([1], 0, 2**64) is UNSUITED


def test_threads_have_lists_of_their_own() -> None:
    ours = tsc.jit.script(programs.rows_of)
    sizes = [100 * i for i in range(20)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ours, sizes)) == [ours(n) for n in sizes]


def test_explain_says_that_all_is_native() -> None:
    found = tsc.explain(tsc.jit.script(programs.rows_of), 3)
    assert found.is_native
    assert {operator.runs for operator in found.operators} == {"native"}


def test_native_code_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_native_enabled", False)
    ours = tsc.jit.script(programs.rows_of)
    assert ours(3) == torch.jit.script(programs.rows_of)(3)
    assert not ours.specializations()[0].is_native
