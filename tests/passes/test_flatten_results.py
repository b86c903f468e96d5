"""`flatten-results`: a function returns its tensors, each once, and says how its result is made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from xdsl.dialects.builtin import StringAttr

from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.dialects.tsc import RESULT, ROW_MAJOR
from tsc.passes.flatten_results import FlattenResults

A, B, M = "!torch.vtensor<[2,3],f32>", "!torch.vtensor<[4],f32>", "!torch.tensor<[2,3],f32>"
ARGUMENTS = f"%a : {A}, %b : {B}, %m : {M}, %n : !torch.int, %l : !torch.list<vtensor>"
TENSORS = "!torch.list<vtensor>"
PAIR = "!torch.tuple<vtensor, vtensor>"
POINT = '!torch.namedtuple<"Point", x vtensor, y vtensor>'
BOTH = f"%a, %b : {A}, {B} -> {PAIR}"
KEYS = f"keys(%k, %i : !torch.str, !torch.str) values(%a, %b : {A}, {B}) -> !torch.dict<str, vtensor>"
TUPLE, LIST, DICT = (f"%r = torch.prim.{kind}Construct" for kind in ("Tuple", "List", "Dict"))
ANY = "%r : !torch.any"
CONSTANTS = """
  %none = torch.constant.none
  %k = torch.constant.str "k"
  %i = torch.constant.str "i"
  %two = torch.constant.int 2
  %half = torch.constant.float 0.5
  %yes = torch.constant.bool true
  %z = torch.constant.complex 0.0, 1.0"""


def function(body: str, returned: str, attributes: str = "") -> str:
    """A function that runs `body` and returns values: ``%a : T``."""
    values, _, kinds = returned.partition(" : ")
    said = f"attributes {{{attributes}}}" if attributes else ""
    return f"""func.func @f({ARGUMENTS}) -> ({kinds}) {said} {{
      {CONSTANTS}
      {body}
      func.return {values}{f" : {kinds}" if kinds else ""}
    }}"""


def flattened(body: str, returned: str) -> tuple[list[Any], bool]:
    """What the pass says of a function: how its result is made, and whether it is row-major."""
    _, module = rewritten(function(body, returned), FlattenResults())
    (made,) = module.ops
    structure = made.attributes[RESULT]
    assert isinstance(structure, StringAttr)
    return json.loads(structure.data), ROW_MAJOR in made.attributes


def assert_flattens(body: str, returned: str, structure: list[Any], tensors: str) -> None:
    """A function that returns one value returns `tensors` instead, all of which are row-major."""
    text = json.dumps(structure).replace('"', "\\22")
    after = function(body, tensors, f'{RESULT} = "{text}", {ROW_MAJOR}')
    assert_rewrites(function(body, returned), after, FlattenResults())


FIRST, SECOND = ["tensor", 0], ["tensor", 1]
TWO = f"%a, %b : {A}, {B}"


def test_a_tensor_is_returned_as_it_is() -> None:
    assert_flattens("", f"%a : {A}", FIRST, f"%a : {A}")


@pytest.mark.parametrize(
    ("body", "kind", "structure"),
    [
        (f"{TUPLE} {BOTH}", PAIR, ["tuple", [FIRST, SECOND]]),
        (f"{LIST} %a, %b : ({A}, {B}) -> {TENSORS}", TENSORS, ["list", [FIRST, SECOND]]),
        (f"{TUPLE} {BOTH}".replace(PAIR, POINT), POINT, ["namedtuple", "Point", ["x", "y"], [FIRST, SECOND]]),
        (f"{DICT} {KEYS}", "!torch.dict<str, vtensor>", ["dict", ["k", "i"], [FIRST, SECOND]]),
    ],
    ids=["tuple", "list", "namedtuple", "dict"],
)
def test_the_tensors_of_a_container_are_returned(body: str, kind: str, structure: list[Any]) -> None:
    assert_flattens(body, f"%r : {kind}", structure, TWO)


def test_containers_may_nest() -> None:
    body = f"""
      %s = torch.prim.ListConstruct %b : ({B}) -> {TENSORS}
      %d = torch.prim.DictConstruct keys(%two : !torch.int) values(%s : {TENSORS}) -> !torch.any
      %e = torch.prim.TupleConstruct : !torch.tuple<>
      {TUPLE} %d, %a, %e : !torch.any, {A}, !torch.tuple<> -> !torch.any"""
    structure: list[Any] = ["tuple", [["dict", [2], [["list", [FIRST]]]], SECOND, ["tuple", []]]]
    assert_flattens(body, ANY, structure, f"%b, %a : {B}, {A}")


def test_a_tensor_that_occurs_twice_is_returned_once() -> None:
    body = f"{TUPLE} %a, %b, %a : {A}, {B}, {A} -> !torch.any"
    assert_flattens(body, ANY, ["tuple", [FIRST, SECOND, FIRST]], TWO)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("none", "none", None), ("k", "str", "k"), ("two", "int", 2), ("half", "float", 0.5),
        ("yes", "bool", True),
    ],
)  # fmt: skip
def test_constants_stand_in_the_structure(name: str, kind: str, value: Any) -> None:
    body = f"{TUPLE} %{name}, %a : !torch.{kind}, {A} -> !torch.any"
    assert_flattens(body, ANY, ["tuple", [["constant", value], FIRST]], f"%a : {A}")
    assert_flattens("", f"%{name} : !torch.{kind}", ["constant", value], "")


def test_values_are_seen_through_casts() -> None:
    body = f"""
      %o = torch.derefine %a : {A} to !torch.optional<tensor>
      %c = torch.prim.unchecked_cast %o : !torch.optional<tensor> -> {A}
      %t = torch.prim.TupleConstruct %c, %none : {A}, !torch.none -> !torch.any
      %r = torch.derefine %t : !torch.any to !torch.optional<any>"""
    assert_flattens(body, "%r : !torch.optional<any>", ["tuple", [FIRST, ["constant", None]]], f"%a : {A}")


@pytest.mark.parametrize(
    ("body", "returned"),
    [
        ("", f"%m : {M}"),
        ("", "%n : !torch.int"),
        ("", f"%l : {TENSORS}"),
        ("", "%z : !torch.complex"),
        ("", ""),
        ("", TWO),
        (f"{TUPLE} %a, %m : {A}, {M} -> {PAIR}", f"%r : {PAIR}"),
        (f"{LIST} %a, %m : ({A}, {M}) -> {TENSORS}", f"%r : {TENSORS}"),
        (f"{DICT} keys(%k : !torch.str) values(%m : {M}) -> !torch.any", ANY),
        (f"{DICT} keys(%n : !torch.int) values(%a : {A}) -> !torch.any", ANY),
        (f"{DICT} keys(%z : !torch.complex) values(%a : {A}) -> !torch.any", ANY),
        (f"{LIST} %a : ({A}) -> {TENSORS}\n"
         f"%w = torch.aten.append.t %r, %b : {TENSORS}, {B} -> {TENSORS}", f"%r : {TENSORS}"),
        (f"{DICT} {KEYS}\n"
         'torch.operator "aten._set_item.str"(%r, %k, %a) : '
         f"(!torch.dict<str, vtensor>, !torch.str, {A}) -> ()",
         "%r : !torch.dict<str, vtensor>"),
    ],
    ids=[
        "a tensor that may change", "a number", "a list that was given", "a complex number", "nothing",
        "two results", "part of a tuple", "part of a list", "part of a dict", "an unknown key",
        "a complex key", "a list that changes", "a dict that changes",
    ],
)  # fmt: skip
def test_what_is_not_made_of_tensors_and_constants_is_left(body: str, returned: str) -> None:
    assert_leaves(function(body, returned), FlattenResults())


def test_a_function_is_flattened_once() -> None:
    assert_leaves(function("", f"%a : {A}", f'{RESULT} = "[]"'), FlattenResults())


PRELUDE = f"""
  %one = torch.constant.int 1
  %last = torch.constant.int -1
  %sizes = torch.prim.ListConstruct %last : (!torch.int) -> !torch.list<int>
  %c = torch.aten.relu %a : {A} -> {A}"""
FLAT, TURNED, COLUMN = "!torch.vtensor<[6],f32>", "!torch.vtensor<[3,2],f32>", "!torch.vtensor<[2],f32>"
TURN = f"%t = torch.aten.t %c : {A} -> {TURNED}"
SELECT = f"%s = torch.aten.select.int %c, %one, %two : {A}, !torch.int, !torch.int -> {COLUMN}"
VIEW = "%v = torch.aten.view %{} , %sizes : {}, !torch.list<int> -> " + FLAT
TURNED_VIEW: list[Any] = ["view", ["tensor", 0], [3, 2], [4, 12], 0, [[0, "aten::t", []]]]
COLUMN_VIEW: list[Any] = ["view", ["tensor", 0], [2], [12], 8, [[0, "aten::select.int", [1, 2]]]]
LATER_TURNED_VIEW: list[Any] = [*TURNED_VIEW[:-1], [[1, "aten::t", []]]]
LATER_COLUMN_VIEW = [*COLUMN_VIEW[:-1], [[1, "aten::select.int", [1, 2]]]]


def parts(body: str, names: str, types: str) -> tuple[list[Any], bool]:
    """What the pass says of the parts of a tuple, and whether they are row-major."""
    made = ", ".join(f"%{name}" for name in names.split())
    body = f"{PRELUDE}\n{body}\n{TUPLE} {made} : {types} -> !torch.any"
    (_, found), is_row_major = flattened(body, ANY)
    return found, is_row_major


@pytest.mark.parametrize(
    ("names", "types", "wanted"),
    [
        ("c t", f"{A}, {TURNED}", [FIRST, TURNED_VIEW]),
        ("t c", f"{TURNED}, {A}", [TURNED_VIEW, FIRST]),
        ("s c t", f"{COLUMN}, {A}, {TURNED}", [COLUMN_VIEW, FIRST, LATER_TURNED_VIEW]),
        ("b t c", f"{B}, {TURNED}, {A}", [FIRST, ["view", ["tensor", 1], *TURNED_VIEW[2:]], SECOND]),
    ],
)
def test_views_of_one_memory_come_back_as_views(names: str, types: str, wanted: list[Any]) -> None:
    assert parts(f"{TURN}\n{SELECT}", names, types) == (wanted, True)


def test_views_of_a_tensor_that_is_not_returned_come_back_as_views_of_it() -> None:
    body = f"{PRELUDE}\n{TURN}\n{SELECT}\n{TUPLE} %t, %s : {TURNED}, {COLUMN} -> !torch.any"
    assert_flattens(body, ANY, ["tuple", [TURNED_VIEW, LATER_COLUMN_VIEW]], f"%c : {A}")


def test_a_view_of_a_view_is_a_view_of_the_memory() -> None:
    body = f"{TURN}\n{SELECT.replace('%c', '%t').replace('%two', '%one')}".replace(
        f": {A}, !", f": {TURNED}, !"
    )
    body = body.replace(COLUMN, "!torch.vtensor<[3],f32>")
    steps: list[Any] = [[0, "aten::t", []], [1, "aten::select.int", [1, 1]]]
    wanted = [FIRST, ["view", ["tensor", 0], [3], [4], 12, steps]]
    assert parts(body, "c s", f"{A}, !torch.vtensor<[3],f32>") == (wanted, True)


def test_a_view_is_seen_through_a_cast() -> None:
    body = f"{TURN}\n%o = torch.derefine %t : {TURNED} to !torch.any"
    assert parts(body, "c o", f"{A}, !torch.any") == ([FIRST, TURNED_VIEW], True)


def test_views_of_a_constant_come_back_as_views() -> None:
    body = f"%c = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {A}\n{TURN}"
    body += f"\n{TUPLE} %c, %t : {A}, {TURNED} -> !torch.any"
    assert_flattens(body, ANY, ["tuple", [FIRST, TURNED_VIEW]], f"%c : {A}")


@pytest.mark.parametrize(
    ("body", "names", "types"),
    [
        (TURN.replace("%c", "%a"), "a t", f"{A}, {TURNED}"),
        (f"%t = torch.aten.relu %c : {A} -> {A}", "c t", f"{A}, {A}"),
        (f"{TURN}\n%s = torch.aten.relu %t : {TURNED} -> {TURNED}", "c s", f"{A}, {TURNED}"),
        (f"{TURN}\n{VIEW.format('t', TURNED).replace('aten.view', 'aten.reshape')}", "c v", f"{A}, {FLAT}"),
        (SELECT.replace("%two", "%five"), "c s", f"{A}, {COLUMN}"),
        (f"%d = torch.aten.relu %b : {B} -> {B}\n{TURN}", "d t", f"{B}, {TURNED}"),
    ],
    ids=[
        "of an argument", "another tensor", "computed from a view", "a copy", "a wrong view",
        "of different tensors",
    ],
)  # fmt: skip
def test_other_tensors_come_back_by_themselves(body: str, names: str, types: str) -> None:
    body = f"%five = torch.constant.int 5\n{body}"
    assert parts(body, names, types)[0] == [FIRST, SECOND]


def test_a_view_of_a_copy_is_a_view_of_it() -> None:
    flat = VIEW.format("t", TURNED).replace("aten.view", "aten.reshape")
    sizes = "%three = torch.constant.int 3\n%four = torch.constant.int 4"
    part = f"%p = torch.aten.narrow %v, %zero, %two, %three : {FLAT}, !torch.int, !torch.int, !torch.int"
    body = f"%zero = torch.constant.int 0\n{sizes}\n{TURN}\n{flat}\n{part} -> !torch.vtensor<[3],f32>"
    view = ["view", ["tensor", 1], [3], [4], 8, [[0, "aten::narrow", [0, 2, 3]]]]
    found = parts(body, "c v p", f"{A}, {FLAT}, !torch.vtensor<[3],f32>")
    assert found == ([FIRST, SECOND, view], False)


@pytest.mark.parametrize(
    ("body", "names", "types"),
    [
        (SELECT.replace("%two", "%n"), "c s", f"{A}, {COLUMN}"),
        (f"%u = torch.prim.ListConstruct %c, %a : ({A}, {A}) -> {TENSORS}\n"
         f"%e = torch.aten.__getitem__.t %u, %n : {TENSORS}, !torch.int -> {A}", "c e", f"{A}, {A}"),
    ],
    ids=["an unknown view", "one of several"],
)  # fmt: skip
def test_a_result_stays_whole_where_a_part_is_perhaps_a_view(body: str, names: str, types: str) -> None:
    made = ", ".join(f"%{name}" for name in names.split())
    assert_leaves(
        function(f"{PRELUDE}\n{body}\n{TUPLE} {made} : {types} -> !torch.any", ANY), FlattenResults()
    )


@pytest.mark.parametrize(
    ("body", "returned", "is_row_major"),
    [
        ("", f"%c : {A}", True),
        (TURN, f"%t : {TURNED}", False),
        (f"{TURN}\n%r = torch.aten.neg %t : {TURNED} -> {TURNED}", f"%r : {TURNED}", False),
        (f"{TURN}\n%r = torch.aten.mm %t, %c : {TURNED}, {A} -> !torch.vtensor<[3,3],f32>",
         "%r : !torch.vtensor<[3,3],f32>", True),
        (f"{TURN}\n{TUPLE} %b, %t : {B}, {TURNED} -> !torch.any", ANY, False),
        (VIEW.format("c", A), f"%v : {FLAT}", True),
    ],
    ids=["elementwise", "a transpose", "elementwise of it", "a product of it", "one of two", "a flat view"],
)  # fmt: skip
def test_a_function_is_row_major_where_all_results_are(body: str, returned: str, is_row_major: bool) -> None:
    assert flattened(f"{PRELUDE}\n{body}", returned)[1] == is_row_major
