"""`require-no-raise`: the side of a branch that raises is required not to be taken."""

from __future__ import annotations

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.require_no_raise import RequireNoRaise

T, BOOL, STR = "!torch.tensor", "!torch.bool", "!torch.str"
RAISE = f"""%text = torch.constant.str "no"
  %class = torch.constant.str "builtins.ValueError"
  torch.prim.RaiseException %text, %class : {STR}, {STR}
  %never = torch.prim.Uninitialized : {T}
  torch.prim.If.yield %never : {T}"""
RELU = f"%y = torch.aten.relu %x : {T} -> {T}"
GO_ON = f"{RELU}\ntorch.prim.If.yield %y : {T}"
REQUIRE = f"tsc.require %{{}} : {BOOL}"
NOT = f"%ok = torch.aten.__not__ %c : {BOOL} -> {BOOL}"


def function(body: str, value: str) -> str:
    """A function of a tensor and a condition."""
    return f"func.func @f(%x : {T}, %c : {BOOL}) -> {T} {{\n{body}\nfunc.return {value} : {T}\n}}"


def branch(then: str, otherwise: str) -> str:
    """A branch that gives a tensor."""
    return f"%r = torch.prim.If %c -> ({T}) {{\n{then}\n}} else {{\n{otherwise}\n}}"


def test_the_other_side_is_taken() -> None:
    before = function(branch(RAISE, GO_ON), "%r")
    after = function(f"{NOT}\n{REQUIRE.format('ok')}\n{RELU}", "%y")
    assert_rewrites(before, after, RequireNoRaise())


def test_the_second_side_may_raise() -> None:
    before = function(branch(GO_ON, RAISE), "%r")
    after = function(f"{REQUIRE.format('c')}\n{RELU}", "%y")
    assert_rewrites(before, after, RequireNoRaise())


def test_what_raises_on_both_sides_stays() -> None:
    assert_leaves(function(branch(RAISE, RAISE), "%r"), RequireNoRaise())


def test_what_raises_on_no_side_stays() -> None:
    assert_leaves(function(branch(GO_ON, GO_ON), "%r"), RequireNoRaise())


def test_a_function_that_prints_stays() -> None:
    body = f"torch.prim.Print(%x) : {T}\n{branch(RAISE, GO_ON)}"
    assert_leaves(function(body, "%r"), RequireNoRaise())
