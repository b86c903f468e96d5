# pyright: reportUnknownMemberType=false
"""Dicts that modules keep: with keys that are known each entry is state of compiled code, and what is in them
after each call, in which order, is what PyTorch has there.
"""

from __future__ import annotations

import copy
import io
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit import stateful_dicts as dicts
from tests.jit.side_by_side import assert_same, outcome
from tsc.options import options

ENTRIES: list[type[nn.Module]] = [
    dicts.ByDevice, dicts.Replaces, dicts.Adds, dicts.InPlace, dicts.Counts, dicts.InRounds,
    dicts.Pairs, dicts.Asks,
]  # fmt: skip
"""What is compiled to native code as a whole."""
OBJECTS: list[type[nn.Module]] = [
    dicts.Length, dicts.Returned, dicts.Walked, dicts.Named, dicts.Deletes, dicts.OrderIsDecided,
]  # fmt: skip
"""What keeps its dict."""
FORMS = ["frozen", "live", "loaded"]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is called is compiled."""
    monkeypatch.setattr(options(), "profiled_runs", 0)


def rows(i: int) -> Tensor:
    return (torch.arange(6.0).reshape(2, 3) - 2.5) * (i + 1) / 4 * (-1) ** i


def saved_and_loaded(library: Any, module: Any) -> Any:
    buffer = io.BytesIO()
    library.save(module, buffer)
    buffer.seek(0)
    return library.load(buffer)


def made(library: Any, module: nn.Module, form: str, *preserved: str) -> Any:
    """A script module of one of the libraries."""
    scripted = library.script(module.eval())
    if form == "loaded":
        return saved_and_loaded(library, scripted)
    return library.freeze(scripted, preserved_attrs=list(preserved)) if form == "frozen" else scripted


def held(module: Any, name: str = "s") -> dict[Any, Any]:
    return getattr(module, name)


class Sides:
    """A module in PyTorch and in tsc."""

    def __init__(self, kind: type[nn.Module], form: str, *preserved: str) -> None:
        self.theirs = made(torch.jit, kind(), form, *preserved)
        self.ours = made(tsc, kind(), form, *preserved)

    def call(self, *arguments: Any, method: str = "forward") -> Any:
        """Call both; what they give and leave is the same."""
        given = copy.deepcopy(arguments)
        want = outcome(getattr(self.theirs, method), arguments)
        got = outcome(getattr(self.ours, method), given)
        assert_same([got, given], [want, arguments])
        for name in ("s", "r"):
            if hasattr(self.theirs, name):
                assert list(held(self.ours, name)) == list(held(self.theirs, name))
                assert_same(held(self.ours, name), held(self.theirs, name))
        return got


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ENTRIES, ids=lambda k: k.__name__)
def test_entries_are_state_of_native_code(kind: type[nn.Module], form: str) -> None:
    sides = Sides(kind, form)
    for i in range(6):
        sides.call(rows(i))
    assert [info.tier for info in sides.ours.specializations()][-1] == "native"
    assert sides.ours.forward.last.is_native


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [*OBJECTS, dicts.PresenceIsDecided, dicts.Decides], ids=lambda k: k.__name__)
def test_dicts_that_are_used_as_a_whole_stay_objects(kind: type[nn.Module], form: str) -> None:
    sides = Sides(kind, form)
    for i in range(4):
        sides.call(rows(i))
    if kind in OBJECTS and (form != "frozen" or kind not in (dicts.Length, dicts.Walked, dicts.Named)):
        reasons = [info.reason or "" for info in sides.ours.specializations()]
        assert any(
            "the dict 's' is used otherwise than by keys that are known" in reason for reason in reasons
        )


@pytest.mark.parametrize("kind", ENTRIES, ids=lambda k: k.__name__)
def test_every_pass_keeps_what_is_in_a_dict(kind: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    sides = Sides(kind, "live")
    for i in range(3):
        sides.call(rows(i))


@pytest.mark.parametrize("form", FORMS)
def test_keys_that_come_and_go_are_other_specializations(form: str) -> None:
    sides = Sides(dicts.Methods, form, "reset", "observe")
    for i in range(4):
        sides.call(rows(i))
        sides.call(rows(i), method="observe")
        if i % 2:
            sides.call(method="reset")
            sides.call(rows(i), method="observe")  # the key is not there
        sides.call(rows(i))
    words = [
        {argument.text for argument in info.arguments if argument.name == "self.s['h']"}
        for info in sides.ours.forward.specializations()
    ]
    assert {"None"} in words
    assert len(words) == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [dicts.Raises, dicts.RaisesHalfway], ids=lambda k: k.__name__)
def test_what_was_written_before_something_raises_stays(kind: type[nn.Module], form: str) -> None:
    sides = Sides(kind, form)
    for i in range(3):
        assert sides.call(rows(i)) == "raised"


def test_a_key_that_is_not_there_is_named_as_in_pytorch() -> None:
    sides = Sides(dicts.Raises, "live")
    with pytest.raises(RuntimeError, match="KeyError: missing"):
        sides.ours(rows(0))
    with pytest.raises(RuntimeError, match="KeyError: missing"):
        sides.theirs(rows(0))


@pytest.mark.parametrize("form", FORMS)
def test_objects_have_dicts_of_their_own(form: str) -> None:
    sides = Sides(dicts.Chain, form)
    for i in range(3):
        sides.call(rows(i))
        for path in (("first",), ("rest", "0"), ("rest", "1")):
            theirs, ours = sides.theirs, sides.ours
            for name in path:
                theirs, ours = getattr(theirs, name), getattr(ours, name)
            assert list(held(ours)) == list(held(theirs))
            assert_same(held(ours), held(theirs))
    assert sides.ours.forward.last.is_native


@pytest.mark.parametrize("form", ["frozen", "live"])
def test_one_dict_in_two_attributes_is_one(form: str) -> None:
    sides = Sides(dicts.OneDictTwice, form, "join")
    for i in range(3):
        sides.call(rows(i))
    sides.call(method="join")
    for i in range(3):
        sides.call(rows(i))


@pytest.mark.parametrize("form", FORMS)
def test_numbers_that_other_methods_put_there_are_compiled_once(form: str) -> None:
    sides = Sides(dicts.Scales, form, "scaled")
    for i in range(12):
        sides.call(rows(i))
        sides.call(rows(i), method="scaled")
    assert len(sides.ours.scaled.specializations()) == 2
    assert sides.ours.scaled.last.is_native


def test_a_frozen_module_has_its_dict_in_common_with_the_module() -> None:
    for library in (torch.jit, tsc):
        module = library.script(dicts.Adds().eval())
        frozen = library.freeze(module)
        frozen(rows(0))
        assert list(held(module)) == list(held(frozen)) == ["z", "n", "b.c[0]'\"", "a"]


def test_users_exchange_the_dict_between_calls() -> None:
    sides = Sides(dicts.Methods, "live")
    for i in range(3):
        sides.call(rows(i))
        sides.theirs.s = {"x": rows(1), "h": rows(2)}
        sides.ours.s = {"x": rows(1), "h": rows(2)}
        sides.call(rows(i))
        sides.call(rows(i))
        sides.theirs.s = {}
        sides.ours.s = {}


def test_copies_have_dicts_of_their_own() -> None:
    first = tsc.script(dicts.Methods().eval())
    first(rows(0))
    first(rows(0))
    second = copy.deepcopy(first)
    before = held(first)["h"].clone()
    second(rows(1))
    second(rows(1))
    assert_same(held(first)["h"], before)
    assert_same(held(second)["h"], before + 2 * rows(1))


def test_what_is_in_a_dict_is_saved_and_not_in_the_state_dict() -> None:
    sides = Sides(dicts.ByDevice, "live")
    sides.call(rows(0))
    again = saved_and_loaded(tsc, sides.ours)
    assert list(held(again)) == ["cpu"]
    assert sides.ours.state_dict().keys() == sides.theirs.state_dict().keys()
    assert_same(again(rows(1)), sides.theirs(rows(1)))


def test_an_entry_that_is_returned_is_the_very_memory() -> None:
    module = tsc.freeze(tsc.script(dicts.Returned().eval()))
    given = module(rows(0))
    assert held(module)["a"].data_ptr() == given["a"].data_ptr()
    module = tsc.script(dicts.ByDevice().eval())
    for _ in range(3):
        module(rows(0))
    kept = held(module)["cpu"].data_ptr()
    module(rows(1))
    assert held(module)["cpu"].data_ptr() == kept


def test_a_call_that_fills_a_dict_is_compiled_when_there_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(options(), "profiled_runs", 1)
    module: Any = tsc.freeze(tsc.script(dicts.ByDevice().eval()))
    for i in range(3):
        assert_same(module(rows(i)), dicts.ByDevice()(rows(i)))
    assert [info.tier for info in module.specializations()] == ["native"]
    for i in range(3):
        module.s = {}
        assert_same(module(rows(i)), dicts.ByDevice()(rows(i)))
    assert [info.tier for info in module.specializations()] == ["native", "native"]


def test_threads_find_what_some_order_leaves() -> None:
    module: Any = tsc.script(dicts.ByDevice().eval())
    want = dicts.ByDevice()(rows(0))
    wrong: list[Any] = []

    def call() -> None:
        for _ in range(50):
            got = module(rows(0))
            if not torch.equal(got, want):
                wrong.append(got)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert list(held(module)) == ["cpu"]
