"""`grow-lists`: lists that grow in branches and loops are tensors with room."""

from __future__ import annotations

from tests.passes.rewriting import parse
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.walking import walk
from tsc.passes.grow_lists import GrowLists

TEXT = """func.func @f(%x : !torch.tensor<[2],f32>, %c : !torch.bool) -> (!torch.tensor) {
  %zero = torch.constant.int 0
  %n = TRIPS
  %true = torch.constant.bool true
  %list = torch.prim.ListConstruct : () -> !torch.list<tensor>
  torch.prim.Loop %n, %true, init() {
  ^bb0(%i : !torch.int):
    torch.prim.If %c -> () {
      %l = torch.aten.append.t %list, %x : !torch.list<tensor>, !torch.tensor<[2],f32> -> !torch.list<tensor>
      torch.prim.If.yield
    } else {
      torch.prim.If.yield
    }
    torch.prim.Loop.condition %true, iter()
  } : (!torch.int, !torch.bool) -> ()
  %r = torch.aten.stack %list, %zero : !torch.list<tensor>, !torch.int -> !torch.tensor
  return %r : !torch.tensor
}"""


def names(trips: str) -> tuple[list[str], list[PrimLoopOp]]:
    context, module = parse(TEXT.replace("TRIPS", trips))
    GrowLists().apply(context, module)
    every = list(walk(module))
    return [o.schema.full_name for o in every if isinstance(o, AtenOp)], [
        o for o in every if isinstance(o, PrimLoopOp)
    ]


def test_what_is_appended_in_a_branch_of_a_loop_is_stored() -> None:
    found, (loop,) = names("torch.constant.int 5")
    assert "aten::append.t" not in found
    assert "aten::stack" not in found
    assert "aten::select_scatter" in found
    assert loop.results[0].type.sizes == (5, 2)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def test_rounds_that_nobody_counts_leave_the_list() -> None:
    found, _ = names("torch.constant.int 9223372036854775807")
    assert "aten::append.t" in found
