"""`count-rounds`: loops that go on as long as a counter is below a number."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.count_rounds import CountRounds

INT, BOOL = "!torch.int", "!torch.bool"


def loop(
    enter: str = "lt.int %zero, %n",
    more: str = "lt.int %next, %n",
    step: str = "%k, %one",
    trips: str = "%any",
    first: str = "%zero",
) -> str:
    def flag(text: str) -> str:
        kind = BOOL if "bool" in text else INT
        return f"torch.aten.{text} : {kind}, {kind} -> {BOOL}"

    return f"""
func.func @f(%n : {INT}, %go : {BOOL}) -> ({INT}, {INT}) {{
  %any = torch.constant.int 9223372036854775807
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %enter = {flag(enter)}
  %l:2 = torch.prim.Loop {trips}, %enter, init({first}, %zero) {{
  ^bb0(%i : {INT}, %k : {INT}, %total : {INT}):
    %sum = torch.aten.add.int %total, %k : {INT}, {INT} -> {INT}
    %next = torch.aten.add.int {step} : {INT}, {INT} -> {INT}
    %more = {flag(more)}
    %on = torch.aten.__and__.bool %more, %go : {BOOL}, {BOOL} -> {BOOL}
    torch.prim.Loop.condition %on, iter(%next, %sum : {INT}, {INT})
  }} : ({INT}, {BOOL}, {INT}, {INT}) -> ({INT}, {INT})
  return %l#0, %l#1 : {INT}, {INT}
}}"""


COUNTED = f"""
func.func @f(%n : {INT}, %go : {BOOL}) -> ({INT}, {INT}) {{
  %any = torch.constant.int 9223372036854775807
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %enter = torch.aten.lt.int %zero, %n : {INT}, {INT} -> {BOOL}
  %true = torch.constant.bool true
  %l:2 = torch.prim.Loop %n, %true, init(%zero, %zero) {{
  ^bb0(%i : {INT}, %k : {INT}, %total : {INT}):
    %sum = torch.aten.add.int %total, %i : {INT}, {INT} -> {INT}
    %next = torch.aten.add.int %i, %one : {INT}, {INT} -> {INT}
    %more = torch.aten.lt.int %next, %n : {INT}, {INT} -> {BOOL}
    %on = torch.aten.__and__.bool %more, %go : {BOOL}, {BOOL} -> {BOOL}
    torch.prim.Loop.condition %go, iter(%next, %sum : {INT}, {INT})
  }} : ({INT}, {BOOL}, {INT}, {INT}) -> ({INT}, {INT})
  return %l#0, %l#1 : {INT}, {INT}
}}"""


def test_a_loop_below_a_number_has_so_many_rounds() -> None:
    assert_rewrites(loop(), COUNTED, CountRounds())


@pytest.mark.parametrize(
    "other",
    [
        loop(enter="gt.int %zero, %n"),
        loop(more="lt.int %k, %n"),
        loop(more="lt.int %sum, %n"),
        loop(more="lt.int %next, %sum"),
        loop(more="le.int %next, %n"),
        loop(step="%k, %n"),
        loop(trips="%n"),
        loop(first="%one"),
        loop(enter="__and__.bool %go, %go"),
    ],
    ids=["entered otherwise", "counter", "sum", "moving limit", "at most", "step", "counted", "first", "any"],
)
def test_other_loops_stay(other: str) -> None:
    assert_leaves(other, CountRounds())
