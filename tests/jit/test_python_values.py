# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false, reportPrivateUsage=false
"""Functions of Python's values: they do what PyTorch's do, are compiled for no values in particular, and are
written as people would write them.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc
from tests.jit import python_values as programs
from tsc.options import options
from tsc.runtime.generic import GenericFunction

BIG = 2**63 - 1
INF, NAN = math.inf, math.nan
CALLS: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    (programs.read_before_written, [([],), ([7],), ([1, 2],)]),
    (programs.read_in_conditions, [({}, "a"), ({"a": 3}, "a"), ({"a": 3, "b": 2}, "a")]),
    (programs.read_by_choice, [([], 1, 2), ([7], 1, 2)]),
    (programs.fibonacci, [(0,), (1,), (10,), (200,)]),
    (programs.chained, [(0,), (1,), (7,), (90,)]),
    (programs.kept_name, [(None, 3), (3, 4)]),
    (programs.kept_list, [(0,), (3,)]),
    (programs.best_of, [([],), ([1.0, 3.0, 2.0],), ([NAN, 1.0],)]),
    (programs.totals, [([], []), ([1.5, -0.5], [True, False, True])]),
    (programs.byte_numbers, [("abc",), ("h\u00e9\u20ac",), ("",)]),
    (programs.branches, [(0,), (1,), (30,)]),
    (programs.until, [(1,), (6,), (27,), (BIG,)]),
    (programs.wrapping, [(1, 2), (BIG, 1), (-BIG - 1, -1), (2**62, 2**62), (-5, 3)]),
    (programs.numbers, [(1.5, 0.5), (0.0, 0.0), (INF, 2.0), (-3.0, NAN), (1e308, -0.0), (-1.0, 800.0)]),
    (programs.texts, [("", "a"), ("ab,Cd", "b"), (" hello,", "ll"), ("aaa", "aa")]),
    (programs.joined, [("",), ("abc",), ("h\u00e9\u20ac",)]),
    (programs.formatted, [(1, 2.0, "a"), (-7, 0.1, "\u00e9"), (BIG, INF, "{}")]),
    (programs.sorted_places, [([],), ([0.5, 2.0, -1.0, 2.0],)]),
    (programs.shared, [([],), ([5],)]),
    (programs.counted, [(0, 1), (100, 2**60), (7, -(2**61))]),
]


@pytest.mark.parametrize(("program", "calls"), CALLS, ids=lambda c: getattr(c, "__name__", ""))
def test_they_do_what_pytorch_s_do(program: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    ours, theirs = tsc.jit.script(program), torch.jit.script(program)
    for _ in range(2):  # the second calls go the short way
        for arguments in calls:
            given = copy.deepcopy(arguments)
            assert repr(ours(*given)) == repr(theirs(*copy.deepcopy(arguments)))
            assert given == arguments or NAN in arguments


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (([3], 1, {"a": 1}), "list index out of range"),
        (([3], 0, {}), "KeyError: a"),
        (([1], 0, {"a": 1}), "zero"),
        (([], 0, {"a": 1}), "list index out of range"),
    ],
)
def test_what_raises_within_an_expression_is_told(arguments: tuple[Any, ...], wanted: str) -> None:
    with pytest.raises(tsc.errors.TscError, match=wanted) as raised:
        tsc.jit.script(programs.indexed)(*arguments)
    assert "xs[i] + names" in str(raised.value)


def test_nothing_is_compiled_for_values() -> None:
    function = tsc.jit.script(programs.joined)
    for text in ("a", "b[]{};=", "c" * 100):
        assert function(text) == text + "!"
    (row,) = function.specializations()
    assert (row.tier, row.reason, row.hits) == ("generic", "it computes no tensors", 3)
    assert str(row.arguments[0]) == "text: str"
    assert tsc.explain(function, "a").reason == row.reason


def _source(function: Any) -> str:
    """The Python that runs."""
    entry = function._entry()
    made = GenericFunction(entry.function, entry.pool, entry.unit, lambda *_: None)
    return made.source


def test_sums_that_cannot_leave_64_bits_are_not_looked_at() -> None:
    source = _source(tsc.jit.script(programs.counted))
    assert source.count("wrap64") == 1
    assert "far = wrap64(far)" in source


def test_what_is_next_has_the_name_of_what_is() -> None:
    source = _source(tsc.jit.script(programs.best_of))
    assert "            place, best = i, x\n" in source
    assert "else" not in source


@pytest.mark.parametrize(("program", "calls"), CALLS, ids=lambda c: getattr(c, "__name__", ""))
def test_so_they_do_in_python(program: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    ours, theirs = tsc.jit.script(program), torch.jit.script(program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options(), "is_native_enabled", False)
        for arguments in calls:
            assert repr(ours(*copy.deepcopy(arguments))) == repr(theirs(*copy.deepcopy(arguments)))


def test_what_a_list_holds_is_read_before_it_changes() -> None:
    source = _source(tsc.jit.script(programs.read_before_written))
    lines = [line.strip() for line in source.splitlines()]
    (read,) = [number for number, line in enumerate(lines) if line.startswith("before")]
    assert read < lines.index("xs.append(7)")


def test_a_result_that_is_no_plain_value_is_given_back_as_ever() -> None:
    def pair(n: int) -> tuple[int, torch.device]:
        return n, torch.device("cpu")

    ours, theirs = tsc.jit.script(pair), torch.jit.script(pair)
    for _ in range(3):
        assert ours(2) == theirs(2)
