# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false, reportUndefinedVariable=false, reportUnknownArgumentType=false, reportOperatorIssue=false, reportAssignmentType=false, reportUnusedVariable=false, reportPossiblyUnboundVariable=false
# ruff: noqa: F821, F841, B007
"""The errors of one function come together: each once, in order, and none that only follows from another."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc
from tsc.errors import CompileError, TscError, UnsupportedNodeError


def three_errors(x, n: int):
    a = x.no_such_method()
    for i in range(n):
        b = missing + i
    c: int = "text"
    return a


def first_decides_the_class(x):
    with open("f") as f, x as y:
        pass
    try:
        z = x
    except ValueError:
        z = missing
    return missing


def consequences(x, n: int):
    a = x.no_such_method()
    b = a + 1
    for i in range(n):
        b = b * a
    if n > 1:
        c = b
    else:
        c = x
    return c[0], [v + a for v in (b, c)]


def one_name_three_times(x):
    y = missing + 1
    z = x + missing
    return missing


def unassigned_in_a_branch(x, n: int):
    if n > 1:
        y = x
    print(y)
    return y + y


def broken(x):
    return x + missing


def through_one(x):
    return broken(x)


def through_another(x):
    return broken(x) * 2


def calls_a_broken_function_twice(x):
    return through_one(x) + through_another(x)


def raises_after_an_error(x, n: int) -> int:
    y = x.no_such_method()
    if n > 1:
        return 1
    raise ValueError(missing)


CASES: list[tuple[Callable[..., Any], list[str]]] = [
    (three_errors, ["no_such_method", "undefined value missing", "assigned to a value of type str"]),
    (consequences, ["no_such_method"]),
    (one_name_three_times, ["undefined value missing"]),
    (unassigned_in_a_branch, ["y is not defined in the false branch"]),
    (calls_a_broken_function_twice, ["undefined value missing"]),
    (raises_after_an_error, ["no_such_method", "undefined value missing"]),
]


def errors_of(function: Callable[..., Any]) -> list[TscError]:
    with pytest.raises(CompileError) as raised:
        tsc.script(function)
    return [raised.value, *raised.value.others]


@pytest.mark.parametrize(("function", "messages"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_each_error_is_reported_once_and_its_consequences_are_not(
    function: Callable[..., Any], messages: list[str]
) -> None:
    errors = errors_of(function)
    assert len(errors) == len(messages), errors[0]
    text = str(errors[0])
    for error, message in zip(errors, messages, strict=True):
        assert message in error.message
        assert error.where is not None
        assert error.where.highlight() in text


def test_the_first_error_is_pytorchs() -> None:
    for function, messages in CASES:
        with pytest.raises(RuntimeError, match=messages[0]):
            torch.jit.script(function)


def test_the_first_error_decides_the_class() -> None:
    errors = errors_of(first_decides_the_class)
    assert len(errors) >= 2
    assert type(errors[0]) is not UnsupportedNodeError
    assert any(isinstance(e, UnsupportedNodeError) and "try blocks" in e.message for e in errors[1:])


def test_a_callee_with_an_error_names_who_called_it() -> None:
    [error] = errors_of(calls_a_broken_function_twice)
    assert [frame.function for frame in error.stack] == ["through_one", "calls_a_broken_function_twice"]


def test_a_second_attempt_reports_the_same() -> None:
    assert [str(e) for e in errors_of(through_one)] == [str(e) for e in errors_of(through_one)]
