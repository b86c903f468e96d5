"""`affine`: an address says for every iteration where its index map reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from xdsl.ir.affine import AffineExpr, AffineMap

from tsc.analysis.affine import (
    Address,
    Term,
    address_of,
    bounds,
    linear_parts,
    merge_loops,
    row_major_strides,
    substitute,
    used_dims,
)

A, B, C = (AffineExpr.dimension(i) for i in range(3))


def at(address: Address, point: Sequence[int]) -> int:
    """The element an address names in one iteration."""
    strided = sum(s * p for s, p in zip(address.strides, point, strict=True))
    return (
        address.offset + strided + sum(t.stride * t.expression.eval(list(point), []) for t in address.terms)
    )


def points(sizes: Sequence[int]) -> list[tuple[int, ...]]:
    return list(product(*map(range, sizes)))


SIZES = (4, 3, 6)
EXPRESSIONS: dict[str, tuple[list[AffineExpr], tuple[int, ...]]] = {
    "dims": ([A, B, C], (18, 6, 1)),
    "turned": ([C, A], (4, 1)),
    "a window": ([A * 2 + B - 1, C], (6, 1)),
    "a constant": ([AffineExpr.constant(3), B], (5, 1)),
    "a factor in front": ([AffineExpr.constant(2) * A + 1], (7,)),
    "divided": ([C // 2, C % 2], (5, 1)),
    "divided and together again": ([C // 2, C % 2], (2, 1)),
    "a sum divided": ([(A * 3 + B) // 4, (A * 3 + B) % 4], (4, 1)),
    "divided twice": ([C // 4, (C // 2) % 2, C % 2], (4, 2, 1)),
    "a remainder of what is small": ([B % 5, B // 5], (7, 3)),
    "a remainder of a negative": ([(B - 1) % 5, A], (7, 1)),
    "rounded up": ([C.ceil_div(4), A], (9, 1)),
    "a remainder where the divisors differ": ([C // 2, C % 3], (2, 1)),
    "nothing": ([], ()),
}


@pytest.mark.parametrize(("results", "strides"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_an_address_is_where_the_map_reads(results: list[AffineExpr], strides: tuple[int, ...]) -> None:
    address = address_of(AffineMap(3, 0, tuple(results)), strides, 11, SIZES)
    for point in points(SIZES):
        index = [e.eval(list(point), []) for e in results]
        assert at(address, point) == 11 + sum(i * s for i, s in zip(index, strides, strict=True))


@pytest.mark.parametrize("name", ["divided and together again", "a sum divided"])
def test_a_collapsed_index_of_contiguous_memory_is_linear_again(name: str) -> None:
    results, strides = EXPRESSIONS[name]
    assert address_of(AffineMap(3, 0, tuple(results)), strides, 0, SIZES).terms == ()


@pytest.mark.parametrize(
    "name", ["divided", "a remainder where the divisors differ", "a remainder of a negative"]
)
def test_an_index_into_other_memory_is_not_linear(name: str) -> None:
    results, strides = EXPRESSIONS[name]
    address = address_of(AffineMap(3, 0, tuple(results)), strides, 0, SIZES)
    assert address.terms
    assert address.pinned() == {2 if name != "a remainder of a negative" else 1}


def test_a_loop_advanced_moves_the_address() -> None:
    address = address_of(AffineMap(3, 0, (A, B + C // 2)), (10, 1), 0, SIZES)
    moved = address.moved(0, 3)
    for point in points(SIZES):
        assert at(moved, point) == at(address, (point[0] + 3, *point[1:]))


def test_used_dims_are_found_at_any_depth() -> None:
    assert used_dims((A * 2 + C // 3) % 5) == {0, 2}
    assert used_dims(AffineExpr.constant(1)) == set()


def test_linear_parts_add_up() -> None:
    assert linear_parts(A * 2 + B * 3 - 4, 3) == (-4, [2, 3, 0], [])
    assert linear_parts((C // 2) * 6 + A, 3) == (0, [1, 0, 0], [Term(C // 2, 6)])


@pytest.mark.parametrize(
    "expression",
    [
        A,
        A * 3 - 2,
        A * -2 + B,
        (A - 3) // 2,
        (A * 5) % 4,
        (A - 3).ceil_div(2),
        A * AffineExpr.constant(0),
    ],
    ids=str,
)
def test_bounds_hold_in_every_iteration(expression: AffineExpr) -> None:
    low, high = bounds(expression, SIZES)
    values = [expression.eval(list(point), []) for point in points(SIZES)]
    assert low <= min(values)
    assert max(values) <= high


def test_bounds_of_linear_expressions_are_reached() -> None:
    assert bounds(A * -2 + B, SIZES) == (-6, 2)
    assert bounds((A - 3) // 2, SIZES) == (-2, 0)


def test_substituted_dims_are_read_instead() -> None:
    changed = substitute((A + B) // 2, {0: C * 4})
    for point in points(SIZES):
        assert changed.eval(list(point), []) == (point[2] * 4 + point[1]) // 2


def test_rows_are_the_slowest() -> None:
    assert row_major_strides((2, 3, 4)) == (12, 4, 1)
    assert row_major_strides(()) == ()


def merged(sizes: Sequence[int], addresses: Sequence[Address], *pinned: int) -> tuple[tuple[int, ...], ...]:
    """The merged loops; every element is read as often as before, in the same order."""
    order = merge_loops(sizes, addresses, range(len(sizes)), set(pinned))
    for address in addresses:
        before = [at(address, point) for point in points(sizes)]
        assert [at(order.apply(address), point) for point in points(order.sizes)] == before
    return order.groups


def test_contiguous_loops_merge() -> None:
    assert merged((4, 3, 6), [Address(5, (18, 6, 1))]) == ((0, 1, 2),)


def test_loops_merge_only_where_every_address_walks_on() -> None:
    assert merged((4, 3, 6), [Address(0, (18, 6, 1)), Address(0, (0, 6, 1))]) == ((0,), (1, 2))


def test_a_broadcast_walks_as_one() -> None:
    assert merged((4, 3), [Address(0, (0, 0)), Address(0, (3, 1))]) == ((0, 1),)


def test_loops_with_a_gap_between_rows_stay_apart() -> None:
    assert merged((4, 3), [Address(0, (5, 1))]) == ((0,), (1,))


def test_loops_of_one_iteration_go_unless_pinned() -> None:
    assert merged((4, 1, 6), [Address(0, (6, 77, 1))]) == ((0, 2),)
    assert merged((4, 1, 6), [Address(0, (6, 77, 1))], 1) == ((0,), (1,), (2,))


def test_pinned_loops_stay_apart() -> None:
    assert merged((4, 3), [Address(0, (3, 1))], 0) == ((0,), (1,))
    assert merged((4, 3), [Address(0, (3, 1))], 1) == ((0,), (1,))


def test_loops_that_a_term_reads_stay_apart() -> None:
    assert merged((4, 3, 6), [Address(0, (18, 6, 1), (Term(B // 2, 5),))]) == ((0,), (1,), (2,))


def test_there_is_always_a_loop() -> None:
    assert merged((1, 1), [Address(3, (9, 9))]) == ((),)
    assert merged((), [Address(3, ())]) == ((),)


def test_loops_merge_in_the_order_given() -> None:
    order = merge_loops((3, 4), [Address(0, (1, 3))], (1, 0), set())
    assert order.groups == ((1, 0),)
    assert order.apply(Address(0, (1, 3))) == Address(0, (1,))
