"""`read-around-writes`: parts of what was written are read from what was there and what was written."""

from __future__ import annotations

import json

import pytest
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from tests.passes.rewriting import rewritten
from tsc import dtypes
from tsc.analysis.written_parts import written_parts
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.tsc import CONTENTS, WRITTEN
from tsc.passes.eliminate_dead_code import EliminateDeadCode
from tsc.passes.flatten_results import FlattenResults
from tsc.passes.read_around_writes import ReadAroundWrites, is_made_whole

H, P, ROW, ROWS, I64 = (
    "!torch.vtensor<[8,3],f32>", "!torch.vtensor<[1],si64>", "!torch.vtensor<[1,3],f32>",
    "!torch.vtensor<[2,3],f32>", "!torch.vtensor<[],si64>",
)  # fmt: skip
INT = "!torch.int"
NUMBERS = "\n".join(f"  %{n} = torch.constant.int {n}" for n in range(9))
COPY = f'  %w = torch.operator "aten.index_copy"(%h, %0, %p, %row) : ({H}, {INT}, {P}, {ROW}) -> {H}'


def slice_of(name: str, start: int, end: int, kind: str, dim: int = 0) -> str:
    return (
        f"torch.aten.slice.Tensor %{name}, %{dim}, %{start}, %{end}, %1 : {H}, {INT}, {INT}, {INT}, {INT} -> "
        f"{kind}"
    )


def function(body: str, returned: str) -> str:
    values, _, kinds = returned.partition(" : ")
    return f"""
func.func @f(%h : {H}, %p : {P}, %row : {ROW}, %rows : {ROWS}) -> ({kinds})
    attributes {{{WRITTEN} = array<i64: 0>}} {{
{NUMBERS}
{body}
  return {values} : {kinds}
}}"""


def joined() -> str:
    """Rows 3 and 4 are written."""
    three = "!torch.vtensor<[3,3],f32>"
    return f"""  %before = {slice_of("h", 0, 3, three)}
  %after = {slice_of("h", 5, 8, three)}
  %pieces = torch.prim.ListConstruct %before, %rows, %after :
    ({three}, {ROWS}, {three}) -> !torch.list<vtensor>
  %w = torch.aten.cat %pieces, %0 : !torch.list<vtensor>, {INT} -> {H}"""


def passed(body: str, returned: str) -> ModuleOp:
    _, module = rewritten(function(body, returned), ReadAroundWrites())
    return module


def operators(module: ModuleOp) -> list[str]:
    """Those that what is read first is made of."""
    (made,) = module.ops
    assert isinstance(made, FuncOp)
    end = made.body.block.last_op
    assert end is not None
    pending, seen = [end.operands[0].owner], list[str]()
    while pending:
        op = pending.pop()
        if isinstance(op, AtenOp):
            seen.append(op.schema.full_name)
        if isinstance(op, Operation):
            pending += [operand.owner for operand in op.operands]
    return seen


def test_a_slice_of_what_was_copied_there_compares_places() -> None:
    module = passed(f"{COPY}\n  %y = {slice_of('w', 0, 2, ROWS)}", f"%y, %w : {ROWS}, {H}")
    found = operators(module)
    assert "aten::where.self" in found and "aten::index_copy" not in found  # noqa: PT018


@pytest.mark.parametrize(
    ("start", "end", "pieces"), [(0, 2, 0), (3, 5, 0), (2, 4, 2), (2, 6, 3), (6, 8, 0)],
    ids=["before", "the same", "its beginning", "around", "behind"],
)  # fmt: skip
def test_a_slice_of_what_was_joined_joins_what_it_reaches(start: int, end: int, pieces: int) -> None:
    kind = f"!torch.vtensor<[{end - start},3],f32>"
    module = passed(f"{joined()}\n  %y = {slice_of('w', start, end, kind)}", f"%y, %w : {kind}, {H}")
    found = operators(module)
    assert found.count("aten::cat") == (pieces > 0)
    assert found.count("aten::slice.Tensor") == max(pieces, 1)


def test_a_slice_of_another_dim_writes_to_a_slice() -> None:
    kind = "!torch.vtensor<[8,1],f32>"
    module = passed(f"{COPY}\n  %y = {slice_of('w', 1, 2, kind, dim=1)}", f"%y, %w : {kind}, {H}")
    copies = [o for o in module.walk() if isinstance(o, AtenOp) and o.schema.full_name == "aten::index_copy"]
    assert [o.results[0].type for o in copies] == [tt.ValueTensorType.of((8, n), dtypes.F32) for n in (3, 1)]


def test_who_reads_all_of_it_makes_it_whole() -> None:
    for reader, is_whole in ((f"torch.aten.relu %w : {H} -> {H}", True), (slice_of("w", 0, 8, H), False)):
        module = passed(f"{COPY}\n  %y = {reader}", f"%h, %w : {H}, {H}".replace("%h", "%y", 1))
        (made,) = module.ops
        assert isinstance(made, FuncOp)
        end = made.body.block.last_op
        assert end is not None
        (write,) = written_parts(end.operands[1], made.body.block.args[0]) or []
        assert is_made_whole(write, ()) == is_whole


@pytest.mark.parametrize(
    ("write", "parts"),
    [(COPY, [[0, 1, 0]]), (joined(), [[0, [3, 5], 0]])],
    ids=["places", "range"],
)  # fmt: skip
def test_parts_are_returned_and_nothing_is_copied(write: str, parts: list[object]) -> None:
    body = f"{write}\n  %none = torch.constant.none"
    _, module = rewritten(function(body, f"%none, %w : !torch.none, {H}"), FlattenResults(in_parts=True))
    (made,) = module.ops
    contents = made.attributes[CONTENTS]
    assert isinstance(contents, StringAttr)
    assert json.loads(contents.data) == [["parts", parts]]
    EliminateDeadCode().apply(None, module)  # pyright: ignore[reportArgumentType]
    assert not any(isinstance(op, AtenOp) for op in module.walk())


def test_what_is_not_written_in_parts_is_returned_whole() -> None:
    body = f"  %w = torch.aten.relu %h : {H} -> {H}\n  %none = torch.constant.none"
    _, module = rewritten(function(body, f"%none, %w : !torch.none, {H}"), FlattenResults(in_parts=True))
    (made,) = module.ops
    contents = made.attributes[CONTENTS]
    assert isinstance(contents, StringAttr)
    assert json.loads(contents.data) == [["tensor", 0]]
