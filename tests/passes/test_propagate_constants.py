"""`propagate-constants`: what can be computed now is, unless it acts, draws, shows its memory or is large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites, rewritten
from tsc.dialects.constants import literal_array
from tsc.dialects.torch_ops import PrimListConstructOp, ValueTensorLiteralOp
from tsc.passes.propagate_constants import (
    LARGEST_CREATION,
    LARGEST_FACTOR,
    LARGEST_GROWTH,
    LARGEST_LIST,
    PropagateConstants,
)

V, M = "!torch.vtensor<[2],f32>", "!torch.tensor<[2],f32>"
SCALAR, ROW = "!torch.tensor<[],f64>", "!torch.vtensor<[1,2],f32>"
INT, INTS = "!torch.int", "!torch.list<int>"
ONE, TWO = "%one = torch.constant.int 1", "%two = torch.constant.int 2"
LIST = f"%l = torch.prim.ListConstruct %two : (!torch.int) -> {INTS}"
REPEAT = f'%r = torch.operator "aten.mul.left_t"(%l, %two) : ({INTS}, !torch.int) -> {INTS}'
GIVEN = f"""{ONE}
  {TWO}
  {LIST}
  %zero = torch.constant.int 0
  %none = torch.constant.none
  %digits = torch.constant.str "99999999999999999999"
  %cast = torch.prim.unchecked_cast %none : !torch.none -> !torch.int
  %wrong = torch.prim.unchecked_cast %one : !torch.int -> !torch.tensor
  %v = torch.vtensor.literal(dense<[1.0, 2.0]> : tensor<2xf32>) : {V}
  %m = torch.tensor.literal(dense<[1.0, 2.0]> : tensor<2xf32>) : {M}
  %number = torch.tensor.literal(dense<1.5> : tensor<f64>) : {SCALAR}
"""
ADD = "torch.aten.add.int {}, {} : !torch.int, !torch.int -> !torch.int"
FORM = ", ".join([INTS, *["!torch.none"] * 4])
COUNTED = "%n : !torch.int, %go : !torch.bool, %x : !torch.int"
FOLDS, READS = f"%a = {ADD.format('%one', '%one')}", f"%b = {ADD.format('%one', '%n')}"
FOLDED, NEVER = "%a = torch.constant.int 2", "{} = torch.prim.Uninitialized : !torch.int"
CALLS = {
    "draws": f"torch.aten.rand %l{', %none' * 4} : {FORM} -> {V}",
    "reads a mode": 'torch.operator "aten.is_grad_enabled"() : () -> !torch.bool',
    "unknown elements": f"torch.aten.relu %x : {V} -> {V}",
    "unknown operand": f"torch.aten.mul.Tensor %v, %x : {V}, {V} -> {V}",
    "raises": "torch.aten.floordiv.int %two, %zero : !torch.int, !torch.int -> !torch.int",
    "too large for an int": 'torch.operator "aten.Int.str"(%digits) : (!torch.str) -> !torch.int',
    "None where none may be": "torch.aten.eq.int %cast, %two : !torch.int, !torch.int -> !torch.bool",
    "number where a tensor is": "torch.aten.dim %wrong : !torch.tensor -> !torch.int",
    "list of tensors": f"torch.aten.unbind.int %v, %zero : {V}, !torch.int -> !torch.list<vtensor<[],f32>>",
    "mutable result": f"torch.aten.mul.Tensor %v, %v : {V}, {V} -> {M}",
    "mutable operands": f"torch.aten.mul.Tensor %m, %m : {M}, {M} -> {M}",
    "unknown operator": 'torch.operator "my.op"(%two) : (!torch.int) -> !torch.int',
}
ZEROS, REPEAT_TENSOR = f"zeros %s{', %none' * 4} : {FORM}", f"repeat %v, %s : {V}, {INTS}"


def function(body: str, value: str = "%r", kind: str = "!torch.int", arguments: str = "") -> str:
    """A function that runs `body` after `GIVEN` and returns a value of type `kind`."""
    return f"func.func @f({arguments}) -> {kind} {{\n{GIVEN}{body}\nfunc.return {value} : {kind}\n}}"


def assert_becomes(before: str, after: str, kind: str = INT, arguments: str = "", value: str = "%r") -> None:
    """A function that returns ``%r`` becomes one that returns `value`."""
    wanted = function(after, value, kind, arguments)
    assert_rewrites(function(before, "%r", kind, arguments), wanted, PropagateConstants())


def folded(body: str, value: str, kind: str, arguments: str = "") -> list[np.ndarray[Any, Any]]:
    """The tensors that folding a function makes."""
    context, module = rewritten(function(body, value, kind, arguments), PropagateConstants())
    literals = [op for op in module.walk() if isinstance(op, ValueTensorLiteralOp)]
    return [literal_array(context.pool, op) for op in literals if op.results[0].name_hint != "v"]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (f"%r = {ADD.format('%two', '%one')}", "%r = torch.constant.int 3", "int"),
        ("%r = torch.aten.div.int %one, %two : !torch.int, !torch.int -> !torch.float",
         "%r = torch.constant.float 0.5", "float"),
        ('%r = torch.operator "aten.str"(%two) : (!torch.int) -> !torch.str',
         '%r = torch.constant.str "2"', "str"),
        ("%r = torch.aten.format(%digits, %none) : !torch.str, !torch.none -> !torch.str",
         '%r = torch.constant.str "99999999999999999999"', "str"),
        (f"%r = torch.prim.device %v : {V} -> !torch.Device", '%r = torch.constant.device "cpu"', "Device"),
        ('%q, %r = torch.operator "aten.divmod.int"(%two, %one) : (!torch.int, !torch.int) -> '
         "(!torch.int, !torch.int)", "%q = torch.constant.int 2\n%r = torch.constant.int 0", "int"),
        (REPEAT, "%a = torch.constant.int 2\n%b = torch.constant.int 2\n"
         f"%r = torch.prim.ListConstruct %a, %b : (!torch.int, !torch.int) -> {INTS}", "list<int>"),
        (f"%s = {ADD.format('%one', '%one')}\n%r = {ADD.format('%s', '%one')}",
         "%s = torch.constant.int 2\n%r = torch.constant.int 3", "int"),
    ],
)  # fmt: skip
def test_operators_of_constants_become_their_results(before: str, after: str, kind: str) -> None:
    assert_becomes(before, after, f"!torch.{kind}")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_cannot_be_computed_now_stays(call: str) -> None:
    assert_leaves(function(f"%r = {call}", "%zero", arguments=f"%x : {V}"), PropagateConstants())


def test_a_constant_is_not_written_while_compiling() -> None:
    weight = np.ones(2, np.float32)
    made = f"%w = torch.vtensor.literal(dense_resource<w> : tensor<2xf32>) : {V}"
    text = function(f"{made}\n%r = torch.aten.zero_ %w : {V} -> {V}", "%zero")
    assert_leaves(text, PropagateConstants(), weights={"w": weight})
    assert weight.tolist() == [1, 1]


@pytest.mark.parametrize(("count", "folds"), [(LARGEST_LIST, True), (LARGEST_LIST + 1, False)])
def test_a_list_is_made_up_to_a_length(count: int, folds: bool) -> None:
    body = f"%n = torch.constant.int {count}\n{REPEAT.replace('l, %two', 'l, %n')}"
    _, module = rewritten(function(body, "%r", INTS), PropagateConstants())
    lists = [len(op.operands) for op in module.walk() if isinstance(op, PrimListConstructOp)]
    assert lists == [1, count][: 1 + folds]


@pytest.mark.parametrize(
    ("call", "largest"), [(ZEROS, LARGEST_CREATION), (REPEAT_TENSOR, 2 * LARGEST_FACTOR + LARGEST_GROWTH)]
)
@pytest.mark.parametrize("beyond", [0, 2])
def test_a_tensor_is_made_up_to_a_size(call: str, largest: int, beyond: int) -> None:
    size, made = largest + beyond, f"!torch.vtensor<[{largest + beyond}],f32>"
    body = f"""%n = torch.constant.int {size // 2 if "repeat" in call else size}
      %s = torch.prim.ListConstruct %n : (!torch.int) -> {INTS}
      %r = torch.aten.{call} -> {made}"""
    assert [m.size for m in folded(body, "%r", made)] == ([] if beyond else [size])


@pytest.mark.parametrize(("sizes", "wanted"), [("1,3", [[[0.0] * 3]]), ("?,3", [])])
def test_zeros_like_a_tensor_of_known_shape_are_made(sizes: str, wanted: list[Any]) -> None:
    """Unless the caller gets them, or what lies as they do, and sees how the tensor of each call lies."""
    kind = f"!torch.vtensor<[{sizes}],f32>"
    body = f"%r = torch.aten.zeros_like %x{', %none' * 5} : {kind}{', !torch.none' * 5} -> {kind}"
    flat, number = f"{body}\n%n = torch.constant.none", "!torch.vtensor<[],f32>"
    read = f"{flat}\n%s = torch.aten.sum %r, %n : {kind}, !torch.none -> {number}"
    assert [m.tolist() for m in folded(read, "%s", number, f"%x : {kind}")] == [*wanted, *[0.0] * len(wanted)]
    read = f"{body}\n%s = torch.aten.mul.Tensor %r, %x : {kind}, {kind} -> {kind}"
    assert folded(read, "%s", kind, f"%x : {kind}") == []
    assert folded(body, "%r", kind, f"%x : {kind}") == []


def test_a_view_is_folded_unless_the_caller_gets_it() -> None:
    view = f"%r = torch.aten.unsqueeze %v, %zero : {V}, !torch.int -> {ROW}"
    read = f"{view}\n%s = torch.aten.mul.Tensor %r, %x : {ROW}, {ROW} -> {ROW}"
    assert_leaves(function(view, "%r", ROW), PropagateConstants())
    assert [m.tolist() for m in folded(read, "%s", ROW, f"%x : {ROW}")] == [[[1.0, 2.0]]]


def loop(trips: str, enter: str, body: str, kind: str = "!torch.int") -> str:
    """``%r`` is what the last round of `body` leaves in ``%y``, or ``%x``."""
    return f"""%r = torch.prim.Loop {trips}, {enter}, init(%x) {{
    ^bb0(%i: !torch.int, %c: {kind}):
      {body}
      torch.prim.Loop.condition {enter}, iter(%y : {kind})
    }} : (!torch.int, !torch.bool, {kind}) -> {kind}"""


def test_a_tensor_of_its_own_in_each_round_is_not_one_constant() -> None:
    body = loop("%n", "%go", f"%y = torch.aten.zeros %l{', %none' * 4} : {FORM} -> {V}", V)
    arguments = f"%n : !torch.int, %go : !torch.bool, %x : {V}"
    assert_leaves(function(body, "%r", V, arguments), PropagateConstants())
    assert len(folded(body, "%x", V, arguments)) == 1


@pytest.mark.parametrize(("trips", "enter"), [("0", "%go"), ("-1", "%go"), ("1", "%no"), ("%n", "%no")])
def test_a_loop_that_never_runs_goes(trips: str, enter: str) -> None:
    given = f"%no = torch.constant.bool false\n%t = torch.constant.int {trips.removeprefix('%n') or 1}"
    body = loop("%n" if trips == "%n" else "%t", enter, f"%y = {ADD.format('%c', '%i')}")
    assert_becomes(f"{given}\n{body}", given, arguments=COUNTED, value="%x")


@pytest.mark.parametrize(("trips", "enter"), [("%n", "%go"), ("%one", "%go"), ("%n", "%yes")])
def test_a_loop_that_may_run_stays_and_what_is_in_it_is_folded(trips: str, enter: str) -> None:
    bodies = (f"%y = {ADD.format('%one', '%one')}", "%y = torch.constant.int 2")
    before, after = ("%yes = torch.constant.bool true\n" + loop(trips, enter, b) for b in bodies)
    assert_becomes(before, after, arguments=COUNTED)


def arithmetic(name: str, operands: str = "%x, %number", kinds: str = f"!torch.tensor, {SCALAR}") -> str:
    """``add``, ``sub``, ``mul`` or ``div`` of two tensors."""
    rest = (", %one", ", !torch.int") if name in ("add", "sub") else ("", "")
    return f"%r = torch.aten.{name}.Tensor {operands}{rest[0]} : {kinds}{rest[1]} -> !torch.tensor"


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_a_constant_tensor_that_stands_for_a_number_is_one(name: str) -> None:
    taken = arithmetic(name, "%x, %f", "!torch.tensor, !torch.float").replace("Tensor", "Scalar")
    taken = f"%f = torch.constant.float 1.5\n{taken}"
    assert_becomes(arithmetic(name), taken, "!torch.tensor", "%x : !torch.tensor")


@pytest.mark.parametrize(
    "body",
    [
        f"%d = torch.tensor.literal(dense<1.5> : tensor<1xf64>) : {SCALAR.replace('[]', '[1]')}\n"
        + arithmetic("mul", "%x, %d", f"!torch.tensor, {SCALAR.replace('[]', '[1]')}"),
        arithmetic("mul", "%number, %x", f"{SCALAR}, !torch.tensor"),
        f"%w = torch.aten.zero_ %number : {SCALAR} -> !torch.tensor\n{arithmetic('mul')}",
        f"%w = torch.aten.t %number : {SCALAR} -> !torch.tensor\n{arithmetic('mul')}",
        arithmetic("mul").replace("mul.Tensor", "pow.Tensor_Tensor"),
    ],
)
def test_a_tensor_that_does_not_stand_for_a_number_stays(body: str) -> None:
    assert_leaves(function(body, "%r", "!torch.tensor", "%x : !torch.tensor"), PropagateConstants())


def branch(condition: str, left: str, right: str, values: str = "%a, %b") -> str:
    """``%r`` is what the branch taken yields: one of `values`."""
    a, b = values.split(", ")
    return f"""%r = torch.prim.If {condition} -> (!torch.int) {{
        {left}\n torch.prim.If.yield {a} : !torch.int
      }} else {{
        {right}\n torch.prim.If.yield {b} : !torch.int
      }}"""


@pytest.mark.parametrize(("condition", "kept", "value"), [("true", FOLDED, "%a"), ("false", READS, "%b")])
def test_a_decided_branch_goes_and_is_folded_on(condition: str, kept: str, value: str) -> None:
    decided = f"%d = torch.constant.bool {condition}\n"
    assert_becomes(decided + branch("%d", FOLDS, READS), decided + kept, arguments=COUNTED, value=value)


def test_an_open_branch_stays_and_what_is_in_it_is_folded() -> None:
    assert_becomes(branch("%go", FOLDS, READS), branch("%go", FOLDED, READS), arguments=COUNTED)


@pytest.mark.parametrize(
    ("left", "right", "values"),
    [("", "", "%x, %x"), ("", NEVER.format("%b"), "%x, %b"), (NEVER.format("%a"), "", "%a, %x")],
)
def test_what_both_branches_yield_is_the_value(left: str, right: str, values: str) -> None:
    text = branch("%go", left, right, values)
    assert_becomes(text, text, arguments=COUNTED, value="%x")


@pytest.mark.parametrize("values", ["%x, %n", "%u, %b", "%b, %u"])
def test_what_branches_yield_that_differs_or_is_made_in_them_stays(values: str) -> None:
    text = branch("%go", f"{READS}\n{NEVER.format('%u')}", f"{READS}\n{NEVER.format('%u')}", values)
    assert_leaves(function(text, arguments=COUNTED), PropagateConstants())


@pytest.mark.parametrize(
    ("value", "kind", "wanted", "answer"),
    [
        ("%none", "none", "int, !torch.none", "true"), ("%none", "none", "int", "false"),
        ("%one", "int", "none", None), ("%x", "optional<int>", "none", None), ("%o", "any", "none", None),
        ("%none", "none", "optional<int>", "true"),
    ],
)  # fmt: skip
def test_isinstance_of_none_is_decided(value: str, kind: str, wanted: str, answer: str | None) -> None:
    text = f"""%o = torch.derefine %none : !torch.none to !torch.any
      %r = torch.prim.isinstance {value} {{types = [], torch_types = [!torch.{wanted}]}}
         : !torch.{kind} -> !torch.bool"""
    after = text if answer is None else f"{text.splitlines()[0]}\n%r = torch.constant.bool {answer}"
    assert_becomes(text, after, "!torch.bool", "%x : !torch.optional<int>")
