"""`outline`: which operations become parts of their own, in which order, and which stay in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, Operation

import tsc
from tests.passes import programs_outline as programs
from tests.passes.rewriting import assert_rewrites
from tsc.dialects.aten import AtenOp
from tsc.dialects.context import make_context
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.options import options
from tsc.passes.outline import Outline, outline

BEFORE = """
func.func @f(%state : !torch.dict<str, tensor>, %x : !torch.tensor) -> !torch.tensor {
  %name = torch.constant.str "h"
  %y = torch.aten.tanh %x : !torch.tensor -> !torch.tensor
  %h = torch.aten.__getitem__.Dict_str %state, %name : !torch.dict<str, tensor>, !torch.str -> !torch.tensor
  %z = torch.aten.mul.Tensor %y, %h : !torch.tensor, !torch.tensor -> !torch.tensor
  torch.aten._set_item.str %state, %name, %z : !torch.dict<str, tensor>, !torch.str, !torch.tensor
  func.return %z : !torch.tensor
}"""
AFTER = """
func.func @f(%state : !torch.dict<str, tensor>, %x : !torch.tensor) -> !torch.tensor {
  %name = torch.constant.str "h"
  %h = torch.aten.__getitem__.Dict_str %state, %name : !torch.dict<str, tensor>, !torch.str -> !torch.tensor
  %z = func.call @part0.f(%x, %h) : (!torch.tensor, !torch.tensor) -> !torch.tensor
  torch.aten._set_item.str %state, %name, %z : !torch.dict<str, tensor>, !torch.str, !torch.tensor
  func.return %z : !torch.tensor
}
func.func @part0.f(%x : !torch.tensor, %h : !torch.tensor) -> !torch.tensor {
  %y = torch.aten.tanh %x : !torch.tensor -> !torch.tensor
  %z = torch.aten.mul.Tensor %y, %h : !torch.tensor, !torch.tensor -> !torch.tensor
  func.return %z : !torch.tensor
}"""


def outlined(program: Callable[..., Any], *refused: type[Operation]) -> list[str]:
    """What is left of a program (operators and parts by name, those in a branch or loop in brackets), and
    then each part. What is `refused` stays outside.
    """
    module = tsc.script(program)._entry().alone()
    (function,) = _functions(module)
    module.body.block.add_ops(
        part for _, part in outline(function, {op for op in function.walk() if isinstance(op, refused)})
    )
    module.verify()
    return [" ".join(_names(f.body.block)) for f in _functions(module)]


def _functions(module: ModuleOp) -> list[FuncOp]:
    return [op for op in module.ops if isinstance(op, FuncOp)]


def _names(block: Block) -> list[str]:
    names: list[str] = []
    for op in block.ops:
        if isinstance(op, AtenOp):
            names.append(op.schema.full_name.removeprefix("aten::").partition(".")[0])
        elif isinstance(op, CallOp):
            names.append(op.callee.root_reference.data.partition(".")[0])
        for region in op.regions:
            names += ["[", *_names(region.block), "]"]
    return names


def test_what_native_code_does_is_one_function() -> None:
    """Python reads the dict before it."""
    assert_rewrites(BEFORE, AFTER, Outline())


def test_operations_change_places_to_make_one_part() -> None:
    """The product of all is one part, though a read of a dict lies between its operations."""
    assert outlined(programs.independent) == ["__getitem__ part0", "tanh exp add relu add"]


def test_views_are_made_in_the_part_and_outside() -> None:
    """What computes no elements is done again where Python needs it: the view in the dict is one of `x`."""
    assert outlined(programs.views) == ["select part0 _set_item _set_item", "select tanh"]


def test_writes_end_a_run() -> None:
    """What reads before a write does so in a part before it."""
    assert outlined(programs.writes) == ["part0 add_ part1", "tanh", "tanh mul add"]


def test_views_from_before_a_write_are_given() -> None:
    """A view is no value that a part could make again after a write."""
    assert outlined(programs.read_again) == ["select add_ part0", "tanh mul"]


def test_numbers_from_data_are_taken_in_python() -> None:
    """A view whose sizes depend on elements is made by Python; then the parts that read it are later ones."""
    assert outlined(programs.number) == ["part0 item Int slice slice part1", "sum tanh exp", "add"]


def test_numbers_from_sizes_are_made_in_the_part() -> None:
    """A part takes tensors, and asks these for sizes."""
    assert outlined(programs.sizes) == ["_set_item part0", "size size mul view size div"]


def test_sizes_are_asked_again_where_they_hold() -> None:
    """The size from before is another when something gives the tensor other sizes in place."""
    assert outlined(programs.holds) == ["size _set_item part0", "size tanh view exp"]
    assert outlined(programs.resizes) == ["size unsqueeze_ part0 view part1", "tanh", "exp"]


def test_elements_of_a_list_may_be_tensors_from_outside() -> None:
    """Writing to one is no write to memory of the branch's own."""
    assert outlined(programs.writes_an_element) == [
        "_set_item part0 [ len append __getitem__ add_ ] [ ] part1",
        "tanh",
        "exp",
    ]


def test_tensors_of_its_own_are_written_in_a_branch() -> None:
    """Views of what was made there are its own too."""
    assert outlined(programs.writes_its_own) == ["part0 _set_item", "[ zeros_like select add_ add ] [ ] exp"]


def test_branches_are_in_parts_as_a_whole() -> None:
    """A part is given what is true or false."""
    assert outlined(programs.branches) == ["part0 _set_item", "tanh [ mul exp ] [ ]"]


def test_memory_that_a_branch_may_give_on_is_made_once() -> None:
    """Python makes what it reads too; what only computes with it may make it again."""
    assert outlined(programs.gives_on) == ["ones_like part0 _set_item", "[ ] [ exp ]"]
    assert outlined(programs.reads) == ["ones_like part0 _set_item", "ones_like exp add"]


def test_branches_that_need_a_number_have_parts_in_them() -> None:
    """A number that is given may be another in each call: what needs it is done in Python."""
    assert outlined(programs.counts) == ["gt part0 [ mul part1 ] [ ] _set_item", "tanh", "exp"]


def test_lists_of_its_own_are_written_in_a_part() -> None:
    """A list that nothing else holds is built where its elements are computed."""
    assert outlined(programs.gathers) == ["part0 _set_item", "[ select tanh append ] stack"]


def test_all_writes_of_a_list_are_in_one_part() -> None:
    """The latest of what is appended decides which part that is."""
    assert outlined(programs.gathers_in_turn) == [
        "__getitem__ part0",
        "[ select tanh append ] [ select exp append ] stack",
    ]


def test_loops_are_in_parts_as_a_whole() -> None:
    """Unless they are refused: then parts are in them."""
    assert outlined(programs.loops) == ["part0 _set_item", "size [ tanh select add ]"]
    assert outlined(programs.loops, PrimLoopOp) == [
        "size [ select part0 ] _set_item",
        "tanh add",
    ]


@pytest.mark.parametrize(("program", "kept"), [(programs.draws, "dropout"), (programs.prints, "prim::Print")])
def test_what_acts_stays_in_its_place(program: Callable[..., Any], kept: str) -> None:
    """Drawing and printing are neither moved nor done twice."""
    left, *parts = outlined(program)
    assert [left.split(), *parts] == [["part0", *kept.split(), "part1"], "tanh", "exp"]


def test_unused_results_are_not_given() -> None:
    """A part gives what is read outside it, and no more."""
    module = tsc.script(programs.independent)._entry().alone()
    Outline().apply(make_context(), module)
    call = next(op for op in module.walk() if isinstance(op, CallOp))
    assert len(call.results) == 1
    assert outlined(programs.one_part) == ["part0", "tanh add"]


def test_programs_in_parts_do_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values, the list and the state are those of the program operator by operator."""
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    compiled = tsc.script(programs.steps)
    for _ in range(3):
        state, wanted_state = {"h": x[0].copy()}, {"h": x[0].copy()}
        result = compiled(state, x, 5)
        with monkeypatch.context() as patch:
            patch.setattr(options(), "is_native_enabled", False)
            wanted = tsc.script(programs.steps)(wanted_state, x, 5)
        assert len(result) == len(wanted)
        for a, b in zip([*result, state["h"]], [*wanted, wanted_state["h"]], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
    (found,) = [row for row in compiled.specializations() if ", part " not in row.method]
    assert found.tier == "mixed"
    assert {row.tier for row in compiled.specializations() if ", part " in row.method} == {"native"}
