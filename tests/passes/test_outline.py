"""`outline`: which operations become parts of their own, in which order, and which stay in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, Operation

import tsc
from tests.passes.rewriting import assert_rewrites
from tsc.dialects.aten import AtenOp
from tsc.dialects.context import make_context
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.passes.outline import Outline, outline

Tensor, State = torch.Tensor, dict[str, torch.Tensor]
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


def _independent(state: State, x: Tensor) -> Tensor:
    y = torch.tanh(x)
    h = state["h"]
    z = torch.exp(x)
    return y + z + torch.relu(h)


def test_operations_change_places_to_make_one_part() -> None:
    """The product of all is one part, though a read of a dict lies between its operations."""
    assert outlined(_independent) == ["__getitem__ part0", "tanh exp add relu add"]


def _views(state: State, x: Tensor) -> Tensor:
    row = x[0]
    y = torch.tanh(row)
    state["row"] = row
    state["n"] = y
    return y


def test_views_are_made_in_the_part_and_outside() -> None:
    """What computes no elements is done again where Python needs it: the view in the dict is one of `x`."""
    assert outlined(_views) == ["select part0 _set_item _set_item", "select tanh"]


def _writes(x: Tensor, y: Tensor) -> Tensor:
    a = torch.tanh(x)
    x.add_(1)
    return a + torch.tanh(x) * y


def test_writes_end_a_run() -> None:
    """What reads before a write does so in a part before it."""
    assert outlined(_writes) == ["part0 add_ part1", "tanh", "tanh mul add"]


def _read_again(x: Tensor, y: Tensor) -> Tensor:
    row = x[0]
    x.add_(1)
    return torch.tanh(row) * y


def test_views_from_before_a_write_are_given() -> None:
    """A view is no value that a part could make again after a write."""
    assert outlined(_read_again) == ["select add_ part0", "tanh mul"]


def _number(x: Tensor, y: Tensor) -> Tensor:
    n = int(x.sum().item())
    return torch.tanh(y)[:n] + torch.exp(y)[:n]


def test_numbers_from_data_are_taken_in_python() -> None:
    """A view whose sizes depend on elements is made by Python; then the parts that read it are later ones."""
    assert outlined(_number) == ["part0 item Int slice slice part1", "sum tanh exp", "add"]


def _sizes(state: State, x: Tensor) -> Tensor:
    state["x"] = x
    return x.view(x.size(0) * x.size(1)) / x.size(0)


def test_numbers_from_sizes_are_made_in_the_part() -> None:
    """A part takes tensors, and asks these for sizes."""
    assert outlined(_sizes) == ["_set_item part0", "size size mul view size div"]


def _branches(state: State, x: Tensor, more: bool) -> Tensor:
    y = torch.tanh(x)
    if more:
        y = y * 2
        y = torch.exp(y)
    state["y"] = y
    return y


def test_branches_are_in_parts_as_a_whole() -> None:
    """A part is given what is true or false."""
    assert outlined(_branches) == ["part0 _set_item", "tanh [ mul exp ] [ ]"]


def _counts(state: State, x: Tensor, n: int) -> Tensor:
    y = torch.tanh(x)
    if n > 3:
        y = torch.exp(y * n)
    state["y"] = y
    return y


def test_branches_that_need_a_number_have_parts_in_them() -> None:
    """A number that is given may be another in each call: what needs it is done in Python."""
    assert outlined(_counts) == ["gt part0 [ mul part1 ] [ ] _set_item", "tanh", "exp"]


def _gathers(state: State, x: Tensor) -> Tensor:
    found: list[Tensor] = []
    for i in range(3):
        found.append(torch.tanh(x[i]))  # noqa: PERF401 - appending is what it is about
    n = torch.stack(found)
    state["all"] = x
    return n


def test_lists_of_its_own_are_written_in_a_part() -> None:
    """A list that nothing else holds is built where its elements are computed."""
    assert outlined(_gathers) == ["part0 _set_item", "[ select tanh append ] stack"]


def _gathers_in_turn(state: State, x: Tensor) -> Tensor:
    found: list[Tensor] = []
    for i in range(3):
        found.append(torch.tanh(x[i]))  # noqa: PERF401 - appending is what it is about
    y = state["y"]
    for i in range(3):
        found.append(torch.exp(y[i]))  # noqa: PERF401
    return torch.stack(found)


def test_all_writes_of_a_list_are_in_one_part() -> None:
    """The latest of what is appended decides which part that is."""
    assert outlined(_gathers_in_turn) == [
        "__getitem__ part0",
        "[ select tanh append ] [ select exp append ] stack",
    ]


def _loops(state: State, x: Tensor) -> Tensor:
    y = x
    for i in range(x.size(0)):
        y = torch.tanh(y) + x[i]
    state["y"] = y
    return y


def test_loops_are_in_parts_as_a_whole() -> None:
    """Unless they are refused: then parts are in them."""
    assert outlined(_loops) == ["part0 _set_item", "size [ tanh select add ]"]
    assert outlined(_loops, PrimLoopOp) == [
        "size [ select part0 ] _set_item",
        "tanh add",
    ]


def _draws(x: Tensor) -> Tensor:
    y = torch.tanh(x)
    y = torch.dropout(y, 0.5, True)
    return torch.exp(y)


def _prints(x: Tensor) -> Tensor:
    y = torch.tanh(x)
    print("here")
    return torch.exp(y)


@pytest.mark.parametrize(("program", "kept"), [(_draws, "dropout"), (_prints, "prim::Print")])
def test_what_acts_stays_in_its_place(program: Callable[..., Any], kept: str) -> None:
    """Drawing and printing are neither moved nor done twice."""
    left, *parts = outlined(program)
    assert [left.split(), *parts] == [["part0", *kept.split(), "part1"], "tanh", "exp"]


def _one_part(x: Tensor) -> Tensor:
    return torch.tanh(x) + 1


def test_unused_results_are_not_given() -> None:
    """A part gives what is read outside it, and no more."""
    module = tsc.script(_independent)._entry().alone()
    Outline().apply(make_context(), module)
    call = next(op for op in module.walk() if isinstance(op, CallOp))
    assert len(call.results) == 1
    assert outlined(_one_part) == ["part0", "tanh add"]


def _steps(state: State, x: Tensor, n: int) -> list[Tensor]:
    found: list[Tensor] = []
    h = state["h"]
    for i in range(n):
        h = torch.tanh(h + x[i])
        if bool(h.sum() > 3.0):
            found.append(h)
    state["h"] = h
    return found


def test_programs_in_parts_do_what_they_say() -> None:
    """The values, the list and the state are those of the program in Python."""
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    compiled, oracle = tsc.script(_steps), torch.jit.script(_steps)
    for _ in range(3):
        state, wanted_state = {"h": x[0].copy()}, {"h": torch.from_numpy(x[0].copy())}
        result = compiled(state, x, 5)
        wanted = oracle(wanted_state, torch.from_numpy(x), 5)
        assert len(result) == len(wanted)
        for a, b in zip(result, wanted, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-5)
        np.testing.assert_allclose(state["h"], wanted_state["h"].numpy(), rtol=1e-5)
    (found,) = [row for row in compiled.specializations() if ", part " not in row.method]
    assert found.tier == "mixed"
    assert {row.tier for row in compiled.specializations() if ", part " in row.method} == {"native"}
