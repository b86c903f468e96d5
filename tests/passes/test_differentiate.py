"""`differentiate`: gradients become operations where it is certain what they are, and stay where not."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import assert_rewrites, rewritten
from tsc.passes.differentiate import Differentiate, why_not_differentiated

X, S, B = "!torch.tensor<[3],f32>", "!torch.tensor<[],f32>", "!torch.bool"
TENSORS, OPTIONALS = "!torch.list<tensor>", "!torch.list<optional<tensor>>"
CONSTANTS = """  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %none = torch.constant.none"""
REQUIRE = f"""  %p = torch.operator "aten.requires_grad_"(%x, %true) : ({X}, {B}) -> {X}"""


def asked(of: str = "e", by: str = "p", kind: str = S, allow: str = "false") -> str:
    """A call of ``torch.autograd.grad``."""
    return f"""  %outputs = torch.prim.ListConstruct %{of} : ({kind}) -> {TENSORS}
  %inputs = torch.prim.ListConstruct %{by} : ({X}) -> {TENSORS}
  %g = torch.operator "aten.grad"(%outputs, %inputs, %none, %none, %false, %{allow}) : ({TENSORS}, {TENSORS}, !torch.none, !torch.none, {B}, {B}) -> {OPTIONALS}"""  # noqa: E501


def function(*body: str, of: str = "g", kind: str = OPTIONALS) -> str:
    lines = "\n".join(body)
    return f"func.func @f(%x: {X}, %y: {X}) -> {kind} {{\n{CONSTANTS}\n{lines}\n  return %{of} : {kind}\n}}"


SINE = f"""  %s = torch.aten.sin %p : {X} -> {X}
  %e = torch.aten.sum %s, %none : {X}, !torch.none -> {S}"""
ADD = f"""  %s = torch.aten.add_.Tensor %y, %y, %one : {X}, {X}, !torch.int -> {X}
  %e = torch.aten.sum %p, %none : {X}, !torch.none -> {S}"""


def operators(text: str) -> list[str]:
    """The operators of what the pass makes of a module."""
    _, module = rewritten(text, Differentiate())
    return [op.name.removeprefix("torch.aten.") for op in module.walk() if op.name.startswith("torch.aten")]


def test_a_gradient_is_computed_of_what_was_computed() -> None:
    assert operators(function(REQUIRE, SINE, asked())) == [
        "sin", "sum", "ones", "sum.dim_IntList", "unsqueeze", "expand", "sin", "cos", "mul.Tensor", "detach",
    ]  # fmt: skip


def test_the_result_is_a_list_of_what_may_be_none() -> None:
    _, module = rewritten(function(REQUIRE, SINE, asked()), Differentiate())
    names = [op.name for op in module.walk()]
    assert names[-4:] == ["torch.aten.detach", "torch.derefine", "torch.prim.ListConstruct", "func.return"]
    assert "requires_grad_" not in str(module)


def test_an_output_that_is_the_input_has_its_own_gradient() -> None:
    scalar = f"""  %i = torch.constant.int 0
  %e = torch.aten.select.int %p, %i, %i : {X}, !torch.int, !torch.int -> {S}"""
    assert "select_scatter" in operators(function(REQUIRE, scalar, asked()))


def test_what_requires_no_gradients_is_left_to_who_raises() -> None:
    sine = SINE.replace("%p", "%x")
    _, module = rewritten(function(sine, asked(by="x")), Differentiate())
    assert "aten.grad" in str(module)
    assert "cos" not in str(module)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ((SINE.replace("%p", "%y"), asked()), "certainly requires gradients"),
        ((f"  %s = torch.aten.sin %p : {X} -> {X}", asked(of="s", kind=X)), "not a scalar"),
        (("  %one = torch.constant.int 1", ADD, asked()), "written in place"),
        ((SINE.replace("torch.aten.sin", "torch.aten.detach"), asked()), "certainly requires gradients"),
    ],
)  # fmt: skip
def test_why_it_is_left_is_said(body: tuple[str, ...], reason: str) -> None:
    _, module = rewritten(function(REQUIRE, *body), Differentiate())
    (made,) = module.ops
    assert isinstance(made, FuncOp)
    assert reason in why_not_differentiated(made)


def test_an_unused_input_is_none_where_that_is_allowed() -> None:
    require = f"""  %q = torch.operator "aten.requires_grad_"(%y, %true) : ({X}, {B}) -> {X}"""
    text = function(REQUIRE, require, SINE, asked(by="q", allow="true"))
    assert "cos" not in operators(text)
    _, module = rewritten(text, Differentiate())
    assert "aten.grad" not in str(module)


def test_uses_before_a_tensor_requires_gradients_are_none_of_its() -> None:
    before = f"""  %s = torch.aten.sin %x : {X} -> {X}
  %e = torch.aten.sum %s, %none : {X}, !torch.none -> {S}"""
    _, module = rewritten(function(before, REQUIRE, asked()), Differentiate())
    assert "aten.grad" in str(module)


def test_without_anybody_who_asks_nothing_is_left_of_it() -> None:
    assert_rewrites(
        function(REQUIRE, f"  %r = torch.aten.sin %p : {X} -> {X}", of="r", kind=X),
        function(f"  %r = torch.aten.sin %x : {X} -> {X}", of="r", kind=X),
        Differentiate(),
    )


def test_what_is_computed_unrecorded_is_detached() -> None:
    unrecorded = f"""  %before = torch.operator "aten.is_grad_enabled"() : () -> {B}
  torch.operator "aten.set_grad_enabled"(%false) : ({B}) -> ()
  %c = torch.aten.cos %p : {X} -> {X}
  torch.operator "aten.set_grad_enabled"(%before) : ({B}) -> ()
  %s = torch.aten.mul.Tensor %p, %c : {X}, {X} -> {X}
  %e = torch.aten.sum %s, %none : {X}, !torch.none -> {S}"""
    found = operators(function(REQUIRE, unrecorded, asked()))
    assert "sin" not in found
    assert found[:2] == ["cos", "detach"]


def test_a_branch_is_differentiated_the_way_it_is_taken() -> None:
    branch = f"""  %s = torch.prim.If %c -> ({X}) {{
    %t = torch.aten.sin %p : {X} -> {X}
    torch.prim.If.yield %t : {X}
  }} else {{
    torch.prim.If.yield %p : {X}
  }}
  %e = torch.aten.sum %s, %none : {X}, !torch.none -> {S}"""
    text = function(REQUIRE, branch, asked()).replace(f"%y: {X}", f"%y: {X}, %c: {B}")
    _, module = rewritten(text, Differentiate())
    branches = [op for op in module.walk() if op.name == "torch.prim.If"]
    assert len(branches) == 2
    first, second = branches[1].regions
    assert [op.name for op in first.block.ops][-1] == "torch.prim.If.yield"
    assert any(op.name == "torch.aten.cos" for op in first.block.ops)
    assert not any(op.name == "torch.aten.cos" for op in second.block.ops)
