"""Pass `fold-shared-attributes`: attributes that all objects of a class hold alike become constants in its
methods.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.dialects import torch_types as tt
from tsc.dialects.context import pool_of
from tsc.dialects.torch_objects import ENTRY
from tsc.dialects.torch_ops import NnModuleOp, PrimGetAttrOp, PrimSetAttrOp
from tsc.dialects.walking import walk
from tsc.passes.freeze import simplify
from tsc.passes.objects.methods import Methods
from tsc.passes.objects.slots import Slots, copied, is_memory


@dataclass(frozen=True)
class FoldSharedAttributes(ModulePass):
    """Replace reads of numbers, strings and None that every object of the class holds alike, as `training`
    nearly always is, and drop what no object runs. So `inline` copies no branch that is never taken.

    Requires: stage `torch`, to be frozen.
    Leaves: attributes that are assigned, that are named in `preserved_attrs`, and all tensors and containers;
    functions that are called in no such branch any more go.

    ```mlir
    %t = torch.prim.GetAttr %self["training"] : !torch.nn.Module<"M"> -> !torch.bool
    // torch.constant.bool false, if all objects of M have it so
    ```
    """

    name = "fold-shared-attributes"
    preserved_attrs: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Fold in every function, each by itself."""
        methods = Methods(op)
        called = _called(methods, methods.functions.values())
        shared = _Shared(op, self.preserved_attrs)
        for function in methods.functions.values():
            if shared.fold(function):
                simplify(function, pool_of(ctx))
        entries = [f for f in methods.functions.values() if f not in called or ENTRY in f.attributes]
        methods.drop(called - _reached(methods, entries) - {*entries})


class _Shared:
    """The values that all objects of a class hold alike."""

    def __init__(self, module: ModuleOp, preserved: Sequence[str]) -> None:
        self.slots = Slots(module)
        kept = {(made.results[0].type, name) for made, name in self.slots.preserved(preserved)}
        assigned = {(o.operands[0].type, o.attribute) for o in walk(module) if isinstance(o, PrimSetAttrOp)}
        self._known: dict[tuple[Attribute, str], SSAValue | None] = dict.fromkeys(kept | assigned)
        """By class and name of the attribute; None where objects differ, or may differ later."""

    def fold(self, function: FuncOp) -> bool:
        """Replace attribute reads in `function`; whether there were any."""
        copies: dict[SSAValue, SSAValue] = {}
        for op in list(walk(function)):
            if isinstance(op, PrimGetAttrOp) and (held := self._held(op)) is not None:
                op.results[0].replace_all_uses_with(copied(held, function, copies))
                op.detach()
                op.erase()
        return bool(copies)

    def _held(self, op: PrimGetAttrOp) -> SSAValue | None:
        place = op.operands[0].type, op.attribute
        if place not in self._known:
            self._known[place] = self._value(*place)
        return self._known[place]

    def _value(self, kind: Attribute, attribute: str) -> SSAValue | None:
        if not isinstance(kind, tt.ModuleType):  # objects of other classes are made while programs run
            return None
        held = [self.slots.of(made).get(attribute) for made in self.slots.instances[kind]]
        first = held[0] if held else None
        if first is None or is_memory(first.type):
            return None
        meaning = _meaning(first)
        if meaning is None:
            return None
        return first if all(other is not None and _meaning(other) == meaning for other in held) else None


def _meaning(held: SSAValue) -> Hashable | None:
    """What tells whether two slots hold the same value; None of objects."""
    owner = held.owner
    if isinstance(owner, NnModuleOp) or not isinstance(owner, Operation):
        return None
    operands = tuple(map(_meaning, owner.operands))
    if None in operands:
        return None
    return owner.name, held.type, frozenset(owner.attributes.items()), operands


def _called(methods: Methods, functions: Iterable[FuncOp]) -> set[FuncOp]:
    """The functions that are called in any of `functions`."""
    callees = (methods.callee(op) for function in functions for op in walk(function))
    return {callee for callee in callees if callee is not None}


def _reached(methods: Methods, entries: Iterable[FuncOp]) -> set[FuncOp]:
    """The functions that are called when one of `entries` runs."""
    reached: set[FuncOp] = set()
    ahead = _called(methods, entries)
    while ahead:
        reached |= ahead
        ahead = _called(methods, ahead) - reached
    return reached
