# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Lists and dicts that `script` makes are shared by Python and the programs they are given to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc

Library = Any
LIBRARIES = pytest.mark.parametrize("jit", [torch.jit, tsc], ids=["torch", "tsc"])


def grown(numbers: list[int], named: dict[str, int]) -> list[int]:
    numbers.append(len(numbers))
    named["last"] = numbers[-1]
    return numbers


@LIBRARIES
def test_what_a_program_writes_shows_in_python(jit: Library) -> None:
    numbers, named = jit.script([1, 2]), jit.script({"first": 1})
    scripted = jit.script(grown)
    returned = [scripted(numbers, named) for _ in range(3)][-1]
    assert list(numbers) == returned == [1, 2, 2, 3, 4]
    assert list(named.items()) == [("first", 1), ("last", 4)]
    numbers.append(9)
    assert scripted(numbers, named)[-2:] == [9, 6]
    assert type(returned) is list


@LIBRARIES
def test_a_list_has_the_methods_of_one(jit: Library) -> None:
    held = jit.script([3, 1, 2])
    held.extend([4, 5])
    held.insert(-1, 7)
    held.remove(1)
    held[0:2] = [8, 9]
    assert (held.pop(), held.pop(0), held.count(7), 9 in held, 6 in held) == (5, 8, 1, True, False)
    assert (list(held), list(held[1:]), held[-1], len(held), bool(held)) == ([9, 4, 7], [4, 7], 7, 3, True)
    del held[1]
    assert repr(held) == "[9, 7]"
    held.clear()
    assert not held


@LIBRARIES
def test_a_dict_has_the_methods_of_one(jit: Library) -> None:
    held = jit.script({"a": 1})
    held["b"] = 2
    del held["a"]
    assert (list(held), list(held.keys()), list(held.items())) == (["b"], ["b"], [("b", 2)])
    assert (held["b"], len(held), "a" in held, repr(held)) == (2, 1, False, "{b: 2}")


def _set(held: Any, key: object, value: object) -> None:
    held[key] = value


REFUSED: list[tuple[type[Exception], Callable[[Any], Any]]] = [
    (TypeError, lambda jit: jit.script([1]).append("a")),
    (TypeError, lambda jit: "a" in jit.script([1])),
    (IndexError, lambda jit: jit.script([1])[1]),
    (IndexError, lambda jit: jit.script([1]).pop(1)),
    (IndexError, lambda jit: jit.script([1]).insert(3, 1)),
    (ValueError, lambda jit: jit.script([1]).remove(2)),
    (RuntimeError, lambda jit: _set(jit.script([1, 2]), slice(0, 2), [1])),
    (KeyError, lambda jit: jit.script({"a": 1})["b"]),
    (KeyError, lambda jit: 1 in jit.script({"a": 1})),
    (TypeError, lambda jit: _set(jit.script({"a": 1}), "b", "c")),
    (TypeError, lambda jit: _set(jit.script({"a": 1}), 1, 1)),
]


@LIBRARIES
@pytest.mark.parametrize(("kind", "refused"), REFUSED)
def test_what_is_not_of_the_type_or_not_there_is_refused(
    jit: Library, kind: type[Exception], refused: Callable[[Any], Any]
) -> None:
    with pytest.raises(kind):
        refused(jit)


@LIBRARIES
@pytest.mark.parametrize(
    ("mixed", "message"),
    [
        (
            [1, "a"],
            "list: List inputs to traced functions must have consistent element type.",
        ),
        ({"a": 1, "b": "c"}, "dictionary: Dictionary inputs to traced functions must have consistent type."),
    ],
)
def test_elements_are_of_one_type(jit: Library, mixed: Any, message: str) -> None:
    with pytest.raises(jit.Error, match=re.escape(f"Unable to infer type of {message}")):
        jit.script(mixed)


@LIBRARIES
def test_elements_may_be_none_and_what_is_empty_is_of_tensors(jit: Library) -> None:
    held = jit.script([1, None])
    held.append(None)
    assert list(held) == [1, None, None]
    empty = jit.script([])
    empty.append(torch.ones(1))
    assert empty[0].tolist() == [1.0]


def test_a_list_of_another_type_is_no_argument() -> None:
    with pytest.raises(RuntimeError, match="Expected a value of type 'List\\[int\\]' for argument 'numbers'"):
        tsc.script(grown)(tsc.script(["a"]), {})


def test_a_list_of_tensors_is_refused_where_gradients_are_recorded() -> None:
    def first(xs: list[torch.Tensor], y: torch.Tensor) -> torch.Tensor:
        return xs[0] * y

    held, scripted = tsc.script([torch.ones(2)]), tsc.script(first)
    assert scripted(held, torch.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(NotImplementedError, match="requires a list or dict of Python"):
        scripted(held, torch.ones(2, requires_grad=True))
