"""`unroll-loops`: a loop that runs a known number of times, and stops no earlier, becomes its rounds."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.passes.unroll_loops import UNROLLED, UnrollLoops

INT = "!torch.int"
ARGUMENTS = f"%x : {INT}, %y : {INT}, %n : {INT}, %c : !torch.bool, %m : !torch.tensor"
ADD = f"{{}} = torch.aten.add.int {{}}, {{}} : {INT}, {INT} -> {INT}"
YES = "%yes = torch.constant.bool true"
SIZE = 3
"""Operations of a loop with an addition in it: the loop, the addition and the end of the body."""


def number(name: str, value: int) -> str:
    """An int."""
    return f"{name} = torch.constant.int {value}"


def function(body: str, value: str, unrolled: int = 0) -> str:
    """A function that returns an int, whose loops have been unrolled to a number of operations."""
    said = f" attributes {{{UNROLLED} = {unrolled} : i64}}" if unrolled else ""
    return f"func.func @f({ARGUMENTS}) -> {INT}{said} {{\n{YES}\n{body}\nfunc.return {value} : {INT}\n}}"


def loop(trips: str, body: str, enter: str = "%yes", again: str = "%yes", name: str = "r") -> str:
    """A loop that carries an int, ``%x`` at first: ``%a_r`` in the body, which leaves ``%s_r`` for the next
    round.
    """
    return f"""%{name} = torch.prim.Loop {trips}, {enter}, init(%x) {{
      ^bb0(%i_{name}: {INT}, %a_{name}: {INT}):
        {body}
        torch.prim.Loop.condition {again}, iter(%s_{name} : {INT})
      }} : ({INT}, !torch.bool, {INT}) -> {INT}"""


BODY = ADD.format("%s_r", "%a_r", "%i_r")


def counted(trips: int, body: str = BODY) -> str:
    """A loop that runs `trips` times."""
    return f"{number('%t', trips)}\n{loop('%t', body)}"


def rounds(count: int) -> str:
    """The additions of the rounds of `BODY`, the last of which makes the number before ``%s{count}``."""
    lines = [number("%t", count)]
    for i in range(count):
        lines += [number(f"%i{i}", i), ADD.format(f"%s{i + 1}", f"%s{i}" if i else "%x", f"%i{i}")]
    return "\n".join(lines)


@pytest.mark.parametrize("trips", [1, 2, 3])
def test_a_loop_becomes_its_rounds(trips: int) -> None:
    after = function(rounds(trips), f"%s{trips}", trips * SIZE)
    assert_rewrites(function(counted(trips), "%r"), after, UnrollLoops())


@pytest.mark.parametrize("trips", [0, -2])
def test_a_loop_of_no_rounds_gives_what_it_started_with(trips: int) -> None:
    after = function(number("%t", trips), "%x")
    assert_rewrites(function(counted(trips), "%r"), after, UnrollLoops())


def test_what_a_round_takes_from_outside_stays_the_same() -> None:
    before = counted(2, ADD.format("%s_r", "%y", "%n"))
    additions = [f"{number(f'%i{i}', i)}\n{ADD.format(f'%s{i}', '%y', '%n')}" for i in range(2)]
    after = "\n".join([number("%t", 2), *additions])
    assert_rewrites(function(before, "%r"), function(after, "%s1", 2 * SIZE), UnrollLoops())


def test_values_that_change_places_do_so_in_each_round() -> None:
    swap = f"""%r:2 = torch.prim.Loop %t, %yes, init(%x, %y) {{
      ^bb0(%i: {INT}, %a: {INT}, %b: {INT}):
        torch.prim.Loop.condition %yes, iter(%b, %a : {INT}, {INT})
      }} : ({INT}, !torch.bool, {INT}, {INT}) -> ({INT}, {INT})"""
    lines = [number("%t", 3), *(number(f"%i{i}", i) for i in range(3))]
    after = function("\n".join(lines), "%y", 3 * 2)
    assert_rewrites(function(f"{lines[0]}\n{swap}", "%r#0"), after, UnrollLoops())


def test_a_branch_in_a_round_reads_the_values_of_that_round() -> None:
    def branch(name: str, carried: str, i: str) -> str:
        sides = [f"{{\n{inner}\ntorch.prim.If.yield {value} : {INT}\n}}" for inner, value in (
            (ADD.format("%q", carried, i), "%q"), ("", carried),
        )]  # fmt: skip
        return f"{name} = torch.prim.If %c -> ({INT}) {sides[0]} else {sides[1]}"

    lines = [number("%t", 2), number("%i0", 0), branch("%s0", "%x", "%i0")]
    lines += [number("%i1", 1), branch("%s1", "%s0", "%i1")]
    after = function("\n".join(lines), "%s1", 2 * 6)
    assert_rewrites(function(counted(2, branch("%s_r", "%a_r", "%i_r")), "%r"), after, UnrollLoops())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("torch.aten.zero_", "%w = torch.aten.zero_ %m : !torch.tensor -> !torch.tensor"),
        ("torch.prim.Print", f"torch.prim.Print(%i_r) : {INT}"),
        (
            "torch.aten.bernoulli",
            "%w = torch.aten.bernoulli %m, %g : !torch.tensor, !torch.none -> !torch.tensor",
        ),
    ],
)
def test_what_a_round_does_is_done_in_each_round(name: str, line: str) -> None:
    body = counted(3, f"{line}\n{BODY}")
    _, module = rewritten(function(f"%g = torch.constant.none\n{body}", "%r"), UnrollLoops())
    done = [op.name for op in module.walk() if isinstance(op, AtenOp)]
    assert done == [name, "torch.aten.add.int"] * 3


@pytest.mark.parametrize(
    ("trips", "enter", "again"),
    [
        ("%n", "%yes", "%yes"),
        ("%t", "%c", "%yes"),
        ("%t", "%no", "%yes"),
        ("%t", "%yes", "%c"),
        ("%t", "%yes", "%no"),
        ("%t", "%yes", "%go"),
    ],
    ids=["as often as given", "perhaps", "never", "while given", "once", "while it says so"],
)
def test_a_loop_that_may_run_another_number_of_times_stays(trips: str, enter: str, again: str) -> None:
    body = f"%go = torch.aten.lt.int %i_r, %n : {INT}, {INT} -> !torch.bool\n{BODY}"
    given = f"{number('%t', 2)}\n%no = torch.constant.bool false"
    assert_leaves(function(f"{given}\n{loop(trips, body, enter, again)}", "%r"), UnrollLoops())


NESTED = f"{number('%u', 2)}\n{loop('%u', ADD.format('%s_q', '%a_q', '%i_r'), name='q')}"
"""A loop of two rounds, to be in the body of another."""


def outer(trips: int, inner: str = NESTED) -> str:
    """A function with a loop around `inner`."""
    return function(counted(trips, f"{inner}\n{ADD.format('%s_r', '%a_r', '%q')}"), "%r")


def left(text: str, limit: int = 8_000, limit_of_few: int | None = None) -> tuple[int, int]:
    """How many loops are left, and how many additions there are."""
    _, module = rewritten(text, UnrollLoops(limit, limit if limit_of_few is None else limit_of_few))
    names = [op.name for op in module.walk()]
    return names.count(PrimLoopOp.name), names.count("torch.aten.add.int")


def test_loops_in_loops_are_unrolled_with_them() -> None:
    assert left(outer(3)) == (0, 3 * (2 + 1))


def test_a_loop_that_stays_is_copied_with_the_rounds_around_it() -> None:
    assert left(outer(3, NESTED.replace("Loop %u", "Loop %n"))) == (3, 3 * 2)


def test_a_loop_in_one_that_stays_is_unrolled() -> None:
    text = outer(3).replace("Loop %t", "Loop %n")
    assert left(text) == (1, 2 + 1)


def test_the_inner_loop_is_unrolled_where_there_is_no_room_for_both() -> None:
    assert left(outer(3), 2 * SIZE) == (1, 2 + 1)


def test_there_is_more_room_for_few_rounds() -> None:
    assert left(outer(3), 2 * SIZE, 8_000) == (0, 3 * (2 + 1))
    assert left(outer(4), 2 * SIZE, 8_000) == (1, 2 + 1)


@pytest.mark.parametrize(("limit", "loops"), [(5 * SIZE, 0), (5 * SIZE - 1, 1)])
def test_a_loop_is_unrolled_up_to_a_number_of_operations(limit: int, loops: int) -> None:
    assert left(function(counted(5), "%r"), limit)[0] == loops


@pytest.mark.parametrize(("limit", "loops"), [(10 * SIZE, 0), (10 * SIZE - 1, 1), (5 * SIZE - 1, 2)])
def test_the_loops_of_a_function_share_the_room(limit: int, loops: int) -> None:
    second = loop("%t", BODY.replace("_r", "_p"), name="p")
    text = function(f"{counted(5)}\n{second}\n{ADD.format('%o', '%r', '%p')}", "%o")
    assert left(text, limit)[0] == loops


@pytest.mark.parametrize(("unrolled", "loops"), [(10, 0), (11, 1)])
def test_what_was_unrolled_before_takes_up_room(unrolled: int, loops: int) -> None:
    assert left(function(counted(5), "%r", unrolled), 5 * SIZE + 10)[0] == loops


def test_what_was_unrolled_is_added_up() -> None:
    after = function(rounds(2), "%s2", 10 + 2 * SIZE)
    assert_rewrites(function(counted(2), "%r", 10), after, UnrollLoops())


def test_functions_have_room_of_their_own() -> None:
    text = function(counted(5), "%r")
    assert left(f"{text}\n{text.replace('@f', '@g')}", 5 * SIZE)[0] == 0
