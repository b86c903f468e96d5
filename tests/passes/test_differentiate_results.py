"""`differentiate-results`: a function takes the gradients of results, and gives those of its arguments."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tests.passes.rewriting import rewritten
from tsc.dialects.tsc import FLOWING, SOUGHT, SOUGHT_OF_SOME
from tsc.errors import CodegenError
from tsc.passes.differentiate_results import DifferentiateResults, why_not_certain
from tsc.passes.gradients.halves import noted_numbers

X, B = "!torch.vtensor<[3],f32>", "!torch.bool"
SINE = f"  %s = torch.aten.sin %x : {X} -> {X}"
BOTH = f"{SINE}\n  %p = torch.aten.mul.Tensor %s, %y : {X}, {X} -> {X}"
DETACHED = f"  %s = torch.aten.detach %x : {X} -> {X}"


def function(body: str, *results: str) -> str:
    made = f"  %r = torch.prim.TupleConstruct {', '.join(results)} : " + ", ".join([X] * len(results))
    kind = f"!torch.tuple<{', '.join(['vtensor<[3],f32>'] * len(results))}>"
    lines = f"{body}\n{made} -> {kind}"
    return f"func.func @f(%x: {X}, %y: {X}) -> {kind} {{\n{lines}\n  return %r : {kind}\n}}"


def differentiated(text: str, *wanted: int, given: tuple[bool, ...] | None = None) -> FuncOp:
    _, module = rewritten(text, DifferentiateResults(wanted, given))
    return next(op for op in module.ops if isinstance(op, FuncOp))


def operators(made: FuncOp) -> list[str]:
    return [op.name.removeprefix("torch.aten.") for op in made.walk() if op.name.startswith("torch.aten")]


def test_gradients_of_results_are_taken_and_those_of_arguments_given() -> None:
    made = differentiated(function(SINE, "%s"), 0)
    assert operators(made) == ["sin", "sin", "cos", "mul.Tensor"]
    assert len(made.body.block.args) == 3
    end = made.body.block.last_op
    assert end is not None
    names = [v.owner.name for v in end.operands if isinstance(v.owner, Operation)]
    assert names[1:] == ["torch.aten.sin", "torch.aten.mul.Tensor"]
    assert noted_numbers(made, SOUGHT) == [0]


def test_only_what_is_wanted_has_gradients_and_results_that_depend_on_it() -> None:
    made = differentiated(function(BOTH, "%s", "%p"), 1)
    assert noted_numbers(made, FLOWING) == [1]
    assert noted_numbers(made, SOUGHT) == [1]


def test_gradients_of_some_results_follow_those_of_all() -> None:
    made = differentiated(function(BOTH, "%s", "%p"), 0, 1, given=(True, False))
    assert noted_numbers(made, SOUGHT) == [0, 1]
    assert noted_numbers(made, SOUGHT_OF_SOME) == [0]


@pytest.mark.parametrize(
    ("text", "wanted", "told"),
    [
        (function(DETACHED, "%s"), 0, "no result requires gradients"),
        (function(SINE, "%s", "%x"), 0, "an argument is a result"),
        (function(f"  %s = torch.aten.bernoulli %x, %n : {X}, !torch.none -> {X}", "%s"), 0, "random"),
    ],
)
def test_what_is_not_certain_is_refused(text: str, wanted: int, told: str) -> None:
    text = text.replace("{\n", "{\n  %n = torch.constant.none\n", 1)
    with pytest.raises(CodegenError, match=told):
        differentiated(text, wanted)


def test_functions_that_ask_or_set_modes_are_not_certain() -> None:
    asks = f'  %q = torch.operator "prim.requires_grad"(%x) : ({X}) -> {B}\n{SINE}'
    mode = f"""  %q = torch.constant.bool false
  torch.operator "aten.set_grad_enabled"(%q) : ({B}) -> ()
{SINE}"""
    write = f"""  %d = torch.aten.detach %x : {X} -> {X}
  %q = torch.aten.relu_ %d : {X} -> {X}\n{SINE}"""
    for body, told in ((asks, "asks"), (mode, "sets"), (write, "detaches"), (SINE, None)):
        _, module = rewritten(function(body, "%s"))
        reason = why_not_certain(next(op for op in module.ops if isinstance(op, FuncOp)))
        assert reason is None if told is None else told in str(reason)
