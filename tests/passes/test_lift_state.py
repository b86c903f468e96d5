"""`lift-state`: attributes become arguments and results, and which functions keep their object."""

from __future__ import annotations

import json

import pytest
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import assert_leaves, assert_rewrites, parse
from tsc.passes.lift_state import LiftState, lift_state

M, INNER = '!torch.nn.Module<"M">', '!torch.nn.Module<"Inner">'
T, MAYBE, LIST = "!torch.tensor", "!torch.optional<tensor>", "!torch.list<tensor>"
PAIR = "!torch.tuple<tensor, int>"


def read(name: str, attribute: str, kind: str, owner: str = f"%self {M}") -> str:
    """One operation that reads an attribute."""
    value, _, holder = owner.partition(" ")
    return f'%{name} = torch.prim.GetAttr {value}["{attribute}"] : {holder} -> {kind}'


def assign(attribute: str, value: str, kind: str, owner: str = f"%self {M}") -> str:
    """One operation that assigns an attribute."""
    holder_value, _, holder = owner.partition(" ")
    return f'torch.prim.SetAttr {holder_value}["{attribute}"] = {value} : {holder}, {kind}'


def method(*body: str, arguments: str = f"%x : {T}", returned: str = f"%x : {T}") -> str:
    """A method of M."""
    kind = returned.partition(" : ")[2]
    lines = "\n  ".join(body)
    return f"func.func @f(%self : {M}, {arguments}) -> {kind} {{\n  {lines}\n  func.return {returned}\n}}"


def lifted(
    *body: str,
    taken: dict[str, str],
    assigned: dict[str, tuple[str, str]],
    arguments: str = f"%x : {T}",
    returned: str = f"%x : {T}",
) -> str:
    """What is made of a method: `taken` are the arguments (``"%n : !torch.int"``) of the paths it reads,
    `assigned` the values, with types, that it returns for those it assigns.
    """
    value, _, kind = returned.partition(" : ")
    results = [(value, kind), *assigned.values()]
    kinds = [k for _, k in results]
    made = f"!torch.tuple<{', '.join(k.removeprefix('!torch.') for k in kinds)}>"
    lines = "\n  ".join(body)
    said = f"tsc.taken = {json.dumps(list(taken))}, tsc.assigned = {json.dumps(list(assigned))}"
    return f"""func.func @f({", ".join([arguments, *taken.values()])}) -> {made} attributes {{{said}}} {{
      {lines}
      %made = torch.prim.TupleConstruct {", ".join(v for v, _ in results)} : {", ".join(kinds)} -> {made}
      func.return %made : {made}
    }}"""


def assert_lifts(before: str, after: str) -> None:
    assert_rewrites(before, after, LiftState())


def reason(text: str) -> str | None:
    """Why the function of a module keeps its object; it is left as it was."""
    assert_leaves(text, LiftState())
    _, module = parse(text)
    (function,) = module.ops
    assert isinstance(function, FuncOp)
    return lift_state(function)


ADD = "torch.aten.add.int %n, %n : !torch.int, !torch.int -> !torch.int"
RELU = f"torch.aten.relu %h : {T} -> {T}"


def test_an_attribute_that_is_read_is_an_argument() -> None:
    assert_lifts(
        method(read("h", "h", T), f"%y = {RELU}", returned=f"%y : {T}"),
        lifted(f"%y = {RELU}", taken={"h": f"%h : {T}"}, assigned={}, returned=f"%y : {T}"),
    )


def test_an_attribute_that_is_only_assigned_is_no_argument() -> None:
    assert_lifts(method(assign("h", "%x", T)), lifted(taken={}, assigned={"h": ("%x", T)}))


def test_a_counter_is_read_and_returned() -> None:
    assert_lifts(
        method(read("n", "n", "!torch.int"), f"%m = {ADD}", assign("n", "%m", "!torch.int")),
        lifted(f"%m = {ADD}", taken={"n": "%n : !torch.int"}, assigned={"n": ("%m", "!torch.int")}),
    )


def test_what_was_assigned_is_what_is_read_from_then_on() -> None:
    assert_lifts(
        method(
            assign("h", "%x", T), read("h", "h", T), f"%y = {RELU}", assign("h", "%y", T), read("k", "h", T),
            returned=f"%k : {T}",
        ),
        lifted(
            f"%y = torch.aten.relu %x : {T} -> {T}", taken={}, assigned={"h": ("%y", T)},
            returned=f"%y : {T}",
        ),
    )  # fmt: skip


def test_a_tensor_that_is_assigned_again_unread_is_computed() -> None:
    relu = f"%y = torch.aten.relu %x : {T} -> {T}"
    assert_lifts(
        method(relu, assign("h", "%y", T), assign("h", "%x", T)),
        lifted(relu, f"tsc.computed %y : {T}", taken={}, assigned={"h": ("%x", T)}),
    )


def test_values_that_were_read_stay_what_they_were() -> None:
    assert_lifts(
        method(read("h", "h", T), assign("h", "%x", T), returned=f"%h : {T}"),
        lifted(taken={"h": f"%h : {T}"}, assigned={"h": ("%x", T)}, returned=f"%h : {T}"),
    )


def test_attributes_come_in_the_order_of_first_mention() -> None:
    assert_lifts(
        method(read("b", "b", T), read("a", "a", T), assign("a", "%b", T), assign("b", "%a", T)),
        lifted(taken={"b": f"%b : {T}", "a": f"%a : {T}"}, assigned={"a": ("%b", T), "b": ("%a", T)}),
    )


def test_attributes_of_inner_objects_go_by_their_paths() -> None:
    inner, again = f"%inner {INNER}", f"%again {INNER}"
    assert_lifts(
        method(
            read("inner", "inner", INNER), read("h", "h", T, inner), assign("h", "%x", T, inner),
            read("again", "inner", INNER), read("k", "h", T, again), assign("h", "%h", T),
            returned=f"%k : {T}",
        ),
        lifted(
            taken={"inner.h": f"%h : {T}"}, assigned={"inner.h": ("%x", T), "h": ("%h", T)},
            returned=f"%x : {T}",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "kind", [MAYBE, PAIR, "!torch.str", "!torch.float", '!torch.namedtuple<"P", a tensor, b int>']
)
def test_attributes_may_be_made_of_tensors_numbers_and_strings(kind: str) -> None:
    arguments, returned = f"%x : {kind}", f"%h : {kind}"
    assert_lifts(
        method(read("h", "h", kind), assign("h", "%x", kind), arguments=arguments, returned=returned),
        lifted(
            taken={"h": f"%h : {kind}"}, assigned={"h": ("%x", kind)}, arguments=arguments, returned=returned
        ),
    )


def test_a_value_is_returned_in_the_declared_type() -> None:
    assert_lifts(
        method(read("h", "h", MAYBE), assign("h", "%x", T), returned=f"%h : {MAYBE}"),
        lifted(
            f"%d = torch.derefine %x : {T} to {MAYBE}",
            taken={"h": f"%h : {MAYBE}"}, assigned={"h": ("%d", MAYBE)}, returned=f"%h : {MAYBE}",
        ),
    )  # fmt: skip


def branch(then: str, otherwise: str = "") -> str:
    return f"""torch.prim.If %c -> () {{
      {then}
      torch.prim.If.yield
    }} else {{
      {otherwise}
      torch.prim.If.yield
    }}"""


def chosen(then: str, otherwise: str, body: str = "") -> str:
    """A branch that gives the attribute `h`."""
    return f"""%r = torch.prim.If %c -> ({T}) {{
      {body}
      torch.prim.If.yield {then} : {T}
    }} else {{
      torch.prim.If.yield {otherwise} : {T}
    }}"""


ARGUMENTS = f"%x : {T}, %c : !torch.bool"


def test_an_attribute_assigned_in_one_arm_is_read_for_the_other() -> None:
    assert_lifts(
        method(branch(assign("h", "%x", T)), arguments=ARGUMENTS),
        lifted(chosen("%x", "%h"), taken={"h": f"%h : {T}"}, assigned={"h": ("%r", T)}, arguments=ARGUMENTS),
    )


def test_an_attribute_assigned_in_both_arms_is_no_argument() -> None:
    arguments = f"{ARGUMENTS}, %z : {T}"
    assert_lifts(
        method(branch(assign("h", "%x", T), assign("h", "%z", T)), arguments=arguments),
        lifted(chosen("%x", "%z"), taken={}, assigned={"h": ("%r", T)}, arguments=arguments),
    )


def test_reads_see_what_was_assigned_on_the_way_to_them() -> None:
    assert_lifts(
        method(
            branch("\n".join([read("h", "h", T), f"%y = {RELU}", assign("h", "%y", T)])), read("k", "h", T),
            arguments=ARGUMENTS, returned=f"%k : {T}",
        ),
        lifted(
            chosen("%y", "%h", f"%y = {RELU}"), taken={"h": f"%h : {T}"}, assigned={"h": ("%r", T)},
            arguments=ARGUMENTS, returned=f"%r : {T}",
        ),
    )  # fmt: skip


def test_a_branch_that_only_reads_keeps_its_results() -> None:
    def chooses(before: str) -> str:
        return f"""%r = torch.prim.If %c -> ({T}) {{
          {before}
          torch.prim.If.yield %h : {T}
        }} else {{
          torch.prim.If.yield %x : {T}
        }}"""

    returned = f"%r : {T}"
    assert_lifts(
        method(chooses(read("h", "h", T)), arguments=ARGUMENTS, returned=returned),
        lifted(chooses(""), taken={"h": f"%h : {T}"}, assigned={}, arguments=ARGUMENTS, returned=returned),
    )


LOOP_ARGUMENTS = f"%x : {T}, %trips : !torch.int, %go : !torch.bool"


def test_a_loop_carries_what_is_assigned_in_it() -> None:
    assert_lifts(
        method(
            f"""%r = torch.prim.Loop %trips, %go, init(%x) {{
            ^bb0(%i : !torch.int, %carried : {T}):
              {read("n", "n", "!torch.int")}
              %m = {ADD}
              {assign("n", "%m", "!torch.int")}
              torch.prim.Loop.condition %go, iter(%carried : {T})
            }} : (!torch.int, !torch.bool, {T}) -> {T}""",
            read("k", "n", "!torch.int"),
            arguments=LOOP_ARGUMENTS,
            returned="%k : !torch.int",
        ),
        lifted(
            f"""%r, %after = torch.prim.Loop %trips, %go, init(%x, %before) {{
            ^bb0(%i : !torch.int, %carried : {T}, %n : !torch.int):
              %m = {ADD}
              torch.prim.Loop.condition %go, iter(%carried, %m : {T}, !torch.int)
            }} : (!torch.int, !torch.bool, {T}, !torch.int) -> ({T}, !torch.int)""",
            taken={"n": "%before : !torch.int"},
            assigned={"n": ("%after", "!torch.int")},
            arguments=LOOP_ARGUMENTS,
            returned="%after : !torch.int",
        ),
    )


def test_a_loop_that_only_reads_takes_what_was_assigned_before_it() -> None:
    def loop(body: str, value: str) -> str:
        return f"""%r = torch.prim.Loop %trips, %go, init(%x) {{
        ^bb0(%i : !torch.int, %carried : {T}):
          {body}
          torch.prim.Loop.condition %go, iter({value} : {T})
        }} : (!torch.int, !torch.bool, {T}) -> {T}"""

    returned = f"%r : {T}"
    assert_lifts(
        method(
            assign("h", "%x", T), loop(read("h", "h", T), "%h"), arguments=LOOP_ARGUMENTS, returned=returned
        ),
        lifted(
            loop("", "%x"), taken={}, assigned={"h": ("%x", T)}, arguments=LOOP_ARGUMENTS, returned=returned
        ),
    )


def test_a_function_without_an_object_is_left() -> None:
    assert reason(f"func.func @f(%x : {T}) -> {T} {{ func.return %x : {T} }}") is None


APPEND = f"%l = torch.aten.append.t %h, %x : {LIST}, {T} -> {LIST}"
DICT = "!torch.dict<str, tensor>"
CALL = f'%y = torch.prim.CallMethod %self["g"] (%x) : {M}, ({T}) -> {T}'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([CALL], "used as a value"),
        ([read("h", "h", LIST), APPEND], "the list 'h' is assigned, or changed in place"),
        ([read("h", "h", DICT)], "the dict 'h' is used otherwise"),
        ([read("h", "h", '!torch.class<"C">')], "attribute 'h' is no tensor"),
        ([read("h", "h", "!torch.list<optional<any>>")], "attribute 'h' is no tensor"),
    ],
    ids=["object", "list", "dict", "class", "any"],
)  # fmt: skip
def test_what_cannot_be_lifted_is_left_with_a_reason(body: list[str], said: str) -> None:
    found = reason(method(*body))
    assert found is not None
    assert said in found


def test_a_list_that_was_assigned_and_is_changed_afterwards_is_left() -> None:
    make = f"%h = torch.prim.ListConstruct %x : ({T}) -> {LIST}"
    found = reason(method(make, assign("h", "%h", LIST), APPEND))
    assert found is not None
    assert "changed in place" in found


def test_a_list_that_is_only_read_is_lifted() -> None:
    length = f"%y = torch.aten.len.t %h : {LIST} -> !torch.int"
    assert_lifts(
        method(read("h", "h", LIST), length, returned="%y : !torch.int"),
        lifted(length, taken={"h": f"%h : {LIST}"}, assigned={}, returned="%y : !torch.int"),
    )


NAMED = '!torch.namedtuple<"P", items list<tensor>, n int>'


def test_a_list_in_a_named_tuple_that_is_changed_is_left() -> None:
    found = reason(
        method(
            read("p", "p", NAMED),
            f"%h, %n = torch.prim.TupleUnpack %p : {NAMED} -> {LIST}, !torch.int",
            APPEND,
        )
    )
    assert found is not None
    assert "changed in place" in found
