"""What PyTorch's ``nn.Module`` offers, on script modules: parameters, buffers, submodules, state, copies."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TENSOR as _TENSOR
from tsc.dtypes import Array
from tsc.errors import CompileError
from tsc.frontend.compile import Compiler
from tsc.frontend.hooks import hooks_of
from tsc.frontend.interfaces import cast_refusal
from tsc.frontend.unit import Class, ScriptObject, untrained_of
from tsc.interop import torch as torch_interop
from tsc.interop.torch_watching import is_watched_tensor, outside_transforms
from tsc.modules.converting import ModuleConversions
from tsc.modules.state import ModuleState
from tsc.narrowing import is_array
from tsc.runtime.values import ArgumentMismatchError, Inputs, mapped


def copied(held: ScriptObject, memo: dict[int, Any], tensors: Callable[[Array], Array]) -> ScriptObject:
    """A copy of an object and of the objects and containers below it; `tensors` copies (or keeps) tensors."""
    if id(held) not in memo:
        memo[id(held)] = made = ScriptObject(held.cls)
        made.attributes = {name: _copied(v, memo, tensors) for name, v in held.attributes.items()}
        made.live, made.own, made.untrained = dict(held.live), dict(held.own), untrained_of(held)
    return memo[id(held)]


def beside(held: ScriptObject, memo: dict[int, ScriptObject]) -> ScriptObject:
    """A copy of a module and of the modules below it, which has all else in common with them."""
    if id(held) not in memo:
        memo[id(held)] = made = ScriptObject(held.cls)
        made.attributes = {
            name: beside(v, memo) if isinstance(v, ScriptObject) and v.cls.kind == "module" else v
            for name, v in held.attributes.items()
        }
        made.live, made.own, made.untrained = dict(held.live), dict(held.own), untrained_of(held)
    return memo[id(held)]


def _copied(value: object, memo: dict[int, Any], tensors: Callable[[Array], Array]) -> Any:
    def leaf(held: object) -> Any:
        if isinstance(held, ScriptObject):
            return copied(held, memo, tensors)
        return memo.setdefault(id(held), tensors(held)) if is_array(held) else held

    return mapped(value, leaf)


class ModuleProtocol(ModuleState, ModuleConversions):
    """What PyTorch's ``nn.Module`` offers."""

    def _made_around(self, held: ScriptObject) -> Self:
        """A module of its own around another object."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and below.

        Raises:
            ValueError: `mode` is no bool.
        """
        if not isinstance(mode, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("training mode is expected to be boolean")
        for _, held in self._walk(self._object, "", set()):
            if "training" in held.attributes:
                held.attributes["training"] = mode
        return self

    def eval(self) -> Self:
        """Leave training mode here and below."""
        return self.train(False)

    def set_value(self, name: str, value: object) -> None:
        """Set an attribute that the program knows.

        Raises:
            CompileError: the value is not of the attribute's type.
        """
        held = self._object
        if name not in held.cls.attributes:
            raise CompileError(f"'{held.cls.name}' has no attribute '{name}'")
        kind = held.cls.attributes[name]
        is_state = name in held.cls.parameters | held.cls.buffers
        if is_state and is_watched_tensor(value):  # it has no memory to share: PyTorch's operators read it
            held.live[name] = value
            return
        if value is None and kind is _TENSOR:
            raise CompileError(f"Could not cast attribute '{name}' to type Tensor: got None")
        given = getattr(value, "_object", None)
        if isinstance(kind, tt.InterfaceType) and isinstance(given, ScriptObject):
            compiler = cast("Compiler", cast("Any", self)._interpreter.compiler)
            refusal = cast_refusal(given.cls, compiler.unit.class_named(kind.data), compiler.compile)
            if refusal is not None:
                raise CompileError(refusal)
        try:
            with outside_transforms():
                held.attributes[name] = Inputs().convert(value, kind, name)
        except ArgumentMismatchError as error:
            raise CompileError(
                f"Could not cast attribute '{name}' to type {kind.torchscript()}: {error}"
            ) from None
        held.let_go(name)
        if torch_interop.is_tensor(value) and is_state:
            held.live[name] = value

    # --- copies ---

    def __copy__(self) -> Self:
        made = ScriptObject(self._object.cls, dict(self._object.attributes))
        made.live, made.own = dict(self._object.live), dict(self._object.own)
        made.untrained = untrained_of(self._object)
        return self._made_around(made)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = copied(self._object, {}, np.copy)
        for _, held in self._walk(made, "", set()):
            held.live = {name: copy.deepcopy(tensor, memo) for name, tensor in held.live.items()}
            held.own = {name: copy.deepcopy(tensor, memo) for name, tensor in held.own.items()}
            for name, tensor in (*held.live.items(), *held.own.items()):
                held.attributes[name] = Inputs().convert(tensor, _TENSOR, name)
        return self._made_around(made)


def run_between_hooks(
    cls: Class, method: Callable[[str], Callable[..., Any]], arguments: tuple[Any, ...], keywords: Any
) -> Any:
    """``forward`` of the outermost module between its own hooks, as a call of a live module runs them."""
    before, after = hooks_of(cls)
    for hook in before:
        returned = method(hook.short_name)(arguments)
        if returned is not None:
            arguments = returned if isinstance(returned, tuple) else (returned,)  # pyright: ignore[reportUnknownVariableType]
    result = method("forward")(*arguments, **keywords)
    for hook in after:
        returned = method(hook.short_name)(arguments, result)
        result = result if returned is None else returned
    return result
