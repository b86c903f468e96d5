"""`check-bounds`: a function that gathers says whether an index it was given is out of range."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.passes.check_bounds import CheckBounds

X, BAD = "!torch.vtensor<[5,3],f32>", "!torch.vtensor<[],i1>"
ROWS, GRID, SCALAR = "!torch.vtensor<[2],si64>", "!torch.vtensor<[2,2],si64>", "!torch.vtensor<[],si64>"
Y, SOME = "!torch.vtensor<[2,3],f32>", "!torch.vtensor<[?,3],f32>"
KINDS = {
    "x": X, "s": "!torch.vtensor<[],f32>", "i": ROWS, "j": GRID, "k": SCALAR, "m": "!torch.tensor<[2],si64>",
    "u": "!torch.vtensor<[?],si64>", "mask": "!torch.vtensor<[5],i1>", "zero": "!torch.int",
    "last": "!torch.int", "no": "!torch.bool", "none": "!torch.none", "c": "!torch.bool", "n": "!torch.int",
}  # fmt: skip
ARGUMENTS = ("x", "s", "i", "j", "k", "m", "u", "mask", "c", "n")
CONSTANTS = """
  %zero = torch.constant.int 0
  %last = torch.constant.int -1
  %no = torch.constant.bool false
  %none = torch.constant.none"""
RESULT = 'tsc.result = "[\\22tensor\\22, 0]"'


def function(body: str, returned: str = f"%y : {Y}", bad: str = "", attributes: str = RESULT) -> str:
    """A function that returns a tensor, and `bad` with it where that is the name of a flag."""
    arguments = ", ".join(f"%{name} : {KINDS[name]}" for name in ARGUMENTS)
    value, _, kind = returned.partition(" : ")
    values, kinds = (f"{value}, {bad}", f"{kind}, {BAD}") if bad else (value, kind)
    said = ", ".join(filter(None, [attributes, "tsc.checks_bounds" if bad else ""]))
    return f"""func.func @f({arguments}) -> ({kinds}) attributes {{{said}}} {{
      {CONSTANTS}
      {body}
      func.return {values} : {kinds}
    }}"""


def call(name: str, operands: str, result: str = Y, made: str = "y") -> str:
    """A call of an operator."""
    values = ", ".join(f"%{o}" for o in operands.split())
    kinds = ", ".join(KINDS.get(o, "!torch.list<optional<tensor>>") for o in operands.split())
    return f'%{made} = torch.operator "aten.{name}"({values}) : ({kinds}) -> {result}'


def listed(elements: str, kinds: str = "") -> str:
    """The list ``%l`` of indices."""
    values = ", ".join(f"%{o}" for o in elements.split())
    kinds = kinds or ", ".join(KINDS[o] for o in elements.split())
    return f"%l = torch.prim.ListConstruct {values} : ({kinds}) -> !torch.list<optional<tensor>>"


def check(index: str, low: int, high: int, n: int = 0) -> str:
    """What makes ``%bad{n}``: whether an element of an index tensor is outside ``low <= element < high``."""
    kind = KINDS[index]
    mask = kind.replace("si64", "i1")
    return f"""
      %low{n} = torch.constant.int {low}
      %below{n} = torch.aten.lt.Scalar %{index}, %low{n} : {kind}, !torch.int -> {mask}
      %high{n} = torch.constant.int {high}
      %above{n} = torch.aten.ge.Scalar %{index}, %high{n} : {kind}, !torch.int -> {mask}
      %out{n} = torch.aten.logical_or %below{n}, %above{n} : {mask}, {mask} -> {mask}
      %dims{n} = torch.constant.none
      %keep{n} = torch.constant.bool false
      %bad{n} = torch.aten.any.dims %out{n}, %dims{n}, %keep{n} : {mask}, !torch.none, !torch.bool -> {BAD}"""


def either(a: str, b: str, name: str = "bad") -> str:
    """One of two flags."""
    return f"%{name} = torch.aten.logical_or %{a}, %{b} : {BAD}, {BAD} -> {BAD}"


def assert_checks(body: str, *checks: str, bad: str = "%bad0", returned: str = f"%y : {Y}") -> None:
    """The function gets `checks` at its end, and returns `bad`."""
    after = function("\n".join([body, *checks]), returned, bad)
    assert_rewrites(function(body, returned), after, CheckBounds())


EMBEDDING = call("embedding", "x i last no no")
SELECT = call("index_select", "x zero i")


@pytest.mark.parametrize(
    ("body", "index", "low", "high"),
    [
        (EMBEDDING, "i", 0, 5),
        (SELECT, "i", 0, 5),
        (call("index_select", "x last i", "!torch.vtensor<[5,2],f32>"), "i", 0, 3),
        (call("index_select", "s zero k", "!torch.vtensor<[],f32>"), "k", 0, 1),
        (call("gather", "x zero j no", "!torch.vtensor<[2,2],f32>"), "j", 0, 5),
        (call("gather", "x last j no", "!torch.vtensor<[2,2],f32>"), "j", 0, 3),
        (f"{listed('i')}\n{call('index.Tensor', 'x l')}", "i", -5, 5),
        (f"{listed('none i')}\n{call('index.Tensor', 'x l', '!torch.vtensor<[5,2],f32>')}", "i", -3, 3),
        (f"{listed('k')}\n{call('index.Tensor', 'x l', '!torch.vtensor<[3],f32>')}", "k", -5, 5),
    ],
)
def test_every_index_of_a_gather_must_be_in_range(body: str, index: str, low: int, high: int) -> None:
    returned = f"%y : {body.rsplit(' -> ', 1)[1]}"
    assert_checks(body, check(index, low, high), returned=returned)


def test_an_index_is_seen_through_casts() -> None:
    optional, kind = "!torch.optional<tensor>", "!torch.list<optional<tensor>>"
    cast = f"%o = torch.derefine %i : {ROWS} to {optional}"
    gather = call("index.Tensor", "x l")
    assert_checks("\n".join([cast, listed("o", optional), gather]), check("i", -5, 5))
    cast = f"%m2 = torch.derefine %l : {kind} to {kind}"
    assert_checks("\n".join([listed("i"), cast, gather.replace("%l", "%m2")]), check("i", -5, 5))


def test_every_index_tensor_of_a_list_is_checked() -> None:
    body = f"{listed('i k')}\n{call('index.Tensor', 'x l', ROWS)}".replace(
        f"-> {ROWS}", "-> !torch.vtensor<[2],f32>"
    )
    checks = check("i", -5, 5, 0), check("k", -3, 3, 1), either("bad0", "bad1")
    assert_checks(body, *checks, bad="%bad", returned="%y : !torch.vtensor<[2],f32>")


def test_every_gather_is_checked() -> None:
    body = f"{EMBEDDING}\n{call('gather', 'x zero j no', '!torch.vtensor<[2,2],f32>', 'z')}"
    body += f"\n{call('index_select', 'x zero k', '!torch.vtensor<[1,3],f32>', 'w')}"
    checks = check("i", 0, 5, 0), check("j", 0, 5, 1), either("bad0", "bad1", "two"), check("k", 0, 5, 2)
    assert_checks(body, *checks, either("two", "bad2"), bad="%bad")


def test_an_index_is_checked_once_for_each_range() -> None:
    same = f"{EMBEDDING}\n{call('index_select', 'x zero i', made='z')}"
    assert_checks(same, check("i", 0, 5))
    other = f"{EMBEDDING}\n{call('index_select', 'x last i', '!torch.vtensor<[5,2],f32>', 'z')}"
    assert_checks(other, check("i", 0, 5, 0), check("i", 0, 3, 1), either("bad0", "bad1"), bad="%bad")


def test_an_index_that_is_computed_is_checked() -> None:
    body = f"{call('neg', 'i', ROWS, 'v')}\n{SELECT.replace('%i', '%v')}"
    assert_checks(body, check("i", 0, 5).replace("%i,", "%v,"))


def test_what_is_only_computed_is_checked_too() -> None:
    body = f"{call('index_select', 'x zero j', made='z')}\n{{}}\n{call('relu', 'i', made='y')}"
    after = function(body.format(""), bad="%bad0").replace("func.return", f"{check('j', 0, 5)}\nfunc.return")
    assert_rewrites(function(body.format(f"tsc.computed %z : {Y}")), after, CheckBounds())


def test_what_is_computed_of_a_shape_nobody_knows_stays() -> None:
    body = call("relu", "x", "!torch.vtensor", "z")
    text = f"{body}\ntsc.computed %z : !torch.vtensor\n{call('relu', 'x')}"
    assert_leaves(function(text), CheckBounds())


def test_a_function_that_does_not_gather_is_left() -> None:
    assert_leaves(function(call("relu", "x", X), f"%y : {X}"), CheckBounds())


def test_a_function_whose_result_is_not_flat_is_left() -> None:
    assert_leaves(function(EMBEDDING, attributes="tsc.row_major"), CheckBounds())


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (call("embedding", "x u last no no", SOME), SOME),
        (call("index_select", "x n i", Y), Y),
        (call("embedding", "x i last no no", "!torch.tensor<[2,3],f32>"), "!torch.tensor<[2,3],f32>"),
        (f"{listed('mask')}\n{call('index.Tensor', 'x l', SOME)}", SOME),
        (f"%l = torch.prim.ListConstruct %i : ({ROWS}) -> !torch.list<tensor>\n"
         f"%w = torch.aten.append.t %l, %i : !torch.list<tensor>, {ROWS} -> !torch.list<tensor>\n"
         + call("index.Tensor_hacked_twin", "x l").replace("optional<tensor>", "tensor"), Y),
    ],
    ids=["indices of unknown shape", "unknown dim", "mutable result", "mask", "list that changes"],
)  # fmt: skip
def test_a_gather_that_no_kernel_can_hold_checks_itself(body: str, result: str) -> None:
    assert_leaves(function(body, f"%y : {result}"), CheckBounds())


def test_a_gather_in_a_branch_is_checked_there() -> None:
    start = f"%r{{}} = torch.prim.If %c -> ({Y}{{}}) {{{{"
    inside = "%no_bad = torch.vtensor.literal(dense<false> : tensor<i1>) : !torch.vtensor<[],i1>"
    before = f"""{start.format("", "")}
        {EMBEDDING}
        torch.prim.If.yield %y : {Y}
      }} else {{
        torch.prim.If.yield %z : {Y}
      }}"""
    after = f"""{start.format(", %bad", ", !torch.vtensor<[],i1>")}
        {EMBEDDING}
        {check("i", 0, 5)}
        torch.prim.If.yield %y, %bad0 : {Y}, !torch.vtensor<[],i1>
      }} else {{
        {inside}
        torch.prim.If.yield %z, %no_bad : {Y}, !torch.vtensor<[],i1>
      }}"""
    literal = f"%z = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {Y}"
    results = f"%r : {Y}"
    assert_rewrites(
        function(f"{literal}\n{before}", results),
        function(f"{literal}\n{after}", results, bad="%bad"),
        CheckBounds(),
    )


@pytest.mark.parametrize(("index", "is_inside"), [("[0, 4]", True), ("[0, 5]", False), ("[-1, 2]", False)])
def test_indices_that_are_constants_are_checked_at_once(index: str, is_inside: bool) -> None:
    constant = f"%p = torch.vtensor.literal(dense<{index}> : tensor<2xsi64>) : {ROWS}"
    gathered = f'%y = torch.operator "aten.index_select"(%x, %zero, %p) : ({X}, !torch.int, {ROWS}) -> {Y}'
    (made,) = rewritten(function(f"{constant}\n{gathered}"), CheckBounds())[1].ops
    assert ("tsc.in_bounds" in made.attributes) == is_inside
    assert ("tsc.checks_bounds" in made.attributes) == (not is_inside)


def test_functions_are_checked_one_by_one() -> None:
    plain = function(call("relu", "x", X), f"%y : {X}")
    rename = plain.replace("@f", "@g")
    after = function(f"{EMBEDDING}\n{check('i', 0, 5)}", bad="%bad0")
    assert_rewrites(f"{rename}\n{function(EMBEDDING)}", f"{rename}\n{after}", CheckBounds())


def test_an_index_that_is_written_after_the_gather_is_not_judged_by_that() -> None:
    write = call("fill_.Scalar", "m last", KINDS["m"], "w")
    assert_leaves(function(f"{call('index_select', 'x zero m')}\n{write}"), CheckBounds())


def test_of_an_expanded_index_what_is_repeated_is_checked() -> None:
    wide, column = "!torch.vtensor<[2,3],si64>", "!torch.vtensor<[2,1],si64>"
    ints = "!torch.list<int>"
    made = f"""
      %one = torch.constant.int 1
      %three = torch.constant.int 3
      %column = torch.aten.unsqueeze %i, %one : {ROWS}, !torch.int -> {column}
      %sizes = torch.prim.ListConstruct %last, %three : (!torch.int, !torch.int) -> {ints}
      %wide = torch.aten.expand %column, %sizes, %no : {column}, {ints}, !torch.bool -> {wide}
      %y = torch.aten.gather %x, %zero, %wide, %no : {X}, !torch.int, {wide}, !torch.bool -> {Y}"""
    module = rewritten(function(made), CheckBounds())[1]
    compared = [op.operands[0].name_hint for op in module.walk() if op.name == "torch.aten.lt.Scalar"]
    assert compared == ["column"]
