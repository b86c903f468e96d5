"""`lift-draws`: random numbers of a stream, and which functions keep drawing as they do."""

from __future__ import annotations

import pytest
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import assert_leaves, assert_rewrites, parse
from tsc.analysis.operator_effects import draws
from tsc.dialects.walking import walk
from tsc.passes.lift_draws import LiftDraws, drop_unread_draws, lift_draws

T, M = "!torch.tensor", '!torch.nn.Module<"M">'
GENERATOR = '!torch.nn.Module<"<default generator>">'
NONES = ", ".join(["!torch.none"] * 5)
RAND = f"torch.aten.rand_like %x, %none, %none, %none, %none, %none : {T}, {NONES} -> {T}"
NONE = "%none = torch.constant.none"
KINDS = f"({T}, {NONES}, {T}) -> ({T}, {T})"


def function(arguments: str, *body: str, attributes: str = "") -> str:
    lines = "\n  ".join(body)
    return f"func.func @f({arguments}) -> {T} {attributes}{{\n  {lines}\n}}"


def drawn(name: str, number: int) -> list[str]:
    """A draw from the stream."""
    return [
        f'%s{number} = torch.prim.GetAttr %g["stream"] : {GENERATOR} -> {T}',
        f'%{name}, %r{number} = torch.operator "tsc.drawn_rand_like"(%x, %none, %none, %none, %none, %none, '
        f"%s{number}) : {KINDS}",
        f'torch.prim.SetAttr %g["stream"] = %r{number} : {GENERATOR}, {T}',
    ]


@pytest.mark.parametrize("receiver", ["", f"%self : {M}, "])
def test_draws_take_the_stream_one_after_the_other(receiver: str) -> None:
    total = f"%z = torch.aten.mul.Tensor %a, %b : {T}, {T} -> {T}"
    end = f"func.return %z : {T}"
    assert_rewrites(
        function(f"{receiver}%x : {T}", NONE, f"%a = {RAND}", f"%b = {RAND}", total, end),
        function(
            f"{receiver}%g : {GENERATOR}, %x : {T}", NONE, *drawn("a", 1), *drawn("b", 2), total, end,
            attributes="attributes {tsc.draws} ",
        ),
        LiftDraws(),
    )  # fmt: skip


@pytest.mark.parametrize(
    "other",
    [
        f"%b = torch.aten.randn_like %x, %none, %none, %none, %none, %none : {T},"
        f" {NONES} -> {T}\n"
        f'%c = torch.operator "aten.poisson"(%b, %none) : ({T}, !torch.none) -> {T}',
        f'%c = torch.prim.CallMethod %y["m"] (%x) : {M}, ({T}) -> {T}',
        f"%p = torch.constant.float 0.0\n%t = torch.constant.bool true\n"
        f"%c = torch.aten.dropout %x, %p, %t : {T}, !torch.float, !torch.bool -> {T}",
    ],
    ids=["draws without a formula", "calls what may draw", "may give the argument itself"],
)
def test_functions_that_draw_otherwise_stay(other: str) -> None:
    last = f"%d = torch.aten.mul.Tensor %a, %c : {T}, {T} -> {T}"
    text = function(f"%x : {T}, %y : {M}", NONE, f"%a = {RAND}", other, last, f"func.return %d : {T}")
    assert_leaves(text, LiftDraws())


def test_what_nobody_reads_is_no_draw() -> None:
    text = function(f"%x : {T}", NONE, f"%a = {RAND}", f"func.return %x : {T}")
    made = parse(text)[1].body.block.first_op
    assert isinstance(made, FuncOp)
    drop_unread_draws(made)
    assert not any(draws(op) for op in walk(made))
    assert not lift_draws(made)
