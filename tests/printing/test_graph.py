# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""``.graph`` is PyTorch's graph, up to the numbering of names."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.printing import programs
from tests.printing.comparing import renumbered, without_places

WITH_PLACES = (programs.counted, programs.row_product, programs.stacked, programs.in_place, programs.division)
"""The first two are the graphs that the TorchScript documentation prints."""
WITHOUT_PLACES = (
    programs.dict_methods,
    programs.none_returned,
    programs.refined,
    programs.enum_value,
    programs.order_of_effects,
    programs.functional,
    programs.long_expression,
    programs.convolution,
    programs.optional_list,
    programs.returns_none,
    programs.unpacked_list,
    programs.with_blocks,
)


@pytest.mark.parametrize("function", WITH_PLACES, ids=lambda f: f.__name__)
def test_the_graph_is_pytorchs_with_its_source_locations(function: Callable[..., Any]) -> None:
    assert renumbered(tsc.script(function).graph) == renumbered(torch.jit.script(function).graph)


@pytest.mark.parametrize("function", WITHOUT_PLACES, ids=lambda f: f.__name__)
def test_the_graph_has_pytorchs_nodes_types_and_names(function: Callable[..., Any]) -> None:
    got = tsc.script(function).graph.text(source_ranges=False)
    assert renumbered(got) == renumbered(without_places(torch.jit.script(function).graph))


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = Inner()
        self.scale = 2.5

    def forward(self, x: Tensor, k: int) -> Tensor:
        y = self.layer(x)
        return y * self.scale + k


def without_mangling(text: str) -> str:
    return text.replace("___torch_mangle_0.", "")


def test_a_method_reads_attributes_and_calls_methods_as_in_pytorch() -> None:
    model = Outer()
    got, expected = tsc.script(model).graph, torch.jit.script(model).graph
    assert renumbered(without_mangling(got.text(source_ranges=False))) == renumbered(
        without_mangling(without_places(expected))
    )


def test_the_inlined_graph_calls_nothing_and_has_pytorchs_nodes() -> None:
    model = Outer()
    got, expected = tsc.script(model).inlined_graph, torch.jit.script(model).inlined_graph
    assert got.findNode("prim::CallMethod") is None
    assert Counter(n.kind() for n in got.nodes()) == Counter(n.kind() for n in expected.nodes())


def test_graph_for_runs_the_function_and_shows_a_graph_without_calls() -> None:
    scripted = tsc.script(Outer())
    graph = scripted.graph_for(torch.ones(3), 2)
    assert graph.findNode("prim::CallMethod") is None
    assert graph.findNode("aten::mul") is not None


def test_the_graph_of_a_frozen_method_reads_no_attribute() -> None:
    frozen = tsc.freeze(tsc.script(Outer().eval()))
    assert frozen.graph.findNode("prim::GetAttr") is None
    assert [n.kind() for n in frozen.graph.nodes()].count("aten::mul") == 2


def test_nodes_values_and_types_can_be_walked() -> None:
    graph = tsc.script(programs.counted).graph
    (loop,) = graph.findAllNodes("prim::Loop")
    (branch,) = loop.findAllNodes("prim::If")
    assert graph.findNode("prim::If", recurse=False) is None
    assert loop is graph.findNode("prim::Loop")
    assert [v.debugName() for v in graph.inputs()] == ["len.1"]
    assert [str(v.type()) for v in loop.outputs()] == ["Tensor"]
    assert branch.inputsAt(0).node().kind() == "aten::lt"
    assert next(graph.outputs()) is loop.output()
    assert graph.findNode("aten::zeros").schema().startswith("aten::zeros(")
    line = programs.counted.__code__.co_firstlineno + 1
    assert graph.findNode("aten::zeros").sourceRange() == f"{programs.__file__}:{line}:9"
    made = graph.findNode("prim::ListConstruct").output()
    assert (str(made.type()), made.type().annotation_str) == ("int[]", "List[int]")
    assert [user.kind() for user, _ in made.uses()] == ["aten::zeros"]
    assert [n.toIValue() for n in graph.nodes() if n.kind() == "prim::Constant"] == [
        1, True, None, 3, 4, 10, 1.0,
    ]  # fmt: skip


def test_a_copy_prints_the_same() -> None:
    graph = tsc.script(programs.counted).graph
    assert str(graph.copy()) == str(graph)


def test_what_nobody_reads_is_not_in_the_graph_but_effects_are() -> None:
    def program(x: Tensor, d: dict[str, int]) -> Tensor:
        y = x * 2
        y.sum()
        d.pop("a")
        return y

    kinds = [n.kind() for n in tsc.script(program).graph.nodes()]
    assert kinds.count("aten::sum") == 0
    assert kinds.count("aten::pop") == 1
