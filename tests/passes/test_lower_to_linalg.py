"""`lower-to-linalg`: groups become private kernels over tensors, and what is around calls them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects import arith, func
from xdsl.dialects.builtin import DenseResourceAttr, FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp

from tests.passes.rewriting import assert_rewrites, parse, rewritten
from tsc.dialects.tsc import GroupOp
from tsc.errors import CodegenError
from tsc.passes.lower_to_linalg import LowerToLinalg

V = "!torch.vtensor<[4],f32>"


def function(arguments: str, body: str, returned: str, name: str = "f") -> str:
    """A function that returns values: ``%a : T``."""
    values, _, kinds = returned.partition(" : ")
    end = f"func.return {values} : {kinds}" if kinds else "func.return"
    return f"func.func @{name}({arguments}) -> ({kinds}) {{\n{body}\n{end}\n}}"


def group(body: str, result: str = "%y", yielded: str = f"%r : {V}", kind: str = "pointwise") -> str:
    """A group that computes ``%r`` of ``%a``, which is ``%x``."""
    made = yielded.partition(" : ")[2]
    head = f'{result} = tsc.group "{kind}" (%x) {{\n^bb0(%a : {V}):\n'
    return f"{head}{body}\ntsc.yield {yielded}\n}} : ({V}) -> ({made})"


def call(name: str, operand: str = "a", result: str = "r") -> str:
    """A call of an operator with one operand."""
    return f'%{result} = torch.operator "aten.{name}"(%{operand}) : ({V}) -> {V}'


def lowered(body: str, returned: str = f"%y : {V}", arguments: str = f"%x : {V}") -> ModuleOp:
    """The module that a function becomes."""
    return rewritten(function(arguments, body, returned), LowerToLinalg())[1]


def functions(module: ModuleOp) -> list[FuncOp]:
    """The functions of a module in order."""
    return [op for op in module.ops if isinstance(op, FuncOp)]


def operations(function: FuncOp) -> list[str]:
    """The operations of a function, without those inside others."""
    return [op.name for op in function.body.block.ops]


HALF = f"""%half = torch.vtensor.literal(dense<0.5> : tensor<f32>) : !torch.vtensor<[],f32>
  %r = torch.aten.mul.Tensor %a, %half : {V}, !torch.vtensor<[],f32> -> {V}"""
TIMES = "%half = arith.constant 5.000000e-01 : f32\n%out = arith.mulf %in, %half : f32"


@pytest.mark.parametrize(
    ("body", "name", "doc", "element"),
    [(call("neg"), "neg_0", "neg", "%out = arith.negf %in : f32"), (HALF, "mul_0", "mul.Tensor", TIMES)],
    ids=["an operator", "a number"],
)
def test_a_group_becomes_a_kernel_and_a_call_of_it(body: str, name: str, doc: str, element: str) -> None:
    after = f"""
      func.func @main(%x : tensor<4xf32>) -> tensor<4xf32> {{
        %y = func.call @{name}(%x) : (tensor<4xf32>) -> tensor<4xf32>
        func.return %y : tensor<4xf32>
      }}
      func.func private @{name}(%a : tensor<4xf32>) -> tensor<4xf32> {{
        %empty = tensor.empty() : tensor<4xf32>
        %r = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
          iterator_types = ["parallel"], doc = "aten::{doc}"}}
          ins(%a : tensor<4xf32>) outs(%empty : tensor<4xf32>) {{
          ^bb0(%in: f32, %old: f32):
            {element}
            linalg.yield %out : f32
        }} -> tensor<4xf32>
        func.return %r : tensor<4xf32>
      }}"""
    assert_rewrites(function(f"%x : {V}", group(body), f"%y : {V}"), after, LowerToLinalg())


def test_the_host_is_first_and_kernels_follow_in_the_order_of_their_calls() -> None:
    body = "\n".join(group(call(name), f"%{name}") for name in ("neg", "abs", "exp"))
    main, *kernels = functions(lowered(body, f"%exp : {V}"))
    names = ["neg_0", "abs_0", "exp_0"]
    assert [f.sym_name.data for f in (main, *kernels)] == ["main", *names]
    assert [op.callee.string_value() for op in main.body.block.ops if isinstance(op, func.CallOp)] == names


LONG = ["reciprocal", "hardswish", "sigmoid", "rsqrt", "floor", "ceil", "tanh"]
CUT = "_".join(LONG)[:48]
NAMES: dict[str, tuple[list[list[str]], list[str]]] = {
    "numbered": ([["neg"], ["neg"], ["abs"]], ["neg_0", "neg_1", "abs_0"]),
    "each word once": ([["neg", "abs", "neg"]], ["neg_abs_0"]),
    "by kind": ([[]], ["row_0"]),
    "cut off": ([LONG, [*LONG, "exp"]], [f"{CUT}_0", f"{CUT}_1"]),
}


@pytest.mark.parametrize(("names", "wanted"), NAMES.values(), ids=NAMES)
def test_kernels_are_named_after_their_operators(names: list[list[str]], wanted: list[str]) -> None:
    groups: list[str] = []
    for position, operators in enumerate(names):
        values = ["a", *(f"v{i}" for i in range(len(operators)))]
        lines = [call(n, values[i], values[i + 1]) for i, n in enumerate(operators)]
        groups.append(group("\n".join(lines), f"%y{position}", f"%{values[-1]} : {V}", "row"))
    _, *kernels = functions(lowered("\n".join(groups), f"%y0 : {V}"))
    assert [k.sym_name.data for k in kernels] == wanted


def test_what_a_kernel_does_not_need_is_dropped() -> None:
    _, kernel = functions(lowered(group(f"{call('neg')}\n{call('exp', 'r', 'unused')}")))
    assert operations(kernel) == ["tensor.empty", "linalg.generic", "func.return"]


def test_a_kernel_returns_its_argument_as_it_is_and_a_copy_of_a_view() -> None:
    _, kernel = functions(lowered(group("", yielded=f"%a : {V}")))
    assert operations(kernel) == ["func.return"]
    part, numbers = "!torch.vtensor<[1],f32>", "%i = torch.constant.int 0\n%n = torch.constant.int 1\n"
    body = f"{numbers}%r = torch.aten.slice.Tensor %a, %i, %i, %n, %n : {V}{', !torch.int' * 4} -> {part}"
    _, kernel = functions(lowered(group(body, yielded=f"%r : {part}"), f"%y : {part}"))
    assert operations(kernel)[-2:] == ["linalg.generic", "func.return"]


def test_a_group_may_have_several_results() -> None:
    body = group(f"{call('neg')}\n{call('abs', 'r', 's')}", "%y, %z", f"%r, %s : {V}, {V}")
    main, kernel = functions(lowered(body, f"%z, %y : {V}, {V}"))
    made, end = main.body.block.ops
    assert list(end.operands) == [made.results[1], made.results[0]]
    assert len(kernel.function_type.outputs.data) == 2


EXPAND, COLLAPSE = "tensor.expand_shape", "tensor.collapse_shape"
RESHAPES: Any = [
    ("4", "2,2", [EXPAND]), ("2,2", "4", [COLLAPSE]), ("2,3", "3,2", [COLLAPSE, EXPAND]),
    ("2,3", "2,1,3", [EXPAND]), ("1,4", "4", [COLLAPSE]), ("2,3", "2,3", []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "wanted"), RESHAPES)
@pytest.mark.parametrize("name", ["reshape", "view"])
def test_a_reshape_outside_groups_moves_nothing(name: str, before: str, after: str, wanted: Any) -> None:
    given, made = (f"!torch.vtensor<[{sizes}],f32>" for sizes in (before, after))
    sizes = after.split(",")
    body = "\n".join(f"%n{i} = torch.constant.int {n}" for i, n in enumerate(sizes))
    numbers, types = ", ".join(f"%n{i}" for i in range(len(sizes))), ", ".join(["!torch.int"] * len(sizes))
    body += f"\n%l = torch.prim.ListConstruct {numbers} : ({types}) -> !torch.list<int>"
    body += f"\n%y = torch.aten.{name} %x, %l : {given}, !torch.list<int> -> {made}"
    (main,) = functions(lowered(body, f"%y : {made}", f"%x : {given}"))
    assert operations(main) == [*wanted, "func.return"]
    assert str(main.function_type.outputs.data[0]) == f"tensor<{after.replace(',', 'x')}xf32>"


def constant_key(module: ModuleOp) -> str:
    """The key of the only constant of the host function."""
    (constant,) = (op for op in functions(module)[0].body.block.ops if isinstance(op, arith.ConstantOp))
    assert isinstance(constant.value, DenseResourceAttr)
    return constant.value.resource_handle.data


def test_a_tensor_constant_keeps_its_array() -> None:
    weights = {"layer.weight": np.arange(4, dtype=np.float32)}
    body = f"%w = torch.vtensor.literal(dense_resource<layer.weight> : tensor<4xf32>) : {V}"
    context, module = rewritten(function("", body, f"%w : {V}"), LowerToLinalg(), weights=weights)
    assert constant_key(module) == "layer.weight"
    assert context.pool["layer.weight"] is weights["layer.weight"]


LITERALS = [
    ("[1.0, 2.0]", "tensor<2xf32>", "[2],f32", np.array([1, 2], np.float32)),
    ("3", "tensor<2xsi64>", "[2],si64", np.array([3, 3])),
    ("[true, false]", "tensor<2xi1>", "[2],i1", np.array([True, False])),
    ("7", "tensor<ui8>", "[],ui8", np.array(7, np.uint8)),
]


@pytest.mark.parametrize(("elements", "builtin", "kind", "wanted"), LITERALS)
def test_a_tensor_constant_of_the_text_gets_an_array(
    elements: str, builtin: str, kind: str, wanted: np.ndarray[Any, Any]
) -> None:
    body = f"%w = torch.vtensor.literal(dense<{elements}> : {builtin}) : !torch.vtensor<{kind}>"
    context, module = rewritten(function("", body, f"%w : !torch.vtensor<{kind}>"), LowerToLinalg())
    array = context.pool[constant_key(module)]
    assert array.dtype == wanted.dtype
    np.testing.assert_array_equal(array, wanted)


ELEMENTS = {"si64": "i64", "ui8": "i8", "i1": "i1", "f16": "f16", "bf16": "bf16", "f64": "f64"}


@pytest.mark.parametrize("element", ELEMENTS)
def test_elements_have_no_sign(element: str) -> None:
    kind = f"!torch.vtensor<[2],{element}>"
    (main,) = functions(lowered("", f"%x : {kind}", f"%x : {kind}"))
    assert str(main.function_type.inputs.data[0]) == f"tensor<2x{ELEMENTS[element]}>"


def test_tensors_in_tuples_and_lists_are_returned_one_by_one() -> None:
    body = f"""
      %l = torch.prim.ListConstruct %z, %x : ({V}, {V}) -> !torch.list<vtensor>
      %t = torch.prim.TupleConstruct %x, %l : {V}, !torch.list<vtensor> -> !torch.any"""
    (main,) = functions(lowered(body, "%t : !torch.any", f"%x : {V}, %z : {V}"))
    x, z = main.body.block.args
    (end,) = main.body.block.ops
    assert list(end.operands) == [x, z, x]


def test_a_kernel_and_its_call_have_the_place_of_the_group() -> None:
    context, module = parse(function(f"%x : {V}", group(call("neg")), f"%y : {V}"))
    place = FileLineColLoc(StringAttr("model.py"), IntAttr(3), IntAttr(4))
    next(op for op in module.walk() if isinstance(op, GroupOp)).location = place
    LowerToLinalg().apply(context, module)
    main, kernel = functions(module)
    assert [kernel.location, *(op.location for op in main.body.block.ops)][:2] == [place] * 2


YIELD = f"{{\ntorch.prim.If.yield %x : {V}\n}}"
BRANCH = f"%y = torch.prim.If %b -> ({V}) {YIELD} else {YIELD}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("builtin.module {}", "requires one function; got 0"),
        (function("", "", "") + function("", "", "", "g"), "requires one function; got 2"),
        (function("%n : !torch.int", "", ""), "requires tensor arguments; got int"),
        (function("%l : !torch.list<tensor>", "", ""), r"requires tensor arguments; got List\[Tensor\]"),
        (function("", "%n = torch.constant.int 1", "%n : !torch.int"), "requires tensor results; got int"),
        (function(f"%x : {V}", call("neg", "x", "y"), f"%y : {V}"), "aten::neg has no native form here"),
        (function(f"%x : {V}", call("t", "x", "y"), f"%y : {V}"), "aten::t has no native form here"),
        (function(f"%x : {V}, %b : !torch.bool", BRANCH, f"%y : {V}"), "requires tensor arguments; got bool"),
    ],
)
def test_what_has_no_native_form_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        rewritten(text, LowerToLinalg())


def test_an_argument_of_unknown_shape_is_refused() -> None:
    text = function("%x : !torch.vtensor<[?],f32>", "", "%x : !torch.vtensor<[?],f32>")
    with pytest.raises(CodegenError):
        rewritten(text, LowerToLinalg())
