"""`join-sizes`: what branches give back has room for the most."""

from __future__ import annotations

from tests.passes.rewriting import parse
from tsc.dialects.torch_ops import PrimIfOp
from tsc.dialects.tsc import FindSizeOp
from tsc.dialects.walking import walk
from tsc.dims import most_of
from tsc.passes.join_sizes import JoinSizes

TEXT = """func.func @f(%c : !torch.bool, %x : !torch.vtensor<[3,4],f32>, %y : !torch.vtensor<[7,4],f32>)
  -> (!torch.vtensor) {
  %r = torch.prim.If %c -> (!torch.vtensor) {
    torch.prim.If.yield %x : !torch.vtensor<[3,4],f32>
  } else {
    torch.prim.If.yield %y : !torch.vtensor<[7,4],f32>
  }
  return %r : !torch.vtensor
}"""


def test_a_size_of_two_ways_is_found() -> None:
    context, module = parse(TEXT)
    assert not JoinSizes().rewrite(context, module)  # it would be taken for granted what it is
    context.sizes.keeps_questions = True
    assert JoinSizes().rewrite(context, module)
    (branch,) = [op for op in walk(module) if isinstance(op, PrimIfOp)]
    assert [r.type.sizes for r in branch.results] == [(7, 4), ()]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    (found,) = [op for op in walk(module) if isinstance(op, FindSizeOp)]
    assert found.operands[0] is branch.results[1]
    assert most_of(found.size) == 7
