"""`result_layouts`: what is said to be row-major is so in PyTorch, where the arguments are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.named_values import V, branch, loop, named
from tsc.analysis.result_layouts import is_row_major

TURNED, FLAT, INTS = "!torch.vtensor<[3,2],f32>", "!torch.vtensor<[6],f32>", "!torch.list<int>"
IMAGE, SQUARE = "!torch.vtensor<[1,2,4,4],f32>", "!torch.vtensor<[3,3],f32>"
ARGUMENTS = f"%x : {V}, %y : {V}, %image : {IMAGE}, %n : !torch.int, %c : !torch.bool"
PRELUDE = f"""
  %none = torch.constant.none
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %last = torch.constant.int -1
  %flat = torch.prim.ListConstruct %last : (!torch.int) -> {INTS}
  %t = torch.aten.t %x : {V} -> {TURNED}"""
NEG = f"torch.aten.neg {{}} : {TURNED} -> {TURNED}"
SLICE = (
    "torch.aten.slice.Tensor %{}, %{}, %zero, %{}, %one : {}, !torch.int, !torch.int, !torch.int, !torch.int"
)


def row_major(body: str, name: str = "r") -> bool:
    values = named(ARGUMENTS, f"{PRELUDE}\n{body}")
    return is_row_major(values[name], values.context.pool)


ROW_MAJOR = {
    "elementwise": f"%r = torch.aten.neg %x : {V} -> {V}",
    "elementwise of two": f"%r = torch.aten.add.Tensor %x, %y, %one : {V}, {V}, !torch.int -> {V}",
    "a flat view": f"%r = torch.aten.view %x, %flat : {V}, {INTS} -> {FLAT}",
    "the first rows": f"%r = {SLICE.format('x', 'zero', 'one', V)} -> !torch.vtensor<[1,3],f32>",
    "a product of what is turned": f"%r = torch.aten.mm %t, %x : {TURNED}, {V} -> !torch.vtensor<[3,3],f32>",
    "a conversion": f"%r = torch.aten.type_as %x, %y : {V}, {V} -> {V}",
    "what is turned, copied": f"%r = torch.aten.contiguous %t, %zero : {TURNED}, !torch.int -> {TURNED}",
    "from a branch": branch("%x", "%y", V),
    "from a loop": loop("%x", "%y", V),
    "a literal": f"%r = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}",
}


@pytest.mark.parametrize("body", ROW_MAJOR.values(), ids=ROW_MAJOR)
def test_what_is_surely_row_major_is_known(body: str) -> None:
    assert row_major(body)


def test_arguments_are_row_major_as_was_agreed() -> None:
    assert row_major("", "x")


OTHERS = {
    "turned": f"%r = torch.aten.t %x : {V} -> {TURNED}",
    "a square turned": f"%o = torch.vtensor.literal(dense<1.0> : tensor<3x3xf32>) : {SQUARE}\n"
    f"%r = torch.aten.t %o : {SQUARE} -> {SQUARE}",
    "elementwise of what is turned": f"%r = {NEG.format('%t')}",
    "elementwise of one that is turned": f"%o = torch.vtensor.literal(dense<1.0> : tensor<3x2xf32>) : "
    f"{TURNED}\n%r = torch.aten.add.Tensor %o, %t, %one : {TURNED}, {TURNED}, !torch.int -> {TURNED}",
    "two steps after": f"%s = {NEG.format('%t')}\n%r = {NEG.format('%s')}",
    "a copy of what is turned": f"%r = torch.aten.clone %t, %none : {TURNED}, !torch.none -> {TURNED}",
    "a conversion of what is turned": f"%r = torch.aten.type_as %t, %x : {TURNED}, {V} -> {TURNED}",
    "the first columns": f"%r = {SLICE.format('x', 'one', 'two', V)} -> !torch.vtensor<[2,2],f32>",
    "a slice of unknown size": f"%r = {SLICE.format('x', 'zero', 'n', V)} -> !torch.vtensor<[1,3],f32>",
    "of unknown sizes": f"%r = torch.aten.view %x, %flat : {V}, {INTS} -> !torch.vtensor<[?],f32>",
    "a view of what is turned": f"%r = torch.aten.view %t, %flat : {TURNED}, {INTS} -> {FLAT}",
    "as its kernel likes it": f"%r = torch.aten.nonzero %x : {V} -> !torch.vtensor<[6,2],si64>",
    "of an unknown operator": f'%r = torch.operator "my.op"(%x) : ({V}) -> {V}',
    "from a branch": branch("%t", "%t", TURNED),
    "from a loop": loop("%t", "%t", TURNED),
    "from Python": f'%r = torch.prim.PythonOp %x {{callee = "g"}} : {V} -> {V}',
}


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS)
def test_what_may_lie_otherwise_is_not_row_major(body: str) -> None:
    assert not row_major(body)


CHANNELS_LAST = f"%r = torch.aten.contiguous %image, %two : {IMAGE}, !torch.int -> {IMAGE}"


def test_a_copy_in_the_usual_order_of_what_is_so_is_row_major() -> None:
    assert row_major(CHANNELS_LAST.replace("%two", "%zero"))


def test_a_tensor_with_its_channels_last_is_not_row_major() -> None:
    assert not row_major(CHANNELS_LAST)


def test_a_weight_that_lies_otherwise_is_not_row_major() -> None:
    turned = np.ones((3, 2), np.float32).T
    text = f"%w = torch.vtensor.literal(dense_resource<w> : tensor<2x3xf32>) : {V}"
    values = named("", text, weights={"w": turned})
    assert not is_row_major(values["w"], values.context.pool)
