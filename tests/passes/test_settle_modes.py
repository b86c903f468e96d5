"""`settle-modes`: what a program asks about gradients and autocasting."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.settle_modes import SettleModes

BOOL, X = "!torch.bool", "!torch.tensor"
ENABLED = f'  %g = torch.operator "aten.is_grad_enabled"() : () -> {BOOL}'
REQUIRES = f'%r = torch.operator "prim.requires_grad"(%x) : ({X}) -> {BOOL}'


def function(body: str) -> str:
    return f"""
func.func @f(%x : {X}) -> ({BOOL}) {{
{body}
  return %y : {BOOL}
}}"""


def branch(inside: str, given: str) -> str:
    return f"""{ENABLED}
  %no = torch.constant.bool false
  %y = torch.prim.If %g -> ({BOOL}) {{
    {inside}
    torch.prim.If.yield %{given} : {BOOL}
  }} else {{
    torch.prim.If.yield %no : {BOOL}
  }}"""


def test_no_tensor_requires_gradients_where_they_are_enabled() -> None:
    after = branch("%none = torch.constant.bool false", "none")
    assert_rewrites(function(branch(REQUIRES, "r")), function(after), SettleModes())


@pytest.mark.parametrize("name", ["is_autocast_enabled", "is_autocast_cpu_enabled"])
def test_calls_are_in_no_autocast(name: str) -> None:
    asked = f'  %y = torch.operator "aten.{name}"() : () -> {BOOL}'
    assert_rewrites(function(asked), function("  %y = torch.constant.bool false"), SettleModes())


@pytest.mark.parametrize(
    "body",
    [
        f"{ENABLED}\n  {REQUIRES.replace('%r', '%y')}",
        f"  %t = torch.constant.bool true\n  %w = torch.aten.requires_grad_ %x, %t : {X}, {BOOL} -> {X}\n"
        + branch(REQUIRES, "r"),
    ],
    ids=["asked otherwise", "a tensor that is made to"],
)
def test_other_questions_stay(body: str) -> None:
    assert_leaves(function(body), SettleModes())
