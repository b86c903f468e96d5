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


def test_a_list_that_something_else_reads_is_made_of_the_slices() -> None:
    item = f"%r = torch.aten.__getitem__.t %list, %one : {LIST}, {INT} -> !torch.tensor"
    _, module = rewritten(function(after=item), StackLists())
    lists = [op for op in module.walk() if isinstance(op, PrimListConstructOp)]
    (made,) = (op for op in lists if len(op.operands) == 9)
    assert [torch_name(o.owner) for o in made.operands if isinstance(o.owner, AtenOp)] == [
        "torch.aten.clone"
    ] * 9


UNKNOWN = f"%o = torch.aten.append.t %list, %u : {LIST}, !torch.tensor -> {LIST}"
WRITE = f"%w = torch.aten.relu_ %x : {X} -> {X}"
ITEM = f"%r = torch.aten.__getitem__.t %list, %one : {LIST}, {INT} -> !torch.tensor"
LEFT = {
    "an element of unknown shape": function(UNKNOWN),
    "a tensor that is written in the loop": function(f"{APPEND}\n{WRITE}"),
    "a tensor that is written after it": function(after=f"{STACK}\n{WRITE}"),
    "a list that is not empty before": function(
        made=f"%list = torch.prim.ListConstruct %x : ({X}) -> {LIST}"
    ),
    "a list that is read in the loop": function(
        f"{APPEND}\n%n = torch.aten.len.t %list : {LIST} -> {INT}"
    ),
    "two tensors in each round": function(f"{APPEND}\n{APPEND.replace('%o', '%p')}"),
    "no rounds": function(trips=0),
    "many elements that something reads": function(after=ITEM, trips=MOST_ELEMENTS + 1),
    "some of many elements": function(after=ITEM, again="%c"),
    "more memory than is reserved": function(again="%c", trips=MOST_RESERVED),
}  # fmt: skip


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_other_lists_stay(text: str) -> None:
    assert_leaves(text, StackLists())
