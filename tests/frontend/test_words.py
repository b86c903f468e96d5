# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false, reportUnknownLambdaType=false
"""What is said of programs that are refused: PyTorch and tsc say the same sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.jit.frontend import FrontendError

import tsc
from tests.frontend import programs_refused as refused
from tests.frontend import programs_words as words
from tests.frontend.programs_refused import SAID
from tests.frontend.programs_words import Called, called

Library = Any
LIBRARIES = pytest.mark.parametrize("jit", [torch.jit, tsc], ids=["torch", "tsc"])


@LIBRARIES
@pytest.mark.parametrize("program", SAID, ids=[program.__name__ for program in SAID])
def test_a_refused_program_is_told_why_in_pytorchs_words(jit: Library, program: Callable[..., Any]) -> None:
    with pytest.raises((RuntimeError, FrontendError), match=re.escape(SAID[program])):
        jit.script(program)


DECLARED = "called(int a, int b=3) -> int"
CALLS: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda jit: jit.script(called)(),
        f"called() is missing value for argument 'a'. Declaration: {DECLARED}",
    ),
    (
        lambda jit: jit.script(called)(1, c=2),
        f"Unknown keyword argument 'c' for operator 'called'. Schema: {DECLARED}",
    ),
    (
        lambda jit: jit.script(called)(1, a=2),
        f"Argument 'a' specified both as positional and keyword argument. Schema: {DECLARED}",
    ),
    (
        lambda jit: jit.script(called)(1, 2, 3),
        f"called() expected at most 2 argument(s) but received 3 argument(s). Declaration: {DECLARED}",
    ),
    (
        lambda jit: jit.script(Called())(1, 2),
        "forward() expected at most 2 argument(s) but received 3 argument(s).",
    ),
]


@LIBRARIES
@pytest.mark.parametrize(("call", "words"), CALLS)
def test_a_wrong_call_is_told_why_with_the_declaration(
    jit: Library, call: Callable[[Any], Any], words: str
) -> None:
    with pytest.raises(RuntimeError, match=re.escape(words)):
        call(jit)


@LIBRARIES
@pytest.mark.parametrize(
    ("program", "words"),
    [
        (words.raises_two, "builtins.ValueError: (a, 1)"),
        (words.raises_held, "builtins.ValueError: held"),
        (words.raises_own, f"{words.__name__}.OwnError: mine"),
    ],
)
def test_an_exception_is_told_with_its_class_and_all_it_was_given(
    jit: Library, program: Callable[..., Any], words: str
) -> None:
    with pytest.raises(jit.Error, match=re.escape(words)):
        jit.script(program)()


@LIBRARIES
def test_a_division_by_zero_is_told_as_in_cpp(jit: Library) -> None:
    with pytest.raises((RuntimeError, jit.Error), match="division by 0"):
        jit.script(words.divided)(7, 0)


@LIBRARIES
def test_a_wrong_enum_is_told_the_type_wanted(jit: Library) -> None:
    name = re.escape(f"Enum<__torch__.{refused.__name__}.Chosen>")
    with pytest.raises(RuntimeError, match=f"Expected a value of type '{name}' for argument 'a'"):
        jit.script(words.chosen)(1)


@pytest.mark.parametrize("program", [words.no_name, words.no_names])
def test_the_whole_of_what_is_wrong_is_marked(program: Callable[..., Any]) -> None:
    def marks(jit: Library) -> str:
        with pytest.raises(RuntimeError) as raised:
            jit.script(program)
        return next(line for line in str(raised.value).splitlines() if "HERE" in line).strip()

    assert marks(tsc) == marks(torch.jit)


@LIBRARIES
def test_an_object_is_printed_with_its_class_and_address(jit: Library) -> None:
    text = jit.script(words.object_in_text)(1)
    name = re.escape(f"__torch__.{refused.__name__}.NoOperators")
    assert re.fullmatch(f"<{name} object at 0x[0-9a-f]+>", text)


@LIBRARIES
def test_a_function_is_refused_the_same_way_when_it_is_scripted_again(jit: Library) -> None:
    for program in (words.keyword_default, words.keyword_default):
        with pytest.raises((RuntimeError, FrontendError), match="use keyword-only arguments with defaults"):
            jit.script(program)
