"""``TSC_VERIFY=1`` passes what is right, and names the pass that is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

import tsc
from tsc.analysis.target import Target
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.errors import VerificationError
from tsc.options import options
from tsc.passes import Rewriting
from tsc.passes.canonicalize import Canonicalize
from tsc.passes.decompose import Decompose
from tsc.passes.functionalize import Functionalize
from tsc.passes.fuse import Fuse
from tsc.passes.fuse_elementwise import FuseElementwise
from tsc.runtime import assembling
from tsc.runtime.machine_code import Assembled


@pytest.fixture(autouse=True)
def verified() -> Iterator[None]:
    options().is_verified = True
    yield
    options().is_verified = False


def mixed(x: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    y = torch.softmax(x, -1)
    chosen = torch.nn.functional.embedding(i, y) + x.sum()
    return chosen, {"first": chosen[0], "least": y.min()}


def written(x: torch.Tensor) -> torch.Tensor:
    y = x * 2
    y.t().relu_()
    return y + x


def test_right_passes_change_nothing() -> None:
    x, i = torch.randn(4, 5), torch.tensor([1, 2, 0])
    function = tsc.script(mixed)
    torch.testing.assert_close(function(x, i), mixed(x, i))
    assert function.last is not None
    assert function.last.is_native
    torch.testing.assert_close(tsc.script(written)(x), written(x))


def test_modules_are_verified_through_native_code() -> None:
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64, 5),
    ).eval()  # fmt: skip
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(tsc.optimize_for_inference(tsc.freeze(tsc.script(model)))(x), model(x))


def bytes_and_views(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    y = x + 1
    return y, y[0], x.sum(0)


def turned_and_views(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    y = x.t() + 1
    return y, y[0]


@pytest.mark.parametrize("function", [bytes_and_views, turned_and_views])
def test_unsigned_bytes_and_views_of_what_is_turned_are_verified(function: Any) -> None:
    x = torch.arange(6, dtype=torch.uint8).reshape(2, 3) + 250
    torch.testing.assert_close(tsc.script(function)(x), function(x))


def _spoil(monkeypatch: pytest.MonkeyPatch, compiler_pass: Any, spoil: Any) -> None:
    """Let a pass do what it does, and then what it must not."""
    method = "rewrite" if issubclass(compiler_pass, Rewriting) else "apply"
    run = getattr(compiler_pass, method)

    def spoilt(self: Any, ctx: Context, module: ModuleOp) -> Any:
        changed = run(self, ctx, module)
        spoil(module)
        return changed

    monkeypatch.setattr(compiler_pass, method, spoilt)


def _add_becomes_sub(module: ModuleOp) -> None:
    for op in list(module.walk()):
        if isinstance(op, AtenOp) and op.schema.full_name == "aten::add.Tensor":
            made = TorchBuilder(before=op).aten(
                "aten::sub.Tensor", list(op.operands), [r.type for r in op.results]
            )
            _replace(op, made)
            return


def _addf_becomes_subf(module: ModuleOp) -> None:
    op = next((o for o in module.walk() if isinstance(o, arith.AddfOp)), None)
    if op is not None:
        assert op.parent is not None
        made = arith.SubfOp(op.lhs, op.rhs)
        op.parent.insert_op_before(made, op)
        _replace(op, made)


def _replace(op: Operation, made: Operation) -> None:
    for old, new in zip(op.results, made.results, strict=True):
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()


@pytest.mark.parametrize(
    ("compiler_pass", "spoil", "named"),
    [
        (Canonicalize, _add_becomes_sub, "pass 'canonicalize' of stage 'value'"),
        (Functionalize, _add_becomes_sub, "pass 'functionalize' of stage 'value'"),
        (Decompose, _add_becomes_sub, "pass 'decompose' of stage 'value'"),
        (Fuse, _add_becomes_sub, "pass 'fuse' of stage 'fused'"),
        (FuseElementwise, _addf_becomes_subf, "pass 'fuse-elementwise' of stage 'linalg'"),
    ],
)
def test_the_first_pass_that_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, compiler_pass: Any, spoil: Any, named: str
) -> None:
    function = tsc.script(written)
    function(torch.randn(2, 3))  # stage `frozen` is reached, with right passes
    _spoil(monkeypatch, compiler_pass, spoil)
    with pytest.raises(VerificationError, match=named):
        function(torch.randn(3, 3))


def test_wrong_code_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = assembling.assembled

    def wrong(text: str, target: Target) -> Assembled:
        return right(text.replace("fadd", "fsub"), target)

    monkeypatch.setattr(assembling, "assembled", wrong)
    with pytest.raises(VerificationError, match="stage 'loop' or code generation"):
        tsc.script(written)(torch.arange(6.0).reshape(2, 3))
