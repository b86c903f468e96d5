"""`split-backward`: one half of a function that also gives gradients stays; both agree on what is saved."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import rewritten
from tsc.dialects.torch_ops import PrimTupleConstructOp
from tsc.dialects.tsc import READS, SAVED, SOUGHT
from tsc.errors import CodegenError
from tsc.passes.differentiate_results import DifferentiateResults
from tsc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions
from tsc.passes.gradients.halves import noted_numbers
from tsc.passes.split_backward import SplitBackward

M = "!torch.vtensor<[3,3],f32>"
PRODUCT = f"""  %h = torch.aten.mm %x, %y : {M}, {M} -> {M}
  %e = torch.aten.mul.Tensor %h, %h : {M}, {M} -> {M}
  %r = torch.aten.mm %e, %y : {M}, {M} -> {M}"""
POINTWISE = f"""  %h = torch.aten.sigmoid %x : {M} -> {M}
  %e = torch.aten.mul.Tensor %h, %y : {M}, {M} -> {M}
  %r = torch.aten.mul.Tensor %e, %h : {M}, {M} -> {M}"""
VIEW = f"""  %e = torch.aten.t %x : {M} -> {M}
  %r = torch.aten.mm %e, %y : {M}, {M} -> {M}"""


def halves(body: str, given: tuple[bool, ...] | None = None) -> tuple[FuncOp, FuncOp]:
    text = f"func.func @f(%x: {M}, %y: {M}) -> {M} {{\n{body}\n  return %r : {M}\n}}"
    made: list[FuncOp] = []
    for is_backward in (False, True):
        passes = (
            DifferentiateResults((0, 1), given if is_backward else None),
            EliminateCommonSubexpressions(),
            SplitBackward(is_backward),
        )
        _, module = rewritten(text, *passes)
        made += [op for op in module.ops if isinstance(op, FuncOp)]
    return made[0], made[1]


def operators(made: FuncOp) -> list[str]:
    return [op.name.removeprefix("torch.aten.") for op in made.walk() if op.name.startswith("torch.aten")]


def test_products_are_saved_and_what_is_made_of_them_element_by_element_computed_again() -> None:
    forward, backward = halves(PRODUCT)
    assert operators(forward) == ["mm", "mul.Tensor", "mm"]
    assert noted_numbers(forward, SAVED) == [1]
    assert operators(backward)[0] == "mul.Tensor"
    assert noted_numbers(backward, READS) == [0, 1, 2, 3]
    assert noted_numbers(backward, SOUGHT) == [0, 1]


def test_nothing_is_saved_where_arguments_say_it() -> None:
    forward, backward = halves(POINTWISE)
    assert noted_numbers(forward, SAVED) == [0]
    assert operators(backward)[:2] == ["sigmoid", "mul.Tensor"]


def test_views_are_taken_again() -> None:
    forward, backward = halves(VIEW)
    assert noted_numbers(forward, SAVED) == [0]
    assert operators(backward).count("t") >= 1


def test_the_forward_half_gives_one_tensor_once() -> None:
    forward, _ = halves(PRODUCT)
    end = forward.body.block.last_op
    assert end is not None
    given = end.operands[0].owner
    assert isinstance(given, PrimTupleConstructOp)
    assert len(given.operands) == 2


def test_a_result_that_reads_a_gradient_is_refused() -> None:
    text = f"""func.func @f(%x: {M}, %g: {M}) -> {M} attributes {{
      tsc.flowing = array<i64: 1>, tsc.seeds = array<i64: 1>, tsc.sought = array<i64: 0>}} {{
      %r = torch.aten.mul.Tensor %x, %g : {M}, {M} -> {M}
      return %r, %r, %g : {M}, {M}, {M}
    }}"""
    with pytest.raises(CodegenError, match="depends on a gradient"):
        rewritten(text.replace(f"-> {M} attributes", f"-> ({M}, {M}, {M}) attributes"), SplitBackward())
