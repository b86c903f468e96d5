# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false
"""The text of the `torch` dialect: what is printed parses back, and torch-mlir reads it too."""

from pathlib import Path

import numpy as np
import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

import tsc
from tsc.dialects.context import make_context
from tsc.dialects.mlir_text import mlir_text

DEMO = Path(__file__).parents[2] / "examples/demo/model.pt"
STAGES = ("torch", "frozen", "value", "fused", "linalg", "loop")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    model = tsc.load(DEMO)
    fast = tsc.optimize_for_inference(model)
    fast(np.zeros((1, 3, 64, 64), np.float32))
    return {stage: (model if stage == "torch" else fast).ir[stage] for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_parses_back_to_the_same_module(texts: dict[str, str], stage: str) -> None:
    first = Parser(make_context(), texts[stage]).parse_module()
    first.verify()
    second = Parser(make_context(), mlir_text(first)).parse_module()
    assert first.is_structurally_equivalent(second)
    assert mlir_text(first) == texts[stage]


@pytest.mark.parametrize("stage", ["torch", "frozen", "value"])
def test_torch_mlir_parses_and_verifies_it(texts: dict[str, str], stage: str) -> None:
    ir = pytest.importorskip("torch_mlir.ir", reason="torch-mlir is a dev extra")
    from torch_mlir.dialects import torch as torch_dialect

    with ir.Context() as context:
        torch_dialect.register_dialect(context)
        module = ir.Module.parse(texts[stage])
        assert module.operation.verify()


ROUND_TRIPS = """
func.func @f(%x: !torch.vtensor<[1,?],f32>, %l: !torch.list<vtensor<[2],f32>>, %o: !torch.optional<int>,
%b: !torch.bool) -> !torch.vtensor<[1,?],f32> {
  %int1 = torch.constant.int 1
  %inf = torch.constant.float 0x7FF0000000000000
  %text = torch.constant.str "caf\\C3\\A9 \\22quoted\\22"
  %none = torch.constant.none
  %device = torch.constant.device "cpu"
  %w = torch.vtensor.literal(dense<[1.0, 2.0]> : tensor<2xf32>) : !torch.vtensor<[2],f32>
  %y = torch.aten.add.Tensor %x, %x, %int1 : !torch.vtensor<[1,?],f32>, !torch.vtensor<[1,?],f32>,
  !torch.int -> !torch.vtensor<[1,?],f32>
  %le = torch.operator "aten.le.float"(%inf, %inf) : (!torch.float, !torch.float) -> !torch.bool
  %s = torch.aten.format(%text, %int1) : !torch.str, !torch.int -> !torch.str
  %z = torch.prim.If %b -> (!torch.vtensor<[1,?],f32>) {
    torch.prim.If.yield %y : !torch.vtensor<[1,?],f32>
  } else {
    torch.prim.If.yield %x : !torch.vtensor<[1,?],f32>
  }
  %q = torch.prim.Loop %int1, %b, init(%z) {
  ^bb0(%i: !torch.int, %c: !torch.vtensor<[1,?],f32>):
    torch.prim.Loop.condition %b, iter(%c : !torch.vtensor<[1,?],f32>)
  } : (!torch.int, !torch.bool, !torch.vtensor<[1,?],f32>) -> !torch.vtensor<[1,?],f32>
  %list = torch.prim.ListConstruct %int1, %int1 : (!torch.int, !torch.int) -> !torch.list<int>
  %pair = torch.prim.TupleConstruct %int1, %inf : !torch.int, !torch.float -> !torch.tuple<int, float>
  %d = torch.prim.DictConstruct keys(%text : !torch.str) values(%int1 : !torch.int) -> !torch.dict<str, int>
  %opt = torch.derefine %int1 : !torch.int to !torch.optional<int>
  func.return %q : !torch.vtensor<[1,?],f32>
}
"""


def test_constants_containers_and_control_flow_round_trip() -> None:
    module = Parser(make_context(), ROUND_TRIPS).parse_module()
    module.verify()
    again = Parser(make_context(), str(module)).parse_module()
    assert module.is_structurally_equivalent(again)
    constants = {op.name: op.python_value for op in module.walk() if hasattr(op, "python_value")}
    assert constants["torch.constant.float"] == float("inf")
    assert constants["torch.constant.str"] == 'café "quoted"'


def test_an_operator_with_a_wrong_number_of_operands_is_rejected() -> None:
    text = (
        "func.func @f(%x: !torch.tensor) { %0 = torch.aten.add.Tensor %x, %x : "
        "!torch.tensor, !torch.tensor -> !torch.tensor func.return }"
    )
    module = Parser(make_context(), text).parse_module()
    with pytest.raises(VerifyException, match="requires 3 operands; got 2"):
        module.verify()


def test_types_are_interned() -> None:
    from tsc import dtypes
    from tsc.dialects import torch_types as tt

    assert tt.ListType(tt.INT) is tt.ListType(tt.INT)
    assert tt.ValueTensorType.of([2, -1], dtypes.F32).text() == "vtensor<[2,?],f32>"
    assert tt.TensorType() is tt.TENSOR
