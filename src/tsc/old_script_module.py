"""`ScriptModule` as a base class: ``class M(ScriptModule)`` with ``@script_method``."""

from __future__ import annotations

from typing import Any

from tsc.nn.module import Module
from tsc.script_modules import RecursiveScriptModule


class _ScriptMeta(type):
    """Compiles an instance once its ``__init__`` has run; every script module is an instance of
    `ScriptModule`.
    """

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        made = super().__call__(*arguments, **keywords)
        if cls is ScriptModule:
            return made
        from tsc.jit import script

        return script(made)

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (
            cls is ScriptModule and isinstance(instance, RecursiveScriptModule)
        )


class ScriptModule(Module, metaclass=_ScriptMeta):
    """Base of modules whose methods marked with `script_method` are compiled when an instance is made.

    Attributes are declared with `Attribute`, constants in ``__constants__``. Instances are
    `RecursiveScriptModule`s.
    """
