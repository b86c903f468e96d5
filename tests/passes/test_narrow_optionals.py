"""`narrow-optionals`: branches and loops carry what is certainly not None as what it is."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.narrow_optionals import NarrowOptionals

T, E, N = "!torch.tensor", "!torch.optional<tensor>", "!torch.int"


def derefined(name: str, value: str, kind: str = T) -> str:
    return f"%{name} = torch.derefine %{value} : {kind} to {E}"


def function(*body: str) -> str:
    lines = "\n  ".join(body)
    return (
        f"func.func @f(%x : {T}, %y : {T}, %c : !torch.bool, %n : {N}, %o : {E}) -> {E} {{\n  {lines}\n"
        f"  func.return %r : {E}\n}}"
    )


def branch(then: str, otherwise: str, name: str = "r", kind: str = E) -> str:
    bodies = [(*one.split("; "), "")[:2] for one in (then, otherwise)]
    texts = [f"{before}\n torch.prim.If.yield %{value} : {kind}" for value, before in bodies]
    return f"%{name} = torch.prim.If %c -> ({kind}) {{\n{texts[0]}\n}} else {{\n{texts[1]}\n}}"


def test_a_branch_gives_what_both_ways_have() -> None:
    assert_rewrites(
        function(branch(f"a; {derefined('a', 'x')}", f"b; {derefined('b', 'y')}")),
        function(
            branch(f"x; {derefined('a', 'x')}", f"y; {derefined('b', 'y')}", "t", T), derefined("r", "t")
        ),
        NarrowOptionals(),
    )


@pytest.mark.parametrize(
    "otherwise",
    [
        "o",
        f"b; %q = torch.constant.none\n{derefined('b', 'q', '!torch.none')}",
        f"b; %q = torch.derefine %x : {T} to !torch.optional<tensor>\n{derefined('b', 'q', E)}",
    ],
    ids=["unknown", "none", "twice"],
)
def test_what_may_be_none_stays(otherwise: str) -> None:
    assert_leaves(function(branch(f"a; {derefined('a', 'x')}", otherwise)), NarrowOptionals())


def loop(entering: str, argument: str, given_back: str, kind: str, name: str, *body: str) -> str:
    lines = "\n  ".join(body)
    return f"""%{name} = torch.prim.Loop %n, %c, init(%{entering}) {{
    ^bb0(%i : {N}, %{argument} : {kind}):
      {lines}
      torch.prim.Loop.condition %c, iter(%{given_back} : {kind})
    }} : ({N}, !torch.bool, {kind}) -> {kind}"""


def test_a_loop_carries_what_enters_and_every_round_gives_back() -> None:
    unwrap = f"%u = torch.aten._unwrap_optional %h : {E} -> {T}\n%v = torch.aten.relu %u : {T} -> {T}"
    assert_rewrites(
        function(derefined("a", "x"), loop("a", "h", "b", E, "r", unwrap, derefined("b", "v"))),
        function(
            derefined("a", "x"),
            loop("x", "g", "v", T, "t", derefined("h", "g"), unwrap, derefined("b", "v")),
            derefined("r", "t"),
        ),
        NarrowOptionals(),
    )


def test_a_loop_that_begins_with_none_stays() -> None:
    none = "%q = torch.constant.none"
    body = derefined("b", "y")
    text = function(none, derefined("a", "q", "!torch.none"), loop("a", "h", "b", E, "r", body))
    assert_leaves(text, NarrowOptionals())
