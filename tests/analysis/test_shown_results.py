"""`shown_results`: what is not said to be shown is memory that callers cannot come by."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import V, branch, loop, named
from tsc.analysis.shown_results import is_in_loop, is_shown

LIST, DICT, PAIR = "!torch.list<vtensor>", "!torch.dict<int, vtensor>", "!torch.tuple<vtensor, vtensor>"
ANY, OPTIONAL, BOX = "!torch.any", "!torch.optional<tensor>", '!torch.class<"Box">'
ARGUMENTS = f"%x : {V}, %n : !torch.int, %c : !torch.bool, %s : !torch.str, %o : {BOX}"
PRELUDE = (
    f"%none = torch.constant.none\n%a = torch.aten.relu %x : {V} -> {V}\n%z = torch.aten.neg %x : {V} -> {V}"
)
TUPLE = f"%t = torch.prim.TupleConstruct %a, %z : {V}, {V} -> {PAIR}"
MAKE_LIST = f"%l = torch.prim.ListConstruct %z, %a : ({V}, {V}) -> {LIST}"
MAKE_DICT = f"%d = torch.prim.DictConstruct keys(%n : !torch.int) values(%a : {V}) -> {DICT}"
TURN = f"torch.aten.transpose.int %{{}}, %n, %n : {V}, !torch.int, !torch.int -> {V}"
RETURNED = f"%r : {V}"


def shown(body: str, returned: str) -> bool:
    """Whether callers may see the memory of ``%a``."""
    return is_shown(named(ARGUMENTS, f"{PRELUDE}\n{body}", returned)["a"])


SHOWN = {
    "itself": ("", f"%a : {V}"),
    "one of two": ("", f"%z, %a : {V}, {V}"),
    "a part of a tuple": (TUPLE, f"%t : {PAIR}"),
    "an element of a list": (MAKE_LIST, f"%l : {LIST}"),
    "an element of a dict": (MAKE_DICT, f"%d : {DICT}"),
    "a tuple in a list": (
        f"{TUPLE}\n%l = torch.prim.ListConstruct %t : ({PAIR}) -> !torch.list<tuple<vtensor, vtensor>>",
        "%l : !torch.list<tuple<vtensor, vtensor>>",
    ),
    "another type": (f"%r = torch.derefine %a : {V} to {ANY}", f"%r : {ANY}"),
    "a view": (f"%r = {TURN.format('a')}", RETURNED),
    "a view of a view": (f"%v = {TURN.format('a')}\n%r = {TURN.format('v')}", RETURNED),
    "perhaps a view": (
        f"%k = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>\n"
        f"%r = torch.aten.reshape %a, %k : {V}, !torch.list<int> -> {V}",
        RETURNED,
    ),
    "a view in a tuple": (
        f"%r = {TURN.format('a')}\n%t = torch.prim.TupleConstruct %r : {V} -> !torch.tuple<vtensor>",
        "%t : !torch.tuple<vtensor>",
    ),
    "views in a list": (f"%r = torch.aten.unbind.int %a, %n : {V}, !torch.int -> {LIST}", f"%r : {LIST}"),
    "an element read again": (
        f"{MAKE_LIST}\n%r = torch.aten.__getitem__.t %l, %n : {LIST}, !torch.int -> {V}", RETURNED,
    ),
    "one side of a branch": (branch("%a", "%z", V), RETURNED),
    "the other side": (branch("%z", "%a", V), RETURNED),
    "a view made in a branch": (branch(f"%v = {TURN.format('a')}; %v", "%z", V), RETURNED),
    "a tuple from a branch": (f"{TUPLE}\n{branch('%t', '%t', PAIR)}", f"%r : {PAIR}"),
    "another type from a branch": (
        f"%b = torch.derefine %a : {V} to {OPTIONAL}\n{branch('%b', '%b', OPTIONAL)}", f"%r : {OPTIONAL}",
    ),
    "what a loop starts from": (loop("%a", f"%v = torch.aten.neg %carried : {V} -> {V}; %v", V), RETURNED),
    "what a loop gives to the next round": (loop("%z", "%a", V), RETURNED),
    "a view of what a loop carries": (loop("%a", f"%v = {TURN.format('carried')}; %v", V), RETURNED),
}  # fmt: skip


@pytest.mark.parametrize(("body", "returned"), SHOWN.values(), ids=SHOWN)
def test_memory_that_callers_get_is_shown(body: str, returned: str) -> None:
    assert shown(body, returned)


HIDDEN = {
    "nothing": ("", ""),
    "another tensor": ("", f"%z : {V}"),
    "what is computed of it": (f"%r = torch.aten.neg %a : {V} -> {V}", RETURNED),
    "a copy": (f"%r = torch.aten.clone %a, %none : {V}, !torch.none -> {V}", RETURNED),
    "computed from a view": (
        f"%v = {TURN.format('a')}\n%r = torch.aten.neg %v : {V} -> {V}", RETURNED,
    ),
    "computed in a branch": (branch(f"%v = torch.aten.neg %a : {V} -> {V}; %v", "%z", V), RETURNED),
    "a number of it": (f"%k = torch.aten.item %a : {V} -> !torch.int", "%k : !torch.int"),
    "a tuple that is dropped": (TUPLE, f"%z : {V}"),
    "a copy of a list": (
        f"{MAKE_LIST}\n%r = torch.aten.cat %l, %n : {LIST}, !torch.int -> {V}", RETURNED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "returned"), HIDDEN.values(), ids=HIDDEN)
def test_memory_that_stays_inside_is_not_shown(body: str, returned: str) -> None:
    assert not shown(body, returned)


OTHER_WAYS = {
    "a part of a tuple from a branch": (
        f"{TUPLE}\n{branch('%t', '%t', PAIR, 'b')}\n"
        f"%r = torch.prim.TupleIndex %b, %n : {PAIR}, !torch.int -> {V}",
        RETURNED,
    ),
    "an unpacked tuple from a branch": (
        f"{TUPLE}\n{branch('%t', '%t', PAIR, 'b')}\n%r, %q = torch.prim.TupleUnpack %b : {PAIR} -> {V}, {V}",
        RETURNED,
    ),
    "an unpacked list from a branch": (
        f"{MAKE_LIST}\n{branch('%l', '%l', LIST, 'b')}\n"
        f"%r, %q = torch.prim.ListUnpack %b : {LIST} -> {V}, {V}",
        RETURNED,
    ),
    "a cast": (
        f"%b = torch.derefine %a : {V} to {OPTIONAL}\n{branch('%b', '%b', OPTIONAL, 'd')}\n"
        f"%r = torch.prim.unchecked_cast %d : {OPTIONAL} -> {V}",
        RETURNED,
    ),
    "perhaps a view of an element": (
        f"%l = torch.prim.ListConstruct %a : ({V}) -> {LIST}\n"
        f"%r = torch.aten.einsum %s, %l, %none : !torch.str, {LIST}, !torch.none -> {V}",
        RETURNED,
    ),
    "an element of a copied list": (
        f'{MAKE_LIST}\n%k = torch.operator "aten.list.t"(%l) : ({LIST}) -> {LIST}\n'
        f"%r = torch.aten.__getitem__.t %k, %n : {LIST}, !torch.int -> {V}",
        RETURNED,
    ),
    "an element of a dict, or nothing": (
        f'{MAKE_DICT}\n%r = torch.operator "aten.get.int"(%d, %n) : ({DICT}, !torch.int) -> {OPTIONAL}',
        f"%r : {OPTIONAL}",
    ),
    "an attribute of an object": (f'torch.prim.SetAttr %o["v"] = %a : {BOX}, {V}', f"%o : {BOX}"),
    "an element appended": (
        f"%l = torch.prim.ListConstruct : () -> {LIST}\n"
        f"%_ = torch.aten.append.t %l, %a : {LIST}, {V} -> {LIST}",
        f"%l : {LIST}",
    ),
    "the default of a dict": (
        f'%d = torch.prim.DictConstruct keys(%n : !torch.int) values(%z : {V}) -> {DICT}\n'
        f'%r = torch.operator "aten.get.default_int"(%d, %n, %a) : ({DICT}, !torch.int, {V}) -> {V}',
        RETURNED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "returned"), OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_memory_that_callers_get_in_another_way_is_shown(body: str, returned: str) -> None:
    assert shown(body, returned)


def test_memory_given_to_unknown_code_is_shown() -> None:
    assert shown(f'%r = torch.prim.PythonOp %a {{callee = "g"}} : {V} -> {V}', RETURNED)


@pytest.mark.parametrize(
    ("start", "given"), [("%a, %z", "%z, %p"), ("%z, %z", "%a, %p")], ids=["at the start", "in a round"]
)
def test_a_loop_may_pass_memory_on_from_one_place_to_the_next(start: str, given: str) -> None:
    body = f"""%q, %r = torch.prim.Loop %n, %c, init({start}) {{
      ^bb0(%i : !torch.int, %p : {V}, %last : {V}):
        torch.prim.Loop.condition %c, iter({given} : {V}, {V})
      }} : (!torch.int, !torch.bool, {V}, {V}) -> ({V}, {V})"""
    assert shown(body, RETURNED)


def test_a_value_that_a_loop_passes_round_is_asked_once() -> None:
    assert not shown(loop("%a", "%carried", V), f"%z : {V}")


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (f"%i = torch.aten.neg %x : {V} -> {V}", False),
        (branch(f"%i = torch.aten.neg %x : {V} -> {V}; %i", "%z", V), False),
        (loop("%x", f"%i = torch.aten.neg %x : {V} -> {V}; %i", V).replace("(%i:", "(%j:"), True),
    ],
    ids=["alone", "in a branch", "in a loop"],
)  # fmt: skip
def test_what_is_in_a_loop_may_run_several_times(body: str, wanted: bool) -> None:
    assert is_in_loop(named(ARGUMENTS, f"{PRELUDE}\n{body}").maker("i")) == wanted


def test_a_branch_in_a_loop_may_run_several_times() -> None:
    text = f"""torch.prim.Loop %n, %c, init() {{
      ^bb0(%j: !torch.int):
        torch.prim.If %c -> () {{
          %i = torch.aten.neg %x : {V} -> {V}
          torch.prim.If.yield
        }} else {{
          torch.prim.If.yield
        }}
        torch.prim.Loop.condition %c, iter()
      }} : (!torch.int, !torch.bool) -> ()"""
    assert is_in_loop(named(ARGUMENTS, text).maker("i"))
