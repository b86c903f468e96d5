"""`decompose`: a composite of known operands becomes the operators it is defined by, and any other stays."""

from __future__ import annotations

from typing import cast

import pytest
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, StringAttr
from xdsl.ir import Operation

from tests.passes.rewriting import assert_leaves, assert_rewrites, parse, rewritten
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.passes.decompose import Decompose
from tsc.passes.eliminate_dead_code import EliminateDeadCode

X, M, COLUMN = "!torch.vtensor<[2,3],f32>", "!torch.tensor<[2,3],f32>", "!torch.vtensor<[2,1],f32>"
ARGUMENTS = {
    "x": X, "m": M, "v": "!torch.vtensor<[3],f32>", "w": "!torch.vtensor<[4],f32>", "n": "!torch.int",
    "k": "!torch.vtensor<[4,2,2],f32>", "q": "!torch.vtensor<[4,3,2],f32>", "p": "!torch.vtensor<[2,2],f32>",
    "r": "!torch.vtensor<[1,2],f32>", "long": "!torch.vtensor<[20,2],f32>",
    "some": "!torch.vtensor<[2,?],f32>", "any": "!torch.vtensor<[2,3],unk>", "free": "!torch.tensor",
}  # fmt: skip
CONSTANTS = {
    "nil": "int 0", "one": "int 1", "two": "int 2", "far": "int 7", "none": "none", "no": "bool false",
    "zero": "float 0.0",
}  # fmt: skip
KINDS = ARGUMENTS | {name: f"!torch.{value.split()[0]}" for name, value in CONSTANTS.items()}
TENSORS, INTS = "!torch.list<tensor>", "!torch.list<int>"


def made(line: str) -> tuple[str, str]:
    """The name and the type of the value that a line of MLIR makes."""
    name, _, rest = line[1:].partition(" = torch.")
    constant = rest.removeprefix("constant.").split()[0]
    return name, f"!torch.{constant if rest.startswith('constant') else rest.split('!torch.')[-1]}"


def function(*calls: str, returned: str) -> str:
    """A function that runs calls such as ``y: T = softmax.int x one none`` and lines of MLIR, and returns a
    value.
    """
    kinds = dict(KINDS)
    lines = [f"%{name} = torch.constant.{value}" for name, value in CONSTANTS.items()]
    for call in calls:
        head, _, rest = call.partition(" = ")
        name, kind = made(call) if call.startswith("%") else head.split(": ")
        kinds[name] = kind
        if not call.startswith("%"):
            operator, *operands = rest.split()
            values, types = ", ".join(f"%{o}" for o in operands), ", ".join(kinds[o] for o in operands)
            call = f'%{name} = torch.operator "aten.{operator}"({values}) : ({types}) -> {kind}'
        lines.append(call)
    arguments = ", ".join(f"%{name} : {kind}" for name, kind in ARGUMENTS.items())
    body = "\n".join([*lines, f"func.return %{returned} : {kinds[returned]}"])
    return f"func.func @f({arguments}) -> {kinds[returned]} {{\n{body}\n}}"


def listed(*names: str, made: str = "l", kind: str = TENSORS) -> str:
    """A line that makes a list."""
    values, types = ", ".join(f"%{n}" for n in names), ", ".join(KINDS[n] for n in names)
    return f"%{made} = torch.prim.ListConstruct {values} : ({types}) -> {kind}"


def operators(module: Operation) -> list[str]:
    """The operators of a module in order."""
    return [op.schema.full_name.removeprefix("aten::") for op in module.walk() if isinstance(op, AtenOp)]


def expanded(*calls: str, returned: str) -> list[str]:
    """What operators a function becomes."""
    return operators(rewritten(function(*calls, returned=returned), Decompose())[1])


SOFTMAX = ["amax", "sub.Tensor", "exp", "sum.dim_IntList", "div.Tensor"]


def test_a_composite_becomes_its_definition() -> None:
    before = function(f"y: {X} = softmax.int x one none", returned="y")
    dims = "%{} = torch.prim.ListConstruct %{} : (!torch.int) -> !torch.list<int>".format
    after = function(
        "%d1 = torch.constant.int 1", dims("l1", "d1"), "%keep1 = torch.constant.bool true",
        f"top: {COLUMN} = amax x l1 keep1",
        "%a = torch.constant.int 1",
        f"low: {X} = sub.Tensor x top a",
        f"e: {X} = exp low",
        "%d2 = torch.constant.int 1", dims("l2", "d2"), "%keep2 = torch.constant.bool true",
        "%dtype = torch.constant.none",
        f"all: {COLUMN} = sum.dim_IntList e l2 keep2 dtype",
        f"y: {X} = div.Tensor e all",
        returned="y",
    )  # fmt: skip
    assert_rewrites(before, after, Decompose())


def test_composites_in_a_definition_are_expanded_too() -> None:
    found = expanded(f"y: {X} = _safe_softmax x one none", returned="y")
    assert found == [*SOFTMAX, "eq.Scalar", "all.dim", "masked_fill.Scalar"]


def test_composites_in_branches_and_loops_are_expanded() -> None:
    body = function(f"y: {X} = softmax.int x one none", returned="y")
    start, line, end = body.partition('%y = torch.operator "aten.softmax')
    call, _, rest = end.partition("\n")
    branch = f"""%b = torch.prim.If %no -> ({X}) {{
        {line}{call}
        torch.prim.If.yield %y : {X}
      }} else {{
        torch.prim.If.yield %x : {X}
      }}"""
    _, module = rewritten(f"{start}{branch}\n{rest.replace('%y', '%b')}", Decompose())
    assert operators(module) == SOFTMAX


def test_each_result_is_replaced() -> None:
    calls = "%lo, %hi = torch.aten.aminmax %x, %one, %no : {0}, !torch.int, !torch.bool -> {1}, {1}"
    row = "!torch.vtensor<[2],f32>"
    add = f"%y = torch.aten.sub.Tensor %lo, %hi, %one : {row}, {row}, !torch.int -> {row}"
    text = function(calls.format(X, row), add, returned="y")
    _, module = rewritten(text, Decompose())
    low, high, difference = (op for op in module.walk() if isinstance(op, AtenOp))
    assert [low.schema.name, high.schema.name] == ["aten::amin", "aten::amax"]
    assert list(difference.operands)[:2] == [low.results[0], high.results[0]]


def test_an_operator_that_is_no_composite_stays() -> None:
    assert_leaves(function(f"y: {X} = relu x", returned="y"), Decompose())


def test_an_operator_without_definition_stays() -> None:
    call = f'%y = torch.operator "my.op"(%x) : ({X}) -> {X}'
    assert_leaves(function(call, returned="y"), Decompose())


def kinds_of(text: str) -> list[str]:
    """The operators a function becomes, each with the keyword of the type of its result."""
    ops = (op for op in rewritten(text, Decompose())[1].walk() if isinstance(op, AtenOp))
    return [f"{op.schema.full_name[6:]}: {cast('tt.TorchType', op.results[0].type).keyword}" for op in ops]


def test_what_the_program_may_write_to_stays_mutable() -> None:
    found = kinds_of(function(f"y: {M} = softmax.int m one none", returned="y"))
    last = [f"{SOFTMAX[-1]}: tensor", "contiguous: tensor"]  # it lies as the whole operator lays it
    assert found == [*(f"{name}: vtensor" for name in SOFTMAX[:-1]), *last]


def test_what_shows_mutable_memory_stays_mutable() -> None:
    lists = listed("one", made="o", kind=INTS), listed("nil", made="z", kind=INTS)
    text = function(*lists, "y: !torch.vtensor<[4,2],f32> = conv1d m k none o z o one", returned="y")
    assert kinds_of(text) == ["unsqueeze: tensor", "convolution: vtensor", "squeeze.dim: vtensor"]


@pytest.mark.parametrize(("name", "kind"), [("x", X), ("m", M)])
def test_a_composite_that_gives_back_its_argument_goes(name: str, kind: str) -> None:
    before = function(f"y: {kind} = atleast_2d {name}", returned="y")
    assert_rewrites(before, function(returned=name), Decompose())


def test_an_argument_that_is_given_back_keeps_its_type() -> None:
    before = function(f"y: {M} = atleast_2d x", f"z: {X} = relu y", returned="z")
    assert_rewrites(before, function(f"z: {X} = relu x", returned="z"), Decompose())


JOINED = "y: !torch.vtensor<[2,6],f32> = hstack {}"


def test_tensors_in_a_list_are_operands() -> None:
    wrap = f"%o = torch.derefine %l : {TENSORS} to !torch.list<vtensor>"
    assert expanded(listed("x", "x"), JOINED.format("l"), returned="y") == ["cat"]
    assert expanded(listed("x", "x"), wrap, JOINED.format("o"), returned="y") == ["cat"]


@pytest.mark.parametrize(
    "calls",
    [
        [f"y: {X} = softmax.int some one none"],
        [f"y: {X} = softmax.int any one none"],
        [f"y: {X} = softmax.int free one none"],
        [f"y: {X} = softmax.int x n none"],
        [listed("x", "some"), JOINED.format("l")],
        [
            listed("x", "x"),
            f"%a = torch.aten.append.t %l, %x : {TENSORS}, {X} -> {TENSORS}",
            JOINED.format("l"),
        ],
    ],
    ids=["shape", "dtype", "rank", "number", "tensor in a list", "list that changes"],
)
def test_a_composite_of_something_unknown_stays_whole(calls: list[str]) -> None:
    assert_leaves(function(*calls, returned="y"), Decompose())


@pytest.mark.parametrize("call", ["softmax.int x far none", "prelu x w", "linalg_vecdot x w one"])
def test_a_call_that_is_wrong_stays_whole(call: str) -> None:
    assert_leaves(function(f"y: {X} = {call}", returned="y"), Decompose())


def assert_stays_whole(text: str) -> None:
    """The pass leaves nothing but constants that nobody uses."""
    _, module = rewritten(text, Decompose(), EliminateDeadCode())
    _, wanted = rewritten(text, EliminateDeadCode())
    assert module.is_structurally_equivalent(wanted)


def test_a_call_that_is_found_wrong_half_way_stays_whole() -> None:
    assert_stays_whole(function("y: !torch.vtensor<[2,4],f32> = bilinear x p q v", returned="y"))


def layers(source: str, *weights: str) -> str:
    """Two recurrent layers without biases."""
    kind, kinds = KINDS[source], KINDS | {"l": TENSORS}
    names = f"{source} p l no two zero no no no".split()
    values, types = ", ".join(f"%{n}" for n in names), ", ".join(kinds[n] for n in names)
    call = f'%y, %h = torch.operator "aten.rnn_tanh.input"({values}) : ({types}) -> ({kind}, {KINDS["p"]})'
    text = function(listed(*weights), returned="x").replace(f"-> {X} {{", f"-> {kind} {{")
    return text.replace(f"func.return %x : {X}", f"{call}\nfunc.return %y : {kind}")


def test_a_recurrent_layer_of_few_steps_is_unrolled_and_one_of_many_is_a_loop() -> None:
    found = operators(rewritten(layers("r", "p", "p", "p", "p"), Decompose())[1])
    assert found.count("tanh") == 2
    module = rewritten(layers("long", "p", "p", "p", "p"), Decompose())[1]
    loops = [op for op in module.walk() if isinstance(op, PrimLoopOp)]
    assert [operators(loop).count("tanh") for loop in loops] == [1, 1]


def test_a_call_that_is_found_wrong_after_a_list_was_made_stays_whole() -> None:
    assert_stays_whole(layers("r", "p", "p", "x", "p"))


def test_new_operations_have_the_place_and_the_result_has_the_name_of_the_old_one() -> None:
    context, module = parse(function(f"y: {X} = softmax.int x one none", returned="y"))
    old = set(module.walk())
    (softmax,) = (op for op in module.walk() if isinstance(op, AtenOp))
    softmax.location = FileLineColLoc(StringAttr("model.py"), IntAttr(3), IntAttr(4))
    Decompose().apply(context, module)
    added = [op for op in module.walk() if op not in old]
    assert {op.location for op in added} == {softmax.location}
    assert added[-1].results[0].name_hint == "y"
