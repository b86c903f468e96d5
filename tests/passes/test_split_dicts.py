"""`split-dicts`: entries of dicts as attributes, and which dicts stay whole."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.split_dicts import SplitDicts

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
        SplitDicts(),
    )


def test_a_key_is_there_where_the_entry_is_not_none() -> None:
    asked = f"%n = torch.constant.none\n%r = torch.aten.__isnot__ %e, %n : {E}, !torch.none -> !torch.bool"
    assert_rewrites(
        method(KEYS, GET, HAS, returned="%r : !torch.bool"),
        method(KEYS, entry(), asked, returned="%r : !torch.bool"),
        SplitDicts(),
    )


def test_what_is_written_is_assigned() -> None:
    assigned = f"%z = torch.derefine %x : {T} to {E}\ntorch.prim.SetAttr %self[\"s['a']\"] = %z : {M}, {E}"
    assert_rewrites(method(KEYS, GET, WRITE), method(KEYS, assigned), SplitDicts())


def test_the_device_of_a_tensor_is_a_key() -> None:
    device = f"%o = torch.prim.device %x : {T} -> !torch.Device\n"
    text = "%q = torch.aten.str %o : !torch.Device -> !torch.str"
    unwrap = f"%r = torch.aten._unwrap_optional %e : {E} -> {T}"
    known = '%o = torch.constant.device "cpu"\n%q = torch.constant.str "cpu"'
    assert_rewrites(
        method(device, text, GET, READ.replace("%a", "%q"), returned=f"%r : {T}"),
        method(known, entry(key="cpu"), unwrap, returned=f"%r : {T}"),
        SplitDicts(),
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
    assert_leaves(method(KEYS, GET, *body), SplitDicts())
