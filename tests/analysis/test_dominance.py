"""`verify_dominance`: what it accepts uses nothing that is not defined before, in a scope that reaches it."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp

from tests.analysis.named_values import V, branch, loop, named
from tests.passes.rewriting import parse
from tsc.analysis.verify import verify_dominance
from tsc.errors import IRError

ARGUMENTS = f"%x : {V}, %n : !torch.int, %c : !torch.bool"
NEG = f"torch.aten.neg %{{}} : {V} -> {V}"
INSIDE = f"%b = {NEG.format('a')}; %b"


@pytest.mark.parametrize(
    "body",
    [
        f"%a = {NEG.format('x')}\n%b = {NEG.format('a')}",
        f"%a = {NEG.format('x')}\n{branch('%a', '%x', V)}",
        f"%a = {NEG.format('x')}\n{branch(INSIDE, '%a', V)}\n%d = {NEG.format('r')}",
        loop("%x", f"%b = {NEG.format('carried')}; %b", V),
    ],
    ids=["one after the other", "a branch", "inside a branch, and its result", "a loop"],
)
def test_what_is_defined_before_may_be_used(body: str) -> None:
    verify_dominance(named(ARGUMENTS, body).module)


def rejected(body: str, user: str, used: str, argument: int = 0) -> None:
    """`user` is made to use `used`, which is then rejected."""
    values = named(ARGUMENTS, body)
    op = values.maker(user)
    op.operands[argument] = values[used]
    with pytest.raises(IRError, match=f"{op.name}: operand {argument} requires a definition that reaches it"):
        verify_dominance(values.module)


def test_what_is_defined_after_is_rejected() -> None:
    rejected(f"%a = {NEG.format('x')}\n%b = {NEG.format('x')}", "a", "b")


def test_an_operation_that_uses_itself_is_rejected() -> None:
    rejected(f"%a = {NEG.format('x')}", "a", "a")


def test_the_second_operand_counts_too() -> None:
    add = f"%a = torch.aten.add.Tensor %x, %x, %n : {V}, {V}, !torch.int -> {V}\n%b = {NEG.format('x')}"
    rejected(add, "a", "b", 1)


@pytest.mark.parametrize("kind", ["branch", "loop"])
def test_what_a_region_defines_does_not_reach_outside(kind: str) -> None:
    inside = f"%b = {NEG.format('x')}; %b"
    region = branch(inside, "%x", V) if kind == "branch" else loop("%x", inside, V)
    rejected(f"{region}\n%d = {NEG.format('x')}", "d", "b")


def test_what_a_loop_carries_does_not_reach_outside() -> None:
    rejected(f"{loop('%x', '%carried', V)}\n%d = {NEG.format('x')}", "d", "carried")


def test_one_side_of_a_branch_does_not_see_the_other() -> None:
    body = branch(f"%a = {NEG.format('x')}; %a", f"%b = {NEG.format('x')}; %b", V)
    rejected(body, "b", "a")


def test_a_region_does_not_see_what_comes_after_it() -> None:
    body = branch(f"%a = {NEG.format('x')}; %a", "%x", V)
    rejected(f"{body}\n%d = {NEG.format('x')}", "a", "d")


def test_a_region_does_not_see_the_result_it_makes() -> None:
    rejected(branch(f"%a = {NEG.format('x')}; %a", "%x", V), "a", "r")


def test_a_function_does_not_see_another() -> None:
    text = "".join(
        f"func.func @{name}(%x : {V}) {{\n%a = {NEG.format('x')}\nfunc.return\n}}\n" for name in "fg"
    )
    _, module = parse(text)
    first, second = (op for op in module.ops if isinstance(op, FuncOp))
    use = next(op for op in second.body.block.ops if op.operands)
    verify_dominance(module)
    use.operands[0] = first.body.block.args[0]
    with pytest.raises(IRError):
        verify_dominance(module)


def test_a_value_of_the_module_does_not_reach_into_functions() -> None:
    text = f"%w = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}\n"
    _, module = parse(f"{text}func.func @f(%x : {V}) {{\n%a = {NEG.format('x')}\nfunc.return\n}}")
    literal, function = module.ops
    assert isinstance(function, FuncOp)
    use = next(op for op in function.body.block.ops if op.operands)
    use.operands[0] = literal.results[0]
    with pytest.raises(IRError):
        verify_dominance(module)
