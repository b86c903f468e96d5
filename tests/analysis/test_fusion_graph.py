"""`FusionGraph`: an operator joins a group only where no reading, of whatever kind, would go in a circle."""

from __future__ import annotations

import pytest
from xdsl.ir import Operation

from tests.analysis.named_values import Named, V, branch, loop, named
from tsc.analysis.fusion import FusionGraph, FusionGroup, operations_read

ARGUMENTS = f"%x : {V}, %y : {V}, %n : !torch.int, %c : !torch.bool"
TURNED, INTS, FLAT = "!torch.vtensor<[3,2],f32>", "!torch.list<int>", "!torch.vtensor<[6],f32>"
RELU = f"%{{}} = torch.aten.relu %{{}} : {V} -> {V}"
FIRST = RELU.format("a", "x")
TURN = f"%v = torch.aten.t %a : {V} -> {TURNED}"
LAST_TURNED = f"%d = torch.aten.relu %v : {TURNED} -> {TURNED}"
NUMBER = f"%k = torch.aten.item %a : {V} -> !torch.int"
LIST = f"%l = torch.prim.ListConstruct %k : (!torch.int) -> {INTS}"
INSIDE = f"{RELU.format('b', 'a')}; %b"
DEPENDENT = {
    "an operator": f"{RELU.format('b', 'a')}\n{RELU.format('d', 'b')}",
    "a number": f"{NUMBER}\n%d = torch.aten.add.Scalar %y, %k, %one : {V}, !torch.int, !torch.int -> {V}",
    "a list of numbers": f"{NUMBER}\n{LIST}\n%d = torch.aten.view %y, %l : {V}, {INTS} -> {FLAT}",
    "a view": f"{TURN}\n{LAST_TURNED}",
    "a branch": branch(INSIDE, "%y", V, "d"),
    "the other side of a branch": branch("%y", INSIDE, V, "d"),
    "a branch that gives it": branch("%y", "%a", V, "d"),
    "a loop": loop("%y", INSIDE, V, "d"),
    "what a loop starts from": loop("%a", "%carried", V, "d"),
    "a condition": f"%k = torch.aten.Bool.Tensor %a : {V} -> !torch.bool\n{branch('%x', '%y', V, 'd', 'k')}",
    "a view of a view": f"{TURN}\n%h = torch.aten.t %v : {TURNED} -> {V}\n{RELU.format('d', 'h')}",
}  # fmt: skip


def graph(body: str) -> tuple[Named, FusionGraph]:
    """A function of one operator, ``%a``, and `body`; and its graph."""
    prelude = "%one = torch.constant.int 1\n%zero = torch.constant.int 0"
    values = named(ARGUMENTS, f"{prelude}\n{FIRST}\n{body}")
    return values, FusionGraph(values.function.body.block)


def grouped(found: FusionGraph, *ops: Operation) -> FusionGroup:
    """A group of these operations."""
    group = FusionGroup("pointwise", (2, 3), ops=list(ops))
    found.group_of |= dict.fromkeys(ops, group)
    return group


@pytest.mark.parametrize("body", DEPENDENT.values(), ids=DEPENDENT)
def test_what_reads_a_group_through_something_depends_on_it(body: str) -> None:
    values, found = graph(body)
    first, last = grouped(found, values.maker("a")), grouped(found, values.maker("d"))
    assert found.depends(values.maker("d"), first)
    assert found.depends(last, first)
    assert not found.depends(first, last)


def test_what_reads_other_things_is_independent() -> None:
    values, found = graph(RELU.format("b", "y"))
    first, other = grouped(found, values.maker("a")), grouped(found, values.maker("b"))
    assert not found.depends(first, other)
    assert not found.depends(other, first)


def test_a_branch_in_a_branch_is_read_through() -> None:
    inner = branch(RELU.format("b", "a") + "; %b", "%y", V, "e")
    text = f"torch.prim.If.yield %e : {V}"
    body = f"%d = torch.prim.If %c -> ({V}) {{\n{inner}\n{text}\n}} else {{\ntorch.prim.If.yield %y : {V}\n}}"
    values, found = graph(body)
    assert found.depends(values.maker("d"), grouped(found, values.maker("a")))


@pytest.mark.parametrize("name", ["an operator", "a number", "a list of numbers", "a branch", "a loop"])
def test_what_depends_on_a_group_through_something_outside_cannot_join_it(name: str) -> None:
    after = RELU.format("z", "d").replace(V, FLAT) if name == "a list of numbers" else RELU.format("z", "d")
    values, found = graph(f"{DEPENDENT[name]}\n{after}")
    assert not found.can_join(values.maker("z"), grouped(found, values.maker("a")))


@pytest.mark.parametrize("name", ["a number", "a list of numbers"])
def test_an_operator_that_reads_a_number_of_a_group_cannot_join_it(name: str) -> None:
    values, found = graph(DEPENDENT[name])
    assert not found.can_join(values.maker("d"), grouped(found, values.maker("a")))


def test_what_reads_a_group_itself_can_join_it() -> None:
    values, found = graph(RELU.format("d", "a"))
    assert found.can_join(values.maker("d"), grouped(found, values.maker("a")))


def test_what_reads_nothing_of_a_group_can_join_it() -> None:
    values, found = graph(RELU.format("d", "y"))
    assert found.can_join(values.maker("d"), grouped(found, values.maker("a")))


def test_a_group_in_between_is_in_the_way() -> None:
    body = f"{RELU.format('b', 'a')}\n{RELU.format('d', 'b')}"
    values, found = graph(body)
    first = grouped(found, values.maker("a"))
    between = grouped(found, values.maker("b"))
    assert not found.can_join(values.maker("d"), first)
    assert found.can_join(values.maker("d"), between)


def test_a_group_depends_on_what_any_of_its_operators_reads() -> None:
    values, found = graph(f"{RELU.format('b', 'y')}\n{RELU.format('d', 'a')}")
    first = grouped(found, values.maker("a"))
    assert found.depends(grouped(found, values.maker("b"), values.maker("d")), first)


def test_an_operation_reads_what_its_regions_read_and_its_numbers() -> None:
    values, found = graph(f"{NUMBER}\n{loop('%y', INSIDE, V, 'd')}\n{LIST}")
    assert set(found.reads(values.maker("d"))) == {values.maker("a")}
    assert found.reads(values.maker("l")) == (values.maker("k"),)
    assert operations_read(values.maker("k"), found.block) == (values.maker("a"),)


def test_what_is_made_inside_a_region_is_not_read_from_outside() -> None:
    values, found = graph(loop("%y", f"{RELU.format('b', 'carried')}; %b", V, "d"))
    assert found.reads(values.maker("d")) == ()


def test_sources_are_seen_through_views_and_lists() -> None:
    kind = "!torch.list<vtensor>"
    body = f"""
      {TURN}
      %u = torch.aten.t %v : {TURNED} -> {V}
      {RELU.format("b", "y")}
      %l = torch.prim.ListConstruct %u, %b, %x : ({V}, {V}, {V}) -> {kind}
      %d = torch.aten.cat %l, %zero : {kind}, !torch.int -> !torch.vtensor<[6,3],f32>"""
    values, found = graph(body)
    assert list(found.sources(values.maker("d"))) == [values.maker("a"), values.maker("b")]


def test_users_are_seen_through_views_and_lists() -> None:
    kind = "!torch.list<vtensor>"
    body = f"""
      {TURN}
      {LAST_TURNED}
      %l = torch.prim.ListConstruct %a : ({V}) -> {kind}
      %e = torch.aten.cat %l, %zero : {kind}, !torch.int -> {V}
      %g = torch.aten.t %a : {V} -> {TURNED}"""
    values, found = graph(body)
    assert found.users(values.maker("a")) == {values.maker("d"), values.maker("e")}


@pytest.mark.parametrize("name", ["a branch", "a loop", "a number", "what a loop starts from"])
def test_users_of_any_kind_count(name: str) -> None:
    _, found = graph(DEPENDENT[name])
    first = next(op for op in found.block.ops if op.name == "torch.aten.relu")
    assert len(found.users(first)) == 1


def test_a_returned_view_is_a_use() -> None:
    values = named(ARGUMENTS, f"{FIRST}\n{TURN}", f"%v : {TURNED}")
    found = FusionGraph(values.function.body.block)
    assert found.users(values.maker("a")) == {values.first("func.return")}


def test_views_are_free_and_computations_are_not() -> None:
    values, found = graph(f"{TURN}\n{LAST_TURNED}")
    assert [found.is_free(values.maker(name)) for name in "avd"] == [False, True, False]
    assert not found.is_free(values.maker("one"))


def test_a_view_of_a_tensor_that_may_change_is_not_free() -> None:
    kind = "!torch.tensor<[2,3],f32>"
    values = named(f"%m : {kind}", f"%v = torch.aten.t %m : {kind} -> {TURNED}")
    assert not FusionGraph(values.function.body.block).is_free(values.maker("v"))
