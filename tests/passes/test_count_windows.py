"""`count-windows`: slices whose end is their start and a known number more."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.count_windows import CountWindows

X, INT = "!torch.vtensor<[8,4],f32>", "!torch.int"
NUMBERS = "\n".join(f"  %{n} = torch.constant.int {n}" for n in (0, 1, 2, 9))


def function(body: str, kind: str) -> str:
    return f"""
func.func @f(%x : {X}, %n : {INT}, %m : {INT}) -> ({kind}) {{
{NUMBERS}
{body}
  return %y : {kind}
}}"""


def sliced(ends: str, start: str, end: str, step: int = 1) -> str:
    kind = "!torch.vtensor<[?,4],f32>"
    taken = f"  %cut = torch.aten.slice.Tensor %x, %0, %{start}, %{end}, %{step}"
    return used(f"{ends}\n{taken} : {X}, {INT}, {INT}, {INT}, {INT} -> {kind}", kind)


def used(body: str, kind: str) -> str:
    """What is sliced is summed."""
    scalar = "!torch.vtensor<[],f32>"
    none = "  %none = torch.constant.none"
    return function(
        f"{none}\n{body}\n  %y = torch.aten.sum %cut, %none : {kind}, !torch.none -> {scalar}", scalar
    )


def plus(name: str, a: str, b: str, operator: str = "add") -> str:
    return f"  %{name} = torch.aten.{operator}.int %{a}, %{b} : {INT}, {INT} -> {INT}"


@pytest.mark.parametrize(
    ("ends", "start"),
    [
        (plus("e", "n", "2"), "n"),
        (plus("e", "2", "n"), "n"),
        ("\n".join([plus("s", "n", "1", "sub"), plus("e", "n", "1")]), "s"),
        ("\n".join([plus("s", "n", "9"), plus("t", "s", "1"), plus("e", "t", "1")]), "s"),
    ],
    ids=["a number more", "the number first", "around", "step by step"],
)  # fmt: skip
def test_the_size_is_said(ends: str, start: str) -> None:
    kind = "!torch.vtensor<[2,4],f32>"
    after = f"""{ends}
  %low = torch.constant.int 0
  %a = torch.aten.ge.int %{start}, %low : {INT}, {INT} -> !torch.bool
  %high = torch.constant.int 6
  %b = torch.aten.le.int %{start}, %high : {INT}, {INT} -> !torch.bool
  %c = torch.aten.__and__.bool %a, %b : !torch.bool, !torch.bool -> !torch.bool
  tsc.require %c : !torch.bool
  %zero = torch.constant.int 0
  %d = torch.prim.max.int %{start}, %zero : {INT}, {INT} -> {INT}
  %six = torch.constant.int 6
  %place = torch.prim.min.int %d, %six : {INT}, {INT} -> {INT}
  %two = torch.constant.int 2
  %cut = torch.aten.narrow %x, %0, %place, %two : {X}, {INT}, {INT}, {INT} -> {kind}"""
    assert_rewrites(sliced(ends, start, "e"), used(after, kind), CountWindows())


@pytest.mark.parametrize(
    ("ends", "start", "end", "step"),
    [
        (plus("e", "m", "2"), "n", "e", 1),
        (plus("e", "n", "9"), "n", "e", 1),
        (plus("e", "n", "1", "sub"), "n", "e", 1),
        (plus("e", "n", "2"), "n", "e", 2),
        ("", "1", "2", 1),
    ],
    ids=["of another number", "too many", "fewer", "steps", "known"],
)  # fmt: skip
def test_other_slices_stay(ends: str, start: str, end: str, step: int) -> None:
    assert_leaves(sliced(ends, start, end, step), CountWindows())
