"""Objects of the program: construction, attributes written, hooks around a module's call."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import StringAttr

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.frontend.hooks import call_between_hooks, hooks_of
from tsc.frontend.sugared import (
    Arguments,
    Constant,
    MethodRef,
    Overloaded,
    ScriptFunctionRef,
    Sugared,
    SugaredValue,
)
from tsc.frontend.unit import REQUIRED, Class, Function

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


def construct(reader: CallReader, cls: Class, arguments: Arguments, node: ast.AST) -> Sugared:
    """``Cls(...)``."""
    if cls.kind == "namedtuple":
        return _named_tuple(reader, cls, arguments, node)
    if cls.kind == "enum":
        raise reader.error("cannot call a EnumClass", node)
    initializer = cls.method("__init__")
    if initializer is None:
        short = cls.name.rpartition(".")[2]
        raise reader.error(f"Class {short} does not have an __init__ function defined", node)
    made = create_object(reader, cls)
    reader.call_method(initializer, made.ssa, arguments, node)
    return made


def create_object(reader: CallReader, cls: Class) -> SugaredValue:
    """An object without attributes yet."""
    return SugaredValue(
        reader.builder.create(ops.PrimCreateObjectOp, [], [tt.ClassType(cls.name)]).results[0]
    )


def _named_tuple(reader: CallReader, cls: Class, arguments: Arguments, node: ast.AST) -> Sugared:
    positional, keywords = list(arguments.positional), dict(arguments.keywords)
    values: list[SugaredValue] = []
    for name, kind in cls.attributes.items():
        if positional:
            given = positional.pop(0)
        elif name in keywords:
            given = keywords.pop(name)
        elif cls.members.get(name, REQUIRED) is not REQUIRED:
            given = Constant(cls.members[name])
        else:
            raise reader.error(f"{cls.name}() is missing value for argument '{name}'", node)
        values.append(
            SugaredValue(reader.coerce(given.value(reader, node), kind, node, f"argument '{name}'"))
        )
    if positional or keywords:
        raise reader.error(f"{cls.name}() was given too many arguments", node)
    return SugaredValue(
        reader.builder.create(
            ops.PrimTupleConstructOp, [v.ssa for v in values], [named_tuple_type(cls)]
        ).results[0]
    )


def named_tuple_type(cls: Class) -> tt.NamedTupleType:
    """The type of the instances of a named tuple class."""
    return tt.NamedTupleType((cls.name, tuple(cls.attributes), tuple(cls.attributes.values())))


def class_attribute(reader: CallReader, cls: Class, name: str, node: ast.AST) -> Sugared:
    """``Cls.name``: an enum member, a static method, ``__new__``."""
    if cls.kind == "enum":
        if name not in cls.members:
            raise reader.error(f"type object '{cls.name}' has no attribute '{name}'", node)
        made = reader.builder.create(
            ops.PrimCreateObjectOp, [], [tt.EnumType(cls.name)], attributes={"member": StringAttr(name)}
        )
        return SugaredValue(made.results[0])
    if name == "__new__":
        return _New(cls)
    method = cls.method(name)
    if method is not None:
        return ScriptFunctionRef(method) if method.self_type is None else UnboundMethod(method)
    nested = inspect.getattr_static(cls.python, name, None)
    if isinstance(nested, type):
        return reader.function.resolver.program.sugar(nested)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    raise reader.error(f"class '{cls.name}' has no static member '{name}'", node)


@dataclass(eq=False)
class UnboundMethod(Sugared):
    """``Cls.method``: the object is the first argument. Archives call hooks like this."""

    function: Function

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        if not arguments.positional:
            raise reader.error(f"method '{self.function.short_name}' requires an object; got none", node)
        receiver, *rest = arguments.positional
        return reader.call_function(
            self.function, Arguments(rest, arguments.keywords), node, receiver.value(reader, node)
        )


class _New(Sugared):
    def __init__(self, cls: Class) -> None:
        self.cls = cls

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        return create_object(reader, self.cls)


def set_attribute(reader: CallReader, owner: Sugared, name: str, value: Sugared, node: ast.AST) -> None:
    """``owner.name = value``."""
    target = reader.plain(owner, node)
    if not isinstance(target.type, (tt.ModuleType, tt.ClassType)):
        raise reader.error(
            f"Tried to set an attribute: {name} on a non-class: {target.type.torchscript()}", node
        )
    cls = reader.unit.class_named(target.type.data)
    if name in cls.properties and cls.properties[name][1] is not None:
        reader.call_method(cls.methods[cls.properties[name][1]], target.ssa, Arguments([value]), node)  # pyright: ignore[reportArgumentType]
        return
    if name in cls.properties:
        raise reader.error(f"Tried to set read-only attribute: {name}", node)
    if name not in cls.attributes:
        in_initializer = reader.function.short_name == "__init__" and cls.kind == "class"
        if not in_initializer:
            raise reader.error(
                f"Tried to set nonexistent attribute: {name}. Did you forget to initialize it in __init__()?",
                node,
            )
        if not reader.is_at_top_level:
            raise reader.error(
                "First assignment cannot be in a control-flow block. Initialize the field at the top level "
                "first",
                node,
            )
        cls.attributes[name] = reader.plain(value, node).type
    given, wanted = value.value(reader, node), cls.attributes[name]
    if not reader.converts(given, wanted):
        raise reader.error(
            f"Wrong type for attribute assignment. Expected {wanted.torchscript()} but got "
            f"{reader.plain(value, node).type.torchscript()}",
            node,
        )
    ssa = reader.coerce(given, wanted, node, f"attribute '{name}'")
    reader.at(node)
    reader.builder.create(ops.PrimSetAttrOp, [target.ssa, ssa], attributes={"name": StringAttr(name)})


def call_with_hooks(
    reader: CallReader, cls: Class, value: SugaredValue, arguments: Arguments, node: ast.AST
) -> Sugared:
    """A module called: forward pre-hooks, ``forward``, forward hooks."""
    forward = cls.method("forward")
    if "forward" in cls.overloads:
        overloaded = Overloaded([MethodRef(cls.methods[n], value.ssa) for n in cls.overloads["forward"]])
        return overloaded.call(reader, arguments, node)
    if forward is None:
        if "container" in cls.members and cls.members.get("container_kind") == "sequential":
            return _call_sequential(reader, value, arguments, node)
        raise reader.error(f"module '{cls.name}' has no forward method", node)
    if any(hooks_of(cls)):
        return call_between_hooks(reader, cls, value, arguments, node)
    return MethodRef(forward, value.ssa).call(reader, arguments, node)


def _call_sequential(reader: CallReader, value: SugaredValue, arguments: Arguments, node: ast.AST) -> Sugared:
    submodules = value.unroll(reader, node) or []
    result = arguments.positional[0]
    for submodule in submodules:
        result = submodule.call(reader, Arguments([result]), node)
    return result
