"""`split-containers`: entries of dicts and lists as attributes, and which of them stay whole."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.split_containers import SplitContainers

M, T, D, E = '!torch.nn.Module<"M">', "!torch.tensor", "!torch.dict<str, tensor>", "!torch.optional<tensor>"
GET = f'%d = torch.prim.GetAttr %self["s"] : {M} -> {D}'
KEYS = '%a = torch.constant.str "a"\n%b = torch.constant.str "b"\n'


def access(operator: str, operands: str, kinds: str, result: str = "") -> str:
    """One operation on the dict."""
    made = f"%{result.partition(' ')[0]} = " if result else ""
    return f'{made}torch.operator "aten.{operator}"({operands}) : ({kinds}) -> ({result.partition(" ")[2]})'


READ = access("__getitem__.Dict_str", "%d, %a", f"{D}, !torch.str", f"r {T}")
HAS = access("__contains__.str", "%d, %a", f"{D}, !torch.str", "r !torch.bool")
WRITE = access("_set_item.str", "%d, %a, %x", f"{D}, !torch.str, {T}")
LATER = access("_set_item.str", "%d, %b, %x", f"{D}, !torch.str, {T}")


def method(*body: str, returned: str = f"%x : {T}") -> str:
    kind = returned.partition(" : ")[2]
    lines = "\n  ".join(body)
    return (
        f"func.func @f(%self : {M}, %x : {T}, %c : !torch.bool, %k : !torch.str) -> {kind} {{\n"
        f"  {lines}\n  func.return {returned}\n}}"
    )


def entry(name: str = "e", key: str = "a") -> str:
    return f"%{name} = torch.prim.GetAttr %self[\"s['{key}']\"] : {M} -> {E}"


def test_what_is_read_is_unwrapped() -> None:
    unwrap = f"%r = torch.aten._unwrap_optional %e : {E} -> {T}"
    assert_rewrites(
        method(KEYS, GET, READ, returned=f"%r : {T}"),
        method(KEYS, entry(), unwrap, returned=f"%r : {T}"),
        SplitContainers(),
    )


def test_a_key_is_there_where_the_entry_is_not_none() -> None:
    asked = f"%n = torch.constant.none\n%r = torch.aten.__isnot__ %e, %n : {E}, !torch.none -> !torch.bool"
    assert_rewrites(
        method(KEYS, GET, HAS, returned="%r : !torch.bool"),
        method(KEYS, entry(), asked, returned="%r : !torch.bool"),
        SplitContainers(),
    )


def test_what_is_written_is_assigned() -> None:
    assigned = f"%z = torch.derefine %x : {T} to {E}\ntorch.prim.SetAttr %self[\"s['a']\"] = %z : {M}, {E}"
    assert_rewrites(method(KEYS, GET, WRITE), method(KEYS, assigned), SplitContainers())


def test_the_device_of_a_tensor_is_a_key() -> None:
    device = f"%o = torch.prim.device %x : {T} -> !torch.Device\n"
    text = "%q = torch.aten.str %o : !torch.Device -> !torch.str"
    unwrap = f"%r = torch.aten._unwrap_optional %e : {E} -> {T}"
    known = '%o = torch.constant.device "cpu"\n%q = torch.constant.str "cpu"'
    assert_rewrites(
        method(device, text, GET, READ.replace("%a", "%q"), returned=f"%r : {T}"),
        method(known, entry(key="cpu"), unwrap, returned=f"%r : {T}"),
        SplitContainers(),
    )


def branch(body: str) -> str:
    return f"""torch.prim.If %c -> () {{
      {body}
      torch.prim.If.yield
    }} else {{
      torch.prim.If.yield
    }}"""


@pytest.mark.parametrize(
    "body",
    [
        [access("len.Dict_str", "%d", D, "r !torch.int"), WRITE],
        [WRITE.replace("%a", "%k")],
        [f"%t = torch.prim.TupleConstruct %d : {D} -> !torch.tuple<dict<str, tensor>>"],
        [branch(WRITE), LATER, WRITE],
        [WRITE, f'torch.prim.SetAttr %self["r"] = %d : {M}, {D}'],
    ],
    ids=["length", "unknown key", "held", "order", "assigned"],
)
def test_dicts_of_which_more_is_seen_stay(body: list[str]) -> None:
    assert_leaves(method(KEYS, GET, *body), SplitContainers())


L = "!torch.list<tensor>"
GET_LIST = f'%d = torch.prim.GetAttr %self["s"] : {M} -> {L}'
PLACES = "%p = torch.constant.int 1\n%q = torch.constant.int -1\n"
ELEMENT = f'%e = torch.prim.GetAttr %self["s[1]"] : {M} -> {E}'


def element(operator: str, place: str, more: str = "", kinds: str = "", result: str = T) -> str:
    """One operation on the list."""
    return f"%r = torch.aten.{operator} %d, {place}{more} : {L}, !torch.int{kinds} -> {result}"


READ_ELEMENT = element("__getitem__.t", "%p")
WRITE_ELEMENT = element("_set_item.t", "%p", ", %x", f", {T}", L)


def test_an_element_of_a_list_is_an_attribute() -> None:
    unwrap = f"%r = torch.aten._unwrap_optional %e : {E} -> {T}"
    assert_rewrites(
        method(PLACES, GET_LIST, READ_ELEMENT, returned=f"%r : {T}"),
        method(PLACES, ELEMENT, unwrap, returned=f"%r : {T}"),
        SplitContainers(),
    )


def test_an_element_that_is_written_is_there() -> None:
    assigned = [
        ELEMENT,
        f"%r = torch.aten._unwrap_optional %e : {E} -> {T}",
        f"%z = torch.derefine %x : {T} to {E}",
        f'torch.prim.SetAttr %self["s[1]"] = %z : {M}, {E}',
    ]
    assert_rewrites(method(PLACES, GET_LIST, WRITE_ELEMENT), method(PLACES, *assigned), SplitContainers())


@pytest.mark.parametrize(
    "body",
    [
        [READ_ELEMENT.replace("%p", "%q")],
        [f"%r = torch.aten.len.t %d : {L} -> !torch.int"],
        [READ_ELEMENT, f'torch.prim.SetAttr %self["s"] = %d : {M}, {L}'],
        [WRITE_ELEMENT, f"%t = torch.aten.len.t %r : {L} -> !torch.int"],
    ],
    ids=["from the end", "length", "assigned", "second name"],
)
def test_lists_of_which_more_is_seen_stay(body: list[str]) -> None:
    assert_leaves(method(PLACES, GET_LIST, *body), SplitContainers())
