"""`liveness`: buffers whose intervals do not overlap are never in use at one time."""

from __future__ import annotations

import pytest
from xdsl.dialects import memref
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tests.passes.kernel_runner import parse
from tsc.analysis.liveness import Interval, live_intervals, users

M = "memref<4xf32>"
LOOP = "scf.for %i = %zero to %n step %one {{\n{}\n}}"
ALLOC = f"%{{}} = memref.alloc() : {M}"
CALL = f"func.call @k(%{{}}) : ({M}) -> ()"
WHILE = """"scf.while"() ({{
  "scf.condition"(%c) : (i1) -> ()
}}, {{
  {}
  "scf.yield"() : () -> ()
}}) : () -> ()"""


def intervals(body: str) -> tuple[list[Interval], list[int]]:
    """The intervals of the buffers in the order they are made, and the numbers of calls."""
    function = parsed(body)
    found = live_intervals(function)
    calls = [position for op, position in found.positions.items() if op.name == "func.call"]
    return list(found.intervals.values()), calls


def parsed(body: str) -> FuncOp:
    text = f"""
      func.func private @k({M}) -> ()
      func.func @main(%n : index, %c : i1) {{
        %zero = arith.constant 0 : index
        %one = arith.constant 1 : index
        {body}
        func.return
      }}"""
    function = list(parse(text).ops)[1]
    assert isinstance(function, FuncOp)
    return function


def lines(*texts: str) -> str:
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [((0, 2), (2, 3), True), ((0, 2), (3, 4), False), ((0, 9), (3, 4), True), ((5, 6), (1, 4), False)],
)
def test_intervals_overlap_where_one_op_is_in_both(
    first: tuple[int, int], second: tuple[int, int], wanted: bool
) -> None:
    assert Interval(*first).overlaps(Interval(*second)) == wanted
    assert Interval(*second).overlaps(Interval(*first)) == wanted


def test_a_buffer_is_in_use_from_its_first_use_to_its_last() -> None:
    found, calls = intervals(lines(*map(ALLOC.format, "ab"), *map(CALL.format, "abab")))
    assert found == [Interval(calls[0], calls[2]), Interval(calls[1], calls[3])]


def test_buffers_used_one_after_the_other_do_not_overlap() -> None:
    (a, b), _ = intervals(lines(*map(ALLOC.format, "ab"), *map(CALL.format, "aabb")))
    assert not a.overlaps(b)


AGAIN = f"%{{}} = memref.reinterpret_cast %{{}} to offset: [0], sizes: [4], strides: [1] : {M} to {M}"


def test_a_use_of_a_view_of_a_view_is_a_use_of_the_buffer() -> None:
    body = lines(ALLOC.format("a"), AGAIN.format("v", "a"), AGAIN.format("w", "v"), CALL.format("w"))
    function = parsed(body)
    found = live_intervals(function)
    (interval,) = found.intervals.values()
    call = next(op for op in function.walk() if op.name == "func.call")
    assert interval.end == found.positions[call]
    alloc = next(op for op in function.walk() if isinstance(op, memref.AllocOp))
    assert [op.name for op in users(alloc.memref)] == [
        "memref.reinterpret_cast", "memref.reinterpret_cast", "func.call",
    ]  # fmt: skip


@pytest.mark.parametrize("loop", [LOOP, WHILE], ids=["for", "while"])
def test_what_a_loop_uses_from_outside_is_in_use_to_its_end(loop: str) -> None:
    (a, b), _ = intervals(lines(*map(ALLOC.format, "ab"), loop.format(lines(*map(CALL.format, "ab")))))
    assert a.overlaps(b)
    assert a == b


def test_what_was_made_for_an_inner_loop_outside_both_is_in_use_through_both() -> None:
    inner = LOOP.replace("%i", "%j").format(CALL.format("a"))
    (a, b), _ = intervals(lines(*map(ALLOC.format, "ab"), LOOP.format(lines(CALL.format("b"), inner))))
    assert a.start <= b.start
    assert a.end >= b.end
    assert a.overlaps(b)


def test_what_a_loop_makes_for_itself_lives_in_one_round() -> None:
    body = lines(*map(ALLOC.format, "ab"), *map(CALL.format, "ab"))
    (a, b), _ = intervals(LOOP.format(body))
    assert not a.overlaps(b)


def test_a_buffer_that_a_loop_makes_for_an_inner_loop_lives_through_that_one() -> None:
    inner = LOOP.replace("%i", "%j").format(lines(CALL.format("a"), ALLOC.format("b"), CALL.format("b")))
    (a, b), _ = intervals(LOOP.format(lines(ALLOC.format("a"), inner)))
    assert a.overlaps(b)


def test_what_is_used_before_and_after_a_loop_is_in_use_in_it() -> None:
    loop = LOOP.format(lines(ALLOC.format("b"), CALL.format("b")))
    (a, b), _ = intervals(lines(ALLOC.format("a"), CALL.format("a"), loop, CALL.format("a")))
    assert a.overlaps(b)


def test_a_buffer_that_nobody_uses_is_in_use_where_it_is_made() -> None:
    (a,), _ = intervals(ALLOC.format("a"))
    assert a.start == a.end


def test_operations_are_numbered_in_order_those_in_regions_after_what_holds_them() -> None:
    function = parsed(lines(ALLOC.format("a"), LOOP.format(CALL.format("a"))))
    positions = live_intervals(function).positions
    walked: list[Operation] = list(function.walk())[1:]
    assert [positions[op] for op in walked] == list(range(len(walked)))
