"""`unfollowed_name`: every name of what is written is one that `functionalize` follows, or it is told."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import ANY, BOX, DICT, ITEM, PAIR, SELECT, TENSORS, T, branch, loop, named
from tsc.analysis.written_names import unfollowed_name

ARGUMENTS = f"%x : {T}, %n : !torch.int, %c : !torch.bool, %o : {BOX}, %s : !torch.str, %k : !torch.list<int>"
MAKE = f"%y = torch.aten.relu %x : {T} -> {T}\n%z = torch.aten.neg %x : {T} -> {T}"
WRITE = f"torch.aten.relu_ {{}} : {T} -> {T}"
LIST = f"%list = torch.prim.ListConstruct %y, %z : ({T}, {T}) -> {TENSORS}"
TUPLE = f"%t = torch.prim.TupleConstruct %y, %z : {T}, {T} -> {PAIR}"


def unfollowed(names: str, written: str = "%y") -> str | None:
    """What gives a name that is not followed, in a function that makes `names` and writes to `written`."""
    body = f"%none = torch.constant.none\n{MAKE}\n{names}\n%w = {WRITE.format(written)}"
    return unfollowed_name(named(ARGUMENTS, body).function)


FOLLOWED = {
    "new tensors": "",
    "a view": f"%a = {SELECT.format('%y')}",
    "a view of a view": f"%b = {SELECT.format('%y')}\n%a = {SELECT.format('%b')}",
    "what another is like": f"%a = torch.aten.reshape_as %z, %y : {T}, {T} -> {T}",
    "what is made of several": (
        f"{LIST}\n%a = torch.aten.einsum %s, %list, %none : !torch.str, {TENSORS}, !torch.none -> {T}"
    ),
    "perhaps a view": f"%a = torch.aten.reshape %y, %k : {T}, !torch.list<int> -> {T}",
    "a tuple": TUPLE,
    "a list": LIST,
    "a dict": f"%d = torch.prim.DictConstruct keys(%s : !torch.str) values(%y : {T}) -> {DICT}",
    "another type": f"%a = torch.derefine %y : {T} to {ANY}\n"
    f"%b = torch.prim.unchecked_cast %a : {ANY} -> {T}",
    "what a write gives back": f"%a = {WRITE.format('%y')}",
    "a list that grows": f"{LIST}\n%a = torch.aten.append.t %list, %y : {TENSORS}, {T} -> {TENSORS}",
    "a branch of others": branch("%z", "%x", T),
    "an element of a list of others": f"%list = torch.prim.ListConstruct %z : ({T}) -> {TENSORS}\n"
    f"%a = {ITEM.format('%list')}",
    "what is computed of all": f"{LIST}\n%a = torch.aten.cat %list, %n : {TENSORS}, !torch.int -> {T}",
}


@pytest.mark.parametrize("names", FOLLOWED.values(), ids=FOLLOWED)
def test_names_that_the_rewriting_follows_are_fine(names: str) -> None:
    assert unfollowed(names) is None


UNFOLLOWED = {
    "an element of a list": (f"{LIST}\n%a = {ITEM.format('%list')}", "torch.aten.__getitem__.t"),
    "an unpacked list": (
        f"{LIST}\n%a, %b = torch.prim.ListUnpack %list : {TENSORS} -> {T}, {T}", "torch.prim.ListUnpack",
    ),
    "a part of a tuple": (
        f"{TUPLE}\n%a = torch.prim.TupleIndex %t, %n : {PAIR}, !torch.int -> {T}", "torch.prim.TupleIndex",
    ),
    "an unpacked tuple": (
        f"{TUPLE}\n%a, %b = torch.prim.TupleUnpack %t : {PAIR} -> {T}, {T}", "torch.prim.TupleUnpack",
    ),
    "a copy of a list": (
        f'{LIST}\n%a = torch.operator "aten.list.t"(%list) : ({TENSORS}) -> {TENSORS}', "torch.aten.list.t",
    ),
    "views in a list": (
        f"%a = torch.aten.unbind.int %y, %n : {T}, !torch.int -> {TENSORS}", "torch.aten.unbind.int",
    ),
    "perhaps a view of an element": (
        f"%list = torch.prim.ListConstruct %y : ({T}) -> {TENSORS}\n"
        f"%a = torch.aten.einsum %s, %list, %none : !torch.str, {TENSORS}, !torch.none -> {T}",
        "torch.aten.einsum",
    ),
    "an operator without definition": (
        f'%a = torch.operator "aten._cast_Char"(%y, %c) : ({T}, !torch.bool) -> {T}', "torch.operator",
    ),
    "a branch": (branch("%y", "%z", T), "torch.prim.If"),
    "another branch": (branch("%z", "%y", T), "torch.prim.If"),
    "a tuple from a branch": (f"{TUPLE}\n" + branch("%t", "%t", PAIR), "torch.prim.If"),
    "a loop": (loop("%y", "%z", T), "torch.prim.Loop"),
    "the next round of a loop": (loop("%z", "%y", T), "torch.prim.Loop"),
    "a list in a loop": (
        f"{LIST}\n" + loop("%list", "%carried", TENSORS), "torch.prim.Loop",
    ),
    "an attribute assigned": (f'torch.prim.SetAttr %o["v"] = %y : {BOX}, {T}', "torch.prim.SetAttr"),
    "an attribute assigned a list": (
        f'{LIST}\ntorch.prim.SetAttr %o["v"] = %list : {BOX}, {TENSORS}', "torch.prim.SetAttr",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("names", "giver"), UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_other_names_of_what_is_written_are_told(names: str, giver: str) -> None:
    assert unfollowed(names) == giver


@pytest.mark.parametrize(("names", "giver"), UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_other_names_do_not_matter_where_nothing_is_written(names: str, giver: str) -> None:
    assert unfollowed_name(named(ARGUMENTS, f"%none = torch.constant.none\n{MAKE}\n{names}").function) is None


@pytest.mark.parametrize("name", ["a branch", "a loop", "an element of a list", "an attribute assigned"])
def test_names_of_the_memory_count_when_a_view_of_a_view_is_written(name: str) -> None:
    names, giver = UNFOLLOWED[name]
    views = f"%v = {SELECT.format('%y')}\n%vv = {SELECT.format('%v')}"
    assert unfollowed(f"{views}\n{names}", "%vv") == giver


def test_an_attribute_that_is_written_is_told() -> None:
    read = f'%a = torch.prim.GetAttr %o["v"] : {BOX} -> {T}'
    assert unfollowed(read, "%a") == "torch.prim.GetAttr"


def test_the_arguments_of_the_function_are_followed() -> None:
    assert unfollowed("", "%x") is None


def test_a_write_inside_a_branch_counts() -> None:
    names, giver = UNFOLLOWED["an element of a list"]
    inside = branch(f"%v = {WRITE.format('%y')}; %z", "%z", T)
    body = f"{MAKE}\n{names}\n{inside}"
    assert unfollowed_name(named(ARGUMENTS, body).function) == giver


STALE = "`functionalize` follows it, and what is read there after the write is what was there before"


@pytest.mark.parametrize(
    "read",
    [
        f"torch.aten.__getitem__.Dict_str %d, %s : {DICT}, !torch.str -> {T}",
        f'torch.operator "aten.get.default_str"(%d, %s, %z) : ({DICT}, !torch.str, {T}) -> {T}',
        f'torch.operator "aten.get.default_str"(%e, %s, %y) : ({DICT}, !torch.str, {T}) -> {T}',
    ],
    ids=["item", "get", "the default of get"],
)
def test_an_element_of_a_dict_is_told(read: str) -> None:
    dicts = "\n".join(
        f"%{d} = torch.prim.DictConstruct keys(%s : !torch.str) values(%{v} : {T}) -> {DICT}"
        for d, v in ("dy", "ez")
    )
    assert unfollowed(f"{dicts}\n%a = {read}") is not None


@pytest.mark.parametrize("giver", ["torch.prim.If", "torch.prim.Loop", "torch.prim.SetAttr"])
def test_a_value_of_any_type_that_holds_what_is_written_is_told(giver: str) -> None:
    held = f"{TUPLE}\n%any = torch.derefine %t : {PAIR} to {ANY}"
    names = {
        "torch.prim.If": branch("%any", "%any", ANY),
        "torch.prim.Loop": loop("%any", "%any", ANY),
        "torch.prim.SetAttr": f'torch.prim.SetAttr %o["v"] = %any : {BOX}, {ANY}',
    }
    assert unfollowed(f"{held}\n{names[giver]}") == giver


@pytest.mark.xfail(strict=True, raises=AssertionError, reason=f"an operator without schema: {STALE}")
def test_what_an_operator_without_schema_gives_is_told() -> None:
    assert unfollowed(f'%a = torch.operator "my.view"(%y) : ({T}) -> {T}') == "torch.operator"
