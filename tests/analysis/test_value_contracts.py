"""`verify_values`: what it accepts has no `!torch.vtensor` that changes, under any of its names."""

from __future__ import annotations

import pytest

from tests.analysis.named_values import V, branch, loop, named
from tsc.analysis.contracts import verify_values
from tsc.errors import IRError

M, LIST = "!torch.tensor<[2,3],f32>", "!torch.list<vtensor>"
ANY, OPTIONAL, INTS = "!torch.any", "!torch.optional<vtensor>", "!torch.list<int>"
ARGUMENTS = f"%v : {V}, %m : {M}, %n : !torch.int, %c : !torch.bool, %k : {INTS}, %l : {LIST}"
NEW = f"%a = torch.aten.relu %m : {M} -> {V}"


def verify(body: str) -> None:
    verify_values(named(ARGUMENTS, body).module)


FINE = {
    "a computation": f"%a = torch.aten.relu %v : {V} -> {V}",
    "new memory computed from what may change": NEW,
    "a view of a value": f"%a = torch.aten.detach %v : {V} -> {V}",
    "a write to what may change": f"%a = torch.aten.relu_ %m : {M} -> {M}",
    "a value read into what is written": f"%a = torch.aten.copy_ %m, %v, %c : {M}, {V}, !torch.bool -> {M}",
    "a value in a list that grows": f"%a = torch.aten.append.t %l, %v : {LIST}, {V} -> {LIST}",
    "a mutable view": f"%a = torch.aten.detach %m : {M} -> {M}",
    "another type": f"%a = torch.derefine %v : {V} to {OPTIONAL}",
    "a branch of values": branch("%v", f"{NEW}; %a", V),
    "a branch of what may change": branch("%m", "%m", M),
    "a loop that carries a value": loop("%v", f"%a = torch.aten.neg %carried : {V} -> {V}; %a", V),
    "a needed conversion": f"%a = torch.aten.type_as %m, %h : {M}, !torch.vtensor<[2],f64> -> "
    "!torch.vtensor<[2,3],f64>",
}
HALF = "%h = torch.vtensor.literal(dense<1.0> : tensor<2xf64>) : !torch.vtensor<[2],f64>"


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_values_that_stay_what_they_are_are_accepted(body: str) -> None:
    verify(f"{HALF}\n{body}")


BROKEN = {
    "a write": (f"%a = torch.aten.relu_ %v : {V} -> {V}", "aten::relu_ writes to a value, its operand 0"),
    "a write to out": (
        f'%a = torch.operator "aten.relu.out"(%v, %v) : ({V}, {V}) -> {V}',
        "aten::relu.out writes to a value, its operand 1",
    ),
    "a write in a branch": (
        branch(f"%a = torch.aten.relu_ %v : {V} -> {V}; %a", "%v", V), "aten::relu_ writes to a value",
    ),
    "a write in a loop": (
        loop("%v", f"%a = torch.aten.relu_ %carried : {V} -> {V}; %a", V), "aten::relu_ writes to a value",
    ),
    "a view": (f"%a = torch.aten.detach %m : {M} -> {V}", "a value that aten::detach gives"),
    "perhaps a view": (
        f"%a = torch.aten.reshape %m, %k : {M}, {INTS} -> {V}", "a value that aten::reshape gives",
    ),
    "what a write gives back": (f"%a = torch.aten.relu_ %m : {M} -> {V}", "a value that aten::relu_ gives"),
    "an operator without definition": (
        f'%a = torch.operator "aten._cast_Char"(%m, %c) : ({M}, !torch.bool) -> {V}', "aten::_cast_Char",
    ),
    "a cast": (f"%a = torch.prim.unchecked_cast %m : {M} -> {V}", "torch.prim.unchecked_cast"),
    "one side of a branch": (
        f"%r = torch.prim.If %c -> ({V}) {{\ntorch.prim.If.yield %v : {V}\n}} else {{\n"
        f"torch.prim.If.yield %m : {M}\n}}",
        "torch.prim.If",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), BROKEN.values(), ids=BROKEN)
def test_values_that_may_change_are_rejected(body: str, message: str) -> None:
    with pytest.raises(IRError) as caught:
        verify(body)
    assert message in caught.value.message


def carried(start: str, body: str, argument: str, result: str) -> str:
    """A loop whose types do not agree: of what it starts from, what it carries, gives on, and gives."""
    kinds = {"%v": V, "%m": M, "%carried": argument}
    return f"""%r = torch.prim.Loop %n, %c, init({start}) {{
      ^bb0(%i : !torch.int, %carried : {argument}):
        torch.prim.Loop.condition %c, iter({body} : {kinds[body]})
      }} : (!torch.int, !torch.bool, {kinds[start]}) -> {result}"""


@pytest.mark.parametrize(
    ("argument", "result"), [(V, M), (M, V), (V, V)], ids=["inside", "after", "inside and after"]
)
def test_a_loop_gives_no_value_that_is_mutable_before(argument: str, result: str) -> None:
    with pytest.raises(IRError, match=r"torch\.prim\.Loop gives"):
        verify(carried("%m", "%v", argument, result))


UNCHECKED = {
    "the next round of a loop": carried("%v", "%m", V, V),
    "an element of a tuple": (
        f"%t = torch.prim.TupleConstruct %m : {M} -> !torch.tuple<tensor>\n"
        f"%a = torch.prim.TupleIndex %t, %n : !torch.tuple<tensor>, !torch.int -> {V}"
    ),
    "an element of a list": (
        f"%t = torch.prim.ListConstruct %m : ({M}) -> !torch.list<tensor>\n"
        f"%a = torch.aten.__getitem__.t %t, %n : !torch.list<tensor>, !torch.int -> {V}"
    ),
    "an optional": (
        f"%t = torch.derefine %m : {M} to !torch.optional<tensor>\n"
        f"%a = torch.prim.unchecked_cast %t : !torch.optional<tensor> -> {V}"
    ),
    "a view of a list's element": (
        f"%t = torch.prim.ListConstruct %m : ({M}) -> !torch.list<tensor>\n"
        f'%s = torch.constant.str "ij->ji"\n%none = torch.constant.none\n'
        f"%a = torch.aten.einsum %s, %t, %none : !torch.str, !torch.list<tensor>, !torch.none -> {V}"
    ),
}


@pytest.mark.parametrize("body", UNCHECKED.values(), ids=UNCHECKED)
@pytest.mark.xfail(
    strict=True, raises=pytest.fail.Exception, reason="`_other_names` looks at tensors themselves"
)
def test_values_that_may_change_in_another_way_are_rejected(body: str) -> None:
    with pytest.raises(IRError):
        verify(body)
