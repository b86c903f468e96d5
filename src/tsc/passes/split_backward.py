"""Pass `split-backward`: of a function that also gives gradients, one half stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import is_within, unwrapped
from tsc.analysis.operator_effects import definition_of
from tsc.analysis.parts import LIGHT_KINDS, PLUMBING
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.tsc import (
    ASSIGNED,
    FLOWING,
    READS,
    SAVED,
    SEEDS,
    SOUGHT,
    SOUGHT_OF_SOME,
    TAKEN,
    WRITTEN,
    MemoryOp,
)  # fmt: skip
from tsc.dialects.walking import walk
from tsc.errors import CodegenError
from tsc.passes.gradients.halves import note_numbers, noted_numbers


@dataclass(frozen=True)
class SplitBackward(ModulePass):
    """Keep the forward half of a function, or its backward half.

    What needs no gradient of a result and is read by the backward half alone is computed there. What both
    halves need the forward half saves, but for what costs nothing (views, sizes, numbers) and pointwise
    operators of what the backward half has anyhow, which it computes again.

    Requires: what `differentiate-results` leaves; composites expanded, equal operations merged.
    Leaves: as the forward half a function whose result is a tuple of the result, the tensors that gradients
    flow from, and what is saved (a result that is one tensor is the one that gradients flow from, and is
    there once); as the backward half one that gives the gradients alone. `tsc.reads` says what that takes.

    ```mlir
    func.func @f(%x, %g) { %y = exp %x; %d = mul %g, %y; return %y, %y, %d }
    // func.func @f(%x) { %y = exp %x; return (%y, %y) }    func.func @f(%g, %y) { return mul %g, %y }
    ```
    """

    name = "split-backward"
    is_backward: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Split every function that gives gradients.

        Raises:
            CodegenError: the backward half needs what cannot be saved.
        """
        for function in op.ops:
            if isinstance(function, FuncOp) and SEEDS in function.attributes:
                split = _Split.of(function)
                (split.keep_backward if self.is_backward else split.keep_forward)()
                function.update_function_type()


@dataclass
class _Split:
    """The halves of one function."""

    function: FuncOp
    arguments: Sequence[BlockArgument]
    """Those of the function itself, and the gradients of its results."""
    results: Sequence[SSAValue]
    """What the function gives: its result, and what is in arguments that it writes to."""
    flowing: Sequence[SSAValue]
    gradients: Sequence[SSAValue]
    backward: Collection[Operation]
    """The operations of the backward half."""
    saved: Sequence[SSAValue]

    @classmethod
    def of(cls, function: FuncOp) -> _Split:
        """Decide what is saved.

        Raises:
            CodegenError: the backward half needs what cannot be saved.
        """
        block = function.body.block
        end = block.last_op
        assert end is not None
        operands, block_args = list(end.operands), block.args
        (flowing,), (seeds,) = noted_numbers(function, FLOWING), noted_numbers(function, SEEDS)
        of_some = len(noted_numbers(function, SOUGHT_OF_SOME))
        last = len(operands) - of_some - len(noted_numbers(function, SOUGHT))
        first, rest = last - flowing, operands[last:]
        gradients, some = rest[: len(rest) - of_some], rest[len(rest) - of_some :]
        forward = _needed(block, operands[:last])
        if _dependent(block, block_args[len(block_args) - seeds :]) & forward:
            raise CodegenError("a result depends on a gradient")
        lost = [block_args[number] for number in noted_numbers(function, WRITTEN)]
        choice = _Choice(block, forward, lost)
        choice.run(gradients)
        split = cls(
            function, list(block_args), operands[:first], operands[first:last], gradients,
            choice.backward, choice.saved,
        )  # fmt: skip
        return replace(split, **split._of_some(some, _Choice(block, forward, lost, choice.saved)))

    def _of_some(self, gradients: Sequence[SSAValue], choice: _Choice) -> dict[str, Any]:
        """What differs where gradients of some results only are given."""
        if SOUGHT_OF_SOME not in self.function.attributes:
            return {}
        choice.run(gradients)
        self.function.attributes[SOUGHT] = self.function.attributes.pop(SOUGHT_OF_SOME)
        return {"gradients": gradients, "backward": choice.backward}

    def keep_forward(self) -> None:
        """Leave the forward half."""
        block = self.function.body.block
        seeds = self.arguments[len(self.arguments) - noted_numbers(self.function, SEEDS)[0] :]
        end = block.last_op
        assert end is not None
        result, *written = self.results
        is_single = [unwrapped(result)] == list(self.flowing)
        beside = [*(() if is_single else self.flowing), *self.saved]
        end.operands = [TorchBuilder(before=end).make_tuple([result, *beside]), *written]
        _erase_others(block, _needed(block, end.operands))
        for seed in seeds:
            block.erase_arg(seed)
        note_numbers(self.function, SAVED, [len(self.saved)])
        self._forget(SEEDS, SOUGHT)

    def keep_backward(self) -> None:
        """Leave the backward half."""
        block = self.function.body.block
        end = block.last_op
        assert end is not None
        gradients = self.gradients
        made = gradients[0] if len(gradients) == 1 else TorchBuilder(before=end).make_tuple(gradients)
        kept = set(self.backward)
        if len(gradients) > 1 and isinstance(made.owner, Operation):
            kept.add(made.owner)
        end.operands = [made]
        for value in self.saved:
            taken = block.insert_arg(value.type, len(block.args))
            taken.name_hint = value.name_hint
            value.replace_all_uses_with(taken)
        _erase_others(block, kept)
        read = [number for number, value in enumerate(block.args) if value.first_use is not None]
        for value in [value for value in block.args if value.first_use is None]:
            block.erase_arg(value)
        note_numbers(self.function, READS, read)
        self._forget(SEEDS, FLOWING, WRITTEN, TAKEN, ASSIGNED)

    def _forget(self, *names: str) -> None:
        for name in names:
            self.function.attributes.pop(name, None)


class _Choice:
    """What the backward half computes, and what is saved for it."""

    def __init__(
        self, block: Block, forward: Collection[Operation], lost: Collection[SSAValue],
        saved: Sequence[SSAValue] | None = None,
    ) -> None:  # fmt: skip
        """`lost` are arguments that hold something else by then; `saved` is what is saved, where that is
        decided.
        """
        self.block = block
        self.forward = forward
        self.lost = set(lost)
        self.backward: set[Operation] = set()
        self.saved: list[SSAValue] = list(saved or ())
        self._is_decided = saved is not None
        self._there: set[SSAValue] = set(self.saved)
        """What is saved, as a set."""

    def run(self, gradients: Sequence[SSAValue]) -> None:
        """Choose for these gradients.

        Raises:
            CodegenError: something that is needed cannot be saved.
        """
        demanded, shared = set(gradients), list[Operation]()
        for op in reversed(self.block.ops):
            if not any(result in demanded for result in op.results):
                continue
            if op in self.forward and not _costs_nothing(op):
                shared.append(op)
            else:
                self.backward.add(op)
                demanded.update(_operands(op))
        for op in reversed(shared):
            wanted = [result for result in op.results if result in demanded and result not in self._there]
            tensors = [value for value in _operands(op) if isinstance(value.type, tt.TensorType)]
            if wanted and _is_pointwise(op) and all(map(self._is_there, tensors)):
                self._compute_again(op)
            else:
                self._save(wanted)
        if self.lost & demanded:
            raise CodegenError("the gradients depend on what was in an argument that is written")

    def _is_there(self, value: SSAValue) -> bool:
        """Whether the backward half has a value without saving more."""
        if value in self._there:
            return True
        op = value.owner
        if not isinstance(op, Operation):
            return value not in self.lost
        return op in self.backward or (_costs_nothing(op) and all(map(self._is_there, _operands(op))))

    def _compute_again(self, op: Operation) -> None:
        """Have the backward half compute `op`, and what its operands are of."""
        pending = [op]
        while pending:
            current = pending.pop()
            if current not in self.backward:
                self.backward.add(current)
                given = [value for value in _operands(current) if value not in self._there]
                pending += [value.owner for value in given if isinstance(value.owner, Operation)]

    def _save(self, values: Sequence[SSAValue]) -> None:
        for value in values:
            is_tensor = isinstance(value.type, tt.ValueTensorType) and value.type.is_static
            if not is_tensor or self._is_decided:
                raise CodegenError(f"the gradients need {value.type}, which cannot be saved")
        self.saved += values
        self._there.update(values)


def _operands(op: Operation) -> Iterator[SSAValue]:
    """What an operation reads, also in its regions, that is made outside of it."""
    yield from op.operands
    for inner in walk(op) if op.regions else ():
        for value in inner.operands if inner is not op else ():
            if not is_within(value, op):
                yield value


def _needed(block: Block, values: Sequence[SSAValue]) -> set[Operation]:
    """The operations of a block that compute these values."""
    demanded, found = set(values), set[Operation]()
    for op in reversed(block.ops):
        if any(result in demanded for result in op.results):
            found.add(op)
            demanded.update(_operands(op))
    return found


def _dependent(block: Block, values: Sequence[SSAValue]) -> set[Operation]:
    """The operations of a block that these values have a say in, its end aside."""
    known, found = set(values), set[Operation]()
    for op in block.ops:
        if op is not block.last_op and any(value in known for value in _operands(op)):
            found.add(op)
            known.update(op.results)
    return found


def _erase_others(block: Block, kept: Collection[Operation]) -> None:
    for op in reversed(list(block.ops)):
        if op is not block.last_op and op not in kept:
            op.detach()
            op.erase()


def _costs_nothing(op: Operation) -> bool:
    """Whether an operation computes no elements of what it reads."""
    if isinstance(op, (*PLUMBING, MemoryOp)):
        return True
    operator = definition_of(op)
    if operator is None:
        return False
    takes_tensors = any(isinstance(value.type, (tt.TensorType, tt.ListType)) for value in op.operands)
    return operator.kind in LIGHT_KINDS or not takes_tensors


def _is_pointwise(op: Operation) -> bool:
    operator = definition_of(op)
    return operator is not None and operator.kind == "pointwise" and not operator.draws
