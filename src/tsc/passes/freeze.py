"""Pass `freeze`: attributes become constants."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.memory_aliases import written_values
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.context import pool_of
from tsc.dialects.torch_objects import CHOSEN
from tsc.dialects.torch_ops import (
    ClassTypeOp,
    NnModuleOp,
    NonValueTensorLiteralOp,
    PrimCallMethodOp,
    PrimGetAttrOp,
    PrimSetAttrOp,
)
from tsc.dialects.tsc import FOLDED
from tsc.dialects.walking import walk
from tsc.passes import settle
from tsc.passes.canonicalize import canonicalize
from tsc.passes.eliminate_dead_code import eliminate_dead_code
from tsc.passes.objects.slots import Slots, copied, is_held, is_memory, object_behind
from tsc.passes.propagate_constants import propagate_constants


@dataclass(frozen=True)
class Freeze(ModulePass):
    """Replace reads of attributes by their values, so that no object is left; scalars first, since they
    decide branches.

    Requires: `inline`; one root object.
    Leaves: attributes that are written, whose tensor is changed in place, or that are named in
    `preserved_attrs` by their paths, with all below them;
    a function keeps its ``self`` only where it still reads such an attribute.

    ```mlir
    %w = torch.prim.GetAttr %self["weight"] : !torch.nn.Module<"M"> -> !torch.tensor
    // a copy of the slot's torch.tensor.literal
    ```
    """

    name = "freeze"
    preserved_attrs: tuple[str, ...] = ()
    keep_tensors: bool = False
    """Fold numbers, strings and tuples alone: for modules that are not frozen. What was folded is noted."""
    varying: tuple[str, ...] = ()
    """Dotted paths of attributes that stay."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Freeze every function of the module."""
        freezer = _Freezer(op, pool_of(ctx), self.preserved_attrs, self.varying)
        functions = [f for f in op.ops if isinstance(f, FuncOp)]
        freezer.scalars_only = True
        freezer.find_assigned(functions)
        for function in functions:
            freezer.note_chosen(function)
            freezer.fold_attributes(function)
            simplify(function, pool_of(ctx))
        if self.keep_tensors:
            for function in functions:
                function.attributes[FOLDED] = ArrayAttr([StringAttr(p) for p in freezer.folded[function]])
        else:
            freezer.find_written(functions)
            freezer.scalars_only = False
            for function in functions:
                freezer.fold_attributes(function)
                simplify(function, pool_of(ctx))
        freezer.drop_objects(functions)


def simplify(function: Operation, pool: ConstantPool) -> None:
    """Fold, look through wrappers and drop dead code until nothing changes."""

    def one_round() -> bool:
        changed = propagate_constants(function, pool)
        changed |= canonicalize(function)
        return eliminate_dead_code(function) or changed

    settle(one_round)


class _Freezer:
    def __init__(
        self, module: ModuleOp, pool: ConstantPool, preserved: tuple[str, ...], varying: tuple[str, ...]
    ) -> None:
        self.module = module
        self.pool = pool
        self.varying = varying
        self.folded: defaultdict[FuncOp, list[str]] = defaultdict(list)
        """The paths of the attributes that have become constants."""
        self.slots = Slots(module)
        self.preserved = self.slots.preserved(preserved)
        self.written: set[tuple[Operation, str]] = set()
        self.scalars_only = True
        self._objects: dict[SSAValue, NnModuleOp | None] = {}

    def object_of(self, value: SSAValue) -> NnModuleOp | None:
        """The object an SSA value of a module type is."""
        if value not in self._objects:
            self._objects[value] = self._find_object(value)
        return self._objects[value]

    def _find_object(self, value: SSAValue) -> NnModuleOp | None:
        owner = value.owner
        if isinstance(owner, NnModuleOp):
            return owner
        if isinstance(owner, PrimGetAttrOp):
            outer = self.object_of(owner.operands[0])
            held = self.slots.of(outer).get(owner.attribute) if outer is not None else None
            return object_behind(held) if held is not None else None
        return None if isinstance(owner, Operation) else self.self_object(value)

    def self_object(self, value: SSAValue) -> NnModuleOp | None:
        """The object a function's ``self`` is: the only one of its class that no slot holds."""
        candidates = self.slots.instances[value.type]
        free = [o for o in candidates if not is_held(o)]
        return free[0] if len(free) == 1 else (candidates[0] if len(candidates) == 1 else None)

    def fold_attributes(self, function: FuncOp) -> None:
        """Replace attribute reads in `function`."""
        copies: dict[SSAValue, SSAValue] = {}
        for op in list(walk(function)):
            if not isinstance(op, PrimGetAttrOp):
                continue
            owner = self.object_of(op.operands[0])
            if (
                owner is None
                or (owner, op.attribute) in self.written
                or (owner, op.attribute) in self.preserved
                or attribute_path(op) in self.varying
            ):
                continue
            held = self.slots.of(owner).get(op.attribute)
            if (
                held is None
                or object_behind(held) is not None
                or (self.scalars_only and is_memory(held.type))
            ):
                continue
            value = copied(held, function, copies)
            self.folded[function].append(attribute_path(op))
            op.results[0].replace_all_uses_with(value)
            op.detach()
            op.erase()

    def note_chosen(self, function: FuncOp) -> None:
        """Note the objects whose class counts, as of constants."""
        for op in walk(function):
            if isinstance(op, PrimGetAttrOp) and CHOSEN in op.attributes:
                self.folded[function].append(attribute_path(op))

    def find_assigned(self, functions: list[FuncOp]) -> None:
        """Attributes that are assigned."""
        for function in functions:
            for op in walk(function):
                if isinstance(op, PrimSetAttrOp):
                    owner = self.object_of(op.operands[0])
                    if owner is not None:
                        self._mark(owner, op.attribute)

    def find_written(self, functions: list[FuncOp]) -> None:
        """Attributes whose tensor (or list) is written in place."""
        for function in functions:
            changed = written_values(function)
            for op in walk(function):
                if isinstance(op, PrimGetAttrOp) and op.results[0] in changed:
                    owner = self.object_of(op.operands[0])
                    if owner is not None:
                        self._mark(owner, op.attribute)

    def _mark(self, owner: NnModuleOp, attribute: str) -> None:
        """`attribute` is written: so is every attribute that holds the same tensor, or shows its memory."""
        held = self.slots.of(owner).get(attribute)
        for other in self.slots.objects:
            for name, value in self.slots.of(other).items():
                is_it = other is owner and name == attribute
                if is_it or (held is not None and (value is held or self._overlap(value, held))):
                    self.written.add((other, name))

    def _overlap(self, a: SSAValue, b: SSAValue) -> bool:
        """Whether two slots hold tensors, by themselves or in containers, that share memory."""
        held = self._arrays(b)
        return any(np.may_share_memory(one, other) for one in self._arrays(a) for other in held)

    def _arrays(self, held: SSAValue) -> list[np.ndarray[Any, Any]]:
        """The tensors that a slot holds."""
        owner = held.owner
        if isinstance(owner, NonValueTensorLiteralOp):
            return [literal_array(self.pool, owner)]
        if isinstance(owner, NnModuleOp) or not isinstance(owner, Operation):
            return []
        return [array for operand in owner.operands for array in self._arrays(operand)]

    def drop_objects(self, functions: list[FuncOp]) -> None:
        """Drop ``self`` arguments nobody uses, and then the objects and classes nobody needs."""
        for function in functions:
            block = function.body.block
            if block.args and isinstance(block.args[0].type, tt.ModuleType) and not block.args[0].first_use:
                block.erase_arg(block.args[0])
                function.update_function_type()
        if any(
            isinstance(o, (PrimGetAttrOp, PrimSetAttrOp, PrimCallMethodOp))
            for f in functions
            for o in walk(f)
        ):
            return
        for function in functions:
            function.sym_visibility = None  # no method of a class any more, but what others call
        for op in reversed(list(self.module.ops)):
            if not isinstance(op, FuncOp) and (
                isinstance(op, ClassTypeOp) or not any(r.first_use for r in op.results)
            ):
                op.detach()
                op.erase()


def attribute_path(op: PrimGetAttrOp | PrimSetAttrOp) -> str:
    """The dotted path of what is read, from the first object on."""
    names = [op.attribute]
    outer = op.operands[0].owner
    while isinstance(outer, PrimGetAttrOp):
        names.append(outer.attribute)
        outer = outer.operands[0].owner
    return ".".join(reversed(names))
