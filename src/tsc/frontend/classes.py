"""Live classes as script classes: named tuples, enums, and plain classes with methods."""

from __future__ import annotations

import enum
import inspect
import sys
import types
from typing import TYPE_CHECKING, Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, NotSupportedError
from tsc.frontend.dataclass_methods import dataclass_method, field_types, is_written_by_python
from tsc.frontend.objects import named_tuple_type
from tsc.frontend.sources import qualified_name
from tsc.frontend.unit import REQUIRED, Class
from tsc.interop import torch as torch_interop
from tsc.markers import is_interface, modifier_of

if TYPE_CHECKING:
    from tsc.frontend.live import Program

FOREIGN = ("torch", "numpy", "builtins", "typing", "collections", "abc", "enum", "tsc")
"""Modules whose classes are not user classes."""


def class_name(program: Program, cls: type) -> str:
    """A unique qualified name for a live class."""
    return program.unit.unique_name(qualified_name(cls))


def script_class(program: Program, cls: type[Any]) -> TorchType | None:
    """The type of instances of `cls`, compiled when first met; None where TorchScript cannot hold them."""
    found = program.classes.get(cls)
    if found is None:
        if hasattr(cls, "_fields") and issubclass(cls, tuple):
            found = _named_tuple(program, cls)
        elif issubclass(cls, enum.Enum):
            found = _enum(program, cls)
        elif is_interface(cls):
            found = _interface(program, cls)
        elif (
            cls.__module__.split(".")[0] in FOREIGN or issubclass(cls, BaseException) or not _has_source(cls)
        ):
            return None
        else:
            found = _plain(program, cls)
    if found.kind == "namedtuple":
        return named_tuple_type(found)
    if found.kind == "interface":
        return tt.InterfaceType(found.name)
    return tt.EnumType(found.name) if found.kind == "enum" else tt.ClassType(found.name)


def _enum(program: Program, cls: type[enum.Enum]) -> Class:
    """An enum.

    Raises:
        CompileError: the values are not of one type, or not numbers or strings.
    """
    kinds = [type(m.value).__name__ for m in reversed(list(cls))]
    other = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), None)
    if other is not None:
        raise CompileError(
            f"Could not unify type list since element {other} of type {kinds[other]} did not match the types "
            f"before it ({kinds[0]})"
        )
    if kinds and kinds[0] not in ("int", "float", "str"):
        raise CompileError(
            f"Cannot create Enum with value type '{kinds[0]}', only int, float and string are supported"
        )
    found = Class(class_name(program, cls), "enum", members={m.name: m.value for m in cls})
    found.python = cls
    _register(program, cls, found)
    return found


def _interface(program: Program, cls: type) -> Class:
    made = Class(class_name(program, cls), "interface")
    is_module = torch_interop.is_module_class(cls) or hasattr(cls, "__tsc_module__")
    made.members["$base"] = "(ModuleInterface)" if is_module else "(Interface)"
    _register(program, cls, made)
    for name, member in vars(cls).items():
        if isinstance(member, types.FunctionType):
            method = program.function(member, tt.InterfaceType(made.name), f"{made.name}.{name}")
            method.kind = "declaration"
            made.methods[name] = method
    return made


def _has_source(cls: type) -> bool:
    """Whether a class is written in Python: its methods can be compiled."""
    return bool(cls.__flags__ & 1 << 9) and cls.__module__ not in sys.stdlib_module_names


def _register(program: Program, cls: type, made: Class) -> None:
    program.classes[cls] = made
    program.unit.classes[made.name] = made


def _named_tuple(program: Program, cls: Any) -> Class:
    annotations = inspect.get_annotations(cls, eval_str=True)
    if not annotations:  # a class with methods around the tuple itself, as PackedSequence
        annotations = inspect.get_annotations(cls.__base__, eval_str=True)
    made = Class(class_name(program, cls), "namedtuple")
    for name in cls._fields:
        made.attributes[name] = program.annotation(annotations[name]) if name in annotations else tt.TENSOR
        made.members[name] = cls._field_defaults.get(name, REQUIRED)
        if torch_interop.is_tensor(made.members[name]):
            raise NotSupportedError(
                "Tensors are not supported as default NamedTuple fields. Their mutability could lead to "
                "potential memory aliasing problems"
            )
    made.python = cls
    _register(program, cls, made)
    return made


def _plain(program: Program, cls: type[Any]) -> Class:
    made = Class(class_name(program, cls), "class")
    made.python = cls
    _register(program, cls, made)
    own = tt.ClassType(made.name)
    if hasattr(cls, "__dataclass_fields__"):
        made.attributes.update(field_types(cls, program.annotation))
    else:
        _annotated_attributes(program, cls, made)
    for name, member in vars(cls).items():
        if isinstance(member, types.FunctionType):
            _method(program, cls, made, name, member)
        elif isinstance(member, staticmethod):
            made.methods[name] = program.function(member.__func__, None, f"{made.name}.{name}")
        elif isinstance(member, property) and member.fget is not None:
            made.methods[f"__{name}_getter"] = program.function(
                member.fget, own, f"{made.name}.__{name}_getter"
            )
            setter = None
            if member.fset is not None:
                setter = f"__{name}_setter"
                made.methods[setter] = program.function(member.fset, own, f"{made.name}.{setter}")
            made.properties[name] = (f"__{name}_getter", setter)
    _compile_methods(program, made)
    return made


def _annotated_attributes(program: Program, cls: type, made: Class) -> None:
    for name, kind in inspect.get_annotations(cls, eval_str=True).items():
        made.attributes[name] = program.annotation(kind)


def _method(program: Program, cls: type, made: Class, name: str, member: types.FunctionType) -> None:
    """Add a method. It may name the class, which has no such name yet where a decorator compiles it."""
    from tsc.frontend.live import LiveResolver

    if is_written_by_python(cls, member):
        method = dataclass_method(made, cls, name, LiveResolver(program, member))
        if method is None:
            return
        program.unit.functions[method.name] = method
    else:
        method = program.function(member, tt.ClassType(made.name), f"{made.name}.{name}")
    if isinstance(method.resolver, LiveResolver):
        method.resolver.names.setdefault(cls.__name__, cls)
    made.methods[name] = method


def _compile_methods(program: Program, made: Class) -> None:
    """Compile all methods, called or not: ``__init__`` first, which says what attributes there are."""
    for method in sorted(made.methods.values(), key=lambda method: method.short_name != "__init__"):
        is_left_out = modifier_of(method.python) in ("unused", "_drop")
        if not method.is_compiling and not is_left_out:
            program.compiler.compile(method)
