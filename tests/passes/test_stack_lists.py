"""`stack-lists`: a list that every round of a loop appends a tensor to becomes one tensor."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, rewritten
from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.torch_ops import PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import PrefixOp, RequireOp
from tsc.passes.stack_lists import MOST_ELEMENTS, MOST_RESERVED, StackLists

X, INT, LIST = "!torch.tensor<[2,3],f32>", "!torch.int", "!torch.list<tensor>"
APPEND = f"%o = torch.aten.append.t %list, %x : {LIST}, {X} -> {LIST}"
STACK = f"%r = torch.aten.stack %list, %zero : {LIST}, {INT} -> !torch.tensor"
CAT = f"%r = torch.aten.cat %list, %one : {LIST}, {INT} -> !torch.tensor"


def function(
    body: str = APPEND, after: str = STACK, trips: int = 9, enter: str = "%yes", again: str = "%yes",
    made: str = f"%list = torch.prim.ListConstruct : () -> {LIST}",
) -> str:  # fmt: skip
    """A function with a list, a loop, and what comes after that."""
    return f"""func.func @f(%x : {X}, %c : !torch.bool, %u : !torch.tensor) -> !torch.tensor {{
      %zero = torch.constant.int 0
      %one = torch.constant.int 1
      %yes = torch.constant.bool true
      %t = torch.constant.int {trips}
      {made}
      torch.prim.Loop %t, {enter}, init() {{
      ^bb0(%i : {INT}):
        {body}
        torch.prim.Loop.condition {again}, iter()
      }} : ({INT}, !torch.bool) -> ()
      {after}
      func.return %r : !torch.tensor
    }}"""


def names(text: str) -> list[str]:
    """The operators that the pass leaves."""
    _, module = rewritten(text, StackLists())
    return [torch_name(op) for op in module.walk() if isinstance(op, AtenOp)]


@pytest.mark.parametrize(("after", "joined"), [(STACK, []), (CAT, ["torch.aten.reshape"])])
def test_each_round_fills_a_slice(after: str, joined: list[str]) -> None:
    moved = ["torch.aten.movedim.int", "torch.aten.clone"]
    assert names(function(after=after)) == ["torch.aten.zeros", "torch.aten.select_scatter", *moved, *joined]


@pytest.mark.parametrize("enter", ["%yes", "%c"])
def test_of_a_loop_that_may_end_early_the_result_is_a_part(enter: str) -> None:
    _, module = rewritten(function(enter=enter, again="%c"), StackLists())
    (prefix,) = (op for op in module.walk() if isinstance(op, PrefixOp))
    assert prefix.dim == 0
    assert prefix.operands[1].owner is next(op for op in module.walk() if isinstance(op, PrimLoopOp))
    assert sum(isinstance(op, RequireOp) for op in module.walk()) == 1  # nothing joins an empty list


ITEM = f"%r = torch.aten.__getitem__.t %list, %one : {LIST}, {INT} -> !torch.tensor"
COPY = f"%d = torch.aten.list.t %list : {LIST} -> {LIST}\n{STACK.replace('%list', '%d')}"
TURNED = f"""%no = torch.constant.none
      %back = torch.constant.int -1
      %d = torch.aten.slice.t %list, %no, %no, %back : {LIST}, !torch.none, !torch.none, {INT} -> {LIST}
      {STACK.replace("%list", "%d")}"""


@pytest.mark.parametrize(
    ("after", "read"),
    [
        (ITEM, ["torch.aten.select.int", "torch.aten.clone"]),
        (TURNED, ["torch.aten.flip", "torch.aten.movedim.int", "torch.aten.clone"]),
    ],
    ids=["item", "turned"],
)
def test_elements_are_read_from_the_tensor(after: str, read: list[str]) -> None:
    made = f"%list = torch.prim.ListConstruct %x, %x : ({X}, {X}) -> {LIST}"
    begun = ["torch.aten.zeros", "torch.aten.select_scatter", "torch.aten.select_scatter"]
    found = names(function(after=after, made=made))
    assert found == [*begun, "torch.aten.add.int", "torch.aten.select_scatter", *read]


def test_a_list_that_something_else_reads_is_made_of_the_slices() -> None:
    _, module = rewritten(function(after=COPY), StackLists())
    lists = [op for op in module.walk() if isinstance(op, PrimListConstructOp)]
    (made,) = (op for op in lists if len(op.operands) == 9)
    assert [torch_name(o.owner) for o in made.operands if isinstance(o.owner, AtenOp)] == [
        "torch.aten.clone"
    ] * 9


UNKNOWN = f"%o = torch.aten.append.t %list, %u : {LIST}, !torch.tensor -> {LIST}"
WRITE = f"%w = torch.aten.relu_ %x : {X} -> {X}"
LEFT = {
    "an element of unknown shape": function(UNKNOWN),
    "a tensor that is written in the loop": function(f"{APPEND}\n{WRITE}"),
    "a tensor that is written after it": function(after=f"{STACK}\n{WRITE}"),
    "a list that holds what is of unknown shape": function(
        made=f"%list = torch.prim.ListConstruct %u : (!torch.tensor) -> {LIST}"
    ),
    "a list that is read in the loop": function(
        f"{APPEND}\n%n = torch.aten.len.t %list : {LIST} -> {INT}"
    ),
    "two tensors in each round": function(f"{APPEND}\n{APPEND.replace('%o', '%p')}"),
    "no rounds": function(trips=0),
    "many elements that something reads": function(after=COPY, trips=MOST_ELEMENTS + 1),
    "some of many elements": function(after=ITEM, again="%c"),
    "more memory than is reserved": function(again="%c", trips=MOST_RESERVED),
}  # fmt: skip


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_other_lists_stay(text: str) -> None:
    assert_leaves(text, StackLists())
