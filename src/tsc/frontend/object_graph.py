"""Assembles the `torch` stage: classes, one ``torch.nn_module`` per live object with its slots, and the
functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr, SymbolRefAttr, UnitAttr
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder, hint
from tsc.dialects.constants import ConstantPool, literal, literal_array
from tsc.dialects.torch_objects import CHOSEN, ENTRY
from tsc.dialects.torch_types import TorchType
from tsc.dialects.walking import walk
from tsc.errors import NotSupportedError
from tsc.frontend.unit import Class, EnumValue, Function, ScriptObject, Unit
from tsc.narrowing import is_dict


def assemble(
    unit: Unit, pool: ConstantPool, entries: Iterable[Function], root: ScriptObject | None
) -> ModuleOp:
    """The module of `entries` and everything they reach; `root` is the object their ``self`` is. The entries
    are what others call: other methods and attributes are private to the classes.
    """
    entries = list(entries)
    graph = _ObjectGraph(unit, pool, {entry.name for entry in entries})
    if root is not None:
        graph.object(root, "")
    functions = _reached(unit, entries, _Implementations(unit, graph).copy_of)
    block = Block([graph.class_op(cls) for cls in graph.classes.values()])
    for op in list(graph.block.ops):
        op.detach()
        block.add_op(op)
    called = {name for copy in functions.values() for name in _called(unit, copy)}
    for function, copy in functions.items():
        _adopt_literals(unit, pool, copy)
        if function.self_type is not None:
            copy.sym_visibility = StringAttr("private")  # MLIR wants what a torch.method names to be private
        if function.name in graph.entries & called:
            copy.attributes[ENTRY] = UnitAttr()
        block.add_op(copy)
    return ModuleOp(Region(block))


def _called(unit: Unit, function: FuncOp) -> list[str]:
    """The names of the functions that a function calls."""
    callees = [callee_of(unit, op) for op in walk(function)]
    return [callee.name for callee in callees if callee is not None]


def reachable(unit: Unit, entries: Iterable[Function]) -> list[Function]:
    """`entries` and all functions they call, in the order of first mention."""
    return list(_reached(unit, entries, lambda op: op))


def _reached(
    unit: Unit, entries: Iterable[Function], read: Callable[[FuncOp], FuncOp]
) -> dict[Function, FuncOp]:
    """The same, with what `read` makes of the code of each, which says what is called."""
    found: dict[str, tuple[Function, FuncOp]] = {}
    pending = list(entries)
    while pending:
        function = pending.pop(0)
        if function.name in found or function.op is None:
            continue
        code = read(function.op)
        found[function.name] = function, code
        callees = [callee_of(unit, op) for op in walk(code)]
        pending += [callee for callee in callees if callee is not None]
    return dict(found.values())


def callee_of(unit: Unit, op: Operation) -> Function | None:
    """The function that a call, a method call or a fork names; None for other operations."""
    if isinstance(op, CallOp):
        return unit.functions[op.callee.root_reference.data]
    if isinstance(op, ops.PrimForkOp) and "callee" in op.attributes:
        return unit.functions[op.attributes["callee"].root_reference.data]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    if isinstance(op, (ops.PrimCallMethodOp, ops.PrimForkOp)):
        name = op.attributes["name"].data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        return unit.class_named(op.operands[0].type.data).method(name)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
    return None


def _adopt_literals(unit: Unit, pool: ConstantPool, function: Any) -> None:
    """Tensor constants of the code, moved from the unit's pool into the module's."""
    for op in walk(function):
        if (
            isinstance(op, (ops.NonValueTensorLiteralOp, ops.ValueTensorLiteralOp))
            and op.resource_key is not None
        ):
            mutable = isinstance(op, ops.NonValueTensorLiteralOp)
            adopted = literal(pool, op.resource_key, literal_array(unit.pool, op), mutable=mutable)
            op.attributes["value"] = adopted.attributes["value"]


class _Implementations:
    """Which class the objects are of that attributes hold which are declared as interfaces, where all objects
    of a class hold such of one class, and no function assigns another.
    """

    def __init__(self, unit: Unit, graph: _ObjectGraph) -> None:
        self.unit = unit
        self.graph = graph

    def copy_of(self, function: FuncOp) -> FuncOp:
        """A copy of a function, in which what reads such attributes knows the class of what it reads."""
        copy = function.clone()
        for op in walk(copy):
            if not isinstance(op, ops.PrimGetAttrOp) or not isinstance(op.results[0].type, tt.InterfaceType):
                continue
            held = self._class_held(op.operands[0].type, op.attribute)
            if held is not None and _has_called(held, op.results[0]):
                _read_as(op, tt.ModuleType(held.name) if held.kind == "module" else tt.ClassType(held.name))
        return copy

    def _class_held(self, owner: Attribute, name: str) -> Class | None:
        """The class of what all objects of a class hold."""
        if not isinstance(owner, (tt.ModuleType, tt.ClassType)) or self._is_assigned(owner, name):
            return None
        held = [o.attributes.get(name) for o in self.graph.held if o.cls.name == owner.data]
        classes = [value.cls if isinstance(value, ScriptObject) else None for value in held]
        first = classes[0] if classes else None
        return first if first is not None and all(cls is first for cls in classes) else None

    def _is_assigned(self, owner: Attribute, name: str) -> bool:
        """Whether any function of the program may give objects of a class another attribute."""
        methods = (m for cls in self.graph.classes.values() for m in cls.methods.values())
        every = [*self.unit.functions.values(), *methods]
        return any(
            isinstance(op, ops.PrimSetAttrOp) and op.attribute == name and op.operands[0].type == owner
            for function in every
            if function.op is not None
            for op in walk(function.op)
        )


def _has_called(cls: Class, value: SSAValue) -> bool:
    """Whether all methods of `value` that are called are compiled, if it is an object of a class."""
    calls = [use.operation for use in value.uses if use.index == 0]
    methods = [cls.method(op.method) for op in calls if isinstance(op, ops.PrimCallMethodOp)]
    return all(method is not None and method.op is not None for method in methods)


def _read_as(op: ops.PrimGetAttrOp, kind: TorchType) -> None:
    """Let an attribute be read as what it is; who takes any implementation gets that."""
    declared, value = op.results[0].type, op.results[0]
    uses = list(value.uses)
    made = ops.PrimGetAttrOp.create(
        operands=op.operands, result_types=[kind], attributes={**op.attributes, CHOSEN: UnitAttr()}
    )
    TorchBuilder(before=op).insert(made)
    hint(made.results[0], value.name_hint or op.attribute)
    others = [u for u in uses if not (isinstance(u.operation, ops.PrimCallMethodOp) and u.index == 0)]
    if others:
        widened = ops.DerefineOp.create(operands=made.results, result_types=[declared])
        TorchBuilder(before=op).insert(widened)
        for use in others:
            use.operation.operands[use.index] = widened.results[0]
    value.replace_all_uses_with(made.results[0])
    op.detach()
    op.erase()


class _ObjectGraph:
    def __init__(self, unit: Unit, pool: ConstantPool, entries: Set[str]) -> None:
        self.unit = unit
        self.pool = pool
        self.entries = entries
        self.block = Block()
        self.builder = TorchBuilder(self.block)
        self.classes: dict[str, Class] = {}
        self.values: dict[int, SSAValue] = {}
        self.held: list[ScriptObject] = []
        """All objects."""

    def object(self, held: ScriptObject, path: str) -> SSAValue:
        """The ``nn_module`` of an object, made once."""
        if id(held) in self.values:
            return self.values[id(held)]
        cls = held.cls
        self.held.append(held)
        self.classes[cls.name] = cls
        slots = Block()
        for name, kind in cls.attributes.items():
            if name not in held.attributes:
                continue
            value = self.value(held.attributes[name], kind, f"{path}.{name}" if path else name)
            slots.add_op(ops.SlotOp.create(operands=[value], attributes={"name": StringAttr(name)}))
        kind = tt.ModuleType(cls.name) if cls.kind == "module" else tt.ClassType(cls.name)
        made = self.builder.create(ops.NnModuleOp, [], [kind], regions=[Region(slots)]).results[0]
        hint(made, (path or "root").replace(".", "_"))
        self.values[id(held)] = made
        return made

    def value(self, held: object, kind: TorchType, path: str) -> SSAValue:
        """A held value as an IR value of exactly type `kind`."""
        made = self._plain(held, kind, path)
        if made.type is kind or isinstance(kind, tt.TensorType):
            return made
        return self.builder.create(ops.DerefineOp, [made], [kind]).results[0]

    def _plain(self, held: Any, kind: TorchType, path: str) -> SSAValue:
        inner = kind.data if isinstance(kind, tt.OptionalType) and held is not None else kind
        if isinstance(held, np.ndarray):
            return self._tensor(held, path)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(held, ScriptObject):
            return self.object(held, path)
        if isinstance(held, EnumValue):
            attributes = {"member": StringAttr(held.name)}
            return self.builder.create(
                ops.PrimCreateObjectOp, [], [tt.EnumType(held.cls.name)], attributes=attributes
            ).results[0]
        if isinstance(held, str) and inner is tt.DEVICE:
            return self.builder.device(held)
        if isinstance(held, (list, tuple, dict)):
            return self._container(held, inner, path)
        if isinstance(held, int) and inner is tt.FLOAT and not isinstance(held, bool):
            held = float(held)
        if held is None or isinstance(held, (bool, int, float, complex, str)):
            return self.builder.constant(held)
        raise NotSupportedError(f"attribute {path}: requires a TorchScript value; got {type(held).__name__}")

    def _tensor(self, array: np.ndarray[Any, Any], path: str) -> SSAValue:
        if id(array) not in self.values:
            tensor = literal(self.pool, path, array, mutable=True)
            if tensor.resource_key is not None:
                self.pool.attributes.add(tensor.resource_key)
            made = self.builder.insert(tensor).results[0]
            hint(made, path.replace(".", "_"))
            self.values[id(array)] = made
        return self.values[id(array)]

    def _container(self, held: Any, kind: TorchType, path: str) -> SSAValue:
        wanted = tt.DictType if is_dict(held) else (tt.ListType, tt.TupleType, tt.NamedTupleType)
        if not isinstance(kind, wanted):
            wanted_text, got = kind.torchscript(), type(held).__name__
            raise NotSupportedError(f"attribute {path}: requires a value of type {wanted_text}; got a {got}")
        if isinstance(kind, tt.DictType):
            keys = [self.value(k, kind.key, path) for k in held]
            values = [self.value(v, kind.value, f"{path}.{k}") for k, v in held.items()]
            return self.builder.create(ops.PrimDictConstructOp, [*keys, *values], [kind]).results[0]
        if isinstance(kind, tt.ListType):
            return self.builder.list(
                kind.data, [self.value(v, kind.data, f"{path}.{i}") for i, v in enumerate(held)]
            )
        kinds = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data
        parts = [self.value(v, k, f"{path}.{i}") for i, (v, k) in enumerate(zip(held, kinds, strict=True))]
        return self.builder.create(ops.PrimTupleConstructOp, parts, [kind]).results[0]

    def class_op(self, cls: Class) -> ops.ClassTypeOp:
        """The ``class_type`` of a class."""
        body = Block()
        for name, kind in cls.attributes.items():
            held = {"name": StringAttr(name), "type": kind, "isPrivate": UnitAttr()}
            body.add_op(ops.AttrOp.create(attributes=held))
        for name, method in cls.methods.items():
            if method.op is not None:
                named: dict[str, Attribute] = {
                    "name": StringAttr(name),
                    "function": SymbolRefAttr(method.name),
                }
                if method.name not in self.entries:
                    named["isPrivate"] = UnitAttr()
                body.add_op(ops.MethodOp.create(attributes=named))
        return ops.ClassTypeOp.create(attributes={"sym_name": StringAttr(cls.name)}, regions=[Region(body)])
