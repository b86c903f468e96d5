"""What the objects of a module hold: the values in their slots, and copies of those for functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import NnModuleOp


class Slots:
    """The objects of a module, in the order they were made, and their slots."""

    def __init__(self, module: ModuleOp) -> None:
        self.objects = [o for o in module.ops if isinstance(o, NnModuleOp)]
        self.instances: defaultdict[Attribute, list[NnModuleOp]] = defaultdict(list)
        """The objects of each class."""
        for made in self.objects:
            self.instances[made.results[0].type].append(made)
        self._values = {made: made.slots for made in self.objects}

    def of(self, owner: NnModuleOp) -> dict[str, SSAValue]:
        """The values of all slots of an object."""
        return self._values[owner]

    def root(self) -> NnModuleOp | None:
        """The object no slot holds."""
        return next((o for o in self.objects if not is_held(o)), None)

    def preserved(self, paths: Iterable[str]) -> set[tuple[NnModuleOp, str]]:
        """The attributes at dotted paths from the root on, each with its object, and all below them."""
        found: set[tuple[NnModuleOp, str]] = set()
        for path in paths:
            self._add_path(self.root(), path.split("."), found)
        return found

    def _add_path(
        self, owner: NnModuleOp | None, path: Sequence[str], found: set[tuple[NnModuleOp, str]]
    ) -> None:
        name, *rest = path
        if owner is None or (owner, name) in found:
            return
        held = self.of(owner).get(name)
        inner = None if held is None else object_behind(held)
        if rest:
            self._add_path(inner, rest, found)
            return
        found.add((owner, name))
        for below in self.of(inner) if inner is not None else ():
            self._add_path(inner, [below], found)


def is_held(made: NnModuleOp) -> bool:
    """Whether a slot holds an object."""
    return any(use.operation.name == "torch.slot" for use in made.results[0].uses)


def is_memory(kind: Attribute) -> bool:
    """Whether a value is a tensor or a container, which a program can change without writing the attribute
    that holds it.
    """
    if isinstance(kind, tt.OptionalType):
        return is_memory(kind.data)
    if isinstance(kind, tt.TupleType):
        return any(map(is_memory, kind.data))
    if isinstance(kind, tt.NamedTupleType):
        return any(map(is_memory, kind.elements))
    return isinstance(kind, (tt.TensorType, tt.ListType, tt.DictType))


def object_behind(held: SSAValue) -> NnModuleOp | None:
    """The object that a slot holds, perhaps as an interface or an optional."""
    owner = held.owner
    while isinstance(owner, Operation) and owner.name in ("torch.derefine", "torch.prim.unchecked_cast"):
        owner = owner.operands[0].owner
    return owner if isinstance(owner, NnModuleOp) else None


def copied(held: SSAValue, function: FuncOp, copies: dict[SSAValue, SSAValue]) -> SSAValue:
    """The operations that make a slot's value, copied to the front of `function` once."""
    if held in copies:
        return copies[held]
    owner = held.owner
    assert isinstance(owner, Operation)
    operands = {o: copied(o, function, copies) for o in owner.operands}
    copy = owner.clone(dict(operands))
    block = function.body.block
    anchor = next((c.owner for c in reversed(copies.values())), None)
    if isinstance(anchor, Operation) and anchor.parent is block:
        block.insert_op_after(copy, anchor)
    elif block.first_op is not None:
        block.insert_op_before(copy, block.first_op)
    copies[held] = copy.results[0]
    copy.results[0].name_hint = held.name_hint
    return copy.results[0]
