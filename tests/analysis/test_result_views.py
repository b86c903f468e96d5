"""`result_views`: results that are said to be views of one memory lie in it as PyTorch's do."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import T, V, branch, loop, named
from tsc.analysis.result_views import View, shared_bases, uncertain_results

TURNED, COLUMN, INTS = "!torch.vtensor<[3,2],f32>", "!torch.vtensor<[2],f32>", "!torch.list<int>"
FLAT, M = "!torch.vtensor<[6],f32>", "!torch.tensor<[2,3],f32>"
ARGUMENTS = f"%x : {V}, %n : !torch.int, %yes : !torch.bool, %m : {M}"
PRELUDE = f"""
  %none = torch.constant.none
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %five = torch.constant.int 5
  %last = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %last : (!torch.int) -> {INTS}
  %c = torch.aten.relu %x : {V} -> {V}
  %t = torch.aten.t %c : {V} -> {TURNED}"""
SELECT = f"%s = torch.aten.select.int %c, %one, %{{}} : {V}, !torch.int, !torch.int -> {COLUMN}"
AS_TURNED = ([3, 2], [4, 12], 0)
AS_COLUMN = ([2], [12], 8)


def views(body: str, *results: str) -> dict[str, tuple[str, View]]:
    """The results that are views: of what, and how."""
    values = named(ARGUMENTS, f"{PRELUDE}\n{body}")
    names = {value: name for name, value in values.values.items()}
    found = shared_bases([values[name] for name in results])
    return {names[value]: (names[view.base], view) for value, view in found.items()}


def lying(body: str, *results: str) -> dict[str, tuple[str, tuple[list[int] | None, list[int], int]]]:
    """The same, as base and (sizes, strides, offset)."""
    found = views(body, *results)
    return {name: (base, (view.shape, view.strides, view.offset)) for name, (base, view) in found.items()}


def test_a_view_of_another_result_is_a_part_of_it() -> None:
    assert lying("", "c", "t") == {"t": ("c", AS_TURNED)}


def test_views_of_one_tensor_share_it() -> None:
    assert lying(SELECT.format("two"), "s", "t") == {"s": ("c", AS_COLUMN), "t": ("c", AS_TURNED)}


def test_a_view_of_a_view_is_a_part_of_the_memory() -> None:
    row = "!torch.vtensor<[3],f32>"
    body = f"%s = torch.aten.select.int %t, %one, %one : {TURNED}, !torch.int, !torch.int -> {row}"
    assert lying(body, "c", "s") == {"s": ("c", ([3], [4], 12))}


def test_what_may_be_a_view_and_is_one_is_a_part() -> None:
    body = f"%v = torch.aten.reshape %c, %sizes : {V}, {INTS} -> {FLAT}"
    assert lying(body, "c", "v") == {"v": ("c", ([6], [4], 0))}


def test_a_view_of_a_constant_is_a_part_of_it() -> None:
    body = f"%k = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}\n"
    body += f"%r = torch.aten.t %k : {V} -> {TURNED}"
    assert lying(body, "k", "r") == {"r": ("k", AS_TURNED)}


APART = {
    "alone": ("", "t"),
    "another tensor": (f"%d = torch.aten.neg %x : {V} -> {V}", "c d"),
    "computed from a view": (f"%r = torch.aten.neg %t : {TURNED} -> {TURNED}", "c r"),
    "a copy": (f"%r = torch.aten.clone %c, %none : {V}, !torch.none -> {V}", "c r"),
    "a reshape that copies": (f"%r = torch.aten.reshape %t, %sizes : {TURNED}, {INTS} -> {FLAT}", "c r"),
    "a conversion that copies": (
        f"%d = torch.aten.type_as %c, %h : {V}, !torch.vtensor<[2],f64> -> !torch.vtensor<[2,3],f64>", "c d",
    ),
    "of an argument": (f"%r = torch.aten.t %x : {V} -> {TURNED}", "x r"),
    "at an unknown place": (SELECT.format("n"), "c s"),
    "at no place": (SELECT.format("five"), "c s"),
    "of what may change": (
        f"%u = torch.aten.relu %m : {M} -> {T}\n%r = torch.aten.t %u : {T} -> {T}", "u r",
    ),
    "of unknown sizes": (
        "%u = torch.aten.relu %x : !torch.vtensor<[2,3],f32> -> !torch.vtensor<[?,3],f32>\n"
        "%r = torch.aten.t %u : !torch.vtensor<[?,3],f32> -> !torch.vtensor<[3,?],f32>", "u r",
    ),
    "of different tensors": (
        f"%d = torch.aten.neg %x : {V} -> {V}\n%r = torch.aten.t %d : {V} -> {TURNED}", "t r",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "results"), APART.values(), ids=APART)
def test_what_shares_no_memory_for_sure_stands_alone(body: str, results: str) -> None:
    prelude = "%h = torch.vtensor.literal(dense<1.0> : tensor<2xf64>) : !torch.vtensor<[2],f64>\n"
    assert views(prelude + body, *results.split()) == {}


def test_the_same_view_twice_is_two_views() -> None:
    body = f"%r = torch.aten.t %c : {V} -> {TURNED}"
    assert lying(body, "t", "r") == {"t": ("c", AS_TURNED), "r": ("c", AS_TURNED)}


def test_a_view_of_a_copy_is_a_part_of_the_copy() -> None:
    body = f"%r = torch.aten.reshape %t, %sizes : {TURNED}, {INTS} -> {FLAT}\n"
    body += f"%p = torch.aten.narrow %r, %zero, %two, %two : {FLAT}, !torch.int, !torch.int, !torch.int"
    body = f"%zero = torch.constant.int 0\n{body} -> {COLUMN}"
    assert lying(body, "c", "r", "p") == {"p": ("r", ([2], [4], 8))}


def test_a_view_is_told_by_the_operators_that_take_it() -> None:
    row = "!torch.vtensor<[3],f32>"
    body = f"%s = torch.aten.select.int %t, %one, %one : {TURNED}, !torch.int, !torch.int -> {row}"
    (_, view) = views(body, "c", "s")["s"]
    assert [(op.schema.name, rest) for op, rest in view.steps] == [("aten::t", []), ("aten::select", [1, 1])]


LISTED = f"%l = torch.prim.ListConstruct %c, %d : ({V}, {V}) -> !torch.list<vtensor>"
ITEM = f"torch.aten.__getitem__.t %l, %n : !torch.list<vtensor>, !torch.int -> {V}"
OTHER = f"%d = torch.aten.neg %x : {V} -> {V}"
UNCERTAIN = {
    "at an unknown place": (SELECT.format("n"), "c s", "c s"),
    "an element of a list": (f"{OTHER}\n{LISTED}\n%e = {ITEM}", "c e", "c e"),
    "two elements of a list": (f"{OTHER}\n{LISTED}\n%e = {ITEM}\n%f = {ITEM}", "e f", "e f"),
    "what a branch gives": (f"{OTHER}\n{branch('%c', '%d', V, condition='yes')}", "c r", "c r"),
    "what a loop carries": (loop("%c", f"%k = torch.aten.neg %carried : {V} -> {V}; %k", V)
        .replace("%n, %c", "%n, %yes").replace("condition %c", "condition %yes"),
                            "c r", "c r"),
    "one of three": (f"{OTHER}\n{SELECT.format('n')}", "c d s", "c s"),
    "a view at a known place": (SELECT.format("two"), "c s", ""),
    "a reshape that copies": (f"%r = torch.aten.reshape %t, %sizes : {TURNED}, {INTS} -> {FLAT}", "c r", ""),
    "another tensor": (OTHER, "c d", ""),
    "what a branch makes": (
        branch(f"{OTHER}; %d", f"%e = torch.aten.exp %x : {V} -> {V}; %e", V, condition="yes"), "c r", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "results", "wanted"), UNCERTAIN.values(), ids=UNCERTAIN)
def test_what_is_perhaps_memory_of_another_result_is_known(body: str, results: str, wanted: str) -> None:
    values = named(ARGUMENTS, f"{PRELUDE}\n{body}")
    found = uncertain_results([values[name] for name in results.split()])
    assert found == {values[name] for name in wanted.split()}
