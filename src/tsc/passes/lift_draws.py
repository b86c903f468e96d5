"""Pass `lift-draws`: random numbers come from a stream that is an attribute of the default generator."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import UNKNOWN_CALLS, constant_of
from tsc.analysis.operator_effects import draws
from tsc.analysis.unread_draws import unread_draws
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp, class_of
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimGetAttrOp, PrimSetAttrOp
from tsc.dialects.tsc import DRAWS, GENERATOR
from tsc.dialects.walking import walk
from tsc.ops.definition import Operator, Sharing
from tsc.ops.random_source import STREAM
from tsc.ops.random_streams import drawn_name
from tsc.ops.registry import find, require
from tsc.ops.variants import functional_name

GENERATOR_TYPE = tt.ModuleType(GENERATOR)
"""Of the argument that the default generator is."""


@dataclass(frozen=True)
class LiftDraws(ModulePass):
    """Drop what is drawn for nothing, and let what draws from the default generator take the stream of its
    random bits, which is an attribute of the generator, and assign the one behind them. The generator is the
    first argument from then on, behind ``self``; `lift-state` takes both away.

    Requires: stage `frozen`.
    Leaves: functions in which something draws otherwise, or of which that cannot be said, as a whole.

    ```mlir
    %0 = torch.aten.rand_like %x, ...
    // %s = torch.prim.GetAttr %generator["stream"]
    // %0, %1 = torch.operator "tsc.drawn_rand_like"(%x, ..., %s)
    // torch.prim.SetAttr %generator["stream"] = %1
    ```
    """

    name = "lift-draws"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lift the draws of every function."""
        for function in op.ops:
            if isinstance(function, FuncOp):
                drop_unread_draws(function)
                lift_draws(function)


def lift_draws(function: FuncOp) -> bool:
    """Lift those of one function, all of which are read; whether there are any, and that was possible."""
    body = list(walk(function))
    drawing = [op for op in body if draws(op)]
    if not drawing or any(isinstance(op, UNKNOWN_CALLS) for op in body):
        return False
    with_stream = [_with_stream(op) for op in drawing]
    if not all(with_stream):
        return False
    block = function.body.block
    has_self = bool(block.args) and isinstance(block.args[0].type, tt.ModuleType)
    generator = block.insert_arg(GENERATOR_TYPE, 1 if has_self else 0)
    generator.name_hint = "generator"
    for op, operator in zip(drawing, with_stream, strict=True):
        assert operator is not None
        _lift(op, operator, generator)
    function.attributes[DRAWS] = UnitAttr()
    function.update_function_type()
    return True


def drop_unread_draws(function: FuncOp) -> None:
    """Drop what is drawn for nothing, which is seen to be so as long as the function is one."""
    unread = unread_draws(function)
    for op in reversed([op for op in walk(function) if op in unread] if unread else []):
        op.detach()
        op.erase()


def _with_stream(op: Operation) -> Operator | None:
    """What draws as `op` does, or makes what it stores, from a stream; None where there is no such thing."""
    assert isinstance(op, AtenOp)
    name = functional_name(op.schema) or op.schema.full_name
    functional = find(name)
    if functional is None or functional.drawn is None or functional.schema.mutates:
        return None
    is_own = "generator" in op.positions and constant_of(op.argument("generator")) is not None
    if is_own or (functional.sharing is Sharing.SOMETIMES and not _makes_another(op)):
        return None
    return require(drawn_name(functional))


def _makes_another(op: AtenOp) -> bool:
    """Whether a dropout certainly drops something, and gives no argument back."""
    p = constant_of(op.argument("p"))
    return constant_of(op.argument("train")) is True and isinstance(p, (int, float)) and 0 < p <= 1


def _lift(op: Operation, operator: Operator, generator: SSAValue) -> None:
    builder = TorchBuilder(before=op)
    attributes = {"name": StringAttr(STREAM)}
    stream = PrimGetAttrOp.create(operands=[generator], result_types=[tt.TENSOR], attributes=attributes)
    builder.insert(stream)
    kinds = [*(r.type for r in op.results), tt.TENSOR]
    made = class_of(operator.schema).create(operands=[*op.operands, *stream.results], result_types=kinds)
    builder.insert(made)
    builder.insert(PrimSetAttrOp.create(operands=[generator, made.results[-1]], attributes=attributes))
    results: list[SSAValue] = list(made.results[:-1])
    if isinstance(op, AtenOp) and op.schema.mutates:
        copied = builder.aten("aten::copy_", [op.operands[0], results[0], builder.constant(False)])
        results = list(copied.results)
    for old, new in zip(op.results, results, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    op.detach()
    op.erase()
