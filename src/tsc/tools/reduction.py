"""A case with a fault into the smallest one with that fault: operations and arguments go while it stays."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.compiler.cases import Case, Fault
from tsc.compiler.fusion_report import is_operator
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_array
from tsc.runtime.descriptions import Varying
from tsc.runtime.generic import GenericFunction
from tsc.runtime.values import mapped

MOST_TRIES = 400
"""Cases that are compiled and run at most."""
SMALL_SIZES = (1, 2, 3, 4, 8)


@dataclass(eq=False)
class Reduction:
    """Makes a case smaller, as long as `fault` stays."""

    case: Case
    fault: Fault
    tries: int = 0

    def run(self) -> Case:
        """The smallest case that was found.

        Source: the search halves what it leaves out when that fails (A. Zeller and R. Hildebrandt,
        "Simplifying and Isolating Failure-Inducing Input", 2002).
        """
        for step in (self._end_early, self._begin_late, self._drop_statements, self._shrink, self._round):
            step()
        return self.case

    def _keep(self, candidate: Case | None) -> bool:
        """Take a smaller case if it has the fault."""
        if candidate is None or self.tries >= MOST_TRIES:
            return False
        self.tries += 1
        try:
            is_same = self.fault.is_same(candidate.first_fault(self.fault.stage))
        except Exception:  # a pass may do anything to an odd program: this one is no such case
            return False
        if is_same:
            self.case = candidate
        return is_same

    # --- operations ---

    def _end_early(self) -> None:
        """Return the earliest tensor in which the fault shows: halve, and go back where that fails."""
        whole = self.case
        numbers = [number for number, op in _statements(whole.function) if _gives_tensor(op)]
        low, high = 0, len(numbers)
        kept = False
        while low < high:
            middle = (low + high) // 2
            if self._keep(_ended(whole, numbers[middle])):
                high, kept = middle, True
            else:
                low = middle + 1
        if not kept:
            any(self._keep(_ended(whole, number)) for number in numbers)

    def _begin_late(self) -> None:
        """Take tensors as arguments instead of computing them, ever fewer at once."""
        size = len(list(_statements(self.case.function)))
        while size >= 1 and self.tries < MOST_TRIES:
            position = 0
            while True:
                cuts = _cuttable(self.case.function)
                if position >= len(cuts):
                    break
                if not self._keep(_begun(self.case, cuts[position : position + size])):
                    position += size
            size //= 2

    def _drop_statements(self) -> None:
        """Leave out what gives nothing that is read: checks, and writes."""
        for number, op in reversed(list(_statements(self.case.function))):
            if not any(result.uses.get_length() for result in op.results):
                self._keep(_without(self.case, number))

    # --- arguments ---

    def _shrink(self) -> None:
        """Make dims smaller: those of one size together, then each alone."""
        sizes = sorted(
            {n for value in self.case.values if is_array(value) for n in value.shape}, reverse=True
        )
        for size in sizes:
            for smaller in (n for n in SMALL_SIZES if n < size):
                if self._keep(_resized(self.case, size, smaller)):
                    break
        for number, value in enumerate(self.case.values):
            for dim in range(value.ndim) if is_array(value) else ():
                for smaller in (n for n in SMALL_SIZES if n < self.case.values[number].shape[dim]):
                    if self._keep(_sliced(self.case, number, dim, smaller)):
                        break

    def _round(self) -> None:
        """Let arguments be plain numbers."""
        for number, value in enumerate(self.case.values):
            if is_array(value) and value.dtype.kind == "f":
                self._keep(_with_value(self.case, number, np.round(value)))


def size_of(case: Case) -> tuple[int, int]:
    """How many operators there are, and how many elements of arguments."""
    return sum(map(is_operator, walk(case.function))), sum(
        value.size for value in case.values if is_array(value)
    )


def _statements(function: FuncOp) -> Iterator[tuple[int, Operation]]:
    """The operations of a function's own block, numbered, but for its end."""
    last = function.body.block.last_op
    return ((n, op) for n, op in enumerate(function.body.block.ops) if op is not last)


def _gives_tensor(op: Operation) -> bool:
    return bool(op.results) and isinstance(op.results[0].type, tt.TensorType)


def _cuttable(function: FuncOp) -> list[int]:
    """The operations that may become arguments: they give tensors, and are not what is returned."""
    end = function.body.block.last_op
    returned = [operand.owner for operand in end.operands] if end is not None else []
    return [
        number
        for number, op in _statements(function)
        if op not in returned and op.results and all(isinstance(r.type, tt.TensorType) for r in op.results)
    ]


def _copy(case: Case) -> tuple[FuncOp, list[Operation]]:
    function = case.function.clone()
    return function, list(function.body.block.ops)


def _case(case: Case, function: FuncOp, values: Sequence[Any]) -> Case:
    """`case` with another function and arguments; what nobody reads is left out."""
    block = function.body.block
    _remove_unread(block)
    kept = [
        (argument, value)
        for argument, value in zip(block.args, values, strict=True)
        if argument.uses.get_length()
    ]
    for argument in [a for a in block.args if not a.uses.get_length()]:
        block.erase_arg(argument)
    end = block.last_op
    assert end is not None
    function.function_type = FunctionType.from_lists(
        [a.type for a in block.args], [operand.type for operand in end.operands]
    )
    return replace(case, module=ModuleOp([function]), values=[value for _, value in kept])


def _remove_unread(block: Block) -> None:
    for op in reversed(list(block.ops)):
        is_pure = not op.regions and not (isinstance(op, AtenOp) and op.schema.mutates)
        if op.results and is_pure and not any(result.uses.get_length() for result in op.results):
            op.detach()
            op.erase()


def _ended(case: Case, number: int) -> Case:
    """The case that returns what an operation gives."""
    function, ops = _copy(case)
    value = ops[number].results[0]
    for op in reversed(ops[number + 1 :]):
        op.detach()
        op.erase(safe_erase=False)
    function.body.block.add_op(ReturnOp(value))
    return _case(case, function, case.values)


def _begun(case: Case, cut: Collection[int]) -> Case | None:
    """The case that takes what these operations give as arguments."""
    found = _values_of(case, cut)
    if found is None:
        return None
    function, ops = _copy(case)
    block = function.body.block
    values = list(case.values)
    for number in cut:
        op = ops[number]
        for result, value in zip(op.results, found[number], strict=True):
            # of any shape: arguments get smaller, and are typed by what is given
            kind = tt.ValueTensorType if isinstance(result.type, tt.ValueTensorType) else tt.TensorType
            argument = block.insert_arg(kind(), len(block.args))
            argument.name_hint = result.name_hint
            result.replace_all_uses_with(argument)
            values.append(value)
        op.detach()
        op.erase()
    return _case(case, function, values)


def _values_of(case: Case, numbers: Collection[int]) -> dict[int, list[Any]] | None:
    """What operations give; None where the function cannot be run, or gives something else than arrays."""
    function, ops = _copy(case)
    end = ops[-1]
    results: list[SSAValue] = [result for number in numbers for result in ops[number].results]
    function.body.block.insert_op_before(ReturnOp(*results), end)
    end.detach()
    end.erase()
    values = [mapped(value, _given) for value in case.values]
    try:
        given = GenericFunction(function, case.pool, case.unit, case.call)(*values)
    except OPERATOR_FAILURES:
        return None
    listed = list(given) if len(results) > 1 else [given]
    if not all(map(is_array, listed)):
        return None
    rest = iter([np.array(value) for value in listed])
    return {number: [next(rest) for _ in ops[number].results] for number in numbers}


def _given(value: Any) -> Any:
    if isinstance(value, Varying):
        return value.number
    return np.array(value, order="K") if is_array(value) else value


def _without(case: Case, number: int) -> Case | None:
    function, ops = _copy(case)
    op = ops[number]
    if any(result.uses.get_length() for result in op.results):
        return None
    op.detach()
    op.erase()
    return _case(case, function, case.values)


def _resized(case: Case, size: int, smaller: int) -> Case:
    def shown(value: Any) -> Any:
        if not is_array(value):
            return value
        return value[tuple(slice(smaller if n == size else None) for n in value.shape)].copy()

    return replace(case, values=[shown(value) for value in case.values])


def _sliced(case: Case, number: int, dim: int, smaller: int) -> Case:
    value = case.values[number]
    return _with_value(case, number, np.take(value, range(smaller), dim))


def _with_value(case: Case, number: int, value: Any) -> Case:
    return replace(case, values=[*case.values[:number], value, *case.values[number + 1 :]])
