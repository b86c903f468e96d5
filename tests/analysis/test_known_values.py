"""`known_values`: what is said of a value holds whenever it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.analysis.named_values import Named, T, V, branch, loop, named
from tsc.analysis.known_values import (
    UNKNOWN,
    argument_of,
    constant_of,
    is_inside,
    is_list_mutated,
    is_returned,
    spec_of_type,
    type_of_spec,
    unwrapped,
    writes_anything,
    writes_operand,
)
from tsc.dialects import torch_types as tt
from tsc.dtypes import by_name
from tsc.ops.definition import TensorSpec

INTS, ANY, BOX, INT = "!torch.list<int>", "!torch.any", '!torch.class<"Box">', "!torch.int"
OPTIONAL, LISTS = "!torch.optional<list<int>>", "!torch.list<list<int>>"
ARGUMENTS = f"%x : {V}, %m : {T}, %n : {INT}, %c : !torch.bool, %o : {BOX}, %g : {INTS}, %h : {LISTS}"
PRELUDE = f"""
  %none = torch.constant.none
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %l = torch.prim.ListConstruct %one, %two : ({INT}, {INT}) -> {INTS}"""
APPEND = f"%w = torch.aten.append.t %{{}}, %one : {INTS}, {INT} -> {INTS}"
TUPLE = f"%t = torch.prim.TupleConstruct %l, %one : {INTS}, {INT} -> !torch.tuple<list<int>, int>"
DEREFINE = f"%d = torch.derefine %l : {INTS} to {OPTIONAL}"
CAST = f"%u = torch.prim.unchecked_cast %d : {OPTIONAL} -> {INTS}"


def small(body: str, returned: str = "") -> Named:
    return named(ARGUMENTS, f"{PRELUDE}\n{body}", returned)


def constant(body: str, name: str = "a") -> Any:
    return constant_of(small(body)[name])


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("torch.constant.int -3", -3), ("torch.constant.bool true", True), ("torch.constant.none", None),
        ('torch.constant.str "k"', "k"), ("torch.constant.float 0.5", 0.5),
        (f"torch.prim.TupleConstruct %one, %l : {INT}, {INTS} -> !torch.tuple<int, list<int>>", (1, [1, 2])),
        (f"torch.prim.ListConstruct %l : ({INTS}) -> {LISTS}", [[1, 2]]),
        (f"torch.derefine %one : {INT} to {ANY}", 1),
    ],
)  # fmt: skip
def test_constants_and_what_is_made_of_them_are_known(line: str, wanted: Any) -> None:
    found = constant(f"%a = {line}")
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    "line",
    [
        f"torch.aten.add.int %one, %one : {INT}, {INT} -> {INT}",
        f"torch.prim.ListConstruct %one, %n : ({INT}, {INT}) -> {INTS}",
        f"torch.prim.TupleConstruct %g : {INTS} -> !torch.tuple<list<int>>",
        f"torch.prim.DictConstruct keys(%one : {INT}) values(%two : {INT}) -> !torch.dict<int, int>",
        f"torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}",
        f'torch.prim.GetAttr %o["v"] : {BOX} -> {INT}',
    ],
    ids=["computed", "with an argument", "holds an argument", "a dict", "a tensor", "an attribute"],
)
def test_other_values_are_not_known(line: str) -> None:
    assert constant(f"%a = {line}") is UNKNOWN


def test_a_branch_is_not_known_though_both_sides_are_one_constant() -> None:
    assert constant(branch("%one", "%one", INT, "a")) is UNKNOWN


def test_arrays_are_known_to_those_who_bring_the_pool() -> None:
    literal = "%{} = torch.{}.literal(dense_resource<w> : tensor<2xf32>) : !torch.{}<[2],f32>"
    body = f"{literal.format('a', 'vtensor', 'vtensor')}\n{literal.format('b', 'tensor', 'tensor')}"
    values = named("", body, weights={"w": np.array([3, 4], np.float32)})
    assert constant_of(values["a"], values.context.pool).tolist() == [3, 4]
    assert constant_of(values["b"], values.context.pool) is UNKNOWN  # somebody may write to it


MUTATED = {
    "appended to": APPEND.format("l"),
    "sorted": f'torch.operator "aten.sort.int"(%l, %c) : ({INTS}, !torch.bool) -> ()',
    "appended to under another type": f"{DEREFINE}\n{CAST}\n{APPEND.format('u')}",
    "appended to in a branch": branch(f"{APPEND.format('l')}; %n", "%n", INT),
    "appended to in a loop": loop("%n", f"{APPEND.format('l')}; %n", INT),
    "given to Python": f'%r = torch.prim.PythonOp %l {{callee = "g"}} : {INTS} -> {INT}',
    "given to a method": f'%r = torch.prim.CallMethod %o["m"] (%l) : {BOX}, ({INTS}) -> {INT}',
    "given to a fork": f'%r = torch.prim.fork %l {{callee = "g"}} : {INTS} -> !torch.future<int>',
    "in a tuple, where a list is written": f"{TUPLE}\n{APPEND.format('g')}",
    "in a list, where a list is written": (
        f"%k = torch.prim.ListConstruct %l : ({INTS}) -> {LISTS}\n"
        f"%e = torch.aten.__getitem__.t %k, %n : {LISTS}, {INT} -> {INTS}\n{APPEND.format('e')}"
    ),
    "put into a list that was given, where a list is written": (
        f"%z = torch.aten.append.t %h, %l : {LISTS}, {INTS} -> {LISTS}\n{APPEND.format('g')}"
    ),
    "one of two": f"{branch('%l', '%g', INTS)}\n{APPEND.format('r')}",
    "carried by a loop": loop("%l", f"{APPEND.format('carried')}; %carried", INTS),
    "an attribute, where Python is called": (
        f'torch.prim.SetAttr %o["v"] = %l : {BOX}, {INTS}\n'
        f'%r = torch.prim.PythonOp %o {{callee = "g"}} : {BOX} -> {INT}'
    ),
}


@pytest.mark.parametrize("body", MUTATED.values(), ids=MUTATED)
def test_a_list_that_may_change_is_no_constant(body: str) -> None:
    values = small(body)
    assert is_list_mutated(values["l"])
    assert constant_of(values["l"]) is UNKNOWN
    assert argument_of(values["l"]) is UNKNOWN


def test_a_list_whose_elements_are_handed_out_may_change_where_a_list_is_written() -> None:
    assert is_list_mutated(small(MUTATED["in a list, where a list is written"])["k"])


@pytest.mark.parametrize("name", ["appended to", "in a tuple, where a list is written"])
def test_what_holds_a_list_that_may_change_is_no_constant(name: str) -> None:
    body = MUTATED[name] if "tuple" in name else f"{TUPLE}\n{MUTATED[name]}"
    assert constant(body, "t") is UNKNOWN


UNCHANGED = {
    "nothing": "",
    "read": f"%r = torch.aten.len.t %l : {INTS} -> {INT}",
    "read while another list is written": f"%r = torch.aten.len.t %l : {INTS} -> {INT}\n{APPEND.format('g')}",
    "unpacked while another is written": (
        f"%p, %q = torch.prim.ListUnpack %l : {INTS} -> {INT}, {INT}\n{APPEND.format('g')}"
    ),
    "in a tuple": TUPLE,
    "sizes of a view while a tensor is written": (
        f"%r = torch.aten.view %m, %l : {T}, {INTS} -> {T}\n%w = torch.aten.relu_ %m : {T} -> {T}"
    ),
}


@pytest.mark.parametrize("body", UNCHANGED.values(), ids=UNCHANGED)
def test_a_list_that_is_only_read_stays_as_it_was_made(body: str) -> None:
    values = small(body)
    assert not is_list_mutated(values["l"])
    assert constant_of(values["l"]) == [1, 2]


def test_casts_are_looked_through() -> None:
    values = small(f"{DEREFINE}\n{CAST}")
    assert unwrapped(values["u"]) is values["l"]
    assert unwrapped(values["n"]) is values["n"]


SPEC = TensorSpec((2, 3), by_name("float32"))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (f"torch.prim.ListConstruct %x, %x : ({V}, {V}) -> !torch.list<vtensor>", [SPEC, SPEC]),
        (f"torch.derefine %x : {V} to !torch.optional<tensor>", SPEC),
        (f"torch.derefine %l : {INTS} to {OPTIONAL}", [1, 2]),
        (f"torch.prim.ListConstruct %x, %m : ({V}, {T}) -> !torch.list<tensor>", UNKNOWN),
        (f"torch.derefine %m : {T} to !torch.optional<tensor>", UNKNOWN),
        (f"torch.prim.ListConstruct %n : ({INT}) -> {INTS}", UNKNOWN),
    ],
    ids=["tensors", "an optional tensor", "an optional list", "an unknown tensor", "optional", "unknown"],
)
def test_inference_sees_specs_of_tensors_and_constants(line: str, wanted: Any) -> None:
    found = argument_of(small(f"%a = {line}")["a"])
    assert found is UNKNOWN if wanted is UNKNOWN else found == wanted


@pytest.mark.parametrize("kind", ["[2,?],f32", "[2,3],unk", "*,f32"])
def test_a_type_with_something_unknown_has_no_spec(kind: str) -> None:
    assert argument_of(named(f"%x : !torch.vtensor<{kind}>", "")["x"]) is UNKNOWN


def test_specs_and_types_tell_the_same() -> None:
    kind = type_of_spec(SPEC)
    assert isinstance(kind, tt.ValueTensorType)
    assert spec_of_type(kind) == SPEC


def test_written_operands_are_those_of_the_schema() -> None:
    values = small(f'%a = torch.operator "aten.relu.out"(%m, %m) : ({T}, {T}) -> {T}')
    op = values.operator("a")
    assert [writes_operand(op, i) for i in range(3)] == [False, True, False]
    assert writes_anything(op)
    assert not writes_operand(values.maker("l"), 0)
    assert not writes_anything(values.maker("l"))


@pytest.mark.parametrize(
    ("body", "returned", "wanted"),
    [
        ("", f"%l : {INTS}", True),
        (TUPLE, "%t : !torch.tuple<list<int>, int>", True),
        (DEREFINE, f"%d : {OPTIONAL}", True),
        (f"%r = torch.aten.len.t %l : {INTS} -> {INT}", f"%r : {INT}", False),
        (TUPLE, "", False),
    ],
    ids=["itself", "in a tuple", "another type", "read", "dropped"],
)
def test_what_is_part_of_the_result_is_returned(body: str, returned: str, wanted: bool) -> None:
    assert is_returned(small(body, returned)["l"]) == wanted


def test_an_operation_is_inside_the_regions_around_it() -> None:
    values = small(loop("%n", f"%r = torch.aten.add.int %carried, %n : {INT}, {INT} -> {INT}; %r", INT, "b"))
    inner, region = values.maker("r"), values.first("torch.prim.Loop").regions[0]
    assert is_inside(inner, region)
    assert is_inside(inner, values.function.body)
    assert not is_inside(values.maker("l"), region)
