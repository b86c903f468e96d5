"""`read-numbers`: integers that are read from tensors made of integers."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.read_numbers import ReadNumbers

INT, HELD = "!torch.int", "!torch.tensor<[],si64>"
TENSORS = f"""
  %a = torch.prim.NumToTensor.Scalar %n : {INT} -> {HELD}
  %b = torch.prim.NumToTensor.Scalar %m : {INT} -> {HELD}
  %one = torch.constant.int 1
  %two = torch.tensor.literal(dense<2> : tensor<si64>) : {HELD}
  %none = torch.tensor.literal(dense<0> : tensor<si64>) : {HELD}
  %floor = torch.constant.str "floor"
  %trunc = torch.constant.str "trunc"
  %float = torch.constant.int 6"""


def function(body: str, kind: str = INT) -> str:
    return f"""
func.func @f(%n : {INT}, %m : {INT}) -> ({kind}) {{{TENSORS}
{body}
  return %y : {kind}
}}"""


def read(body: str) -> str:
    return function(f"{body}\n  %y = torch.aten.Int.Tensor %t : {HELD} -> {INT}")


def of_two(operator: str, a: str, b: str, *more: tuple[str, str]) -> str:
    operands = ", ".join(f"%{name}" for name in (a, b, *(name for name, _ in more)))
    kinds = ", ".join([HELD, HELD, *(kind for _, kind in more)])
    return f"  %t = torch.aten.{operator} {operands} : {kinds} -> {HELD}"


def of_ints(operator: str, a: str, b: str) -> str:
    return f"  %y = torch.{operator}.int %{a}, %{b} : {INT}, {INT} -> {INT}"


TWO = f"  %k = torch.constant.int 2\n{of_ints('aten.floordiv', 'n', 'k')}"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (of_two("add.Tensor", "a", "b", ("one", INT)), of_ints("aten.add", "n", "m")),
        (of_two("sub.Tensor", "a", "b", ("one", INT)), of_ints("aten.sub", "n", "m")),
        (of_two("mul.Tensor", "a", "b"), of_ints("aten.mul", "n", "m")),
        (of_two("minimum", "a", "b"), of_ints("prim.min", "n", "m")),
        (of_two("floor_divide", "a", "two"), TWO),
        (of_two("div.Tensor_mode", "a", "two", ("floor", "!torch.str")), TWO),
    ],
    ids=["add", "sub", "mul", "minimum", "floor_divide", "div"],
)
def test_what_is_read_is_computed_of_the_integers(body: str, made: str) -> None:
    kept = f"  %t = torch.prim.NumToTensor.Scalar %y : {INT} -> {HELD}"
    assert_rewrites(read(body), function(f"{made}\n{kept}"), ReadNumbers())


def test_a_number_of_any_kind_is_the_integer() -> None:
    kind = "!torch.number"
    assert_rewrites(
        function(f"  %y = torch.aten.item %a : {HELD} -> {kind}", kind),
        function(f"  %y = torch.derefine %n : {INT} to {kind}", kind),
        ReadNumbers(),
    )


@pytest.mark.parametrize(
    "body",
    [
        of_two("floor_divide", "a", "none"),
        of_two("floor_divide", "a", "b"),
        of_two("div.Tensor_mode", "a", "two", ("trunc", "!torch.str")),
        of_two("add.Tensor", "a", "b", ("float", INT)),
        of_two("pow.Tensor_Tensor", "a", "b"),
    ],
    ids=["by nothing", "by what is not known", "towards zero", "with a factor", "another operator"],
)
def test_other_reads_stay(body: str) -> None:
    assert_leaves(read(body), ReadNumbers())


def test_a_tensor_that_is_written_is_read() -> None:
    body = f"""  %t = torch.aten.detach %a : {HELD} -> {HELD}
  %w = torch.aten.add_.Tensor %t, %two, %one : {HELD}, {HELD}, {INT} -> {HELD}"""
    assert_leaves(read(body), ReadNumbers())
