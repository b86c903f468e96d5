"""`specialize`: arguments get the types, or the values, of one call, and what does not fit is refused."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import ModuleOp

from tests.passes.rewriting import parse, rewritten
from tsc.errors import ArgumentError
from tsc.passes.specialize import Specialize, parse_spec, split_entries

TENSOR, INT = "!torch.tensor", "!torch.int"


def function(arguments: str, body: str, values: str, kinds: list[str]) -> str:
    """A function that prints `values`, of types `kinds`, and returns nothing."""
    print_ = f"torch.prim.Print({values}) : {', '.join(kinds)}" if kinds else ""
    return f"func.func @f({arguments}) {{\n{body}\n{print_}\nfunc.return\n}}"


def given(*kinds: str) -> str:
    """A function that prints its arguments ``%a0``, ``%a1`` and so on."""
    names = [f"%a{i}" for i in range(len(kinds))]
    arguments = ", ".join(f"{name} : {kind}" for name, kind in zip(names, kinds, strict=True))
    return function(arguments, "", ", ".join(names), list(kinds))


def result_types(module: ModuleOp) -> list[object]:
    """The types of all results, which structural equality does not look at."""
    return [result.type for op in module.walk() for result in op.results]


def assert_specializes(before: str, entries: list[str], after: str) -> None:
    """Specialized to `entries`, `before` is `after`."""
    _, module = rewritten(before, Specialize(tuple(entries)))
    _, wanted = parse(after)
    assert module.is_structurally_equivalent(wanted), f"got\n{module}\nnot\n{wanted}"
    assert result_types(module) == result_types(wanted)


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("2x3xf32", "[2,3],f32"),
        ("0x3xf32", "[0,3],f32"),
        ("f32", "[],f32"),
        ("si64", "[],si64"),
        ("2xi64", "[2],si64"),
        ("2xi32", "[2],si32"),
        ("2xi16", "[2],si16"),
        ("2xi8", "[2],si8"),
        ("2xui8", "[2],ui8"),
        ("2xbool", "[2],i1"),
        ("2xbf16", "[2],bf16"),
        ("2xcomplex<f32>", "[2],complex<f32>"),
    ],
)
def test_a_tensor_gets_its_shape_and_dtype(entry: str, kind: str) -> None:
    typed = f"{TENSOR}<{kind}>"
    assert_specializes(given(TENSOR), [entry], function(f"%x : {typed}", "", "%x", [typed]))


@pytest.mark.parametrize(
    ("entry", "kind", "constant"),
    [
        ("none", "none", "none"),
        ("true", "bool", "bool true"),
        ("false", "bool", "bool false"),
        ("int:-3", "int", "int -3"),
        ("float:0.5", "float", "float 0.5"),
        ("float:inf", "float", "float 0x7FF0000000000000"),
        ("str:gelu", "str", 'str "gelu"'),
        ("str:a:b", "str", 'str "a:b"'),
        ("str:", "str", 'str ""'),
        ("str:none", "str", 'str "none"'),
        ("complex:1+2j", "complex", "complex 1.0, 2.0"),
        ("device:cpu", "Device", 'device "cpu"'),
    ],
)
def test_a_value_becomes_a_constant(entry: str, kind: str, constant: str) -> None:
    after = function("", f"%c = torch.constant.{constant}", "%c", [f"!torch.{kind}"])
    assert_specializes(given(f"!torch.{kind}"), [entry], after)


def test_arguments_that_stay_keep_their_order() -> None:
    x, y = f"{TENSOR}<[2],f32>", f"{TENSOR}<[3],f32>"
    after = function(f"%x : {x}, %y : {y}", "%c = torch.constant.int 3", "%x, %c, %y", [x, INT, y])
    assert_specializes(given(TENSOR, INT, TENSOR), ["2xf32", "int:3", "3xf32"], after)


def test_names_of_arguments_stay() -> None:
    _, module = rewritten(given(TENSOR, INT), Specialize(("2xf32", "int:3")))
    (called,) = module.ops
    (argument,) = called.regions[0].block.args
    (constant,) = (op.results[0] for op in module.walk() if op.name == "torch.constant.int")
    assert (argument.name_hint, constant.name_hint) == ("a0", "a1")


@pytest.mark.parametrize(
    ("kind", "entry", "arguments", "made"),
    [
        ("optional<int>", "int:3", "", "%c = torch.constant.int 3"),
        ("optional<int>", "none", "", "%c = torch.constant.none"),
        ("number", "float:3", "", "%c = torch.constant.float 3.0"),
        ("any", "true", "", "%c = torch.constant.bool true"),
        ("optional<tensor>", "2xf32", "%c : !torch.tensor<[2],f32>", ""),
    ],
)
def test_a_value_of_a_narrower_type_keeps_the_type_of_the_argument(
    kind: str, entry: str, arguments: str, made: str
) -> None:
    own = {"int:3": "int", "none": "none", "float:3": "float", "true": "bool", "2xf32": "tensor<[2],f32>"}[
        entry
    ]
    body = f"{made}\n%d = torch.derefine %c : !torch.{own} to !torch.{kind}"
    after = function(arguments, body, "%d", [f"!torch.{kind}"])
    assert_specializes(given(f"!torch.{kind}"), [entry], after)


def test_a_tensor_that_is_a_constant_is_not_derefined() -> None:
    after = function("", "%c = torch.constant.none", "%c", ["!torch.none"])
    assert_specializes(given(TENSOR), ["none"], after)


A, B = (f"!torch.tensor<[{n}],f32>" for n in (2, 3))
LIST = f"torch.prim.ListConstruct %x, %y : ({A}, {B}) -> !torch.list<tensor>"
PAIR = "!torch.tuple<tensor<[2],f32>, tensor<[3],f32>>"
TWO = f"%x : {A}, %y : {B}"


@pytest.mark.parametrize(
    ("kind", "entry", "arguments", "body"),
    [
        ("list<tensor>", "[2xf32;3xf32]", TWO, f"%r = {LIST}"),
        ("list<tensor>", "[]", "", "%r = torch.prim.ListConstruct : () -> !torch.list<tensor>"),
        ("list<int>", "[int:3]", "", "%c = torch.constant.int 3\n"
         "%r = torch.prim.ListConstruct %c : (!torch.int) -> !torch.list<int>"),
        ("optional<list<tensor>>", "[2xf32;3xf32]", TWO, f"%l = {LIST}\n"
         "%r = torch.derefine %l : !torch.list<tensor> to !torch.optional<list<tensor>>"),
        ("tuple<tensor, tensor>", "[2xf32;3xf32]", TWO,
         f"%r = torch.prim.TupleConstruct %x, %y : {A}, {B} -> !torch.tuple<tensor, tensor>"),
        ('namedtuple<"P", a tensor, b tensor>', "[2xf32;3xf32]", TWO,
         f'%r = torch.prim.TupleConstruct %x, %y : {A}, {B} -> !torch.namedtuple<"P", a tensor, b tensor>'),
        ("tuple<list<tensor>, int>", "[[2xf32;3xf32];int:3]", TWO, f"%l = {LIST}\n%c = torch.constant.int 3\n"
         "%r = torch.prim.TupleConstruct %l, %c : !torch.list<tensor>, !torch.int"
         " -> !torch.tuple<list<tensor>, int>"),
        ("any", "[2xf32;3xf32]", TWO,
         f"%t = torch.prim.TupleConstruct %x, %y : {A}, {B} -> {PAIR}\n"
         f"%r = torch.derefine %t : {PAIR} to !torch.any"),
        ("list<list<int>>", "[[]]", "", "%l = torch.prim.ListConstruct : () -> !torch.list<int>\n"
         "%r = torch.prim.ListConstruct %l : (!torch.list<int>) -> !torch.list<list<int>>"),
    ],
)  # fmt: skip
def test_a_container_is_made_of_its_parts(kind: str, entry: str, arguments: str, body: str) -> None:
    after = function(arguments, body, "%r", [f"!torch.{kind}"])
    assert_specializes(given(f"!torch.{kind}"), [entry], after)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a;b", ["a", "b"]), ("a;[b;[c;d]];e", ["a", "[b;[c;d]]", "e"]), ("[]", ["[]"]), ("", [])],
)
def test_entries_are_split_outside_brackets(text: str, parts: list[str]) -> None:
    assert split_entries(text) == parts


@pytest.mark.parametrize("entries", [(), ("2xf32",), ("2xf32", "2xf32", "2xf32")])
def test_there_must_be_an_entry_for_each_argument(entries: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match=f"requires 2 arguments; got {len(entries)}"):
        rewritten(given(TENSOR, TENSOR), Specialize(entries))


@pytest.mark.parametrize(
    ("text", "count"), [("builtin.module {}", 0), (given() + given().replace("@f", "@g"), 2)]
)
def test_there_must_be_one_function(text: str, count: int) -> None:
    with pytest.raises(ArgumentError, match=f"requires one function; got {count}"):
        rewritten(text, Specialize())


@pytest.mark.parametrize("text", ["", "x", "2x", "xf32", "2xf33", "2.5xf32", "?xf32", "2xunk", "tensor"])
def test_what_is_no_shape_and_dtype_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="requires a shape like"):
        parse_spec(text)


def test_a_kind_of_value_there_is_not_is_refused() -> None:
    with pytest.raises(ArgumentError, match="got long:"):
        rewritten(given(INT), Specialize(("long:3",)))


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        (INT, "int:three"),
        (INT, "int:99999999999999999999"),
        (INT, "true"),
        (INT, "none"),
        ("!torch.tuple<tensor, tensor>", "[2xf32]"),
        (TENSOR, "-1xf32"),
    ],
)
def test_an_entry_that_does_not_fit_is_refused(kind: str, entry: str) -> None:
    with pytest.raises(ArgumentError):
        rewritten(given(kind), Specialize((entry,)))
