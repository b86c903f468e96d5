"""What each stage's `verify` rejects: the contracts of docs/architecture.md."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from tsc import pipeline
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import IRError

STAGES = {stage.name: stage for stage in pipeline.stages()}
V, T = "!torch.vtensor<[4],f32>", "!torch.tensor<[4],f32>"


def module(text: str) -> ModuleOp:
    return Parser(make_context(ConstantPool()), text).parse_module()


def function(arguments: str, result: str, body: str) -> ModuleOp:
    return module(f"builtin.module {{ func.func @f({arguments}) -> {result} {{ {body} }} }}")


def rejected(stage: str, broken: ModuleOp) -> str:
    with pytest.raises(IRError) as caught:
        STAGES[stage].verify(broken)
    return caught.value.message


def test_a_value_is_never_written() -> None:
    broken = function(f"%x: {V}", V, f"%0 = torch.aten.relu_ %x : {V} -> {V}  func.return %0 : {V}")
    assert rejected("value", broken) == "stage 'value': aten::relu_ writes to a value, its operand 0"


def test_a_value_is_no_view_of_a_mutable_tensor() -> None:
    broken = function(f"%x: {T}", V, f"%0 = torch.aten.detach %x : {T} -> {V}  func.return %0 : {V}")
    assert "a value that aten::detach gives may be memory that is written" in rejected("value", broken)


def test_a_value_is_not_perhaps_a_view_of_a_mutable_tensor() -> None:
    body = (
        f"%n = torch.constant.int 4  %s = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>  "
        f"%0 = torch.aten.reshape %x, %s : {T}, !torch.list<int> -> {V}  func.return %0 : {V}"
    )
    assert "aten::reshape" in rejected("value", function(f"%x: {T}", V, body))


def test_a_new_tensor_computed_from_a_mutable_one_is_a_value() -> None:
    fine = function(f"%x: {T}", V, f"%0 = torch.aten.relu %x : {T} -> {V}  func.return %0 : {V}")
    STAGES["value"].verify(fine)


def test_a_branch_gives_no_value_that_is_mutable_outside() -> None:
    body = (
        f"%0 = torch.prim.If %c -> ({V}) {{ torch.prim.If.yield %x : {T} }} "
        f"else {{ torch.prim.If.yield %x : {T} }}  func.return %0 : {V}"
    )
    assert "torch.prim.If" in rejected("value", function(f"%x: {T}, %c: !torch.bool", V, body))


def test_a_group_reads_no_mutable_tensor() -> None:
    body = (
        f'%0 = tsc.group "pointwise" (%x) {{ ^bb0(%a: {T}): %1 = torch.aten.relu %a : {T} -> {V}  '
        f"tsc.yield %1 : {V} }} : ({T}) -> {V}  func.return %0 : {V}"
    )
    assert rejected("fused", function(f"%x: {T}", V, body)) == (
        "stage 'fused': a group reads Tensor, which may change"
    )


def test_the_operators_of_a_group_read_its_arguments_alone() -> None:
    body = (
        f'%0 = tsc.group "pointwise" (%x) {{ ^bb0(%a: {V}): %1 = torch.aten.relu %x : {V} -> {V}  '
        f"tsc.yield %1 : {V} }} : ({V}) -> {V}  func.return %0 : {V}"
    )
    assert "reads a value from outside" in rejected("fused", function(f"%x: {V}", V, body))


def test_native_stages_have_one_public_function() -> None:
    two = module("builtin.module { func.func @f() { func.return } func.func @g() { func.return } }")
    for stage in ("linalg", "loop"):
        assert rejected(stage, two).endswith("require one public function; got 2")


def test_native_stages_hold_no_operator_of_torch() -> None:
    left = function(f"%x: {V}", V, f"%0 = torch.aten.relu %x : {V} -> {V}  func.return %0 : {V}")
    for stage in ("linalg", "loop"):
        assert rejected(stage, left) == "stages 'linalg' and 'loop': torch.aten.relu is left"


def test_frozen_functions_call_no_method_of_a_known_module() -> None:
    called = module(
        'builtin.module { func.func @f(%m: !torch.nn.Module<"M">) -> !torch.tensor { '
        '%0 = torch.prim.CallMethod %m["g"] () : !torch.nn.Module<"M">, () -> !torch.tensor  '
        "func.return %0 : !torch.tensor } }"
    )
    assert rejected("frozen", called) == "stage 'frozen': the call of g is left"
