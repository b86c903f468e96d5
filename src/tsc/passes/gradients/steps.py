"""The operations of a function as steps that gradients flow back through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xdsl.ir import Block, Operation, Region, SSAValue

from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, spec_of_value, unwrapped, writes_anything
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimIfOp, PrimIfYieldOp, PrimListUnpackOp
from tsc.dialects.walking import walk
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.recorded import is_differentiable
from tsc.ops.derivatives.reverse import Record, Step, flow
from tsc.ops.derivatives.rules import zeros
from tsc.ops.registry import find
from tsc.passes.decompose import BuildingAten, argument_in_definition, building_aten
from tsc.passes.gradients.requiring import may_have_gradients


class NotDifferentiableError(Exception):
    """Why gradients cannot be computed in the program itself; `op` is the cause."""

    def __init__(self, op: Operation, reason: str) -> None:
        super().__init__(reason)
        self.op = op


def steps_before(op: Operation) -> list[Step]:
    """What was computed when `op` is reached, in order: in its block, and in those around it."""
    block = op.parent
    assert block is not None
    outer = block.parent_op()
    before = [] if outer is None or outer.parent is None else steps_before(outer)
    return [*before, *steps_of(block, op)]


def steps_of(block: Block, end: Operation | None = None) -> list[Step]:
    """The steps of a block up to `end`."""
    steps: list[Step] = []
    for op in block.ops:
        if op is end:
            break
        step = _step(op)
        if step is not None:
            steps.append(step)
    return steps


def _step(op: Operation) -> Step | None:
    """`op` as a step; None where no tensor comes of it."""
    if isinstance(op, PrimIfOp):
        return Branch(op)
    if not any(holds_tensors(result.type) for result in op.results) or isinstance(op, CONSTRUCTIONS):
        return None
    results = [value for result in op.results for value in _tensors(result)]
    if not isinstance(op, AtenOp):
        return Opaque(op, results) if op.regions or not _is_wrapper(op) else None
    operator = find(op.schema.full_name)
    if operator is None or operator.asks_gradients:
        return Opaque(op, results)
    arguments = [argument_in_definition(operand) for operand in op.operands]
    if any(argument is UNKNOWN for argument in arguments) or any(spec_of_value(r) is None for r in results):
        return Opaque(op, results)
    return Record(operator, arguments, results)


def _is_wrapper(op: Operation) -> bool:
    """Whether `op` only gives its operand another type or name."""
    return isinstance(op, PrimListUnpackOp) or all(unwrapped(result) is not result for result in op.results)


def holds_tensors(kind: object) -> bool:
    """Whether values of a type may be, or hold, tensors."""
    while isinstance(kind, (tt.OptionalType, tt.ListType)):
        kind = kind.data
    return isinstance(kind, (tt.TensorType, tt.TupleType, tt.NamedTupleType, tt.DictType))


def _tensors(result: SSAValue) -> list[SSAValue]:
    """The tensors that a result is: of a list those it is unpacked to."""
    if isinstance(result.type, tt.TensorType):
        return [result]
    unpacked = [use.operation for use in result.uses if isinstance(use.operation, PrimListUnpackOp)]
    return list(unpacked[0].results) if len(unpacked) == 1 and len(list(result.uses)) == 1 else [result]


@dataclass(frozen=True)
class Opaque:
    """An operation that gradients cannot be followed through; nothing is wrong where they need not."""

    op: Operation
    results: Sequence[Any]

    def differentiable(self, aten: Aten) -> Iterable[AnyTensor]:
        """What may have gradients, as far as its type says."""
        return filter(may_have_gradients, self.results)

    def inputs(self) -> Iterable[AnyTensor]:
        """Its operands, those in containers one by one, and what is read in its regions."""
        values = [*self.op.operands, *(o for inner in walk(self.op) for o in inner.operands)]
        while values:
            value = unwrapped(values.pop())
            yield value
            if isinstance(value.owner, CONSTRUCTIONS):
                values += value.owner.operands

    def back(
        self, aten: Aten, given: Sequence[AnyTensor | None], reached: set[int]
    ) -> Iterator[tuple[AnyTensor, AnyTensor]]:
        """Nothing says how.

        Raises:
            NotDifferentiableError: always.
        """
        raise NotDifferentiableError(
            self.op, f"gradients are not followed through {self.op.name.removeprefix('torch.')}"
        )


class Branch:
    """A branch: its gradients are those of the way that is taken, which is computed once more."""

    def __init__(self, op: PrimIfOp) -> None:
        self.op = op
        self.results: Sequence[Any] = [r for r in op.results if isinstance(r.type, tt.TensorType)]

    def differentiable(self, aten: Aten) -> Iterable[AnyTensor]:
        """What may have gradients, as far as its type says."""
        return filter(may_have_gradients, self.results)

    def inputs(self) -> Iterable[AnyTensor]:
        """The tensors from outside that are read inside."""
        return _read_from_outside(self.op)

    def back(
        self, aten: Aten, given: Sequence[AnyTensor | None], reached: set[int]
    ) -> Iterator[tuple[AnyTensor, AnyTensor]]:
        """A branch on the same condition, that gives the gradients."""
        assert isinstance(aten, BuildingAten)
        if any(writes_anything(inner) for inner in walk(self.op) if inner is not self.op):
            raise NotDifferentiableError(self.op, "gradients are not followed through a branch that writes")
        read = [value for value in _read_from_outside(self.op) if id(value) in reached]
        if any(spec_of_value(value) is None for value in read):
            raise NotDifferentiableError(self.op, "a branch reads a tensor whose shape is not known")
        wanted = [value for value in read if is_differentiable(aten.dtype(value))]
        builder = aten.builder
        ways = [self._way(region.block, given, wanted, builder) for region in self.op.regions]
        founds = zip(*(way.found for way in ways), strict=True)
        flowing = [v for v, found in zip(wanted, founds, strict=True) if any(g is not None for g in found)]
        if not flowing:
            return
        regions = [way.giving(wanted, flowing) for way in ways]
        kinds = [tt.ValueTensorType.of(aten.shape(value), aten.dtype(value)) for value in flowing]
        made = builder.create(PrimIfOp, [self.op.operands[0]], kinds, regions=regions)
        yield from zip(flowing, made.results, strict=True)

    def _way(
        self, block: Block, given: Sequence[AnyTensor | None], wanted: Sequence[Any], builder: TorchBuilder
    ) -> _Way:
        """The gradients of the tensors `wanted`, where this way is taken."""
        copy = Block()
        values: dict[SSAValue, SSAValue] = {}
        end = block.last_op
        assert end is not None
        for op in block.ops:
            if op is not end:
                copy.add_op(op.clone(values))
        inside = TorchBuilder(copy)
        inside.location = builder.location
        aten = building_aten(inside, [])
        given_back = [v for v in end.operands if isinstance(v.type, tt.TensorType)]
        results = [values.get(unwrapped(v), unwrapped(v)) for v in given_back]
        seeds = [(r, g) for r, g in zip(results, given, strict=True) if g is not None]
        return _Way(copy, inside, flow(aten, steps_of(copy), seeds, wanted))


@dataclass(frozen=True)
class _Way:
    """A way of a branch, with what computes gradients."""

    block: Block
    builder: TorchBuilder
    """Of what is behind that."""
    found: Sequence[Any]
    """The gradients; None where none flow."""

    def giving(self, wanted: Sequence[Any], flowing: Sequence[Any]) -> Region:
        """The region that gives those of the tensors `flowing` among all that are `wanted`."""
        aten = building_aten(self.builder, [])
        found = dict(zip(wanted, self.found, strict=True))
        ends: list[Any] = [zeros(aten, v) if found[v] is None else found[v] for v in flowing]
        self.builder.create(PrimIfYieldOp, ends)
        return Region(self.block)


def _read_from_outside(op: Operation) -> list[Any]:
    """The tensors that are read below `op` and made outside of it, each once."""
    below = list(walk(op))
    inside = set(below)
    found: dict[SSAValue, None] = {}
    for inner in below:
        if inner is op:
            continue
        for operand in map(unwrapped, inner.operands):
            owner = operand.owner
            holder = owner if isinstance(owner, Operation) else owner.parent_op()
            is_outside = holder is None or (
                holder not in inside if isinstance(owner, Operation) else holder is not op
            )
            if is_outside and isinstance(operand.type, tt.TensorType):
                found[operand] = None
    return list(found)
