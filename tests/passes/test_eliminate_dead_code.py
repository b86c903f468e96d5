"""`eliminate-dead-code`: what nobody uses goes, unless it does something."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.eliminate_dead_code import EliminateDeadCode

V, M, INTS = "!torch.vtensor<[2],f32>", "!torch.tensor", "!torch.list<int>"
ARGUMENTS = f"%x : {V}, %m : {M}, %l : {INTS}, %n : !torch.int, %c : !torch.bool, %g : !torch.Generator"
ADD = "{} = torch.aten.add.int {}, {} : !torch.int, !torch.int -> !torch.int"


def function(body: str, value: str = "%n") -> str:
    """A function that runs `body` and returns an int."""
    return f"func.func @f({ARGUMENTS}) -> !torch.int {{\n{body}\nfunc.return {value} : !torch.int\n}}"


def assert_becomes(before: str, after: str, value: str = "%n") -> None:
    """The body of a function that returns `value` becomes another."""
    assert_rewrites(function(before, value), function(after, value), EliminateDeadCode())


def branch(results: str, then: str, yielded: str, otherwise: str) -> str:
    """A branch with `results`, all of them ints: the values `yielded` by `then`, or those in `otherwise`."""
    types = ", ".join(["!torch.int"] * (results.count("%")))
    head, end = f"{results} = " if results else "", f" : {types}" if results else ""
    return f"""{head}torch.prim.If %c -> ({types}) {{
        {then}
        torch.prim.If.yield {yielded}{end}
      }} else {{
        torch.prim.If.yield {otherwise}{end}
      }}"""


def loop(results: str, start: str, body: str, carried: str) -> str:
    """A loop that carries ints, ``%a0``, ``%a1`` and so on in its body."""
    count = results.count("%")
    types = ", ".join(["!torch.int"] * count)
    arguments = "".join(f", %a{i}: !torch.int" for i in range(count))
    head, end = f"{results} = " if results else "", f" : {types}" if results else ""
    return f"""{head}torch.prim.Loop %n, %c, init({start}) {{
      ^bb0(%i: !torch.int{arguments}):
        {body}
        torch.prim.Loop.condition %c, iter({carried}{end})
      }} : ({", ".join(["!torch.int", "!torch.bool", *[types] * bool(count)])}) -> ({types})"""


@pytest.mark.parametrize(
    "line",
    [
        "%d = torch.constant.int 1",
        f"%d = torch.vtensor.literal(dense<1.0> : tensor<2xf32>) : {V}",
        f"%d = torch.tensor.literal(dense<1.0> : tensor<2xf32>) : {M}",
        f"%d = torch.prim.ListConstruct %n : (!torch.int) -> {INTS}",
        "%d = torch.derefine %n : !torch.int to !torch.any",
        f"%d = torch.aten.relu %x : {V} -> {V}",
        f"%d = torch.aten.relu %m : {M} -> {M}",
        f"%d = torch.aten.t %m : {M} -> {M}",
        f"%d = torch.aten.len.t %l : {INTS} -> !torch.int",
        '%d = torch.operator "aten.is_grad_enabled"() : () -> !torch.bool',
    ],
)
def test_what_only_makes_an_unused_value_goes(line: str) -> None:
    assert_becomes(line, "")


def test_a_draw_that_nobody_uses_goes() -> None:
    operands, types = "%l" + ", %d" * 4, INTS + ", !torch.none" * 4
    assert_becomes(f"%d = torch.constant.none\n%r = torch.aten.rand {operands} : {types} -> {V}", "")


def test_a_chain_of_unused_values_goes_at_once() -> None:
    assert_becomes(f"{ADD.format('%a', '%n', '%n')}\n{ADD.format('%b', '%a', '%a')}", "")


def test_what_is_used_stays() -> None:
    assert_leaves(
        function(f"{ADD.format('%a', '%n', '%n')}\n{ADD.format('%b', '%a', '%n')}", "%b"), EliminateDeadCode()
    )


@pytest.mark.parametrize(
    "line",
    [
        f"%d = torch.aten.zero_ %m : {M} -> {M}",
        f"%d = torch.aten.append.t %l, %n : {INTS}, !torch.int -> {INTS}",
        "torch.prim.Print(%n) : !torch.int",
        '%s = torch.constant.str "careful"\n%d = torch.constant.int 2\n'
        "torch.aten.warn %s, %d : !torch.str, !torch.int",
        '%s = torch.constant.str "wrong"\n%d = torch.constant.none\n'
        "torch.prim.RaiseException %s, %d : !torch.str, !torch.none",
        '%d = torch.operator "my.op"(%n) : (!torch.int) -> !torch.int',
        '%d = torch.operator "aten.seed"(%g) : (!torch.Generator) -> !torch.int',
        '%d = torch.prim.PythonOp %n {callee = "print"} : !torch.int -> !torch.none',
        "%d = func.call @f(%x, %m, %l, %n, %c, %g) : "
        f"({V}, {M}, {INTS}, !torch.int, !torch.bool, !torch.Generator) -> !torch.int",
    ],
)
def test_what_does_something_stays(line: str) -> None:
    assert_leaves(function(line), EliminateDeadCode())


SUM, WRITE = ADD.format("%s", "%n", "%n"), f"%w = torch.aten.zero_ %m : {M} -> {M}"


@pytest.mark.parametrize("results", ["", "%r"])
def test_a_branch_or_loop_without_effects_or_users_goes(results: str) -> None:
    yielded = "%s" if results else ""
    assert_becomes(branch(results, SUM, yielded, "%n" if results else ""), "")
    assert_becomes(loop(results, "%n" if results else "", SUM, yielded), "")


@pytest.mark.parametrize("around", ["{}", "branch", "loop"])
def test_a_gather_goes_once_its_indices_are_checked(around: str) -> None:
    forms = {"branch": branch("", "{}", "", ""), "loop": loop("", "", "{}", "")}
    line = f"%d = torch.aten.index_select %x, %n, %m : {V}, !torch.int, {M} -> {V}"
    text = forms.get(around, around).replace("{}", line)
    assert_becomes(text, "")
    assert_leaves(function(text), EliminateDeadCode(leaves_gathers=True))


def test_a_branch_or_loop_that_writes_stays_and_what_is_dead_in_it_goes() -> None:
    assert_becomes(branch("", f"{WRITE}\n{SUM}", "", ""), branch("", WRITE, "", ""))
    assert_leaves(
        function(branch("", "", "", "").replace("else {", f"else {{\n{WRITE}")), EliminateDeadCode()
    )
    assert_becomes(loop("", "", f"{WRITE}\n{SUM}", ""), loop("", "", WRITE, ""))


def test_a_write_deep_inside_keeps_what_is_around_it() -> None:
    assert_leaves(
        function(branch("", loop("", "", branch("", WRITE, "", ""), ""), "", "")), EliminateDeadCode()
    )


def test_an_unused_result_of_a_branch_goes_with_what_computed_it() -> None:
    other = ADD.format("%t", "%n", "%n")
    before = branch("%q, %r", f"{SUM}\n{other}", "%t, %s", "%n, %n")
    assert_becomes(before, branch("%r", SUM, "%s", "%n"), "%r")
    assert_becomes(before, branch("%q", other, "%t", "%n"), "%q")


def test_each_side_of_a_branch_still_yields_its_own_values() -> None:
    before = branch("%q, %p, %r", SUM, "%n, %n, %s", "%n, %n, %k")
    after = branch("%r", SUM, "%s", "%k")
    key = "%k = torch.constant.int 7\n"
    assert_becomes(key + before, key + after, "%r")


def test_all_results_of_a_branch_that_writes_go_and_the_write_stays() -> None:
    before = branch("%q, %r", f"{WRITE}\n{SUM}", "%s, %n", "%n, %n")
    assert_becomes(before, branch("", WRITE, "", ""))


ROUND = ADD.format("%t", "%a0", "%i")


@pytest.mark.parametrize(
    ("carried", "body", "result", "kept"),
    [
        ("%a0, %t", ROUND.replace("%a0", "%a1"), "%r", ("%r", "%k")),
        ("%t, %a1", ROUND, "%q", ("%q", "%n")),
        ("%n, %t", ROUND.replace("%a0", "%a1"), "%r", ("%r", "%k")),
    ],
    ids=["the first", "the last", "made anew"],
)
def test_what_a_loop_carries_for_nobody_goes(
    carried: str, body: str, result: str, kept: tuple[str, str]
) -> None:
    key = "%k = torch.constant.int 7\n"
    after = key * (kept[1] == "%k") + loop(kept[0], kept[1], ROUND, "%t")
    assert_becomes(key + loop("%q, %r", "%n, %k", body, carried), after, result)


def test_what_computed_a_value_carried_for_nobody_goes() -> None:
    body = f"{ADD.format('%s', '%i', '%i')}\n{ADD.format('%t', '%a1', '%i')}"
    assert_becomes(loop("%q, %r", "%n, %n", body, "%s, %t"), loop("%r", "%n", ROUND, "%t"), "%r")


@pytest.mark.parametrize(
    ("carried", "body"),
    [("%a0, %t", ADD.format("%t", "%a0", "%a1")), ("%t, %a0", ROUND.replace("%a0", "%i"))],
    ids=["read in a round", "carried on as another value"],
)
def test_what_a_later_round_needs_is_carried(carried: str, body: str) -> None:
    assert_leaves(function(loop("%q, %r", "%n, %n", body, carried), "%r"), EliminateDeadCode())


def test_what_is_used_after_a_loop_that_may_not_run_is_carried() -> None:
    body = f"{WRITE}\n{ADD.format('%s', '%i', '%i')}"
    assert_leaves(function(loop("%q", "%n", body, "%s"), "%q"), EliminateDeadCode())
    assert_becomes(loop("%q", "%n", body, "%s"), loop("", "", WRITE, ""))
