"""`canonicalize`: containers, casts and checks that only wrap what is known go; what may change stays."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.passes.canonicalize import Canonicalize

X = "!torch.vtensor<[2,3],f32>"
INTS = "!torch.list<int>"
COLOR = '!torch.enum<"Color">'
PAIR = "%a : !torch.int, %b : !torch.int"
LIST = f"%l = torch.prim.ListConstruct %a, %b : (!torch.int, !torch.int) -> {INTS}"
OTHER = f"%m = torch.prim.ListConstruct %b : (!torch.int) -> {INTS}"
JOIN = f"%r = torch.aten.add.t {{}} : {INTS}, {INTS} -> {INTS}"
TUPLE = "%t = torch.prim.TupleConstruct %a, %b : !torch.int, !torch.int -> !torch.tuple<int, int>"
WRITE = f'"torch.aten.clear.t"(%l) : ({INTS}) -> ()'
LENGTH = f"%r = torch.aten.len.t %l : {INTS} -> !torch.int"
GET = f"%r = torch.aten.__getitem__.t %l, %i : {INTS}, !torch.int -> !torch.int"
UNPACK = f"%r, %s = torch.prim.ListUnpack %l : {INTS} -> !torch.int, !torch.int"
UNPACK_THREE = f"%r, %s, %u = torch.prim.ListUnpack %l : {INTS} -> !torch.int, !torch.int, !torch.int"
UNPACK_TUPLE = "%r, %s = torch.prim.TupleUnpack %t : !torch.tuple<int, int> -> !torch.int, !torch.int"
INDEX = "%r = torch.prim.TupleIndex %t, %i : !torch.tuple<int, int>, !torch.int -> !torch.int"
CASTS = ("derefine %x : {0} to {1}", "prim.unchecked_cast %x : {0} -> {1}")


def function(arguments: str, body: str, value: str = "%r", kind: str = "!torch.int") -> str:
    """A function that runs `body` and returns a value of type `kind`."""
    return f"func.func @f({arguments}) -> {kind} {{\n{body}\nfunc.return {value} : {kind}\n}}"


def constant(name: str, value: bool | int | None) -> str:
    """The constant of a Python value."""
    if value is None:
        return f"{name} = torch.constant.none"
    return f"{name} = torch.constant.{type(value).__name__} {str(value).lower()}"


def assert_becomes(arguments: str, body: str, added: str, value: str, kind: str = "!torch.int") -> None:
    """The last line of `body`, whose result ``%r`` is returned, becomes `added`, and `value` is returned."""
    *kept, _ = body.splitlines()
    after = function(arguments, "\n".join([*kept, added]), value, kind)
    assert_rewrites(function(arguments, body, kind=kind), after, Canonicalize())


def assert_decides(arguments: str, body: str, answer: bool) -> None:
    """The last line of `body` becomes a bool."""
    assert_becomes(arguments, body, constant("%c", answer), "%c", "!torch.bool")


@pytest.mark.parametrize(("position", "value"), [(0, "%a"), (1, "%b"), (-1, "%b"), (-2, "%a")])
def test_an_element_of_a_tuple_or_list_just_made_is_the_value(position: int, value: str) -> None:
    assert_becomes(PAIR, f"{TUPLE}\n{constant('%i', position)}\n{INDEX}", "", value)
    assert_becomes(PAIR, f"{LIST}\n{constant('%i', position)}\n{GET}", "", value)


def test_unpacking_a_tuple_or_list_just_made_gives_its_values() -> None:
    assert_becomes(PAIR, f"{TUPLE}\n{UNPACK_TUPLE}", "", "%a")
    assert_becomes(PAIR, f"{LIST}\n{UNPACK}", "", "%a")


def test_lists_just_made_are_measured_and_joined() -> None:
    assert_becomes(PAIR, f"{LIST}\n{LENGTH}", constant("%n", 2), "%n")
    joined = f"%j = torch.prim.ListConstruct %a, %b, %b : (!torch.int, !torch.int, !torch.int) -> {INTS}"
    assert_becomes(PAIR, f"{LIST}\n{OTHER}\n{JOIN.format('%l, %m')}", joined, "%j", INTS)


@pytest.mark.parametrize("read", [INDEX, GET])
def test_a_position_that_is_not_known_is_not_looked_up(read: str) -> None:
    assert_leaves(function(f"{PAIR}, %i : !torch.int", f"{TUPLE}\n{LIST}\n{read}"), Canonicalize())


@pytest.mark.parametrize(
    "read", [f"{constant('%i', 2)}\n{GET}", f"{constant('%i', -3)}\n{GET}", UNPACK_THREE]
)
def test_more_than_a_list_has_still_raises(read: str) -> None:
    assert_leaves(function(PAIR, f"{LIST}\n{read}"), Canonicalize())


@pytest.mark.parametrize("read", [LENGTH, UNPACK, f"{constant('%i', 0)}\n{GET}"])
def test_a_list_that_is_written_or_was_given_is_not_looked_through(read: str) -> None:
    assert_leaves(function(PAIR, f"{LIST}\n{WRITE}\n{read}"), Canonicalize())
    assert_leaves(function(f"%l : {INTS}", read), Canonicalize())


@pytest.mark.parametrize("read", [UNPACK_TUPLE, f"{constant('%i', 0)}\n{INDEX}"])
def test_a_tuple_that_was_given_is_not_looked_through(read: str) -> None:
    assert_leaves(function("%t : !torch.tuple<int, int>", read), Canonicalize())


@pytest.mark.parametrize("operands", ["%l, %m", "%m, %l", "%m, %g", "%g, %m"])
def test_a_list_that_is_written_or_was_given_is_not_joined(operands: str) -> None:
    body = f"{LIST}\n{WRITE}\n{OTHER}\n{JOIN.format(operands)}"
    assert_leaves(function(f"{PAIR}, %g : {INTS}", body, kind=INTS), Canonicalize())


def test_a_list_that_escapes_to_where_lists_are_written_is_not_looked_through() -> None:
    escape = f"%t = torch.prim.TupleConstruct %l : {INTS} -> !torch.tuple<list<int>>"
    elsewhere = f"%w = torch.aten.append.t %g, %a : {INTS}, !torch.int -> {INTS}"
    arguments = f"{PAIR}, %g : {INTS}"
    assert_leaves(function(arguments, f"{LIST}\n{escape}\n{elsewhere}\n{LENGTH}"), Canonicalize())
    assert_becomes(arguments, f"{LIST}\n{escape}\n{LENGTH}", constant("%n", 2), "%n")


def test_setting_the_grad_mode_goes() -> None:
    off, setting = (
        constant("%off", False),
        'torch.operator "aten.set_grad_enabled"(%off) : (!torch.bool) -> ()',
    )
    before, after = (function("%r : !torch.int", part) for part in (f"{off}\n{setting}", off))
    noted = after.replace(" {\n", " attributes {tsc.had_modes} {\n", 1)
    assert_rewrites(before, noted, Canonicalize())


@pytest.mark.parametrize("name", ["eq", "ne"])
@pytest.mark.parametrize("right", ["RED", "BLUE", None])
def test_members_of_an_enum_are_compared_where_both_are_known(name: str, right: str | None) -> None:
    known = "" if right is None else f'%n = torch.prim.CreateObject {{member = "{right}"}} : {COLOR}\n'
    body = f"""%m = torch.prim.CreateObject {{member = "RED"}} : {COLOR}
      {known}%r = torch.operator "aten.{name}.enum"(%m, %n) : ({COLOR}, {COLOR}) -> !torch.bool"""
    if right is None:
        assert_leaves(function(f"%n : {COLOR}", body, kind="!torch.bool"), Canonicalize())
    else:
        assert_decides("", body, (right == "RED") == (name == "eq"))


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize(("kind", "wanted"), [("int", "int"), ("tensor", "tensor<[2],f32>")])
def test_a_cast_to_the_type_it_has_goes(cast: str, kind: str, wanted: str) -> None:
    read = f"%r = torch.prim.TupleConstruct {{0}} : !torch.{{1}} -> !torch.tuple<{wanted}>"
    before = f"%c = torch.{cast.format('!torch.' + kind, '!torch.' + wanted)}\n{read.format('%c', wanted)}"
    arguments, result = f"%x : !torch.{kind}", f"!torch.tuple<{wanted}>"
    after = function(arguments, read.format("%x", kind), kind=result)
    assert_rewrites(function(arguments, before, kind=result), after, Canonicalize())


def test_a_function_that_returns_a_cast_tensor_stays_valid() -> None:
    cast = "%r = torch.prim.unchecked_cast %x : !torch.tensor<[2],f32> -> !torch.tensor"
    rewritten(function("%x : !torch.tensor<[2],f32>", cast, kind="!torch.tensor"), Canonicalize())


@pytest.mark.parametrize("first", CASTS)
@pytest.mark.parametrize("kind", ["!torch.int", "!torch.tensor"])
def test_a_cast_back_gives_what_was_derefined(first: str, kind: str) -> None:
    wrap = f"%o = torch.{first.format(kind, '!torch.any')}"
    back = f"%r = torch.prim.unchecked_cast %o : !torch.any -> {kind}"
    assert_becomes(f"%x : {kind}", f"{wrap}\n{back}", "", "%x", kind)


@pytest.mark.parametrize("cast", CASTS)
def test_a_cast_that_says_something_new_stays(cast: str) -> None:
    body = f"%r = torch.{cast.format('!torch.int', '!torch.any')}"
    assert_leaves(function("%x : !torch.int", body, kind="!torch.any"), Canonicalize())
    body += "\n%s = torch.prim.unchecked_cast %r : !torch.any -> !torch.float"
    assert_leaves(function("%x : !torch.int", body, "%s", "!torch.float"), Canonicalize())


def is_none(name: str, kind: str, order: str = "%x, %n") -> str:
    """Compares a value of a type with None."""
    types = f"!torch.{kind}, !torch.none" if order == "%x, %n" else f"!torch.none, !torch.{kind}"
    return f"{constant('%n', None)}\n%r = torch.aten.{name} {order} : {types} -> !torch.bool"


@pytest.mark.parametrize("name", ["__is__", "__isnot__"])
@pytest.mark.parametrize(("kind", "answer"), [("none", True), ("int", False), ('class<"C">', False)])
@pytest.mark.parametrize("order", ["%x, %n", "%n, %x"])
def test_the_type_of_a_value_tells_that_it_is_none(name: str, kind: str, answer: bool, order: str) -> None:
    wrap = f"""%o = torch.derefine %x : !torch.{kind} to !torch.any
      %y = torch.prim.unchecked_cast %o : !torch.any -> !torch.optional<any>\n"""
    body = wrap + is_none(name, "optional<any>", order).replace("%x", "%y")
    assert_decides(f"%x : !torch.{kind}", body, answer == (name == "__is__"))


@pytest.mark.parametrize("kind", ["optional<int>", "any", "union<int, none>"])
@pytest.mark.parametrize("name", ["__is__", "__isnot__"])
def test_what_may_be_none_is_asked_when_it_runs(kind: str, name: str) -> None:
    assert_leaves(function(f"%x : !torch.{kind}", is_none(name, kind), kind="!torch.bool"), Canonicalize())


@pytest.mark.parametrize(("name", "answer"), [("__is__", True), ("__isnot__", False)])
def test_a_value_is_itself_and_perhaps_another(name: str, answer: bool) -> None:
    ask = f"%r = torch.aten.{name} %x, {{}} : {COLOR}, {COLOR} -> !torch.bool"
    assert_decides(f"%x : {COLOR}", ask.format("%x"), answer)
    other = function(f"%x : {COLOR}, %y : {COLOR}", ask.format("%y"), kind="!torch.bool")
    assert_leaves(other, Canonicalize())


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "answer"),
    [
        ("int", "", "float, !torch.int", True), ("int", "", "float", False),
        ("vtensor<[2],f32>", "", "tensor", True), ("list<int>", "", "list<int>", True),
        ("list<int>", '"list"', "float", True), ("list<int>", "", "list<float>", False),
        ("tuple<int>", '"tuple"', "float", True), ("dict<str, int>", '"dict"', "float", True),
        ("optional<int>", "", "int", None), ("union<int, float>", "", "int", None),
        ('class<"C">', "", 'interface<"I">', None), ('interface<"I">', "", 'class<"D">', None),
        ("int", "", "optional<int>", True), ("int", "", "number", True), ("int", "", "any", True),
        ("int", "", "union<int, str>", True), ("any", "", "int", None), ("number", "", "int", None),
        ("number", "", "str", False), ('namedtuple<"P", a int>', "", "tuple<int>", True),
        ('namedtuple<"P", a int>', "", "tuple<float>", False), ("tuple<int>", "", "tuple<int, int>", False),
    ],
)  # fmt: skip
def test_isinstance_is_decided_only_where_the_type_a_value_had_tells(
    kind: str, name: str, wanted: str, answer: bool | None
) -> None:
    types = f"types = [{name}], torch_types = [!torch.{wanted}]"
    body = f"""%o = torch.derefine %x : !torch.{kind} to !torch.optional<any>
      %r = torch.prim.isinstance %o {{{types}}} : !torch.optional<any> -> !torch.bool"""
    if answer is None:
        assert_leaves(function(f"%x : !torch.{kind}", body, kind="!torch.bool"), Canonicalize())
    else:
        assert_decides(f"%x : !torch.{kind}", body, answer)


def test_unwrapping_gives_what_was_derefined_unless_that_is_or_may_be_none() -> None:
    wrap = "%o = torch.derefine %x : !torch.{} to !torch.optional<int>\n"
    unwrap = "%r = torch.aten._unwrap_optional %o : !torch.optional<int> -> !torch.int"
    assert_becomes("%x : !torch.int", wrap.format("int") + unwrap, "", "%x")
    assert_leaves(function("%x : !torch.none", wrap.format("none") + unwrap), Canonicalize())
    assert_leaves(function("%o : !torch.optional<int>", unwrap), Canonicalize())


def copy(name: str, kind: str, made: str) -> str:
    """A tensor of type `kind` copied to one of type `made`."""
    operands, types = ("%x, %n", f"{kind}, !torch.none") if name == "clone" else ("%x", kind)
    return f"{constant('%n', None)}\n%c = torch.aten.{name} {operands} : {types} -> {made}"


@pytest.mark.parametrize("name", ["clone", "detach", "squeeze"])
def test_a_copy_of_a_value_is_the_value(name: str) -> None:
    read = f"%s = torch.aten.relu {{}} : {X} -> {X}"
    before = function(f"%x : {X}", f"{copy(name, X, X)}\n{read.format('%c')}", "%s", X)
    after = function(f"%x : {X}", f"{constant('%n', None)}\n{read.format('%x')}", "%s", X)
    assert_rewrites(before, after, Canonicalize())


def test_a_copy_the_caller_gets_stays() -> None:
    assert_leaves(function(f"%x : {X}", copy("clone", X, X), "%c", X), Canonicalize())


def test_what_is_perhaps_a_copy_stays_where_the_caller_gets_it() -> None:
    ordered = f"{constant('%f', 0)}\n%c = torch.aten.contiguous %x, %f : {X}, !torch.int -> {X}"
    assert_leaves(function(f"%x : {X}", ordered, "%c", X), Canonicalize())
    assert_rewrites(
        function(f"%x : {X}", copy("detach", X, X), "%c", X),
        function(f"%x : {X}", constant("%n", None), "%x", X),
        Canonicalize(),
    )


@pytest.mark.parametrize(
    ("name", "kind", "made"),
    [
        ("clone", "!torch.tensor<[2,3],f32>", "!torch.tensor<[2,3],f32>"),
        ("clone", "!torch.vtensor<[?,3],f32>", "!torch.vtensor<[?,3],f32>"),
        ("squeeze", "!torch.vtensor<[1,3],f32>", "!torch.vtensor<[3],f32>"), ("relu", X, X),
    ],
)  # fmt: skip
def test_what_may_be_another_tensor_stays(name: str, kind: str, made: str) -> None:
    body = f"{copy(name, kind, made)}\n%r = torch.aten.numel %c : {made} -> !torch.int"
    assert_leaves(function(f"%x : {kind}", body), Canonicalize())
