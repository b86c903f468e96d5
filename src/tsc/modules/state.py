"""`ModuleState`: ``state_dict`` and ``load_state_dict`` of script modules."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from tsc.dialects.torch_types import TENSOR
from tsc.errors import ArgumentError, CompileError
from tsc.frontend.unit import ScriptObject
from tsc.markers import modifier_of
from tsc.modules.walking import ModuleWalking, is_state, joined
from tsc.narrowing import is_array
from tsc.nn.state_dicts import IncompatibleKeys
from tsc.programs.live_tensors import refresh_below
from tsc.runtime.values import Inputs

SAVES_STATE = "_save_to_state_dict"
"""The method of a module that hands out its state, where the program has one."""
STATE_VERSION = 1
"""The version of the form of a module's state, as PyTorch counts it."""


class ModuleState(ModuleWalking):
    """The part of a script module that hands out and takes its state."""

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """Parameters and buffers by dotted path; they share memory with the module.

        They go into `destination`, where that is given. With `keep_vars` they are the parameters themselves,
        else tensors without gradients.
        """
        refresh_below(self._object)
        state: Any = OrderedDict[str, Any]() if destination is None else destination
        if destination is None:
            state._metadata = OrderedDict[str, Any]()
        metadata: Any = getattr(state, "_metadata", {})
        for path, held in self._walk(self._object, prefix.removesuffix("."), None):
            metadata[path] = {"version": STATE_VERSION}
            if _is_exported(
                held, SAVES_STATE
            ):  # it is given copies, as PyTorch gives them: nothing comes back
                self._around(held)._method(SAVES_STATE)({}, joined(path, ""), keep_vars)
                continue
            for name, value in held.attributes.items():
                is_hidden = not self._is_visible(held, name)
                if is_array(value) and is_state(held, name) and not is_hidden:
                    state[joined(path, name)] = (
                        self._held_tensor(held, name) if keep_vars else self._wrap(value)
                    )
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy tensors into parameters and buffers, by dotted path; with `assign`, take them themselves.

        Raises:
            TypeError: `state_dict` is no mapping.
            RuntimeError: a name is missing or unknown (unless not `strict`), or a shape differs.
        """
        if not isinstance(state_dict, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        refresh_below(self._object)
        own = {
            joined(path, name): (held, name)
            for path, held in self._walk(self._object, "", None)
            for name, value in held.attributes.items()
            if is_array(value) and is_state(held, name)
        }
        missing = [name for name in own if name not in state_dict]
        unknown = [name for name in state_dict if name not in own]
        problems = _key_problems(missing, unknown) if strict else []
        for path, (held, name) in own.items():
            if path in state_dict:
                problems += _load(held, name, state_dict[path], path, assign)
        if problems:
            listed = "\n\t".join(problems)
            raise CompileError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return IncompatibleKeys(missing, unknown)


def _is_exported(held: ScriptObject, name: str) -> bool:
    """Whether the class of `held` has a method of its own of that name, marked with ``export``."""
    return name in held.cls.methods and modifier_of(held.cls.methods[name].python) == "export"


def _key_problems(missing: list[str], unknown: list[str]) -> list[str]:
    found = (("Missing", missing), ("Unexpected", unknown))
    return [
        f"{kind} key(s) in state_dict: {', '.join(repr_of(n) for n in names)}. "
        for kind, names in found
        if names
    ]


def repr_of(name: str) -> str:
    """A name in double quotes."""
    return f'"{name}"'


def _load(held: ScriptObject, name: str, given: Any, path: str, assign: bool) -> list[str]:
    """Load one tensor; what is wrong with it."""
    own = held.attributes[name]
    try:
        array = Inputs().convert(given, TENSOR, path)
    except ArgumentError:
        array = None
    if array is None:
        return [
            f'While copying the parameter named "{path}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(given)}"
        ]
    if array.shape != own.shape:
        return [
            f"size mismatch for {path}: copying a param with shape torch.Size({list(array.shape)}) from "
            f"checkpoint, the shape in current model is torch.Size({list(own.shape)})."
        ]
    if not assign:
        own[...] = array
    elif name in held.live and name in held.cls.parameters:
        held.live[name].data = given.data
        held.attributes[name] = array
    else:
        held.let_go(name)
        held.attributes[name] = array
    return []
