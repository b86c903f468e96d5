"""The `verify` functions of stages accept what the stage promises and nothing beside it."""

from __future__ import annotations

import pytest
from xdsl.dialects.builtin import ModuleOp

from tests.analysis.named_values import V
from tests.passes.rewriting import parse
from tsc.errors import IRError
from tsc.pipeline import verify_groups, verify_host, verify_inlined, verify_loops

M, MODULE, BOX = "!torch.tensor<[2,3],f32>", '!torch.nn.Module<"M">', '!torch.class<"Box">'
NEG = f"torch.aten.neg %{{}} : {V} -> {V}"


def module(text: str) -> ModuleOp:
    return parse(text)[1]


def call(kind: str) -> str:
    return f'%r = torch.prim.CallMethod %m["g"] () : {kind}, () -> !torch.tensor'


def method(line: str, kind: str = MODULE) -> ModuleOp:
    return module(f"func.func @f(%m : {kind}, %c : !torch.bool) {{\n{line}\nfunc.return\n}}")


@pytest.mark.parametrize("kind", [BOX, '!torch.interface<"I">'])
def test_a_frozen_function_may_call_what_is_not_known(kind: str) -> None:
    verify_inlined(method(call(kind), kind))


def test_a_frozen_function_may_read_and_assign_attributes() -> None:
    verify_inlined(
        method(f'%a = torch.prim.GetAttr %m["v"] : {MODULE} -> {M}\n'
               f'torch.prim.SetAttr %m["v"] = %a : {MODULE}, {M}')
    )  # fmt: skip


def test_a_frozen_function_calls_no_method_in_a_branch_either() -> None:
    end = "torch.prim.If.yield"
    text = f"torch.prim.If %c -> () {{\n{end}\n}} else {{\n{call(MODULE)}\n{end}\n}}"
    with pytest.raises(IRError, match="the call of g is left"):
        verify_inlined(method(text))


def group(inside: str, returned: str = "%b", more: str = "") -> ModuleOp:
    """A function with a group of `inside`, which reads ``%x`` and ``%y`` as ``%p`` and ``%q``."""
    return module(f"""func.func @f(%x : {V}, %y : {V}, %m : {M}) -> {V} {{
      %n = torch.constant.int 1
      %r = tsc.group "pointwise" (%x, %y) {{
      ^bb0(%p : {V}, %q : {V}):
        {inside}
        tsc.yield {returned} : {V}
      }} : ({V}, {V}) -> {V}
      {more}
      func.return %r : {V}
    }}""")


ONE = "%k = torch.constant.int 1"
ADD = f"torch.aten.add.Tensor %p, %q, %{{}} : {V}, {V}, !torch.int -> {V}"


@pytest.mark.parametrize(
    "inside",
    [
        f"%b = {NEG.format('p')}",
        f"%a = {NEG.format('q')}\n%b = {NEG.format('a')}",
        f"{ONE}\n%b = {ADD.format('k')}",
    ],
    ids=["an argument", "a result", "a constant of its own"],
)
def test_a_group_may_read_its_arguments_and_what_it_makes_of_them(inside: str) -> None:
    verify_groups(group(inside))


def test_a_group_may_give_an_argument_back() -> None:
    verify_groups(group("", "%q"))


def test_what_may_change_may_stand_beside_groups() -> None:
    verify_groups(group(f"%b = {NEG.format('p')}", more=f"%w = torch.aten.relu_ %m : {M} -> {M}"))


@pytest.mark.parametrize(
    ("inside", "returned"),
    [(f"%b = {ADD.format('n')}", "%b"), (f"%b = {NEG.format('y')}", "%b"), ("", "%x")],
    ids=["a number", "a tensor", "what it gives back"],
)
def test_a_group_reads_nothing_from_outside(inside: str, returned: str) -> None:
    with pytest.raises(IRError, match="reads a value from outside"):
        verify_groups(group(inside, returned))


@pytest.mark.parametrize("target", ["a group", "a function"])
def test_at_stage_fused_values_still_never_change(target: str) -> None:
    write = f"torch.aten.relu_ %{{}} : {V} -> {V}"
    inside = write.format("p") if target == "a group" else NEG.format("p")
    more = f"%w = {write.format('x')}" if target == "a function" else ""
    with pytest.raises(IRError, match="aten::relu_ writes to a value"):
        verify_groups(group(f"%b = {inside}", more=more))


KERNEL = """
  func.func private @k(%a : tensor<4xf32>) -> tensor<4xf32> {
    func.return %a : tensor<4xf32>
  }"""
HOST = """
  func.func @main(%x : tensor<4xf32>) -> tensor<4xf32> {
    %r = func.call @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %r : tensor<4xf32>
  }"""


@pytest.mark.parametrize("text", [HOST + KERNEL, KERNEL + HOST, HOST + KERNEL + KERNEL.replace("@k", "@l")])
def test_a_native_module_is_a_host_function_and_kernels(text: str) -> None:
    verify_host(module(text))


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), (KERNEL, 0), (HOST + KERNEL.replace("private ", ""), 2)]
)
def test_a_native_module_has_one_host_function(text: str, count: int) -> None:
    with pytest.raises(IRError, match=f"one public function; got {count}"):
        verify_host(module(f"builtin.module {{{text}}}"))


def test_a_kernel_holds_no_operator_of_torch() -> None:
    text = KERNEL.replace("    func.return", f"{LEFT}    func.return")
    with pytest.raises(IRError, match=r"torch\.aten\.neg is left"):
        verify_host(module(HOST + text))


LEFT = f"%v = torch.vtensor.literal(dense<1.0> : tensor<2x3xf32>) : {V}\n%w = {NEG.format('v')}\n"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (KERNEL, "one public function; got 0"),
        (KERNEL + HOST.replace("    func.return", f"{LEFT}    func.return"), r"torch\.aten\.neg is left"),
    ],
)
def test_loops_are_called_by_one_host_function_without_operators_of_torch(text: str, wrong: str) -> None:
    verify_loops(module(HOST + KERNEL))
    with pytest.raises(IRError, match=wrong):
        verify_loops(module(f"builtin.module {{{text}}}"))
