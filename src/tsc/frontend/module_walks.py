"""What a module's ``modules()``, ``named_parameters()``, ``items()`` and the like give: lists known when the
program is compiled, so loops over them are unrolled.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsc.dialects import torch_types as tt
from tsc.frontend.sugared import Arguments, Constant, Sugared, SugaredValue, TupleOf
from tsc.frontend.unit import Class

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

CONTAINER_WALKS = ("keys", "values", "items")


def is_container_walk(cls: Class, name: str) -> bool:
    """Whether `name` is ``keys``, ``values`` or ``items`` of a dict of modules or parameters."""
    return cls.members.get("container_kind") == "dict" and name in CONTAINER_WALKS


class ModuleWalk(Sugared):
    """A method that walks a module; called, it gives a tuple."""

    def __init__(self, module: SugaredValue, name: str) -> None:
        self.module = module
        self.name = name

    def describe(self) -> str:
        return f"method '{self.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        walk = _Walk(reader, node)
        if self.name in CONTAINER_WALKS:
            return TupleOf(walk.items(self.module, self.name))
        pairs = list(walk.pairs(self.module, self.name.removeprefix("named_")))
        if self.name.startswith("named_"):
            return TupleOf([TupleOf([Constant(path), value]) for path, value in pairs])
        return TupleOf([value for _, value in pairs])


class _Walk:
    def __init__(self, reader: CallReader, node: ast.AST) -> None:
        self.reader = reader
        self.node = node

    def member(self, owner: SugaredValue, name: str) -> SugaredValue:
        return self.reader.plain(owner.attribute(self.reader, name, self.node), self.node)

    def class_of(self, module: SugaredValue) -> Class:
        return self.reader.unit.class_named(module.type.data)

    def items(self, module: SugaredValue, what: str) -> list[Sugared]:
        """``keys()``, ``values()`` or ``items()`` of a container."""
        keys: list[str] = self.class_of(module).members["container"]
        if what == "keys":
            return [Constant(k) for k in keys]
        held = [self.member(module, k) for k in keys]
        if what == "values":
            return list(held)
        return [TupleOf([Constant(k), v]) for k, v in zip(keys, held, strict=True)]

    def children(self, module: SugaredValue) -> Iterator[tuple[str, SugaredValue]]:
        for name, kind in self.class_of(module).attributes.items():
            if isinstance(kind, tt.ModuleType):
                yield name, self.member(module, name)

    def below(self, module: SugaredValue, path: str) -> Iterator[tuple[str, SugaredValue]]:
        yield path, module
        for name, child in self.children(module):
            yield from self.below(child, f"{path}.{name}" if path else name)

    def pairs(self, module: SugaredValue, what: str) -> Iterator[tuple[str, SugaredValue]]:
        """Dotted paths and values: of submodules, parameters or buffers."""
        if what == "children":
            yield from self.children(module)
            return
        for path, below in self.below(module, ""):
            if what == "modules":
                yield path, below
                continue
            cls = self.class_of(below)
            names = cls.parameters if what == "parameters" else cls.buffers
            for name, kind in cls.attributes.items():
                if name in names and isinstance(kind, tt.TensorType):
                    yield f"{path}.{name}" if path else name, self.member(below, name)
