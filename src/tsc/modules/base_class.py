"""`ScriptModule` as a base class: ``class M(ScriptModule)`` with ``@script_method``."""

from __future__ import annotations

from typing import Any

from tsc.concurrency import interned
from tsc.interop import torch as torch_interop
from tsc.modules.script_modules import RecursiveScriptModule
from tsc.modules.scripting import scripted
from tsc.nn.module import Module
from tsc.options import options
from tsc.programs.definitions import DEFINED, defined_texts, names_around


class _ScriptMeta(type):
    """Compiles an instance once its ``__init__`` has run; every script module is an instance of
    `ScriptModule`.
    """

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _ScriptMeta:
        """A class of PyTorch's modules where PyTorch is in use, else of `tsc`'s."""
        torch = torch_interop.torch()
        if torch is not None and name != "ScriptModule":
            bases = tuple(_over(torch.nn.Module) if b is ScriptModule else b for b in bases)
        return super().__new__(cls, name, bases, body)

    def __call__(cls, *arguments: object, **keywords: object) -> Any:
        made = super().__call__(*arguments, **keywords)
        if cls.__name__ == "ScriptModule":
            return made
        return scripted(made) if options().is_jit_enabled else made

    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or (
            cls is ScriptModule and isinstance(instance, RecursiveScriptModule)
        )


def _define(self: Any, src: str) -> None:
    """Add methods, written as TorchScript source; they are compiled with the module."""
    vars(self)[DEFINED] = [*defined_texts(self), (src, names_around(0))]


class ScriptModule(Module, metaclass=_ScriptMeta):
    """Base of modules whose methods marked with `script_method` are compiled when an instance is made.

    Attributes are declared with `Attribute`, constants in ``__constants__``, further methods by `define`.
    Instances are `RecursiveScriptModule`s.
    """

    define = _define


@interned
def _over(module: type) -> type:
    """`ScriptModule` as a subclass of another library's modules."""
    return _ScriptMeta("ScriptModule", (module,), {"__doc__": ScriptModule.__doc__, "define": _define})
