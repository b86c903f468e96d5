"""`operator_effects`: what may be dropped, repeated or merged is only what nobody can tell from before."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import TENSORS, Named, T, V, named
from tsc.analysis.operator_effects import (
    changes_shapes,
    definition_of,
    draws,
    is_foldable,
    is_pure,
    is_removable,
)

BOX, DICT, ADD = '!torch.class<"Box">', "!torch.dict<str, tensor>", "!torch.int, !torch.int -> !torch.int"
ARGUMENTS = (
    f"%x : {T}, %v : {V}, %n : !torch.int, %c : !torch.bool, %f : !torch.float, %s : !torch.str, "
    f"%l : !torch.list<int>, %t : {TENSORS}, %o : {BOX}, %d : {DICT}, %g : !torch.Generator, "
    "%h : !torch.future<int>"
)
NONES = "%none, %none, %none, %none : !torch.list<int>, !torch.none, !torch.none, !torch.none, !torch.none"
PURE = {
    "a constant": "%a = torch.constant.int 1",
    "a literal": f"%a = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}",
    "arithmetic": f"%a = torch.aten.add.int %n, %n : {ADD}",
    "an operator on values": f"%a = torch.aten.relu %v : {V} -> {V}",
    "a tuple": "%a = torch.prim.TupleConstruct %n : !torch.int -> !torch.tuple<int>",
    "another type": "%a = torch.derefine %n : !torch.int to !torch.any",
}
STATEFUL = {
    "a tensor": f"%a = torch.aten.relu %x : {T} -> {T}",
    "a view": f"%a = torch.aten.t %x : {T} -> {T}",
    "a list": "%a = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>",
    "a dict": f"%a = torch.prim.DictConstruct keys(%s : !torch.str) values(%x : {T}) -> {DICT}",
    "an object": f"%a = torch.prim.CreateObject : {BOX}",
    "a literal that may change": f"%a = torch.tensor.literal(dense<1.0> : tensor<2x3xf32>) : {T}",
    "a question to a tensor": f"%a = torch.aten.numel %x : {T} -> !torch.int",
    "a question to a list": "%a = torch.aten.len.t %l : !torch.list<int> -> !torch.int",
    "an element": f"%a = torch.aten.__getitem__.t %t, %n : {TENSORS}, !torch.int -> {T}",
    "an attribute": f'%a = torch.prim.GetAttr %o["v"] : {BOX} -> !torch.int',
    "a mode": '%a = torch.operator "aten.is_grad_enabled"() : () -> !torch.bool',
    "a draw": f"%a = torch.aten.rand %l, {NONES} -> {V}",
    "perhaps a draw": f"%a = torch.aten.dropout %v, %f, %c : {V}, !torch.float, !torch.bool -> {V}",
}
ACTS = {
    "a write": f"%a = torch.aten.relu_ %x : {T} -> {T}",
    "a write to a value": f"%a = torch.aten.relu_ %v : {V} -> {V}",
    "a write to out": f'%a = torch.operator "aten.relu.out"(%x, %x) : ({T}, {T}) -> {T}',
    "an append": f"%a = torch.aten.append.t %t, %x : {TENSORS}, {T} -> {TENSORS}",
    "a pop": f'%a = torch.operator "aten.pop.t"(%t, %n) : ({TENSORS}, !torch.int) -> {T}',
    "a call of a method": f'%a = torch.prim.CallMethod %o["m"] () : {BOX}, () -> !torch.int',
    "a call of Python": '%a = torch.prim.PythonOp %n {callee = "g"} : !torch.int -> !torch.int',
    "a fork": '%a = torch.prim.fork %n {callee = "g"} : !torch.int -> !torch.future<int>',
    "an operator without schema": '%a = torch.operator "my.op"(%n) : (!torch.int) -> !torch.int',
    "a wait": "%a = torch.aten.wait %h : !torch.future<int> -> !torch.int",
    "a seed": '%a = torch.operator "aten.seed"(%g) : (!torch.Generator) -> !torch.int',
}
EMPTY = {
    "a print": "torch.prim.Print(%n) : !torch.int",
    "a warning": 'torch.operator "aten.warn"(%s, %n) : (!torch.str, !torch.int) -> ()',
    "an exception": "torch.prim.RaiseException %s, %none : !torch.str, !torch.none",
    "an assignment": f'torch.prim.SetAttr %o["v"] = %n : {BOX}, !torch.int',
    "an element set": f'torch.operator "aten._set_item.str"(%d, %s, %x) : ({DICT}, !torch.str, {T}) -> ()',
}


def small(body: str) -> Named:
    return named(ARGUMENTS, f"%none = torch.constant.none\n{body}")


@pytest.mark.parametrize("line", PURE.values(), ids=PURE)
def test_what_gives_the_same_each_time_is_pure(line: str) -> None:
    assert is_pure(small(line).maker("a"))


@pytest.mark.parametrize("line", [*STATEFUL.values(), *ACTS.values()], ids=[*STATEFUL, *ACTS])
def test_what_may_give_another_thing_each_time_is_not_pure(line: str) -> None:
    assert not is_pure(small(line).maker("a"))


@pytest.mark.parametrize("line", [*PURE.values(), *STATEFUL.values()], ids=[*PURE, *STATEFUL])
def test_what_only_reads_may_go(line: str) -> None:
    assert is_removable(small(line).maker("a"))


@pytest.mark.parametrize("line", ACTS.values(), ids=ACTS)
def test_what_somebody_else_can_notice_stays(line: str) -> None:
    assert not is_removable(small(line).maker("a"))


@pytest.mark.parametrize("line", EMPTY.values(), ids=EMPTY)
def test_what_gives_nothing_was_written_for_what_it_does(line: str) -> None:
    op = list(small(line).function.body.block.ops)[-2]
    assert not op.results
    assert not is_removable(op)
    assert not is_pure(op)


def test_functions_and_their_ends_stay() -> None:
    values = small("")
    for op in (values.module, values.function, values.first("func.return")):
        assert not is_removable(op)
        assert not is_pure(op)


def region(kind: str, line: str) -> Named:
    """A branch or loop around a line."""
    if kind == "loop":
        end = "torch.prim.Loop.condition %c, iter()"
        return small(
            f"torch.prim.Loop %n, %c, init() {{\n^bb0(%i: !torch.int):\n{line}\n{end}\n}} : "
            "(!torch.int, !torch.bool) -> ()"
        )
    end = "torch.prim.If.yield"
    sides = (line, "") if kind == "then" else ("", line)
    return small(f"torch.prim.If %c -> () {{\n{sides[0]}\n{end}\n}} else {{\n{sides[1]}\n{end}\n}}")


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
@pytest.mark.parametrize("name", ["a tensor", "a list", "a mode"])
def test_a_region_may_go_where_all_in_it_may(kind: str, name: str) -> None:
    op = region(kind, STATEFUL[name]).first("torch.prim.Loop" if kind == "loop" else "torch.prim.If")
    assert is_removable(op)
    assert not is_pure(op)


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
def test_a_region_stays_as_long_as_something_in_it_draws(kind: str) -> None:
    op = region(kind, STATEFUL["a draw"]).first("torch.prim.Loop" if kind == "loop" else "torch.prim.If")
    assert not is_removable(op)


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
@pytest.mark.parametrize("line", [*ACTS.values(), *EMPTY.values()], ids=[*ACTS, *EMPTY])
def test_a_region_stays_for_one_thing_in_it_that_stays(kind: str, line: str) -> None:
    op = region(kind, line).first("torch.prim.Loop" if kind == "loop" else "torch.prim.If")
    assert not is_removable(op)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (STATEFUL["a draw"], True),
        (STATEFUL["perhaps a draw"], True),
        (f"%a = torch.aten.bernoulli_.float %x, %f, %none : {T}, !torch.float, !torch.none -> {T}", True),
        (PURE["an operator on values"], False),
        (PURE["a constant"], False),
    ],
)
def test_draws_are_told(line: str, wanted: bool) -> None:
    assert draws(small(line).maker("a")) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (PURE["arithmetic"], True),
        (PURE["an operator on values"], True),
        (STATEFUL["a tensor"], True),
        (PURE["a constant"], False),
        (STATEFUL["a draw"], False),
        (STATEFUL["perhaps a draw"], False),
        (STATEFUL["a mode"], False),
        (ACTS["a write"], False),
        (ACTS["a seed"], False),
        (ACTS["an operator without schema"], False),
        (f'%a = torch.operator "aten._cast_Char"(%x, %c) : ({T}, !torch.bool) -> {T}', False),
    ],
)
def test_only_operators_that_always_give_the_same_are_run_at_compile_time(line: str, wanted: bool) -> None:
    assert is_foldable(small(line).maker("a")) == wanted


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
def test_an_operator_that_changes_a_shape_is_found_in_regions(kind: str) -> None:
    assert changes_shapes(region(kind, f'%a = torch.operator "aten.t_"(%x) : ({T}) -> {T}').function)
    assert not changes_shapes(region(kind, ACTS["a write"]).function)


def test_only_schema_operations_with_a_meaning_have_a_definition() -> None:
    relu = definition_of(small(STATEFUL["a tensor"]).maker("a"))
    assert relu is not None
    assert relu.name == "aten::relu"
    assert definition_of(small(PURE["a constant"]).maker("a")) is None
    assert definition_of(small(ACTS["an operator without schema"]).maker("a")) is None
