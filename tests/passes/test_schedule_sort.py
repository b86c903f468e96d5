"""`sort` kernels against NumPy: lines along any dim, keys of all widths, ranks that are nowhere."""

import numpy as np
import pytest
from xdsl.utils.exceptions import VerifyException

from tests.passes.kernel_runner import Array, assert_computes, lower, parse
from tests.passes.linalg_text import Kernel, module
from tsc.dialects.tsc_order import OrderOp, OrderStatisticOp, SortOp, TopKOp, Workspace
from tsc.errors import CodegenError
from tsc.ops.selection import selected
from tsc.passes.schedule import TARGETS

Shape = tuple[int, int, int]
SHAPES: list[Shape] = [
    (1, 1, 1), (1, 7, 1), (3, 16, 1), (2, 33, 3), (1, 96, 1), (1, 97, 2), (40, 130, 1), (1, 3000, 1),
    (0, 5, 1), (2, 0, 1), (2, 5, 0),
]  # fmt: skip
WIDTHS = {"i8": np.int8, "i32": np.int32, "i64": np.int64}


def numbers(shape: Shape, element: str, distinct: int) -> Array:
    """Numbers of all sizes, both signs, of which many are equal."""
    limits = np.iinfo(WIDTHS[element])
    random = np.random.default_rng([distinct, *shape])
    kinds = random.integers(limits.min, limits.max, distinct, WIDTHS[element], endpoint=True)
    return kinds[random.integers(0, distinct, shape)]


def workspace(kind: type[OrderOp], x: Array, element: str) -> tuple[int, ...]:
    batches, extent, size = x.shape
    made = Workspace.of(batches * size, kind.items_of(extent), int(element[1:]))
    return made.slots, made.slot_bytes


def keys(x: Array) -> Array:
    return x.view(f"u{x.dtype.name}")


def taken(x: Array, places: Array) -> list[Array]:
    return [np.take_along_axis(x, places, 1), places]


@pytest.mark.parametrize("element", WIDTHS)
@pytest.mark.parametrize("distinct", [3, 1000])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lines_are_sorted_and_equal_keys_stay(shape: Shape, distinct: int, element: str) -> None:
    x = numbers(shape, element, distinct)
    kernel = Kernel("k")
    made = kernel.order("sort", [kernel.argument(shape, element)], shape[1], workspace(SortOp, x, element))
    wanted = taken(x, np.argsort(keys(x), axis=1, kind="stable"))
    assert assert_computes(module(kernel, made), [x], wanted, tolerance=0).kinds() == ["sort"]


@pytest.mark.parametrize("wanted", [0, 1])
def test_what_nobody_reads_is_not_written(wanted: int) -> None:
    shape = (2, 200, 1)
    x = numbers(shape, "i32", 50)
    kernel = Kernel("k")
    made = kernel.order("sort", [kernel.argument(shape, "i32")], 200, workspace(SortOp, x, "i32"))
    expected = taken(x, np.argsort(keys(x), axis=1, kind="stable"))[wanted]
    program = assert_computes(module(kernel, [made[wanted]]), [x], expected, tolerance=0)
    assert len(program.kernels()[0].body.block.args) == 3  # operand, result, memory to work in


def test_keys_are_what_the_region_makes_of_elements() -> None:
    shape = (2, 120, 1)
    x = numbers(shape, "i32", 100)
    kernel = Kernel("k")
    body = "%m = arith.constant -1 : i32\n    %r = arith.xori %x0, %m : i32"
    made = kernel.order("sort", [kernel.argument(shape, "i32")], 120, workspace(SortOp, x, "i32"), body)
    wanted = taken(x, np.argsort(~keys(x), axis=1, kind="stable"))
    assert_computes(module(kernel, made), [x], wanted, tolerance=0)


COUNTS: list[tuple[Shape, int]] = [
    ((1, 1, 1), 1), ((1, 3, 1), 2), ((2, 10, 3), 10), ((1, 100, 1), 1), ((3, 100, 1), 40), ((1, 640, 2), 10),
    ((1, 700, 1), 11), ((2, 1000, 1), 700), ((17, 64, 1), 1), ((1, 5000, 1), 70), ((1, 20, 1), 0),
]  # fmt: skip


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("element", WIDTHS)
@pytest.mark.parametrize(("shape", "count"), COUNTS, ids=str)
def test_of_equal_keys_those_are_taken_that_the_algorithm_takes(
    shape: Shape, count: int, element: str, in_order: bool
) -> None:
    x = numbers(shape, element, 9)
    assert_selects(x, element, count, in_order)


def assert_selects(x: Array, element: str, count: int, in_order: bool) -> None:
    kernel = Kernel("k")
    attributes = f"{{count = {count} : i64, in_order = {str(in_order).lower()}}} "
    operand = kernel.argument(x.shape, element)
    made = kernel.order("topk", [operand], count, workspace(TopKOp, x, element), "", attributes)
    lines = np.moveaxis(keys(x), 1, -1)
    chosen = [selected(line.tolist(), count, in_order) for line in lines.reshape(-1, x.shape[1])]
    places = np.array(chosen, np.int64).reshape(*lines.shape[:-1], count)
    assert_computes(module(kernel, made), [x], taken(x, np.moveaxis(places, -1, 1)), tolerance=0)


@pytest.mark.parametrize("pattern", ["halves", "pipe", "killer", "backwards", "alike"])
def test_patterns_that_partition_badly(pattern: str) -> None:
    n = 900
    rise = np.arange(n // 2)
    patterns = {
        "halves": np.concatenate([rise, rise]),
        "pipe": np.concatenate([rise, rise[::-1]]),
        "killer": np.stack([np.arange(1, n // 2 + 1), np.arange(n // 2 + 1, n + 1)], 1).reshape(-1) // 2,
        "backwards": np.arange(n)[::-1] // 3,
        "alike": np.zeros(n),
    }
    x = patterns[pattern].astype(np.int32).reshape(1, n, 1)
    for count in (30, 400, n):
        assert_selects(x, "i32", count, True)


@pytest.mark.parametrize("element", WIDTHS)
@pytest.mark.parametrize("shape", [s for s in SHAPES if s[1]], ids=str)
def test_the_element_at_a_rank(shape: Shape, element: str) -> None:
    x = numbers(shape, element, 40)
    batches, extent, size = shape
    ranks = np.random.default_rng(1).integers(-1, extent + 1, (batches, size))
    if ranks.size:
        ranks.reshape(-1)[0] = 2**63 - 1
        ranks.reshape(-1)[-1] = -(2**63)
    kernel = Kernel("k")
    operands = [kernel.argument(shape, element), kernel.argument((batches, size), "i64")]
    made = kernel.order("order_statistic", operands, 1, workspace(OrderStatisticOp, x, element))
    order = np.argsort(keys(x), axis=1, kind="stable")
    wanted = np.take_along_axis(order, np.clip(ranks, 0, extent - 1)[:, None], 1)
    assert_computes(module(kernel, made), [x, ranks], taken(x, wanted), tolerance=0)


def text(room: tuple[int, ...]) -> str:
    kernel = Kernel("k")
    return module(kernel, kernel.order("sort", [kernel.argument((1, 8, 1), "i32")], 8, room))


def test_too_little_memory_to_work_in_is_refused() -> None:
    slots, size = workspace(SortOp, np.zeros((1, 8, 1)), "i32")
    parse(text((slots, size)))
    with pytest.raises(VerifyException, match="to work in"):
        parse(text((slots, size - 64)))


def test_a_gpu_has_no_schedule_and_says_so() -> None:
    room = workspace(SortOp, np.zeros((1, 8, 1)), "i32")
    with pytest.raises(CodegenError, match=r"requires tsc.kind in \['concat', .*'window'\]; got sort"):
        lower(text(room), TARGETS["gpu"])
