"""What tensors hold while a function that writes to them is rewritten: who shares memory with whom, and the
value that is in each as of now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of, is_list_mutated, spec_of_value
from tsc.analysis.operator_effects import definition_of
from tsc.analysis.probing import probe
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dims import holds_dim
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_array
from tsc.passes.functional.forms import CannotFunctionalizeError, inverse_of, put_back

LEAF = "aten::requires_grad_"
LARGEST = 2**16
"""Elements of memory up to which it is looked at whether two views of it have any in common."""


@dataclass(eq=False)
class TensorRecord:
    """What is known of a tensor value: its memory (`base`), how it is a view of `parent`, and its current
    functional value.
    """

    base: MemoryRecord
    value: SSAValue
    version: int
    parent: TensorRecord | None = None
    view: AtenOp | None = None
    first: SSAValue = field(init=False)
    """Its name in the program."""

    def __post_init__(self) -> None:
        self.first = self.value

    def up(self) -> Iterator[TensorRecord]:
        """Itself, what it is a view of, what that is a view of, and so on."""
        link: TensorRecord | None = self
        while link is not None:
            yield link
            link = link.parent

    @property
    def is_certain(self) -> bool:
        """Whether it surely is a view of its parent; ``reshape`` and such decide that when they run."""
        operator = None if self.view is None else definition_of(self.view)
        return operator is not None and operator.is_view


@dataclass(eq=False)
class MemoryRecord:
    """Memory that views share: every write gives it a new version."""

    version: int = 0
    is_writable: bool = True
    is_uncertain: bool = False
    """Set when a write may or may not have reached the other names: reading one of those is an error."""


class MemoryState:
    """What all tensors and wrappers of them hold, up to the operation that is rewritten.

    Memory that the block `entry` has as arguments may be written.
    """

    def __init__(self, entry: Block) -> None:
        self.entry = entry
        self.tensors: dict[SSAValue, TensorRecord] = {}
        self.held: dict[SSAValue, list[SSAValue]] = {}
        """What wrappers hold, as the program names it."""
        self.rebuilt: dict[SSAValue, tuple[SSAValue, list[SSAValue]]] = {}
        """Wrappers as they were last read, and of which values they are made."""
        self.is_returning = False
        """While results are read: views among them are taken of the memory itself."""

    def record(self, value: SSAValue) -> TensorRecord:
        """The record of a tensor value; memory from outside (attributes, control flow) is not writable, but
        that of arguments is.
        """
        found = self.tensors.get(value)
        if found is None:
            own = isinstance(value.owner, AtenOp) or value.owner is self.entry
            memory = MemoryRecord(is_writable=own)
            found = self.tensors[value] = TensorRecord(memory, value, 0)
        return found

    def is_leaf(self, tensor: TensorRecord) -> bool:
        """Whether the program lets a tensor require gradients: PyTorch refuses to write to it, if it comes
        to that.
        """
        leaves = [v for v in self.tensors if isinstance(v.owner, AtenOp) and v.owner.schema.name == LEAF]
        return any(self.tensors[leaf].base is tensor.base for leaf in leaves)

    def current(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        """The functional value of a tensor as of now: views are taken again after writes."""
        if value in self.held:
            return self._rewrapped(value, builder)
        if not isinstance(value.type, tt.TensorType):
            return value
        return self.refresh(self.record(value), builder)

    def refresh(self, tensor: TensorRecord, builder: TorchBuilder) -> SSAValue:
        """The functional value of a tensor as of now, taken again from what it is a view of.

        Raises:
            CannotFunctionalizeError: it may have been written under another name.
        """
        is_current = tensor.version == tensor.base.version
        retaken = self.is_returning and tensor.is_certain and not tensor.base.is_uncertain
        if is_current and not (retaken and tensor.base.version):
            return tensor.value
        if tensor.base.is_uncertain or not tensor.is_certain or tensor.parent is None or tensor.view is None:
            raise CannotFunctionalizeError("memory is read under another name after it may have been written")
        parent = self.refresh(tensor.parent, builder)
        again = tensor.view.clone()
        again.operands = [parent, *list(tensor.view.operands)[1:]]
        builder.insert(again)
        tensor.value, tensor.version = again.results[0], tensor.base.version
        return tensor.value

    def _rewrapped(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        """A wrapper of what it holds now."""
        elements = [self.current(e, builder) for e in self.held[value]]
        last, of = self.rebuilt[value]
        is_same = len(of) == len(elements) and all(a is b for a, b in zip(elements, of, strict=True))
        if is_same and not is_list_mutated(last):  # of a list that changes, one of now
            return last
        op = value.owner
        assert isinstance(op, Operation)
        made = builder.create(type(op), elements, [value.type], attributes=op.attributes)
        self.rebuilt[value] = made.results[0], elements
        return made.results[0]

    def overlaps(self, value: SSAValue, target: TensorRecord) -> bool:
        """Whether `value` is another view of the memory of `target`."""
        if value in self.held:
            return any(self.overlaps(v, target) for v in self.held[value])
        other = self.tensors.get(value)
        if other is None or other is target or other.base is not target.base:
            return False
        mine, theirs = _places(other), _places(target)
        return mine is None or theirs is None or np.intersect1d(mine, theirs).size > 0

    def is_same_piece(self, value: SSAValue, target: TensorRecord) -> bool:
        """Whether `value` certainly shows what `target` does: the same views of the same tensor."""
        other = self.tensors.get(value)
        if other is None or other.base is not target.base:
            return False
        ways = [[link for link in record.up() if link.view is not None] for record in (other, target)]
        return len(ways[0]) == len(ways[1]) and all(map(_is_same_view, *ways))

    def store(self, tensor: TensorRecord, value: SSAValue, builder: TorchBuilder) -> None:
        """Make `value` the contents of `tensor`, and carry that to the memory it is a view of."""
        chain = list(tensor.up())
        for link in chain[:-1]:
            if link.is_certain and inverse_of(link.view) is None:
                raise CannotFunctionalizeError(f"{link.view and link.view.name}: the view is written")
        before = [self.refresh(link, builder) for link in chain]
        base = tensor.base
        base.version += 1
        for position, link in enumerate(chain):
            link.value, link.version = value, base.version
            if link.parent is None:
                return
            if not link.is_certain:
                base.is_uncertain = True
                return
            assert link.view is not None
            value = put_back(link.view, before[position + 1], value, builder)


def _places(record: TensorRecord) -> np.ndarray[Any, Any] | None:
    """Which elements of its memory a tensor shows, by number; None where that is not known."""
    *views, root = record.up()
    spec = spec_of_value(root.value)
    if spec is None or holds_dim(spec.shape) or spec.size > LARGEST or not all(v.is_certain for v in views):
        return None
    shown: Any = np.arange(spec.size, dtype=np.int64).reshape(spec.shape)
    for link in reversed(views):
        assert link.view is not None
        operator = definition_of(link.view)
        rest = [constant_of(operand) for operand in list(link.view.operands)[1:]]
        if operator is None or holds_dim(rest) or any(number is UNKNOWN for number in rest):
            return None
        try:
            shown = probe(operator, shown, *rest)
        except OPERATOR_FAILURES:
            return None
    is_numbers = is_array(shown) and shown.dtype == np.int64  # and no other bits, seen as another dtype
    return shown if is_numbers else None


def _is_same_view(one: TensorRecord, other: TensorRecord) -> bool:
    """Whether views are the same but for what they are of."""
    if one is other:
        return True
    assert one.view is not None
    assert other.view is not None
    if one.view.schema is not other.view.schema:
        return False
    return all(map(_is_same_number, list(one.view.operands)[1:], list(other.view.operands)[1:]))


def _is_same_number(one: SSAValue, other: SSAValue) -> bool:
    """Whether two numbers, or lists of them, are certainly the same."""
    value = constant_of(one)
    return one is other or (value is not UNKNOWN and value == constant_of(other))
