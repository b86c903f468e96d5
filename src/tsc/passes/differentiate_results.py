"""Pass `differentiate-results`: a function also gives the gradients of its arguments, of those of its
results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import (
    CONSTRUCTIONS,
    UNKNOWN_CALLS,
    is_list_mutated,
    spec_of_value,
    unwrapped,
    writes_anything,
)
from tsc.analysis.operator_effects import asks_gradients, draws
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.tsc import FLOWING, HAD_MODES, SEEDS, SOUGHT, SOUGHT_OF_SOME, WRITTEN, MemoryOp
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES, CodegenError
from tsc.ops.composite import Aten
from tsc.ops.derivatives.recorded import CUTS, is_differentiable
from tsc.ops.derivatives.reverse import Step, depends, flow
from tsc.passes.decompose import building_aten
from tsc.passes.gradients.halves import note_numbers, noted_numbers
from tsc.passes.gradients.steps import Branch, NotDifferentiableError, Opaque, holds_tensors, steps_of

MODES = ("aten::set_grad_enabled", "aten::is_grad_enabled")
ASKING_FLAGS = (
    "prim::requires_grad", "aten::requires_grad_", "aten::is_leaf", "aten::retain_grad", "aten::retains_grad",
    "aten::detach_", "aten::set_data", "aten::_is_view",
)  # fmt: skip
"""Operators that ask, or say, what is recorded of a tensor."""


@dataclass(frozen=True)
class DifferentiateResults(ModulePass):
    """Have a function take the gradients of its results, and give those of the arguments `wanted`.

    Requires: tensors are values, types refined.
    Leaves: composites, which the gradients are computed of where they have rules of their own. Behind the
    result (and what is written to arguments) the function returns the tensors of its result that gradients
    flow from (`tsc.flowing` says how many), and the gradients of the arguments that `tsc.sought` names; its
    last arguments are the gradients of the former (`tsc.seeds`).

    ```mlir
    func.func @f(%x) { %y = torch.aten.sin %x; return %y }
    // func.func @f(%x, %g) { %y = sin %x; %c = cos %x; %d = mul %g, %c; return %y, %y, %d }
    ```
    """

    name = "differentiate-results"
    wanted: tuple[int, ...] = ()
    given: tuple[bool, ...] | None = None
    """Of which results gradients are there, where not of all: then the gradients that flow from those follow
    behind the others (`tsc.sought_of_some`).
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Differentiate the results of every function.

        Raises:
            CodegenError: it is not certain what the gradients are, or there are none.
        """
        for function in op.ops:
            if isinstance(function, FuncOp):
                self._differentiate(function)

    def _differentiate(self, function: FuncOp) -> None:
        _require_plain(function)
        if set(noted_numbers(function, WRITTEN)) & set(self.wanted):
            raise CodegenError("an argument is written whose gradient is wanted")
        block = function.body.block
        end = block.last_op
        assert end is not None
        arguments: list[Any] = [block.args[number] for number in self.wanted]
        aten = building_aten(TorchBuilder(before=end), [])
        steps = steps_of(block, end)
        flowing = _flowing(aten, end, steps, arguments)
        seeds: list[Any] = [block.insert_arg(value.type, len(block.args)) for value in flowing]
        pairs = list(zip(flowing, seeds, strict=True))
        sought, gradients = self._gradients(aten, steps, pairs, arguments)
        if not sought:
            raise CodegenError("no gradient flows to what requires gradients")
        note_numbers(function, FLOWING, [len(flowing)])
        note_numbers(function, SEEDS, [len(seeds)])
        note_numbers(function, SOUGHT, sought)
        end.operands = [*end.operands, *flowing, *gradients]
        if self.given is not None:
            pairs = [pair for pair, is_there in zip(pairs, self.given, strict=True) if is_there]
            sought, gradients = self._gradients(aten, steps, pairs, arguments)
            if not sought:
                raise CodegenError("no gradient flows from these results")
            note_numbers(function, SOUGHT_OF_SOME, sought)
            end.operands = [*end.operands, *gradients]
        function.update_function_type()

    def _gradients(
        self, aten: Aten, steps: Sequence[Step], seeds: Sequence[tuple[Any, Any]], arguments: Sequence[Any]
    ) -> tuple[list[int], list[Any]]:
        """The gradients of the arguments that any flows to, with their numbers."""
        try:
            found: list[Any] = flow(aten, steps, seeds, arguments)
        except NotDifferentiableError as reason:
            raise CodegenError(str(reason)) from None
        except OPERATOR_FAILURES as error:  # something on the way has no derivative
            raise CodegenError(str(getattr(error, "message", error))) from None
        pairs = [
            (n, gradient) for n, gradient in zip(self.wanted, found, strict=True) if gradient is not None
        ]
        return [number for number, _ in pairs], [gradient for _, gradient in pairs]


def why_not_certain(function: FuncOp) -> str | None:
    """Why it is not certain what gradients are of, of a function at stage `frozen`: it asks for some itself,
    or whether there are any, computes something while none are recorded, or writes to tensors that are shown
    without their gradients.
    """
    names = [op.schema.full_name for op in walk(function) if isinstance(op, AtenOp)]
    if any(name in ASKING_FLAGS for name in names) or asks_gradients(function):
        return "it asks for gradients itself"
    if HAD_MODES in function.attributes or any(name in MODES for name in names):
        return "it sets whether gradients are recorded"
    if any(name in CUTS for name in names) and any(map(writes_anything, walk(function))):
        return "it writes to tensors, and detaches some"
    return None


def _require_plain(function: FuncOp) -> None:
    """
    Raises:
        CodegenError: what the function computes is not certainly what gradients are of.
    """
    for op in walk(function):
        name = op.schema.full_name if isinstance(op, AtenOp) else ""
        if name in ASKING_FLAGS or isinstance(op, UNKNOWN_CALLS):
            raise CodegenError("it is not known whether gradients are recorded throughout")
        if writes_anything(op):
            raise CodegenError("tensors or lists are written in place")
        if draws(op):
            raise CodegenError("it draws random numbers")


def _flowing(aten: Aten, end: Operation, steps: Sequence[Step], arguments: Sequence[Any]) -> list[Any]:
    """The tensors of a result that gradients flow from, each once.

    Raises:
        CodegenError: there are none; or gradients would flow from an argument.
    """
    reached = {id(value) for value in arguments}
    for step in steps:
        is_known = all(spec_of_value(cast("Any", result)) is not None for result in step.results)
        if not is_known and isinstance(step, (Opaque, Branch)):
            raise CodegenError(f"it is not known what {step.op.name.removeprefix('torch.')} gives")
        if depends(aten, step, reached):
            reached.update(id(r) for r in step.results if is_differentiable(aten.dtype(r)))
    first, *written = end.operands
    if any(id(unwrapped(value)) in reached for value in written):
        raise CodegenError("gradients flow to an argument that is written")
    returned = dict.fromkeys(_tensors(first))
    if any(isinstance(value, BlockArgument) for value in returned):
        raise CodegenError("an argument is a result")
    found = [value for value in returned if id(value) in reached]
    if not found:
        raise CodegenError("no result requires gradients")
    return found


def _tensors(value: SSAValue) -> list[SSAValue]:
    """The tensors that a result holds.

    Raises:
        CodegenError: it is not known which.
    """
    value = unwrapped(value)
    if isinstance(value.type, tt.ValueTensorType):
        if isinstance(value.owner, MemoryOp):
            raise CodegenError("an argument is a result")
        if spec_of_value(value) is None:
            raise CodegenError("the shape of a result is not known")
        return [value]
    if isinstance(value.owner, CONSTRUCTIONS) and not is_list_mutated(value):
        return [tensor for operand in value.owner.operands for tensor in _tensors(operand)]
    if holds_tensors(value.type):
        raise CodegenError("it is not known which tensors the result holds")
    return []
