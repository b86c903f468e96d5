"""`loop_form`: what breaks a rule of its dialect is found, and arithmetic on vectors is no break."""

from __future__ import annotations

import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp, VectorType, f32, i1
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from tests.passes.kernel_runner import context
from tests.passes.loop_form import is_elementwise_on_vectors, verify_loop_form

VECTOR = "vector<4xf32>"


def parsed(line: str, kind: str = VECTOR) -> ModuleOp:
    """A kernel with one line; valid or not."""
    text = f"func.func private @k(%a : {kind}, %b : {kind}) {{\n{line}\nfunc.return\n}}"
    return Parser(context(), text).parse_module()


COMPARE = f'%r = "arith.cmpf"(%a, %b) <{{predicate = 1 : i64}}> : ({VECTOR}, {VECTOR}) -> vector<4xi1>'


def test_what_xdsl_knows_on_scalars_alone_may_act_on_vectors() -> None:
    module = parsed(COMPARE)
    with pytest.raises(VerifyException):
        module.verify()
    verify_loop_form(module)


def test_scalars_are_accepted() -> None:
    verify_loop_form(parsed("%r = arith.cmpf oeq, %a, %b : f32", "f32"))


def test_an_operation_on_scalars_that_breaks_a_rule_is_found() -> None:
    module = parsed("%r = arith.cmpf oeq, %a, %b : f32", "f32")
    (compare,) = (op for op in module.walk() if isinstance(op, arith.CmpfOp))
    object.__setattr__(compare.results[0], "_type", f32)
    with pytest.raises(VerifyException):
        verify_loop_form(module)


def test_other_operations_on_vectors_are_held_to_their_rules() -> None:
    module = parsed(f"%r = arith.addf %a, %b : {VECTOR}")
    verify_loop_form(module)
    (add,) = (op for op in module.walk() if isinstance(op, arith.AddfOp))
    object.__setattr__(add.results[0], "_type", VectorType(i1, [4]))
    with pytest.raises(VerifyException):
        verify_loop_form(module)


@pytest.mark.parametrize(
    ("line", "kind", "wanted"),
    [
        (COMPARE, VECTOR, True),
        ("%r = arith.cmpf oeq, %a, %b : f32", "f32", False),
        (f"%r = arith.addf %a, %b : {VECTOR}", VECTOR, False),
    ],
    ids=["compared vectors", "compared scalars", "added vectors"],
)
def test_exceptions_are_made_for_vectors_alone(line: str, kind: str, wanted: bool) -> None:
    op = next(op for op in parsed(line, kind).walk() if op.name.startswith("arith."))
    assert is_elementwise_on_vectors(op) == wanted
