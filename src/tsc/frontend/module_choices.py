"""``m: Interface = self.layers[i]``: a module of a container, chosen while the program runs."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.frontend.members import member_of_object
from tsc.frontend.sugared import SugaredValue
from tsc.frontend.unit import Class

if TYPE_CHECKING:
    from tsc.frontend.conditions import ConditionReader


def chosen_module(
    reader: ConditionReader, node: ast.Subscript, interface: tt.InterfaceType
) -> SugaredValue | None:
    """The module at a key that is not known yet, by what they all implement; None for other subscripts."""
    if isinstance(node.slice, ast.Slice) or reader.static_value(node.slice)[0]:
        return None
    owner = reader.read(node.value)
    if not isinstance(owner, SugaredValue) or not isinstance(owner.type, tt.ModuleType):
        return None
    names = _names(reader.unit.class_named(owner.type.data))
    if not names:
        return None
    key = reader.read(node.slice).value(reader, node)
    keys: Sequence[int | str] = names if key.type is tt.STRING else range(len(names))
    choice = _Choice(reader, owner, key, len(names), interface, node)
    return SugaredValue(choice.among(list(zip(keys, names, strict=True))))


def _names(cls: Class) -> list[str]:
    """The modules of a container; those of an archive are all its submodules."""
    if cls.method("__getitem__") is not None:
        return []
    submodules = [name for name, kind in cls.attributes.items() if isinstance(kind, tt.ModuleType)]
    return cls.members.get("container", submodules)


@dataclass
class _Choice:
    """A chain of branches."""

    reader: ConditionReader
    owner: SugaredValue
    key: SSAValue
    count: int
    interface: tt.InterfaceType
    node: ast.Subscript

    def among(self, rest: Sequence[tuple[int | str, str]]) -> SSAValue:
        """The first module of `rest` if the key is its, else one of those after it."""
        reader = self.reader
        if not rest:
            message, kind = reader.builder.constant("key is not in the container"), "builtins.KeyError"
            reader.builder.create(ops.PrimRaiseExceptionOp, [message, reader.builder.constant(kind)])
            return reader.builder.create(ops.PrimUninitializedOp, [], [self.interface]).results[0]
        (key, name), *others = rest
        condition = self._is(key)
        with reader.block() as here:
            module = member_of_object(reader, self.owner, name, self.node).value(reader, self.node)
        with reader.block() as after:
            other = self.among(others)
        [chosen] = reader.merge_blocks(
            condition, [here, after], [[module], [other]], [self.interface], self.node
        )
        return chosen

    def _is(self, key: int | str) -> SSAValue:
        """Whether the key is `key`; positions count from the end too."""
        builder = self.reader.builder
        if isinstance(key, str):
            return builder.aten("aten::eq.str", [self.key, builder.constant(key)]).results[0]
        same, from_end = (
            builder.aten("aten::eq.int", [self.key, builder.constant(k)]).results[0]
            for k in (key, key - self.count)
        )
        return builder.aten("aten::__or__.bool", [same, from_end]).results[0]
