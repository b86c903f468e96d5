"""`eliminate-common-subexpressions`: what was computed before is not computed again, if nobody can tell."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.eliminate_common_subexpressions import EliminateCommonSubexpressions

V, M, INTS = "!torch.vtensor<[2],f32>", "!torch.tensor", "!torch.list<int>"
ARGUMENTS = f"%x : {V}, %m : {M}, %l : {INTS}, %n : !torch.int, %k : !torch.int, %c : !torch.bool"
ADD = "{} = torch.aten.add.int {}, {} : !torch.int, !torch.int -> !torch.int"
RELU = f"{{}} = torch.aten.relu {{}} : {V} -> {V}"
NONE = "%none = torch.constant.none"


def function(body: str, values: str, kind: str = "!torch.int") -> str:
    """A function that runs `body` and returns a tuple of `values`, all of type `kind`."""
    kinds = [kind] * len(values.split(", "))
    result = f"!torch.tuple<{', '.join(k.removeprefix('!torch.') for k in kinds)}>"
    made = f"%made = torch.prim.TupleConstruct {values} : {', '.join(kinds)} -> {result}"
    return f"func.func @f({ARGUMENTS}) -> {result} {{\n{body}\n{made}\nfunc.return %made : {result}\n}}"


def assert_merges(first: str, second: str, kind: str = "!torch.int") -> None:
    """Of `first` and `second`, which make ``%a`` and ``%b``, one stays."""
    before = function(f"{first}\n{second}", "%a, %b", kind)
    assert_rewrites(before, function(first, "%a, %a", kind), EliminateCommonSubexpressions())


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("torch.constant.int 1", "!torch.int"),
        ("torch.constant.none", "!torch.none"),
        ('torch.constant.str "a"', "!torch.str"),
        ("torch.aten.add.int %n, %k : !torch.int, !torch.int -> !torch.int", "!torch.int"),
        ("torch.prim.TupleConstruct %n : !torch.int -> !torch.tuple<int>", "!torch.tuple<int>"),
        ("torch.derefine %n : !torch.int to !torch.optional<int>", "!torch.optional<int>"),
        ('torch.prim.isinstance %n {types = ["int"], torch_types = [!torch.int]} : !torch.int -> !torch.bool',
         "!torch.bool"),
    ],
)  # fmt: skip
def test_what_is_equal_is_computed_once(line: str, kind: str) -> None:
    assert_merges(f"%a = {line}", f"%b = {line}", kind)


def test_what_is_computed_of_equal_values_is_equal() -> None:
    chain = "\n".join(ADD.format(*names) for names in (("%s", "%n", "%k"), ("%a", "%s", "%n")))
    assert_merges(chain, chain.replace("%s", "%t").replace("%a", "%b"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("%a = torch.constant.int 1", "%b = torch.constant.int 2"),
        (ADD.format("%a", "%n", "%k"), ADD.format("%b", "%k", "%n")),
        (ADD.format("%a", "%n", "%k"), ADD.format("%b", "%n", "%k").replace("add", "sub")),
        (
            '%a = torch.operator "aten.bin"(%n) : (!torch.int) -> !torch.str',
            '%b = torch.operator "aten.hex"(%n) : (!torch.int) -> !torch.str',
        ),
        ("%a = torch.constant.float 0.0", "%b = torch.constant.float -0.0"),
        ("%a = torch.constant.int 1", "%b = torch.constant.bool true"),
        ("%a = torch.derefine %n : !torch.int to !torch.any",
         "%b = torch.derefine %n : !torch.int to !torch.optional<int>"),
    ],
    ids=["number", "operands", "operator", "operator without a class", "sign of zero", "type", "result"],
)  # fmt: skip
def test_what_differs_is_not_merged(first: str, second: str) -> None:
    assert_leaves(function(f"{first}\n{second}", "%n"), EliminateCommonSubexpressions())


@pytest.mark.parametrize(
    "line",
    [
        f"torch.aten.rand %l{', %none' * 4} : {INTS}{', !torch.none' * 4} -> {V}",
        'torch.operator "aten.is_grad_enabled"() : () -> !torch.bool',
        'torch.operator "my.op"(%n) : (!torch.int) -> !torch.int',
        f"torch.aten.len.t %l : {INTS} -> !torch.int",
        f"torch.aten.numel %m : {M} -> !torch.int",
        f"torch.aten.relu %m : {M} -> {M}",
        f"torch.aten.append.t %l, %n : {INTS}, !torch.int -> {INTS}",
        f"torch.prim.ListConstruct %n : (!torch.int) -> {INTS}",
        f"torch.tensor.literal(dense<1.0> : tensor<2xf32>) : {M}",
        'torch.prim.CreateObject : !torch.class<"C">',
    ],
    ids=[
        "draws", "reads a mode", "unknown operator", "reads a list", "reads a tensor", "makes a tensor",
        "writes", "makes a list", "makes a tensor of numbers", "makes an object",
    ],
)  # fmt: skip
def test_what_need_not_be_the_same_twice_is_not_merged(line: str) -> None:
    assert_leaves(function(f"{NONE}\n%a = {line}\n%b = {line}", "%n"), EliminateCommonSubexpressions())


def region(kind: str, body: str) -> str:
    """A branch or loop around `body`, which prints ``%b``."""
    inside = f"{body}\ntorch.prim.Print(%b) : !torch.int"
    if kind == "loop":
        end = "torch.prim.Loop.condition %c, iter()"
        return f"""torch.prim.Loop %n, %c, init() {{\n^bb0(%i: !torch.int):\n{inside}\n{end}
          }} : (!torch.int, !torch.bool) -> ()"""
    end = "torch.prim.If.yield"
    sides = ("", inside) if kind == "else" else (inside, "")
    return f"torch.prim.If %c -> () {{\n{sides[0]}\n{end}\n}} else {{\n{sides[1]}\n{end}\n}}"


FIRST, SECOND = ADD.format("%a", "%n", "%k"), ADD.format("%b", "%n", "%k")


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
def test_what_was_computed_before_a_region_is_not_computed_in_it(kind: str) -> None:
    before, after = (f"{FIRST}\n{region(kind, body)}" for body in (SECOND, ""))
    assert_rewrites(
        function(before, "%a"), function(after.replace("%b", "%a"), "%a"), EliminateCommonSubexpressions()
    )


@pytest.mark.parametrize("kind", ["then", "else", "loop"])
def test_what_was_computed_in_a_region_is_computed_again_after_it(kind: str) -> None:
    assert_leaves(function(f"{region(kind, SECOND)}\n{FIRST}", "%a"), EliminateCommonSubexpressions())


def test_what_one_side_of_a_branch_computes_the_other_computes_too() -> None:
    sides = f"{SECOND}\ntorch.prim.Print(%b) : !torch.int\ntorch.prim.If.yield"
    text = f"torch.prim.If %c -> () {{\n{sides}\n}} else {{\n{sides}\n}}"
    assert_leaves(function(text, "%n"), EliminateCommonSubexpressions())


def test_branches_that_are_equal_are_not_merged() -> None:
    text = region("then", SECOND)
    assert_leaves(function(f"{text}\n{text}", "%n"), EliminateCommonSubexpressions())


def test_functions_do_not_share_what_they_compute() -> None:
    text = "".join(
        f"func.func @{name}() -> !torch.int {{\n%a = torch.constant.int 1\nfunc.return %a : !torch.int\n}}\n"
        for name in "fg"
    )
    assert_leaves(f"%w = torch.constant.int 1\n{text}", EliminateCommonSubexpressions())


TWO = f"{RELU.format('%a', '%x')}\n{RELU.format('%b', '%x')}"


def test_two_tensors_that_are_returned_stay_two() -> None:
    assert_leaves(function(TWO, "%a, %b", V), EliminateCommonSubexpressions())


def test_two_tensors_whose_views_are_returned_stay_two() -> None:
    views = "\n".join(f"%{v} = torch.aten.detach %{t} : {V} -> {V}" for t, v in ("as", "bt"))
    assert_leaves(function(f"{TWO}\n{views}", "%s, %t", V), EliminateCommonSubexpressions())


@pytest.mark.parametrize(("shown", "hidden"), [("%a", "%b"), ("%b", "%a")])
def test_a_tensor_that_is_returned_is_merged_with_one_that_is_not(shown: str, hidden: str) -> None:
    read = f"%r = torch.aten.neg {{}} : {V} -> {V}"
    before = function(f"{TWO}\n{read.format(hidden)}", f"{shown}, %r", V)
    after = function(f"{RELU.format('%a', '%x')}\n{read.format('%a')}", "%a, %r", V)
    assert_rewrites(before, after, EliminateCommonSubexpressions())


def test_a_third_tensor_is_merged_with_one_of_two_that_are_returned() -> None:
    third, read = RELU.format("%d", "%x"), f"%r = torch.aten.neg {{}} : {V} -> {V}"
    before = function(f"{TWO}\n{third}\n{read.format('%d')}", "%a, %b, %r", V)
    after = function(f"{TWO}\n{read.format('%a')}", "%a, %b, %r", V)
    assert_rewrites(before, after, EliminateCommonSubexpressions())
