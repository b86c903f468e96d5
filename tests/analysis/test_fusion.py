"""`fusion`: a kernel holds only operators on values, and joins only what leaves no circle of dependencies."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import UnitAttr

from tests.analysis.named_values import Named, T, V, branch, named
from tsc.analysis.fusion import (
    CHECKS_BOUNDS,
    groupable,
    is_checked,
    operator_of,
    reads_values,
    reduction_dims,
    spec,
    tensor_operands,
)

INDEX, VS = "!torch.vtensor<[4],si64>", "!torch.list<vtensor>"
ARGUMENTS = (
    f"%x : {V}, %y : {V}, %m : !torch.tensor<[2,3],f32>, %i : {INDEX}, %n : !torch.int, %c : !torch.bool"
)
M = "!torch.tensor<[2,3],f32>"
PRELUDE = "%none = torch.constant.none\n%zero = torch.constant.int 0\n%one = torch.constant.int 1"
RELU = f"torch.aten.relu {{}} : {V} -> {V}"
TURN = "%{} = torch.aten.t %{} : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[3,2],f32>"
INTS, OPTIONAL = "!torch.list<int>", "!torch.optional<tensor>"


def small(body: str, arguments: str = ARGUMENTS) -> Named:
    return named(arguments, f"{PRELUDE}\n{body}")


def is_groupable(line: str) -> bool:
    return groupable(small(line).operator("a")) is not None


def linear(bias: str, kind: str) -> str:
    w = "!torch.vtensor<[3,3],f32>"
    return (
        f"%w = torch.vtensor.literal(dense<1.0> : tensor<3x3xf32>) : {w}\n"
        f"%a = torch.aten.linear %x, %w, %{bias} : {V}, {w}, {kind} -> {V}"
    )


@pytest.mark.parametrize(
    "line",
    [
        f"%a = {RELU.format('%x')}",
        f"%a = torch.aten.add.Tensor %x, %y, %one : {V}, {V}, !torch.int -> {V}",
        linear("none", "!torch.none"),
        f"%l = torch.prim.ListConstruct %x, %y : ({V}, {V}) -> {VS}\n"
        f"%a = torch.aten.cat %l, %zero : {VS}, !torch.int -> !torch.vtensor<[4,3],f32>",
    ],
    ids=["pointwise", "two", "a contraction", "a list"],
)
def test_operators_on_known_values_become_kernels(line: str) -> None:
    assert is_groupable(line)


BIAS = "!torch.tensor<[3],f32>"
REFUSED = {
    "a tensor that may change": f"%a = torch.aten.relu %m : {M} -> {V}",
    "one of two may change": f"%a = torch.aten.add.Tensor %x, %m, %one : {V}, {M}, !torch.int -> {V}",
    "in a list one may change": f"%l = torch.prim.ListConstruct %x, %m : ({V}, {M}) -> !torch.list<tensor>\n"
    f"%a = torch.aten.cat %l, %zero : !torch.list<tensor>, !torch.int -> !torch.vtensor<[4,3],f32>",
    "an optional that may change": f"%b = torch.tensor.literal(dense<1.0> : tensor<3xf32>) : {BIAS}\n"
    f"%o = torch.derefine %b : {BIAS} to {OPTIONAL}\n{linear('o', OPTIONAL)}",
    "a result that may change": f"%a = torch.aten.relu %x : {V} -> {M}",
    "an unknown size": "%a = torch.aten.relu %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[?,3],f32>",
    "an unknown dtype": "%a = torch.aten.relu %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,3],unk>",
    "an unknown number": f"%a = torch.aten.add.Tensor %x, %y, %n : {V}, {V}, !torch.int -> {V}",
    "a complex result": f"%a = torch.aten.relu %x : {V} -> !torch.vtensor<[2,3],complex<f32>>",
    "no native form": f"%a = torch.aten.nonzero %x : {V} -> !torch.vtensor<[6,2],si64>",
    "no definition": f'%a = torch.operator "aten._cast_Char"(%x, %c) : ({V}, !torch.bool) -> {V}',
    "a list that is written": f"%l = torch.prim.ListConstruct %x, %y : ({V}, {V}) -> {VS}\n"
    f"%w = torch.aten.append.t %l, %x : {VS}, {V} -> {VS}\n"
    f"%a = torch.aten.cat %l, %zero : {VS}, !torch.int -> !torch.vtensor<[4,3],f32>",
}


@pytest.mark.parametrize("line", REFUSED.values(), ids=REFUSED)
def test_operators_on_what_may_change_or_is_not_known_stay_outside(line: str) -> None:
    assert not is_groupable(line)


def test_only_operators_have_an_operator() -> None:
    assert operator_of(small("").maker("one")) is None


def test_a_tensor_that_may_change_is_no_value_wherever_it_stands() -> None:
    for name in ("a tensor that may change", "in a list one may change", "an optional that may change"):
        assert not reads_values(small(REFUSED[name]).operator("a"))
    assert reads_values(small(f"%a = {RELU.format('%x')}").operator("a"))


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="`tensor_operands` looks through derefine, not through casts"
)
def test_a_tensor_that_may_change_is_no_value_behind_a_cast() -> None:
    body = f"""
      %b = torch.tensor.literal(dense<1.0> : tensor<3xf32>) : {BIAS}
      %any = torch.derefine %b : {BIAS} to !torch.any
      %o = torch.prim.unchecked_cast %any : !torch.any -> {OPTIONAL}
      {linear("o", OPTIONAL)}"""
    assert not is_groupable(body)


SELECT = (
    f"%a = torch.aten.index_select %{{}}, %zero, %i : {{}}, !torch.int, {INDEX} -> !torch.vtensor<[4,3],f32>"
)


def gather(attributes: str, body: str) -> Named:
    """A function with a gather, as `check-bounds` leaves it or not."""
    values = small(body)
    if attributes:
        values.function.attributes[attributes] = UnitAttr()
    return values


@pytest.mark.parametrize("attributes", ["", CHECKS_BOUNDS])
def test_a_gather_becomes_a_kernel_where_its_index_is_checked(attributes: str) -> None:
    op = gather(attributes, SELECT.format("x", V)).operator("a")
    operator = operator_of(op)
    assert operator is not None
    assert is_checked(op, operator) == bool(attributes)
    assert (groupable(op) is not None) == bool(attributes)


def test_a_gather_in_a_branch_is_checked_as_others() -> None:
    kind = "!torch.vtensor<[4,3],f32>"
    inside = SELECT.format("x", V)
    literal = f"%z = torch.vtensor.literal(dense<1.0> : tensor<4x3xf32>) : {kind}"
    body = f"{literal}\n{branch(f'{inside}; %a', '%z', kind)}"
    assert groupable(gather(CHECKS_BOUNDS, body).operator("a")) is not None


def test_a_gather_from_nothing_is_not_checked() -> None:
    empty = "!torch.vtensor<[0,3],f32>"
    body = f"%e = torch.vtensor.literal(dense<> : tensor<0x3xf32>) : {empty}\n{SELECT.format('e', empty)}"
    assert groupable(gather(CHECKS_BOUNDS, body).operator("a")) is None


def test_the_tensors_of_lists_are_operands() -> None:
    values = small(
        f"%l = torch.prim.ListConstruct %x, %y : ({V}, {V}) -> {VS}\n"
        f"%a = torch.aten.cat %l, %one : {VS}, !torch.int -> !torch.vtensor<[2,6],f32>"
    )
    assert tensor_operands(values.maker("a")) == [values["x"], values["y"]]


def test_reduced_dims_count_from_the_front() -> None:
    body = f"""
      %last = torch.constant.int -1
      %l = torch.prim.ListConstruct %last : (!torch.int) -> {INTS}
      %a = torch.aten.sum.dim_IntList %x, %l, %c, %none : {V}, {INTS}, !torch.bool, !torch.none -> {T}"""
    values = small(body)
    assert reduction_dims(values.operator("a")) == (1,)
    assert spec(values["x"]).shape == (2, 3)
