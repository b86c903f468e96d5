"""`ModuleWalking`: the modules, parameters and buffers of a script module, here and below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from tsc.frontend.unit import ScriptObject
from tsc.narrowing import is_array

Chooser = Callable[[ScriptObject, str], bool]
"""Whether an attribute of an object is wanted."""


class ModuleWalking:
    """The part of a script module that walks its object."""

    _object: ScriptObject

    def _wrap(self, value: object) -> Any:
        """A held value as users see it."""
        raise NotImplementedError

    def _is_visible(self, held: ScriptObject, name: str) -> bool:
        """Whether an attribute of an object is there for users: freezing removes most."""
        raise NotImplementedError

    def _are_children_walked(self) -> bool:
        """Whether walks go into submodules: as in PyTorch, not into those that freezing left."""
        raise NotImplementedError

    def _around(self, held: ScriptObject) -> Self:
        """A module like this one, around another object."""
        raise NotImplementedError

    def _method(self, name: str) -> Callable[..., Any]:
        """A method of the program, to be called."""
        raise NotImplementedError

    def _children_of(self, held: ScriptObject) -> Iterator[tuple[str, ScriptObject]]:
        for name, value in held.attributes.items() if self._are_children_walked() else ():
            if isinstance(value, ScriptObject) and value.cls.kind == "module":
                yield name, value

    def _walk(
        self, held: ScriptObject, prefix: str, seen: set[int] | None
    ) -> Iterator[tuple[str, ScriptObject]]:
        """Dotted paths and objects; without `seen`, an object met twice comes twice."""
        if seen is not None:
            if id(held) in seen:
                return
            seen.add(id(held))
        yield prefix, held
        for name, child in self._children_of(held):
            yield from self._walk(child, joined(prefix, name), seen)

    def _held_tensor(self, held: ScriptObject, name: str) -> Any:
        """A tensor of an object as users see it: their own, where one is behind it."""
        tensor = held.tensor(name)
        return self._wrap(held.attributes[name]) if tensor is None else tensor

    def _tensors(
        self, is_wanted: Chooser, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        below = self._walk(self._object, prefix, set() if remove_duplicate else None)
        for path, held in below if recurse else [(prefix, self._object)]:
            for name, value in held.attributes.items():
                identity = id(held.live.get(name, value))
                is_hidden = not self._is_visible(held, name)
                if is_hidden or not is_array(value) or not is_wanted(held, name) or identity in seen:
                    continue
                if remove_duplicate:
                    seen.add(identity)
                yield joined(path, name), self._held_tensor(held, name)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Parameters here and (if `recurse`) below, by dotted path."""
        return self._tensors(is_parameter, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Parameters here and (if `recurse`) below."""
        return (tensor for _, tensor in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Buffers here and (if `recurse`) below, by dotted path."""
        return self._tensors(is_buffer, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """Buffers here and (if `recurse`) below."""
        return (tensor for _, tensor in self.named_buffers(recurse=recurse))

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Self]]:
        """The module and those below it, by dotted path; `memo` has those that were met before."""
        met = set[Any]() if memo is None else memo
        for path, held in self._walk(self._object, prefix, set() if remove_duplicate else None):
            if remove_duplicate and held in met:
                continue
            met.add(held)
            yield path, self if held is self._object else self._around(held)

    def modules(self) -> Iterator[Self]:
        """The module and those below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Self]]:
        """The submodules, by name."""
        return ((name, self._around(child)) for name, child in self._children_of(self._object))

    def children(self) -> Iterator[Self]:
        """The submodules."""
        return (module for _, module in self.named_children())

    def get_submodule(self, target: str) -> Any:
        """The submodule at a dotted path.

        Raises:
            AttributeError: there is none.
        """
        found: Any = self
        for part in filter(None, target.split(".")):
            found = getattr(found, part)
        return found


def joined(prefix: str, name: str) -> str:
    """A dotted path."""
    return f"{prefix}.{name}" if prefix else name


def is_parameter(held: ScriptObject, name: str) -> bool:
    """Whether an attribute is a parameter."""
    return name in held.cls.parameters


def is_buffer(held: ScriptObject, name: str) -> bool:
    """Whether an attribute is a buffer."""
    return name in held.cls.buffers


def is_state(held: ScriptObject, name: str) -> bool:
    """Whether an attribute is a parameter or a buffer."""
    return is_parameter(held, name) or is_buffer(held, name)
