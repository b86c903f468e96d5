"""Whether a class is what an interface declares: it has its methods, of the same types; and the submodules
that are declared as interfaces.
"""

from __future__ import annotations

from collections.abc import Callable

from tsc.dialects import torch_types as tt
from tsc.errors import CompileError
from tsc.frontend.unit import Class, Function, ScriptObject, Unit


def incompatibility(held: Class, declared: Class, compile_function: Callable[[Function], None]) -> str | None:
    """What a class lacks of an interface, or has with other types; None: nothing."""
    for name, signature in declared.methods.items():
        compile_function(signature)
        method = held.method(name)
        if method is None:
            return f"Class '{held.name}' does not have method '{name}' but interface '{declared.name}' does."
        compile_function(method)
        same = [p.type for p in method.parameters] == [p.type for p in signature.parameters]
        if not same or method.result is not signature.result:
            return (
                f"Method on class '{held.name}' (1) is not compatible with interface '{declared.name}' (2)\n"
                f" (1) {method.schema()}\n (2) {signature.schema()}"
            )
    return None


def cast_refusal(held: Class, declared: Class, compile_function: Callable[[Function], None]) -> str | None:
    """Why an attribute that is declared as an interface cannot be an object of a class; None: it can."""
    lacking = incompatibility(held, declared, compile_function)
    if lacking is None:
        return None
    return f"Object of type {held.name} is not compatible with interface {declared.name}\n{lacking}"


def check_interfaces(held: ScriptObject, unit: Unit, compile_function: Callable[[Function], None]) -> None:
    """Refuse submodules, here and below, that are not the interfaces they were declared as.

    Raises:
        CompileError: one lacks a method of its interface, or has it with other types.
    """
    for name, kind in held.cls.attributes.items():
        inner = held.attributes.get(name)
        if not isinstance(inner, ScriptObject):
            continue
        if isinstance(kind, tt.InterfaceType):
            refusal = cast_refusal(inner.cls, unit.class_named(kind.data), compile_function)
            if refusal is not None:
                raise CompileError(f"Could not cast attribute '{name}' to type {kind.data}: {refusal}")
        check_interfaces(inner, unit, compile_function)


def compile_implementations(
    held: ScriptObject, unit: Unit, compile_function: Callable[[Function], None]
) -> None:
    """Compile the methods that may be called through interfaces, here and below: nothing names them."""
    for name, kind in held.cls.attributes.items():
        inner = held.attributes.get(name)
        if not isinstance(inner, ScriptObject):
            continue
        if isinstance(kind, tt.InterfaceType):
            methods = map(inner.cls.method, unit.class_named(kind.data).methods)
            for method in methods:
                if method is not None:
                    compile_function(method)
        compile_implementations(inner, unit, compile_function)
