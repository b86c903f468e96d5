"""`written_values`: what is not said to be written stays as it is while the function runs."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import TENSORS, T, branch, loop, named
from tsc.analysis.memory_aliases import written_values

BOX = '!torch.class<"Box">'
ARGUMENTS = f"%x : {T}, %y : {T}, %n : !torch.int, %c : !torch.bool, %o : {BOX}"
SELECT = f"torch.aten.select.int {{}}, %n, %n : {T}, !torch.int, !torch.int -> {T}"
LIST = f"%list = torch.prim.ListConstruct %x : ({T}) -> {TENSORS}"
ITEM = f"torch.aten.__getitem__.t {{}}, %n : {TENSORS}, !torch.int -> {T}"
WRITE = f"%w = torch.aten.relu_ {{}} : {T} -> {T}"
CALLS = {
    "a function": "func.call @g({0}) : ({1}) -> ()",
    "a method": f'%r = torch.prim.CallMethod %o["m"] ({{0}}) : {BOX}, ({{1}}) -> {T}',
    "Python": f'%r = torch.prim.PythonOp {{0}} {{{{callee = "g"}}}} : {{1}} -> {T}',
    "another thread": '%r = torch.prim.fork {0} {{callee = "g"}} : {1} -> !torch.future<tensor>',
}


def written(body: str, others: str = "") -> set[str]:
    """The names of the values that may be written."""
    values = named(ARGUMENTS, body, others=others)
    changed = written_values(values.function)
    return {name for name, value in values.values.items() if value in changed}


def test_nothing_is_written_where_nothing_writes() -> None:
    assert written(f"%a = torch.aten.relu %x : {T} -> {T}\n%v = {SELECT.format('%a')}\n{LIST}") == set()


def test_a_write_to_a_view_of_a_view_writes_all_names_of_the_memory() -> None:
    views = f"%b = {SELECT.format('%x')}\n%d = {SELECT.format('%b')}\n%e = {SELECT.format('%x')}"
    assert written(f"{views}\n{WRITE.format('%d')}") == {"x", "b", "d", "e", "w"}


def test_an_operator_that_reads_what_is_written_gives_no_name_of_it() -> None:
    assert written(f"%a = torch.aten.relu %x : {T} -> {T}\n{WRITE.format('%x')}") == {"x", "w"}


@pytest.mark.parametrize(("names", "target"), [("%x, %y", "y"), ("%y, %x", "x")])
def test_an_out_argument_is_written(names: str, target: str) -> None:
    assert written(f'%w = torch.operator "aten.relu.out"({names}) : ({T}, {T}) -> {T}') == {target, "w"}


def test_appending_writes_the_list_and_not_what_it_holds() -> None:
    append = f"%w = torch.aten.append.t %list, %y : {TENSORS}, {T} -> {TENSORS}"
    assert written(f"{LIST}\n{append}") == {"list", "w"}


def test_a_write_to_an_element_writes_what_was_put_into_the_list() -> None:
    assert written(f"{LIST}\n%a = {ITEM.format('%list')}\n{WRITE.format('%a')}") == {"x", "list", "a", "w"}


def test_a_container_is_written_where_what_it_holds_is() -> None:
    pair = (
        f"%t = torch.prim.TupleConstruct %list, %n : {TENSORS}, !torch.int -> !torch.tuple<list<tensor>, int>"
    )
    assert written(f"{LIST}\n{pair}\n{WRITE.format('%x')}") == {"x", "list", "t", "w"}


def test_a_list_of_numbers_is_not_written_with_a_tensor() -> None:
    numbers = "%l = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>"
    body = f"{numbers}\n%a = torch.aten.reshape %x, %l : {T}, !torch.list<int> -> {T}\n{WRITE.format('%a')}"
    assert "l" not in written(body)


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
def test_a_write_in_a_region_counts(kind: str) -> None:
    write = f"{WRITE.format('%x')}; %y"
    texts = {"then": branch(write, "%y", T), "else": branch("%y", write, T), "loop": loop("%y", write, T)}
    assert written(texts[kind]) == {"x", "w"}


@pytest.mark.parametrize("side", ["then", "else"])
def test_a_write_to_a_branch_writes_both_sides(side: str) -> None:
    sides = ("%x", "%y") if side == "then" else ("%y", "%x")
    assert written(f"{branch(*sides, T)}\n{WRITE.format('%r')}") == {"x", "y", "r", "w"}


def test_a_write_to_what_a_loop_carries_writes_all_it_may_be() -> None:
    assert written(loop("%x", f"{WRITE.format('%carried')}; %y", T)) == {"x", "y", "carried", "r", "w"}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_unknown_code_writes_what_it_is_given(call: str) -> None:
    assert "x" in written(call.format("%x", T), f"func.func private @g({T}) -> ()")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_unknown_code_writes_what_a_list_holds(call: str) -> None:
    body = f"{LIST}\n{call.format('%list', TENSORS)}"
    assert {"x", "list"} <= written(body, f"func.func private @g({TENSORS}) -> ()")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_unknown_code_cannot_write_to_a_number(call: str) -> None:
    found = written(call.format("%n", "!torch.int"), "func.func private @g(!torch.int) -> ()")
    assert not found & {"x", "y", "n"}


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="only calls and the written arguments of schemas count"
)
def test_an_operator_without_schema_writes_what_it_is_given() -> None:
    assert "x" in written(f'%a = torch.operator "my.op"(%x) : ({T}) -> {T}')


def test_a_write_to_an_attribute_writes_every_attribute_of_that_name() -> None:
    reads = "\n".join(f'%{v} = torch.prim.GetAttr %o["{n}"] : {BOX} -> {T}' for v, n in ("av", "bv", "du"))
    assert written(f"{reads}\n{WRITE.format('%a')}") == {"a", "b", "w"}


def test_a_write_to_an_attribute_writes_what_was_assigned_to_it() -> None:
    body = f"""
      torch.prim.SetAttr %o["v"] = %x : {BOX}, {T}
      %a = torch.prim.GetAttr %o["v"] : {BOX} -> {T}
      {WRITE.format("%a")}"""
    assert written(body) == {"x", "a", "w"}


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="what objects hold is no place of theirs")
def test_unknown_code_writes_the_attributes_of_what_it_is_given() -> None:
    body = f'torch.prim.SetAttr %o["v"] = %x : {BOX}, {T}\n{CALLS["Python"].format("%o", BOX)}'
    assert "x" in written(body)


def test_a_write_to_an_element_of_a_dict_writes_what_was_put_there() -> None:
    kind = "!torch.dict<int, tensor>"
    body = f"""
      %d = torch.prim.DictConstruct keys(%n : !torch.int) values(%x : {T}) -> {kind}
      %a = torch.operator "aten.__getitem__.Dict_int"(%d, %n) : ({kind}, !torch.int) -> {T}
      {WRITE.format("%a")}"""
    assert "x" in written(body)
