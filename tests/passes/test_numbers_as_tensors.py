"""`numbers-as-tensors`: what is computed with numbers from tensors, by kernels instead, and what stays."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.numbers_as_tensors import NumbersAsTensors

X, I64, F64, F32 = (
    "!torch.vtensor<[4],f32>", "!torch.vtensor<[],si64>", "!torch.vtensor<[],f64>", "!torch.vtensor<[],f32>",
)  # fmt: skip
INT, FLOAT, BOOL = "!torch.int", "!torch.float", "!torch.bool"
ARGUMENTS = f"%x: {X}, %n: {I64}, %s: {F64}"


def function(body: str, returned: str, kinds: str) -> str:
    """A module with one function."""
    return f"""
func.func @f({ARGUMENTS}) -> ({kinds}) {{
{body}
  return {returned} : {kinds}
}}"""


READ_INT = f"  %i = torch.aten.Int.Tensor %n : {I64} -> {INT}"
READ_FLOAT = f"  %f = torch.aten.Float.Tensor %s : {F64} -> {FLOAT}"
YIELD = f"torch.prim.If.yield %x : {X}"
ONE = "  %one = torch.constant.int 1"


def test_a_counter_is_counted_in_its_tensor() -> None:
    before = function(
        f"{READ_INT}\n{ONE}\n  %j = torch.aten.add.int %i, %one : {INT}, {INT} -> {INT}", "%j", INT
    )
    after = function(
        f"""{READ_INT}
{ONE}
  %a = torch.constant.int 1
  %b = torch.constant.int 1
  %t = torch.aten.add.Scalar %n, %a, %b : {I64}, {INT}, {INT} -> {I64}
  %j = torch.aten.add.int %i, %one : {INT}, {INT} -> {INT}
  %r = torch.aten.Int.Tensor %t : {I64} -> {INT}""",
        "%r",
        INT,
    )
    assert_rewrites(before, after, NumbersAsTensors())


@pytest.mark.parametrize(
    ("operator", "made", "rest"),
    [
        ("remainder.int", "remainder.Scalar", ""),
        ("floordiv.int", "div.Scalar_mode", "floor"),
    ],
)
def test_a_counter_is_divided_in_its_tensor(operator: str, made: str, rest: str) -> None:
    seven = "  %one = torch.constant.int 7"
    use = f"  %j = torch.aten.{operator} %i, %one : {INT}, {INT} -> {INT}"
    mode = f'  %m = torch.constant.str "{rest}"\n' if rest else ""
    operands, kinds = ("%n, %a, %m", f"{I64}, {INT}, !torch.str") if rest else ("%n, %a", f"{I64}, {INT}")
    after = f"""{READ_INT}
{seven}
  %a = torch.constant.int 7
{mode}  %t = torch.aten.{made} {operands} : {kinds} -> {I64}
{use}
  %r = torch.aten.Int.Tensor %t : {I64} -> {INT}"""
    assert_rewrites(
        function(f"{READ_INT}\n{seven}\n{use}", "%j", INT), function(after, "%r", INT), NumbersAsTensors()
    )


def test_a_number_multiplies_in_the_dtype_of_the_tensor() -> None:
    before = function(f"{READ_FLOAT}\n  %y = torch.aten.mul.Scalar %x, %f : {X}, {FLOAT} -> {X}", "%y", X)
    after = function(
        f"""{READ_FLOAT}
  %code = torch.constant.int 6
  %no = torch.constant.bool false
  %no2 = torch.constant.bool false
  %none = torch.constant.none
  %t = torch.aten.to.dtype %s, %code, %no, %no2, %none : {F64}, {INT}, {BOOL}, {BOOL}, !torch.none -> {F32}
  %z = torch.aten.mul.Tensor %x, %t : {X}, {F32} -> {X}
  %y = torch.aten.mul.Scalar %x, %f : {X}, {FLOAT} -> {X}""",
        "%z",
        X,
    )
    assert_rewrites(before, after, NumbersAsTensors())


@pytest.mark.parametrize(
    ("body", "returned", "kinds"),
    [
        (f"{READ_INT}\n  %y = torch.aten.select.int %x, %i, %i : {X}, {INT}, {INT} -> {F32}", "%y", F32),
        (
            f"""{READ_INT}
{ONE}
  %c = torch.aten.gt.int %i, %one : {INT}, {INT} -> {BOOL}
  %y = torch.prim.If %c -> ({X}) {{ {YIELD} }} else {{ {YIELD} }}""",
            "%y",
            X,
        ),
        (f"{READ_INT}\n  %y = torch.aten.floordiv.int %i, %i : {INT}, {INT} -> {INT}", "%y", INT),
    ],
    ids=["an index", "a condition", "a division, which may raise"],
)
def test_numbers_that_are_wanted_as_such_stay(body: str, returned: str, kinds: str) -> None:
    assert_leaves(function(body, returned, kinds), NumbersAsTensors())


def test_a_float_that_is_cut_is_required_to_fit() -> None:
    cut = f"  %i = torch.aten.Int.Tensor %s : {F64} -> {INT}"
    added = f"  %j = torch.aten.add.int %i, %one : {INT}, {INT} -> {INT}"
    none, flag = "!torch.none", "!torch.vtensor<[],i1>"
    after = f"""  %size = torch.aten.abs %s : {F64} -> {F64}
  %limit = torch.constant.float 9.223372036854775808e18
  %fits = torch.aten.lt.Scalar %size, %limit : {F64}, {FLOAT} -> {flag}
  %holds = torch.aten.Bool.Tensor %fits : {flag} -> {BOOL}
  tsc.require %holds : {BOOL}
  %code = torch.constant.int 4
  %no = torch.constant.bool false
  %never = torch.constant.bool false
  %none = torch.constant.none
  %t = torch.aten.to.dtype %s, %code, %no, %never, %none : {F64}, {INT}, {BOOL}, {BOOL}, {none} -> {I64}
{cut}
{ONE}
  %a = torch.constant.int 1
  %b = torch.constant.int 1
  %u = torch.aten.add.Scalar %t, %a, %b : {I64}, {INT}, {INT} -> {I64}
{added}
  %r = torch.aten.Int.Tensor %u : {I64} -> {INT}"""
    assert_rewrites(
        function(f"{cut}\n{ONE}\n{added}", "%j", INT), function(after, "%r", INT), NumbersAsTensors()
    )
