"""`expand-statistics`: updates of running statistics become writes, and the norm one by its input alone."""

from __future__ import annotations

import pytest
from xdsl.ir import Operation

from tests.passes.rewriting import assert_leaves, rewritten
from tsc.passes.expand_statistics import ExpandStatistics

X, C, B, F = "!torch.tensor<[2,3,4],f32>", "!torch.tensor<[3],f32>", "!torch.bool", "!torch.float"


def norm(name: str = "batch_norm", training: str = "true", kind: str = X, running: str = C) -> str:
    types = f"{kind}, {C}, {C}, {running}, {running}, {B}, {F}, {F}, {B}"
    return f"""func.func @f(%x: {kind}, %w: {C}, %m: {running}, %v: {running}) -> {kind} {{
  %t = torch.constant.bool {training}
  %momentum = torch.constant.float 1.000000e-01
  %eps = torch.constant.float 1.000000e-05
  %y = torch.operator "aten.{name}"(%x, %w, %w, %m, %v, %t, %momentum, %eps, %t) : ({types}) -> {kind}
  return %y : {kind}
}}"""


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_updates_become_writes_of_detached_statistics(name: str) -> None:
    _, module = rewritten(norm(name), ExpandStatistics())
    names = [op.name.removeprefix("torch.aten.") for op in module.walk() if op.name.startswith("torch.aten")]
    assert names[0] == "detach"
    assert [n for n in names if n.endswith(("_.Scalar", "_.Tensor"))] == ["mul_.Scalar", "add_.Tensor"] * 2
    made = next(op for op in module.walk() if op.name == f"torch.aten.{name}")
    owners = [operand.owner for operand in made.operands[3:5]]
    assert [owner.name for owner in owners if isinstance(owner, Operation)] == ["torch.constant.none"] * 2


@pytest.mark.parametrize(
    "text",
    [
        norm(training="false"),
        norm(kind="!torch.tensor<[2,3,4],f16>"),
        norm(running="!torch.tensor<[4],f32>"),
        norm(kind="!torch.tensor"),
    ],
)
def test_other_norms_stay(text: str) -> None:
    assert_leaves(text, ExpandStatistics())
