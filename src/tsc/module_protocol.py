"""What PyTorch's ``nn.Module`` offers, on script modules: parameters, buffers, submodules, state, copies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from tsc.dialects.torch_types import TENSOR as _TENSOR
from tsc.errors import CompileError
from tsc.frontend.hooks import hooks_of
from tsc.frontend.unit import Class, ScriptObject
from tsc.narrowing import is_array
from tsc.runtime.values import Inputs, MismatchError, mapped

Array = np.ndarray[Any, Any]


def copied(held: ScriptObject, memo: dict[int, Any], tensors: Callable[[Array], Array]) -> ScriptObject:
    """A copy of an object and of the objects and containers below it; `tensors` copies (or keeps) tensors."""
    if id(held) not in memo:
        memo[id(held)] = made = ScriptObject(held.cls)
        made.attributes = {name: _copied(v, memo, tensors) for name, v in held.attributes.items()}
        made.live = dict(held.live)
    return memo[id(held)]


def _copied(value: Any, memo: dict[int, Any], tensors: Callable[[Array], Array]) -> Any:
    def leaf(held: Any) -> Any:
        if isinstance(held, ScriptObject):
            return copied(held, memo, tensors)
        return memo.setdefault(id(held), tensors(held)) if is_array(held) else held

    return mapped(value, leaf)


class ModuleProtocol:
    """The part of a script module that walks its object."""

    _object: ScriptObject

    def _wrap(self, value: Any) -> Any:
        """A held value as users see it."""
        raise NotImplementedError

    def _is_visible(self, name: str) -> bool:
        """Whether an attribute is there for users: freezing removes most."""
        raise NotImplementedError

    def _around(self, held: ScriptObject) -> Self:
        """A module like this one, around another object."""
        raise NotImplementedError

    # --- walking ---

    def _children_of(self, held: ScriptObject) -> Iterator[tuple[str, ScriptObject]]:
        for name, value in held.attributes.items():
            if isinstance(value, ScriptObject) and value.cls.kind == "module":
                yield name, value

    def _walk(self, held: ScriptObject, prefix: str, seen: set[int]) -> Iterator[tuple[str, ScriptObject]]:
        if id(held) not in seen:
            seen.add(id(held))
            yield prefix, held
            for name, child in self._children_of(held):
                yield from self._walk(child, f"{prefix}.{name}" if prefix else name, seen)

    def _tensors(self, which: Callable[[ScriptObject, str], bool]) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for prefix, held in self._walk(self._object, "", set()):
            for name, value in held.attributes.items():
                if not isinstance(value, np.ndarray) or not which(held, name) or id(value) in seen:  # pyright: ignore[reportUnknownArgumentType]
                    continue
                if held is self._object and not self._is_visible(name):
                    continue
                seen.add(id(value))  # pyright: ignore[reportUnknownArgumentType]
                yield f"{prefix}.{name}" if prefix else name, held.live.get(name, self._wrap(value))

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """Parameters here and below, each once, by dotted path."""
        return self._tensors(lambda held, name: name in held.cls.parameters)

    def parameters(self) -> Iterator[Any]:
        """Parameters here and below."""
        return (tensor for _, tensor in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        """Buffers here and below, each once, by dotted path."""
        return self._tensors(lambda held, name: name in held.cls.buffers)

    def buffers(self) -> Iterator[Any]:
        """Buffers here and below."""
        return (tensor for _, tensor in self.named_buffers())

    def named_modules(self) -> Iterator[tuple[str, Self]]:
        """The module and those below it, each once, by dotted path."""
        for path, held in self._walk(self._object, "", set()):
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

    # --- state ---

    def state_dict(self) -> dict[str, Any]:
        """Parameters and buffers by dotted path; they share memory with the module."""
        state: dict[str, Any] = {}
        for prefix, held in self._walk(self._object, "", set()):
            for name, value in held.attributes.items():
                if isinstance(value, np.ndarray) and _is_state(held, name):
                    state[f"{prefix}.{name}" if prefix else name] = self._wrap(value)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> None:
        """Copy tensors into parameters and buffers, by dotted path.

        Raises:
            RuntimeError: a name is missing or unknown (unless not `strict`), or a shape differs.
        """
        own: dict[str, Array] = {
            f"{prefix}.{name}" if prefix else name: value
            for prefix, held in self._walk(self._object, "", set())
            for name, value in held.attributes.items()
            if isinstance(value, np.ndarray) and _is_state(held, name)
        }
        missing, unknown = own.keys() - state_dict.keys(), state_dict.keys() - own.keys()
        if strict and (missing or unknown):
            raise CompileError(
                f"Error(s) in loading state_dict: missing keys {sorted(missing)}, unexpected keys "
                f"{sorted(unknown)}"
            )
        for name in own.keys() & state_dict.keys():
            given = Inputs().convert(state_dict[name], _TENSOR, name)
            if given.shape != own[name].shape:
                raise CompileError(
                    f"Error(s) in loading state_dict: size mismatch for {name}: got {given.shape}, want "
                    f"{own[name].shape}"
                )
            own[name][...] = given

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below."""
        for _, held in self._walk(self._object, "", set()):
            if "training" in held.attributes:
                held.attributes["training"] = mode
        return self

    def eval(self) -> Self:
        """Leave training mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether gradients of the parameters are recorded (where the module was made from PyTorch's)."""
        for _, held in self._walk(self._object, "", set()):
            for tensor in held.live.values():
                tensor.requires_grad_(requires_grad)
        return self

    def set_value(self, name: str, value: Any) -> None:
        """Set an attribute that the program knows.

        Raises:
            CompileError: the value is not of the attribute's type.
        """
        held = self._object
        kind = held.cls.attributes[name]
        try:
            held.attributes[name] = Inputs().convert(value, kind, name)
        except MismatchError as error:
            raise CompileError(
                f"Could not cast attribute '{name}' to type {kind.torchscript()}: {error}"
            ) from None
        held.live.pop(name, None)

    # --- copies ---

    def __copy__(self) -> Self:
        made = ScriptObject(self._object.cls, dict(self._object.attributes))
        made.live = dict(self._object.live)
        return self._around(made)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = copied(self._object, {}, np.copy)
        for _, held in self._walk(made, "", set()):
            held.live = {name: copy.deepcopy(tensor, memo) for name, tensor in held.live.items()}
            for name, tensor in held.live.items():
                held.attributes[name] = Inputs().convert(tensor, _TENSOR, name)
        return self._around(made)


def _is_state(held: ScriptObject, name: str) -> bool:
    return name in held.cls.parameters or name in held.cls.buffers


def run_between_hooks(
    cls: Class, method: Callable[[str], Callable[..., Any]], arguments: tuple[Any, ...], keywords: Any
) -> Any:
    """``forward`` of the outermost module between its own hooks, as a call of a live module runs them."""
    before, after = hooks_of(cls)
    for hook in before:
        returned = method(hook.short_name)(arguments)
        if returned is not None:
            arguments = returned if isinstance(returned, tuple) else (returned,)  # pyright: ignore
    result = method("forward")(*arguments, **keywords)
    for hook in after:
        returned = method(hook.short_name)(arguments, result)
        result = result if returned is None else returned
    return result
