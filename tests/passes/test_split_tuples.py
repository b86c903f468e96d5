"""`split-tuples`: branches give back the parts of tuples."""

from __future__ import annotations

from tests.passes.rewriting import rewritten
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimIfOp, PrimTupleConstructOp
from tsc.dialects.walking import walk
from tsc.passes.split_tuples import SplitTuples

PAIR = "!torch.tuple<tensor, int>"
TEXT = f"""func.func @f(%c : !torch.bool, %x : !torch.tensor, %n : !torch.int) -> ({PAIR}) {{
  %r = torch.prim.If %c -> ({PAIR}) {{
    %a = torch.prim.TupleConstruct %x, %n : !torch.tensor, !torch.int -> {PAIR}
    torch.prim.If.yield %a : {PAIR}
  }} else {{
    %b = torch.prim.TupleConstruct %x, %n : !torch.tensor, !torch.int -> {PAIR}
    torch.prim.If.yield %b : {PAIR}
  }}
  return %r : {PAIR}
}}"""


def test_a_tuple_is_made_behind_the_branch() -> None:
    _, module = rewritten(TEXT, SplitTuples())
    (branch,) = [op for op in walk(module) if isinstance(op, PrimIfOp)]
    assert [type(r.type) for r in branch.results[1:]] == [tt.TensorType, type(tt.INT)]
    (made,) = [op for op in branch.parent.ops if isinstance(op, PrimTupleConstructOp)]  # pyright: ignore[reportOptionalMemberAccess]
    assert list(made.operands) == list(branch.results[1:])
    assert branch.results[0].first_use is None
