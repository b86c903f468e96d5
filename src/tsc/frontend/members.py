"""Attributes, methods, elements and calls of IR values, by the type of the value."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import StringAttr

from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import class_of
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.frontend import calls
from tsc.frontend.casts import TENSOR_CASTS, ToList
from tsc.frontend.hints import why_unscriptable
from tsc.frontend.module_walks import ModuleWalk, is_container_walk
from tsc.frontend.sugared import (
    Arguments,
    Builtin,
    ClassRef,
    Constant,
    MethodRef,
    Overloaded,
    ScriptFunctionRef,
    Sugared,
    SugaredValue,
    TupleOf,
)
from tsc.frontend.unit import Class

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

TENSOR_PROPERTIES = {
    "dtype": "prim::dtype", "device": "prim::device", "grad": "prim::grad", "data": "prim::data",
    "shape": "aten::size",
    "is_cuda": "prim::is_cuda", "is_cpu": "prim::is_cpu", "is_xla": "prim::is_xla", "is_xpu": "prim::is_xpu",
    "is_sparse": "prim::is_sparse", "is_mkldnn": "prim::is_mkldnn", "is_quantized": "prim::is_quantized",
    "is_vulkan": "prim::is_vulkan", "is_mps": "prim::is_mps", "is_meta": "prim::is_meta",
    "is_nested": "prim::is_nested",
    "is_sparse_csr": "prim::is_sparse_csr", "is_ipu": "prim::is_ipu", "is_mtia": "prim::is_mtia",
    "layout": "prim::layout",
    "T": "aten::numpy_T", "H": "aten::matrix_H", "mT": "aten::mT", "mH": "aten::mH",
    "is_leaf": "aten::is_leaf",
    "requires_grad": "prim::requires_grad", "ndim": "aten::dim", "itemsize": "prim::itemsize",
    "nbytes": "prim::nbytes",
    "real": "aten::real", "imag": "aten::imag", "name": "prim::name", "retains_grad": "aten::retains_grad",
}  # fmt: skip
MODULE_WALKS = frozenset((
    "modules", "named_modules", "children", "named_children", "parameters", "named_parameters", "buffers",
    "named_buffers",
))  # fmt: skip
DEVICE_PROPERTIES = {"type": "prim::type", "index": "prim::index"}
_LITERAL_KEYS: tuple[str, str] = (
    "Expected integer literal for index but got a variable or non-integer. ModuleList/Sequential indexing is "
    "only supported with integer literals. For example, 'i = 4; self.layers[i](x)' will fail because i is "
    "not "
    "a literal. Enumeration is supported, e.g. 'for index, v in enumerate(self): out = v(inp)'",
    "Unable to extract string literal index. ModuleDict indexing is only supported with string literals. For "
    "example, 'i = \"a\"; self.layers[i](x)' will fail because i is not a literal. Enumeration of ModuleDict "
    "is supported, e.g. 'for k, v in self.items(): out = v(inp)'",
)
_NAMESPACES = ("aten", "prim")


def member_of_value(reader: CallReader, value: SugaredValue, name: str, node: ast.AST) -> Sugared:
    """``value.name``."""
    kind = value.type
    if isinstance(kind, (tt.ModuleType, tt.ClassType, tt.InterfaceType)):
        return member_of_object(reader, value, name, node)
    if isinstance(kind, tt.TensorType) and name in TENSOR_PROPERTIES:
        return reader.call_builtin((TENSOR_PROPERTIES[name],), Arguments([value]), node)
    if kind is tt.DEVICE and name in DEVICE_PROPERTIES:
        return reader.call_builtin((DEVICE_PROPERTIES[name],), Arguments([value]), node)
    if isinstance(kind, tt.NamedTupleType):
        return _field(reader, value, kind, name, node)
    if isinstance(kind, tt.EnumType) and name in ("name", "value"):
        return _enum_property(reader, value, name, node)
    if isinstance(kind, tt.TensorType) or not isinstance(kind, (tt.OptionalType, tt.TupleType)):
        if kind in (tt.STRING, tt.NUMBER, tt.GENERATOR) or isinstance(
            kind, (tt.ListType, tt.DictType, tt.FutureType, tt.TensorType)
        ):
            return _method(reader, value, name, node)
        if kind in (tt.INT, tt.FLOAT, tt.COMPLEX):
            return _method(reader, value, name, node)
    raise reader.error(f"'{kind.torchscript()}' object has no attribute or method '{name}'.", node)


def _method(reader: CallReader, value: SugaredValue, name: str, node: ast.AST) -> Sugared:
    if isinstance(value.type, tt.TensorType) and name in TENSOR_CASTS:
        return BoundSpecial(f"to_{TENSOR_CASTS[name]}", value)
    if isinstance(value.type, tt.TensorType) and name == "tolist":
        return ToList(value)
    candidates = tuple(
        f"{space}::{name}" for space in _NAMESPACES if _takes_first(f"{space}::{name}", value.type)
    )
    if not candidates:
        raise reader.error(f"'{value.type.torchscript()}' object has no attribute or method '{name}'.", node)
    return Builtin(candidates, value)


def _takes_first(name: str, kind: TorchType) -> bool:
    """Whether there is an operator `name`; for numbers, one whose first argument can be one."""
    overloads = schemas.overloads(name)
    if kind not in (tt.INT, tt.FLOAT, tt.COMPLEX):
        return bool(overloads)
    return any(s.arguments and calls.fits(kind, s.arguments[0].type, {}) for s in overloads)


class BoundSpecial(Sugared):
    """A special form with a receiver, such as ``x.tolist()``."""

    def __init__(self, name: str, receiver: SugaredValue) -> None:
        self.name = name
        self.receiver = receiver

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.special_forms import call_form

        return call_form(
            reader, self.name, Arguments([self.receiver, *arguments.positional], arguments.keywords), node
        )


class PlainObject(SugaredValue):
    """A module that went through a slice: PyTorch forgets that it can be called."""

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        raise reader.error(f"'{self.type.torchscript()}' object has no attribute or method '__call__'.", node)


def _field(
    reader: CallReader, value: SugaredValue, kind: tt.NamedTupleType, name: str, node: ast.AST
) -> Sugared:
    if name not in kind.fields:
        raise reader.error(f"'{kind.data[0]}' object has no attribute or method '{name}'.", node)
    return tuple_element(reader, value, kind.fields.index(name))


def tuple_element(reader: CallReader, value: SugaredValue, position: int) -> SugaredValue:
    """Element `position` of a tuple value."""
    kind = value.type
    elements = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data
    if isinstance(value.ssa.owner, ops.PrimTupleConstructOp):
        return SugaredValue(value.ssa.owner.operands[position])
    index = reader.builder.constant(position)
    return SugaredValue(
        reader.builder.create(ops.PrimTupleIndexOp, [value.ssa, index], [elements[position]]).results[0]
    )


def _enum_property(reader: CallReader, value: SugaredValue, name: str, node: ast.AST) -> Sugared:
    if name == "name":
        return reader.call_builtin(("prim::EnumName",), Arguments([value]), node)
    kind = _enum_value_type(reader, value)
    schema = schemas.lookup(f"prim::EnumValue.{kind.torchscript()}")
    if schema is None:
        raise reader.error(f"Unsupported type of enum value: {kind.torchscript()}", node)
    return SugaredValue(reader.builder.create(class_of(schema), [value.ssa], [kind]).results[0])


def _enum_value_type(reader: CallReader, value: SugaredValue) -> TorchType:
    """The one type of the values of an enum."""
    members = reader.unit.class_named(value.type.data).members
    return calls.CONSTANT_TYPES[type(next(iter(members.values())))]


def member_of_object(reader: CallReader, value: SugaredValue, name: str, node: ast.AST) -> Sugared:
    """An attribute, constant, method or property of a module or an object."""
    cls = reader.unit.class_named(value.type.data)
    if name in cls.constants:
        return constant_member(cls, name)
    if name in cls.attributes:
        result = reader.builder.create(
            ops.PrimGetAttrOp, [value.ssa], [cls.attributes[name]], attributes={"name": StringAttr(name)}
        ).results[0]
        hint(result, name)
        return SugaredValue(result)
    if name in cls.properties:
        getter = cls.methods[cls.properties[name][0]]
        return reader.call_method(getter, value.ssa, Arguments([]), node)
    if cls.kind == "module" and (is_container_walk(cls, name) or name in MODULE_WALKS):
        return ModuleWalk(value, name)
    if name in cls.overloads:
        return Overloaded([MethodRef(cls.methods[n], value.ssa) for n in cls.overloads[name]])
    method = cls.method(name)
    if method is not None:
        if method.self_type is not None:
            return MethodRef(method, value.ssa)
        if cls.kind == "module":
            return ScriptFunctionRef(method)
    raise reader.error(missing_member(cls, name), node)


def missing_member(cls: Class, name: str) -> str:
    """What is said of an attribute or method that a class does not have."""
    if cls.kind != "module":
        start = f"'{cls.name}' object has no attribute or method '{name}'. "
        if cls.python is not None and name in vars(cls.python):
            return (
                f"{start}'{name}' is defined as a class attribute which currently is not supported. Consider "
                "converting this to an instance attribute."
            )
        return f"{start}Did you forget to initialize an attribute in __init__()?"
    missing = f"Module '{cls.name.rpartition('.')[2]}' has no attribute '{name}' "
    failed: dict[str, Any] = cls.members.get("failed", {})
    if name not in failed:
        return missing
    return (
        f"{missing}(This attribute exists on the Python module, but we failed to convert Python type: "
        f"'{type(failed[name]).__name__}' to a TorchScript type. {why_unscriptable(failed[name])}. Its type "
        "was inferred; try adding a type annotation for the attribute.)"
    )


def constant_member(cls: Class, name: str) -> Sugared:
    """A constant of a class: a number, a string, a tuple, None."""
    held = cls.constants[name]
    return held if isinstance(held, Sugared) else Constant(held)


def static_member(reader: CallReader, owner: Sugared, name: str) -> tuple[bool, Any]:
    """The constant ``owner.name`` when it is known now."""
    if isinstance(owner, SugaredValue) and isinstance(owner.type, (tt.ModuleType, tt.ClassType)):
        cls = reader.unit.class_named(owner.type.data)
        if name in cls.constants:
            return constant_member(cls, name).static()
    return False, None


def has_member(reader: CallReader, owner: Sugared, name: str) -> bool:
    """Whether ``owner.name`` exists: `hasattr`, decided when the program is compiled."""
    if isinstance(owner, SugaredValue) and isinstance(owner.type, (tt.ModuleType, tt.ClassType)):
        cls = reader.unit.class_named(owner.type.data)
        return (
            name in cls.constants or name in cls.attributes or name in cls.methods or name in cls.properties
        )
    if isinstance(owner, SugaredValue) and isinstance(owner.type, tt.NamedTupleType):
        return name in owner.type.fields
    if isinstance(owner, ClassRef):
        return name in owner.cls.members or name in owner.cls.methods
    if isinstance(owner, SugaredValue) and isinstance(owner.type, tt.TensorType):
        return name in TENSOR_PROPERTIES or bool(schemas.overloads(f"aten::{name}"))
    return False


def call_value(reader: CallReader, value: SugaredValue, arguments: Arguments, node: ast.AST) -> Sugared:
    """``value(...)``: a module's ``forward`` (between its hooks), an object's ``__call__``."""
    kind = value.type
    if isinstance(kind, (tt.ModuleType, tt.ClassType, tt.InterfaceType)):
        cls = reader.unit.class_named(kind.data)
        if kind.keyword == "nn.Module" or cls.kind == "module":
            return _call_module(reader, cls, value, arguments, node)
        method = cls.method("__call__") or (cls.method("forward") if cls.kind == "interface" else None)
        if method is not None:
            return reader.call_method(method, value.ssa, arguments, node)
        if cls.kind == "class":
            raise reader.error(missing_member(cls, "__call__"), node)
    raise reader.error(f"cannot call a {value.describe()}", node)


def _call_module(
    reader: CallReader, cls: Class, value: SugaredValue, arguments: Arguments, node: ast.AST
) -> Sugared:
    from tsc.frontend.objects import call_with_hooks

    return call_with_hooks(reader, cls, value, arguments, node)


def unroll_value(reader: CallReader, value: SugaredValue, node: ast.AST) -> list[Sugared] | None:
    """The elements of a tuple, or the submodules of a container module; None where the length is unknown."""
    kind = value.type
    if isinstance(kind, tt.TupleType):
        return [tuple_element(reader, value, i) for i in range(len(kind.data))]
    if isinstance(kind, tt.NamedTupleType):
        return [tuple_element(reader, value, i) for i in range(len(kind.elements))]
    if isinstance(kind, tt.ModuleType):
        cls = reader.unit.class_named(kind.data)
        keys = cls.members.get("container")
        if keys is None:
            return None
        if cls.members.get("container_kind") == "dict":
            return [Constant(k) for k in keys]
        return [member_of_object(reader, value, k, node) for k in keys]
    return None


def index_value(reader: CallReader, value: SugaredValue, key: ast.expr, node: ast.AST) -> Sugared | None:
    """``tuple[2]``, ``module_list[0]``, ``module_dict["a"]``: indices known now."""
    kind = value.type
    if isinstance(kind, (tt.TupleType, tt.NamedTupleType)):
        return _index_tuple(reader, value, key, node)
    if isinstance(kind, tt.ModuleType):
        return _index_container(reader, value, key, node)
    return None


def _slice_bounds(reader: CallReader, key: ast.Slice, node: ast.AST) -> slice:
    bounds: list[Any] = []
    for part in (key.lower, key.upper, key.step):
        known, python = (True, None) if part is None else reader.static_value(part)
        if not known:
            raise reader.error("tuple slices and module list slices need constant bounds", node)
        bounds.append(python)
    return slice(*bounds)


def _index_tuple(reader: CallReader, value: SugaredValue, key: ast.expr, node: ast.AST) -> Sugared:
    kind = value.type
    count = len(kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data)
    if isinstance(key, ast.Slice):
        return TupleOf(
            [tuple_element(reader, value, i) for i in range(count)[_slice_bounds(reader, key, node)]]
        )
    known, position = reader.static_value(key)
    if not known:
        elements = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data
        if any(e is not elements[0] for e in elements):
            raise reader.error(
                f"Cannot index into a {kind.torchscript()} with a non-integer literal because we cannot "
                "resolve the output type",
                node,
            )
        index = reader.value(key)
        return SugaredValue(
            reader.builder.create(ops.PrimTupleIndexOp, [value.ssa, index], [elements[0]]).results[0]
        )
    if not isinstance(position, int):
        raise reader.error("tuple index must be an integer", node)
    if not -count <= position < count:
        raise reader.error(f"Tuple index out of range. Tuple is length {count} and index is {position}", node)
    return tuple_element(reader, value, position % count)


def _index_container(reader: CallReader, value: SugaredValue, key: ast.expr, node: ast.AST) -> Sugared | None:
    cls = reader.unit.class_named(value.type.data)
    keys = cls.members.get("container")
    if keys is None:
        getitem = cls.method("__getitem__")
        return (
            None
            if getitem is None
            else reader.call_method(getitem, value.ssa, Arguments([reader.read(key)]), node)
        )
    if isinstance(key, ast.Slice):
        chosen = keys[_slice_bounds(reader, key, node)]
        return TupleOf(
            [PlainObject(reader.plain(member_of_object(reader, value, k, node), node).ssa) for k in chosen]
        )
    known, python = reader.static_value(key)
    if not known:
        raise reader.error(_LITERAL_KEYS[bool(cls.members["container_kind"] == "dict")], node)
    if isinstance(python, int):
        if not -len(keys) <= python < len(keys):
            raise reader.error(f"Index {python} out of range of length {len(keys)}", node)
        python = keys[python]
    if python not in keys:
        raise reader.error(f"Key Error, {python}", node)
    return member_of_object(reader, value, python, node)


def static_contains(reader: CallReader, container: Sugared, item: Sugared) -> bool | None:
    """``"key" in module_dict``: decided now; None when this is another kind of container."""
    if not isinstance(container, SugaredValue) or not isinstance(container.type, tt.ModuleType):
        return None
    cls = reader.unit.class_named(container.type.data)
    keys = cls.members.get("container")
    known, python = item.static()
    return python in keys if keys is not None and known else None
