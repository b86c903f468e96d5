"""Marks that users put on their code: what a decorator says is read when the code is compiled.

Each works on plain Python objects and changes nothing about how they run as Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

MODIFIER = "_torchscript_modifier"
"""The attribute of a function that carries its mark: PyTorch's own name, so that either library's decorators
do.
"""
UNUSED = "unused (ignored and replaced with raising of an exception)"
IGNORE = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"
EXPORT = "export (compile this function even if nothing calls it)"
DROP = "_drop (function is fully ignored, declaration can be unscriptable)"
INTERFACE = "__torch_script_interface__"


class Attribute(NamedTuple):
    """A module attribute with its type said aloud: ``self.table = Attribute({}, Dict[str, int])``."""

    value: Any
    type: Any


def _mark(function: object, modifier: str) -> Any:
    target = function.fget if isinstance(function, property) else function
    setattr(target, MODIFIER, modifier)
    return function


def ignore(drop: object = False, **keywords: object) -> Any:
    """Leave a function or method to Python: compiled code calls back into the interpreter.

    A function with this mark cannot be saved; ``@ignore(drop=True)`` replaces calls by an exception instead.
    """
    if callable(drop):
        return _mark(drop, IGNORE)
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    dropped = bool(drop or keywords.get("drop_on_export", False))

    def decorate(function: F) -> F:
        return _mark(function, UNUSED if dropped else IGNORE)

    return decorate


def unused(fn: F) -> F:
    """Do not compile a function or method: calling it raises an exception."""
    return _mark(fn, UNUSED)


def export(fn: F) -> F:
    """Compile a method even though ``forward`` does not call it."""
    return _mark(fn, EXPORT)


def interface(obj: object) -> Any:
    """Declare a class to be an interface: its methods are signatures that modules and classes implement.

    Raises:
        RuntimeError: `obj` is not a class.
    """
    if not isinstance(obj, type):
        raise RuntimeError("interface must be applied to a class")
    setattr(obj, INTERFACE, obj.__qualname__)
    return obj


def script_method(fn: F) -> F:
    """Mark a method of a `ScriptModule` subclass to be compiled when an instance is made."""
    return _mark(fn, EXPORT)


def annotate(the_type: object, the_value: object) -> Any:
    """`the_value`; compiled code takes it to be of type `the_type`."""
    return the_value


def modifier_of(function: object) -> str:
    """The mark of a function: the first word of its modifier; empty when there is none."""
    text = getattr(function, MODIFIER, None)
    return text.split(" ")[0] if isinstance(text, str) else ""


def is_interface(cls: object) -> bool:
    """Whether a class was declared to be an interface."""
    return isinstance(cls, type) and INTERFACE in vars(cls)
