"""The graph of fusion: which operators a kernel can hold, and which may join which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, argument_of, spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_ops import PrimListConstructOp
from tsc.dialects.walking import walk
from tsc.dims import holds_found, most_of
from tsc.ops.definition import IndexBound, Operator, TensorSpec
from tsc.ops.registry import find
from tsc.ops.shapes import wrap_dims

FREE_KINDS = ("view", "join")
"""Kinds whose operators are copied into every kernel that reads them."""
POINTWISE_KINDS = ("pointwise", "gather")
CHECKS_BOUNDS = "tsc.checks_bounds"
"""The attribute of functions whose last result says whether an index is out of range: `check-bounds`."""
IN_BOUNDS = "tsc.in_bounds"
"""The attribute of functions that gather, all of whose indices `check-bounds` knows to be in range."""


def operator_of(op: Operation) -> Operator | None:
    """The operator of a schema operation that has a native form and fully known operands and results."""
    if not isinstance(op, AtenOp):
        return None
    operator = find(op.schema.full_name)
    if operator is None or operator.lower is None:
        return None
    arguments = [argument_of(o) for o in op.operands]
    if any(a is UNKNOWN for a in arguments) or (
        operator.lowers is not None and not operator.lowers(*arguments)
    ):
        return None
    if not all(isinstance(r.type, tt.ValueTensorType) and r.type.is_static for r in op.results):
        return None
    return operator if operator.takes_complex or not has_complex(op) else None


def groupable(op: Operation) -> Operator | None:
    """The operator of an operation that a kernel may compute: it has a native form, reads values alone, and
    where it gathers, the indices are checked.
    """
    operator = operator_of(op)
    if operator is None or not reads_values(op):
        return None
    return operator if operator.bounds is None or is_checked(op, operator) else None


def reads_values(op: Operation) -> bool:
    """Whether no tensor that `op` reads can change."""
    return all(isinstance(v.type, tt.ValueTensorType) for v in tensor_operands(op))


def is_checked(op: Operation, operator: Operator) -> bool:
    """Whether `check-bounds` covers the indices of a gather, and there is something to gather from: kernels
    clamp indices, and an empty tensor has no element to clamp them to.
    """
    assert operator.bounds is not None
    if not all(map(_has_room, operator.bounds(*(argument_of(o) for o in op.operands)))):
        return False
    function = op.parent_op()
    while function is not None and function.name != "func.func":
        function = function.parent_op()
    return function is not None and bool({CHECKS_BOUNDS, IN_BOUNDS} & function.attributes.keys())


def _has_room(bound: IndexBound) -> bool:
    """Whether there is memory for an element, where all elements that there are may be none."""
    return (0 if holds_found(bound.low) else bound.low) < most_of(bound.high)


def has_complex(op: Operation) -> bool:
    """Whether `op` reads or gives complex numbers."""
    return any(_is_complex(v.type) for v in (*tensor_operands(op), *op.results))


def _is_complex(kind: Attribute) -> bool:
    return isinstance(kind, tt.TensorType) and kind.dtype is not None and kind.dtype.is_complex


def spec(value: SSAValue) -> TensorSpec:
    """The spec of a tensor value whose type is fully known."""
    assert isinstance(value.type, tt.TensorType)
    found = spec_of_type(value.type)
    assert found is not None
    return found


def tensor_operands(op: Operation) -> list[SSAValue]:
    """The tensors an operation reads, those in lists included."""
    found: list[SSAValue] = []
    for operand in op.operands:
        if isinstance(operand.type, tt.TensorType):
            found.append(operand)
        elif isinstance(operand.owner, PrimListConstructOp) or (
            isinstance(operand.owner, Operation) and operand.owner.name == "torch.derefine"
        ):
            found += tensor_operands(operand.owner)
    return found


@dataclass(eq=False)
class FusionGroup:
    """Operators that become one kernel."""

    kind: str
    domain: tuple[int, ...]
    """The shape pointwise operators of the group have."""
    reduced: tuple[int, ...] = ()
    """Of a row group: the reduced dims of the domain."""
    ops: list[Operation] = field(default_factory=list[Operation])

    @property
    def last(self) -> Operation:
        """The operator that joined last."""
        return self.ops[-1]


class FusionGraph:
    """Groups of one block, and the dependencies between them."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.group_of: dict[Operation, FusionGroup] = {}
        self.operators: dict[Operation, Operator] = {}
        self._reads: dict[Operation, tuple[Operation, ...]] = {}
        for op in block.ops:
            operator = groupable(op)
            if operator is not None:
                self.operators[op] = operator

    def is_free(self, op: Operation) -> bool:
        """Whether `op` is a view that costs nothing inside a kernel."""
        operator = self.operators.get(op)
        return operator is not None and operator.kind in FREE_KINDS

    def home(self, op: Operation) -> FusionGroup | None:
        """The group whose kernel gives a part of a complex tensor that it makes: where that is `op`."""
        source = op.operands[0].owner if op.operands else None
        if not self.is_free(op) or not isinstance(source, Operation):
            return None
        group = self.group_of.get(source)
        takes = group is not None and group.kind == "fourier" and _is_complex(op.operands[0].type)
        return group if takes else None

    def sources(self, op: Operation) -> Iterable[Operation]:
        """The operations in this block whose results `op` reads, looking through free views and lists."""
        for value in tensor_operands(op):
            owner: Any = value.owner
            if not isinstance(owner, Operation) or owner.parent is not self.block:
                continue
            if self.is_free(owner):
                yield from self.sources(owner)
            else:
                yield owner

    def reads(self, op: Operation) -> tuple[Operation, ...]:
        """The operations in this block whose results `op`, or anything in its regions, reads: numbers and
        lists as well as tensors.
        """
        found = self._reads.get(op)
        if found is None:
            found = self._reads[op] = operations_read(op, self.block)
        return found

    def depends(self, group: FusionGroup | Operation, target: FusionGroup) -> bool:
        """Whether `group` reads, directly or not, a result of `target`."""
        seen: set[int] = set()
        pending: list[FusionGroup | Operation] = [group]
        while pending:
            at = pending.pop()
            if at is target:
                return True
            if id(at) in seen:
                continue
            seen.add(id(at))
            for op in at.ops if isinstance(at, FusionGroup) else [at]:
                pending += [self.group_of.get(source, source) for source in self.reads(op)]
        return False

    def can_join(self, op: Operation, group: FusionGroup) -> bool:
        """Whether `op` may join `group` without a circle of dependencies."""
        others = (self.group_of.get(source, source) for source in self.reads(op))
        return not any(other is not group and self.depends(other, group) for other in others)

    def users(self, op: Operation) -> set[Operation]:
        """The operations that read a result of `op`, free views and lists looked through."""
        found: set[Operation] = set()
        for result in op.results:
            for use in result.uses:
                user = use.operation
                if self.is_free(user) or isinstance(user, PrimListConstructOp):
                    found |= (
                        self.users(user) if user.results and any(r.first_use for r in user.results) else set()
                    )
                else:
                    found.add(user)
        return found


def operations_read(op: Operation, block: Block) -> tuple[Operation, ...]:
    """The operations of `block` that `op`, which is one of them, or anything in its regions reads."""
    owners = dict.fromkeys(operand.owner for inner in walk(op) for operand in inner.operands)
    return tuple(o for o in owners if isinstance(o, Operation) and o.parent is block and o is not op)


def reduction_dims(op: AtenOp) -> tuple[int, ...]:
    """The dims a reduction operator reduces."""
    arguments = {a.name: argument_of(o) for a, o in zip(op.schema.arguments, op.operands, strict=True)}
    return wrap_dims(arguments.get("dim"), spec(op.operands[0]).ndim)
