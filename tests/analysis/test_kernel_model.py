"""`kernel_model`: schedules see of a kernel the loops it has, what it reads where, and no form it has not."""

from __future__ import annotations

from itertools import product

import pytest
from xdsl.dialects import tensor
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir.affine import AffineExpr, AffineMap

from tests.passes.kernel_runner import parse
from tests.passes.linalg_text import Kernel, Value
from tsc.analysis.kernel_model import (
    KernelModel,
    KernelStage,
    body_cost,
    constant_number,
    contraction_of,
    is_permutation,
    multiplied,
    read_kernel,
    reshape_map,
    unflatten,
)

D = [AffineExpr.dimension(i) for i in range(4)]
MULTIPLY_ADD = "%m = arith.mulf %x0, %x1 : f32\n    %r = arith.addf %acc, %m : f32"


def read(kernel: Kernel, *results: Value) -> KernelModel:
    function = next(iter(parse(kernel.text(*results)).ops))
    assert isinstance(function, FuncOp)
    return read_kernel(function)


def product_of(
    body: str = MULTIPLY_ADD, second: str = "n, k", shape: tuple[int, ...] = (5, 4)
) -> KernelStage:
    """The stage of a product of a 3x4 and a 5x4 matrix."""
    kernel = Kernel("k")
    x, w = kernel.argument((3, 4)), kernel.argument(shape)
    output = (kernel.fill("0.0", (3, 5)), "m, n")
    (stage,) = read(kernel, kernel.generic([(x, "m, k"), (w, second)], output, "m n | k", body)).stages
    return stage


def test_a_stage_has_the_loops_of_its_operation() -> None:
    stage = product_of()
    assert stage.sizes == (3, 5, 4)
    assert (stage.kept, stage.reduced, stage.is_parallel) == ((0, 1), (2,), False)
    assert [o.map.results for o in stage.inputs] == [(D[0], D[2]), (D[1], D[2])]
    assert [o.map.results for o in stage.outputs] == [(D[0], D[1])]


def test_a_kernel_tells_its_stages_and_what_it_gives() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((3, 4)), kernel.argument((5, 4))
    total = kernel.matmul(x, w)
    model = read(kernel, kernel.relu(total), total)
    assert [s.is_parallel for s in model.stages] == [False, True]
    assert model.reductions == model.stages[:1]
    assert [r.owner for r in model.results] == [model.stages[1].op, model.stages[0].op]
    assert len(model.arguments) == 2


def test_a_reduction_starts_from_its_fill_and_what_ignores_its_output_from_nothing() -> None:
    kernel = Kernel("k")
    x = kernel.argument((3, 4))
    total = kernel.reduce(x, (1,), "arith.addf", "2.5")
    stages = read(kernel, kernel.relu(total)).stages
    start = stages[0].inits[0]
    assert start is not None
    assert start.is_uniform
    assert constant_number(start.value) == 2.5
    assert stages[1].inits == (None,)


def padded(number: str) -> KernelStage:
    kernel = Kernel("k")
    x = kernel.argument((1, 2, 6, 6))
    wide = kernel.pad(x, (0, 0, 1, 2), (0, 0, 1, 2), number)
    return read(kernel, kernel.relu(wide)).stages[0]


@pytest.mark.parametrize(
    ("number", "is_zero"), [("0.0", True), ("-0.0", True), ("1.0", False), ("0xff800000", False)]
)
def test_a_pad_is_looked_through_and_its_fill_kept(number: str, is_zero: bool) -> None:
    (operand,) = padded(number).inputs
    assert operand.map.results == (D[0], D[1], D[2] - 1, D[3] - 2)
    assert operand.padding is not None
    assert (operand.padding.low, operand.padding.high) == ((0, 0, 1, 2), (0, 0, 1, 2))
    assert operand.padding.is_zero == is_zero


def test_a_product_is_a_contraction() -> None:
    found = contraction_of(product_of())
    assert found is not None
    assert (found.batch, found.rows, found.columns, found.depth) == ((), (0,), (1,), (2,))
    assert [found.count(dims) for dims in (found.batch, found.rows, found.columns, found.depth)] == [
        1,
        3,
        5,
        4,
    ]
    assert (found.data_argument, found.weights_argument) == (0, 1)


def test_the_weights_are_what_the_innermost_loop_indexes() -> None:
    found = contraction_of(product_of(), innermost=0)
    assert found is not None
    assert (found.rows, found.columns, found.data_argument, found.weights_argument) == ((1,), (0,), 1, 0)


def test_a_product_of_batches_has_a_batch() -> None:
    kernel = Kernel("k")
    x, w = kernel.argument((2, 3, 4)), kernel.argument((2, 5, 4))
    found = contraction_of(read(kernel, kernel.matmul(x, w, batch=1)).stages[0])
    assert found is not None
    assert (found.batch, found.rows, found.columns, found.depth) == ((0,), (1,), (2,), (3,))


BODIES = {
    "the other way round": ("%m = arith.mulf %x0, %x1 : f32\n%r = arith.addf %m, %acc : f32", (0, 1)),
    "factors turned": ("%m = arith.mulf %x1, %x0 : f32\n%r = arith.addf %acc, %m : f32", (1, 0)),
    "a square": ("%m = arith.mulf %x0, %x0 : f32\n%r = arith.addf %acc, %m : f32", None),
    "a sum": ("%m = arith.addf %x0, %x1 : f32\n%r = arith.addf %acc, %m : f32", None),
    "a maximum": ("%m = arith.mulf %x0, %x1 : f32\n%r = arith.maximumf %acc, %m : f32", None),
    "a product of the sum": ("%m = arith.mulf %x0, %acc : f32\n%r = arith.addf %acc, %m : f32", None),
    "twice the sum": ("%m = arith.mulf %x0, %x1 : f32\n%r = arith.addf %acc, %acc : f32", None),
    "without the sum": ("%m = arith.mulf %x0, %x1 : f32\n%r = arith.addf %x0, %m : f32", None),
    "an input in place of the sum": ("%m = arith.mulf %x0, %x1 : f32\n%r = arith.addf %m, %x0 : f32", None),
    "a factor changed": (
        "%e = math.exp %x0 : f32\n%m = arith.mulf %e, %x1 : f32\n%r = arith.addf %acc, %m : f32", None,
    ),
    "a factor of both": (
        "%e = arith.addf %x0, %x1 : f32\n%m = arith.mulf %e, %x1 : f32\n%r = arith.addf %acc, %m : f32", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "factors"), BODIES.values(), ids=BODIES)
def test_only_a_sum_of_products_of_two_inputs_is_multiply_add(
    body: str, factors: tuple[int, int] | None
) -> None:
    stage = product_of(body)
    assert multiplied(stage) == factors
    assert (contraction_of(stage) is not None) == (factors is not None)


def test_a_parallel_stage_is_no_contraction() -> None:
    kernel = Kernel("k")
    x, y = kernel.argument((3, 4)), kernel.argument((3, 4))
    stage = read(kernel, kernel.map(MULTIPLY_ADD, x, y, shape=(3, 4))).stages[0]
    assert multiplied(stage) is None
    assert contraction_of(stage) is None


@pytest.mark.parametrize(
    ("second", "shape"),
    [("m, k", (3, 4)), ("n + 1, k", (6, 4)), ("n + k", (8,)), ("n, n", (5, 5))],
    ids=[
        "no columns",
        "weights from the second on",
        "overlapping weights",
        "a diagonal",
    ],
)
def test_weights_that_cannot_be_packed_make_no_contraction(second: str, shape: tuple[int, ...]) -> None:
    assert contraction_of(product_of(second=second, shape=shape)) is None


@pytest.mark.parametrize(
    ("results", "wanted"),
    [
        ((D[1], D[0]), True), ((D[0], AffineExpr.constant(0)), True), ((), True),
        ((D[0], D[0]), False), ((D[0] + 1,), False), ((D[0], AffineExpr.constant(1)), False),
        ((D[0] // 2,), False),
    ],
)  # fmt: skip
def test_a_permutation_reads_each_dim_once(results: tuple[AffineExpr, ...], wanted: bool) -> None:
    assert is_permutation(AffineMap(2, 0, results)) == wanted


@pytest.mark.parametrize("shape", [(2, 3, 4), (6,), (1, 5, 1), (1, 1), (2, 1, 3), ()])
def test_unflattened_indices_are_those_of_the_element(shape: tuple[int, ...]) -> None:
    indices = unflatten(D[0], shape)
    for number, index in enumerate(product(*map(range, shape))):
        assert tuple(e.eval([number], []) for e in indices) == index


RESHAPES = {
    "collapsed": ((2, 3, 4), (2, 12), "[[0], [1, 2]]"),
    "collapsed to one": ((2, 3, 4), (24,), "[[0, 1, 2]]"),
    "expanded": ((6, 4), (2, 3, 4), "[[0, 1], [2]]"),
    "expanded with ones": ((6,), (1, 2, 3, 1), "[[0, 1, 2, 3]]"),
}


@pytest.mark.parametrize(("before", "after", "groups"), RESHAPES.values(), ids=RESHAPES)
def test_a_reshape_reads_elements_in_order(
    before: tuple[int, ...], after: tuple[int, ...], groups: str
) -> None:
    kernel = Kernel("k")
    text = kernel.text(kernel.reshape(kernel.argument(before), after, groups))
    op = next(o for o in parse(text).walk() if isinstance(o, tensor.ExpandShapeOp | tensor.CollapseShapeOp))
    map_ = reshape_map(op)
    read_at = [tuple(map_.eval(list(point), [])) for point in product(*map(range, after))]
    assert read_at == list(product(*map(range, before)))


def test_a_body_with_a_function_costs_more_than_arithmetic() -> None:
    costs: list[int] = []
    for body in (
        "%r = arith.addf %x0, %x0 : f32",
        "%r = arith.divf %x0, %x0 : f32",
        "%r = math.exp %x0 : f32",
    ):
        kernel = Kernel("k")
        stage = read(kernel, kernel.map(body, kernel.argument((3,)), shape=(3,))).stages[0]
        assert isinstance(stage.op, GenericOp)
        costs.append(body_cost(stage.body))
    assert costs == sorted(set(costs))
