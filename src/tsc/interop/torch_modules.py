"""Script modules as PyTorch's modules: its containers and models take them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

from tsc.concurrency import interned
from tsc.errors import CompileError
from tsc.interop.torch import torch

TABLES = (
    "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_non_persistent_buffers_set",
    "_state_dict_hooks", "_state_dict_pre_hooks", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks",
    "_backward_pre_hooks",
)  # fmt: skip
"""What PyTorch's module around a script module looks at; a script module has none of it."""
ALLOWED = frozenset(["get_extra_state", "set_extra_state", "extra_repr", "forward"])
"""Methods of PyTorch's modules that do no harm."""


def joined(cls: type[Any]) -> type[Any]:
    """`cls`, also derived from PyTorch's ``nn.Module`` where PyTorch is there."""
    return cls if torch() is None else _joined(cls)


@interned
def _joined(cls: type[Any]) -> type[Any]:
    base = torch().nn.Module
    if issubclass(cls, base):
        return cls
    members: dict[str, Any] = {name: OrderedDict() for name in TABLES}
    for name in dir(base):
        is_method = not name.startswith("_") and callable(getattr(base, name))
        if is_method and name not in ALLOWED and not hasattr(cls, name):
            members[name] = _refusal(name)
    return type(cls.__name__, (cls, base), {"__module__": cls.__module__, "__doc__": cls.__doc__, **members})


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *arguments: Any, **keywords: Any) -> NoReturn:
        raise CompileError(f"{name} is not supported on ScriptModules")

    return refuse
