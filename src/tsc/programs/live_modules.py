"""Live ``nn.Module`` objects as modules of the program: attributes typed, constants known, methods compiled
when called.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import types
import typing
from typing import Any, cast

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, NotSupportedError, TscError
from tsc.frontend.hooks import HOOKS, PRE_HOOKS, check_hooks, hooks_of
from tsc.frontend.interfaces import check_interfaces
from tsc.frontend.live import Program
from tsc.frontend.python_values import PythonValue
from tsc.frontend.sources import overload_declarations, qualified_name
from tsc.frontend.unit import Class, Function, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.markers import Attribute, modifier_of
from tsc.programs.definitions import DEFINED, define_methods, defined_texts
from tsc.programs.loading import object_of
from tsc.runtime.values import Inputs

SKIPPED = frozenset(
    [
        "_parameters",
        "_buffers",
        "_modules",
        "_non_persistent_buffers_set",
        "_backward_pre_hooks",
        "_backward_hooks",
        "_forward_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks",
        "_forward_pre_hooks_with_kwargs",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_is_full_backward_hook",
        "__jit_unused_properties__",
        "_version",
        "dump_patches",
        "call_super_init",
        DEFINED,
    ]
)
CONTAINERS = {
    "ModuleList": "list",
    "Sequential": "sequential",
    "ModuleDict": "dict",
    "ParameterList": "list",
    "ParameterDict": "dict",
}


def script_object(program: Program, module: object) -> ScriptObject:
    """The program's object for a live module and everything below it; the tensors are shared, not copied."""
    held = _Scripter(program).object(module)
    for cls in _classes_below(held):
        _compile_eagerly(program, cls)
    check_interfaces(held, program.unit, program.compiler.compile)
    return held


def _classes_below(held: ScriptObject) -> list[Class]:
    """The classes of a module and of all modules below it, each once, the innermost first."""
    found: dict[str, Class] = {}
    for value in held.attributes.values():
        if isinstance(value, ScriptObject):
            found.update((c.name, c) for c in _classes_below(value))
    return [*found.values(), held.cls]


def _compile_eagerly(program: Program, cls: Class) -> None:
    """Compile what must be TorchScript though nothing calls it: properties, and hooks with their types."""
    for getter, setter in cls.properties.values():
        for name in filter(None, (getter, setter)):
            program.compiler.compile(cls.methods[name])
    hooks = [hook for group in hooks_of(cls) for hook in group]
    if hooks:
        for function in (cls.methods["forward"], *hooks):
            program.compiler.compile(function)
        check_hooks(cls)


class _Scripter:
    def __init__(self, program: Program) -> None:
        self.program = program
        self._arrays: dict[int, Any] = {}
        self._prepared: dict[int, tuple[Any, Any]] = {}

    def _array(self, tensor: Any) -> Any:
        """The memory of a tensor: one array for one tensor, however many modules hold it."""
        if id(tensor) not in self._arrays:
            self._arrays[id(tensor)] = (
                torch_interop.to_numpy(tensor) if torch_interop.is_tensor(tensor) else tensor.array
            )
        return self._arrays[id(tensor)]

    def object(self, module: Any) -> ScriptObject:
        """The object for one module."""
        module = self._prepare(module)
        made_before = object_of(self.program.compiler, module)
        if made_before is not None:
            return made_before
        children = {name: self.object(child) for name, child in module._modules.items() if child is not None}
        attributes, types_, constants, functions = self._members(module)
        for name, child in children.items():
            attributes[name] = child
            declared = self._declared(_annotations(cast("type[Any]", type(module))).get(name))
            is_interface = isinstance(declared, tt.InterfaceType)
            types_[name] = declared if is_interface else tt.ModuleType(child.cls.name)
        for name, child in module._modules.items():
            if child is None:
                constants[name] = None
        cls = self._class(module, types_, constants, functions)
        held = ScriptObject(cls, attributes)
        held.python = module
        tensors = {n: t for n, t in {**module._parameters, **module._buffers}.items() if t is not None}
        if torch_interop.is_module(module):
            held.live = tensors
        else:
            held.own = tensors
        return held

    def _prepare(self, module: Any) -> Any:
        """What a module gives in its own place to be scripted, if it has ``__prepare_scriptable__``: asked
        once, however many modules hold it.
        """
        if not hasattr(module, "__prepare_scriptable__"):
            return module
        if id(module) not in self._prepared:
            self._prepared[id(module)] = (module, module.__prepare_scriptable__())
        return self._prepared[id(module)][1]

    def _members(
        self, module: Any
    ) -> tuple[dict[str, Any], dict[str, TorchType], dict[str, Any], dict[str, Any]]:
        """Attribute values and types, constants, and functions among the attributes of a module."""
        values: dict[str, Any] = {}
        kinds: dict[str, TorchType] = {}
        constants: dict[str, Any] = {}
        functions: dict[str, Any] = {}
        annotations = _annotations(cast("type[Any]", type(module)))
        for table in (module._parameters, module._buffers):
            for name, tensor in table.items():
                declared = self._declared(annotations.get(name))
                kinds[name] = declared or (tt.NONE if tensor is None else tt.TENSOR)
                values[name] = None if tensor is None else self._array(tensor)
        names: set[str] = set(getattr(module, "__constants__", ())) | {
            n for n, a in annotations.items() if _is_final(a)
        }
        attributes = cast("dict[str, Any]", vars(module))
        for name, value in attributes.items():
            if name in SKIPPED:
                continue
            if name in names:
                constants[name] = self._constant(value)
            elif _is_own_method(module, value) or isinstance(
                value, (types.FunctionType, types.BuiltinFunctionType)
            ):
                functions[name] = value
            else:
                self._attribute(name, value, annotations.get(name), values, kinds, functions)
        for name in names - attributes.keys() - kinds.keys():
            if hasattr(module, name) and name not in module._modules:
                constants[name] = self._constant(getattr(module, name))
        return values, kinds, constants, functions

    def _constant(self, value: object) -> Any:
        known = torch_interop.constant_of(value)
        return known[1] if known is not None else value

    def _declared(self, annotation: object) -> TorchType | None:
        if annotation is None or _is_final(annotation):
            return None
        try:
            return self.program.annotation(annotation)
        except NotSupportedError:
            return None

    def _attribute(
        self,
        name: str,
        value: Any,
        annotation: Any,
        values: dict[str, Any],
        kinds: dict[str, TorchType],
        rest: dict[str, Any],
    ) -> None:
        if isinstance(value, Attribute) or torch_interop.is_attribute(value):
            annotation, value = value.type, value.value
        held = object_of(self.program.compiler, value)
        if held is not None and held.cls.kind == "module":  # a script module made before
            kinds[name], values[name] = tt.ModuleType(held.cls.name), held
            return
        kind = self._declared(annotation) or self._inferred(value)
        if kind is None:
            rest[name] = value
            return
        known = torch_interop.constant_of(value)
        kinds[name] = kind
        values[name] = known[1] if known is not None else self._inputs().convert(value, kind, name)

    def _inputs(self) -> Inputs:
        """What takes attributes into the program, objects of its classes among them."""
        inputs = Inputs()
        inputs.class_named = self.program.unit.class_named
        return inputs

    def _inferred(self, value: object) -> TorchType | None:
        """The type of an attribute nobody annotated; None where TorchScript has none for it."""
        try:
            return self.program.infer(value)
        except TscError:
            return None

    def _class(
        self,
        module: object,
        kinds: dict[str, TorchType],
        constants: dict[str, Any],
        functions: dict[str, Any],
    ) -> Class:
        """The class of the module's script type: shared by modules of the same class, types and constants."""
        live = cast("type[Any]", type(module))
        key = (
            live,
            tuple(kinds.items()),
            repr(constants),
            tuple((n, id(getattr(f, "__func__", f))) for n, f in functions.items()),
            tuple(id(hook) for hooks in _live_hooks(module) for hook in hooks),
            tuple(text for text, _ in defined_texts(module)),
        )
        known = self.program.unit.module_classes
        if key in known:
            return known[key]
        name = self.program.unit.unique_name(qualified_name(live))
        cls = Class(name, "module", dict(kinds), dict(constants), python=type(module))
        self.program.unit.classes[name] = cls
        self._fill(cls, module, functions)
        known[key] = cls
        return cls

    def _fill(self, cls: Class, module: Any, functions: dict[str, Any]) -> None:
        own = tt.ModuleType(cls.name)
        live = cast("type[Any]", type(module))
        self._members_of_class(cls, live)
        exports = [n for n, m in cls.methods.items() if modifier_of(m.python) == "export"]
        for text, names in defined_texts(module):
            defined = define_methods(cls, text, self.program, names)
            exports += [method.short_name for method in defined]
        cls.exports = tuple(exports)
        for name, value in functions.items():
            if isinstance(value, types.MethodType):
                cls.methods[name] = self._replacement(cls, name, value, own)
                continue
            sugared = self.program.sugar(value)
            if type(sugared) is PythonValue and not callable(value):
                cls.members.setdefault("failed", {})[name] = value
            else:
                cls.constants[name] = sugared
        kind = next(
            (
                CONTAINERS[c.__name__]
                for c in type(module).__mro__
                if c.__name__ in CONTAINERS and _is_library(c)
            ),
            None,
        )
        if kind is not None:
            cls.members["container"] = list(module._modules or module._parameters)
            cls.members["container_kind"] = kind
            for name in ("__len__", "__getitem__", "__contains__"):
                inherited = getattr(live, name, None)
                if inherited is not None and _is_library(inherited):
                    cls.methods.pop(name, None)
        cls.parameters, cls.buffers = frozenset(module._parameters), frozenset(module._buffers)
        for key, hooks in zip((PRE_HOOKS, HOOKS), _live_hooks(module), strict=True):
            cls.members[key] = [self._hook(cls, hook, own) for hook in hooks]

    def _replacement(self, cls: Class, name: str, method: types.MethodType, own: TorchType) -> Function:
        """A method of the module, held by it under another name: ``self.forward = self.other``."""
        made = self.program.function(method.__func__, own, f"{cls.name}.{method.__name__}")
        definition = copy.copy(made.definition)
        definition.name = name
        renamed = dataclasses.replace(made, name=f"{cls.name}.{name}", definition=definition)
        self.program.unit.functions[renamed.name] = renamed
        return renamed

    def _hook(self, cls: Class, hook: Any, own: TorchType) -> Function:
        name = hook.__name__
        before = cls.methods.get(name)
        if before is None or _is_library(before.python):
            cls.methods[name] = before = self.program.function(hook, own, f"{cls.name}.{name}")
        if before.python is not hook:
            raise CompileError(
                f"Hook '{name}' on {cls.name.rpartition('.')[2]} has at least two different python "
                "definitions. Please use unique names for all hooks."
            )
        return before

    def _members_of_class(self, cls: Class, live: type[Any]) -> None:
        """Methods and properties of the live class; a classmethod's ``cls`` is the object, as in PyTorch."""
        own = tt.ModuleType(cls.name)
        unused = getattr(live, "__jit_unused_properties__", ())
        for name in dir(live):
            member: Any = inspect.getattr_static(live, name, None)
            if isinstance(member, property):
                if name not in unused:
                    self._property(cls, name, member, own)
            elif isinstance(member, (staticmethod, classmethod)):
                self._wrapped_function(cls, name, cast("Any", member))
            elif isinstance(member, types.FunctionType) and not _is_hidden(name, member):
                self._method(cls, name, member)

    def _wrapped_function(self, cls: Class, name: str, member: Any) -> None:
        function = member.__func__
        if isinstance(member, staticmethod) and not _is_hidden(name, function):
            cls.methods[name] = self.program.function(function, None, f"{cls.name}.{name}")
        elif isinstance(member, classmethod) and not _is_library(function):
            self._method(cls, name, function)

    def _method(self, cls: Class, name: str, member: object) -> None:
        own = tt.ModuleType(cls.name)
        declarations = overload_declarations(member)
        if not declarations:
            cls.methods[name] = self.program.function(member, own, f"{cls.name}.{name}")
            return
        variants = self.program.overloads(member, declarations, own, f"{cls.name}.{name}")
        for variant in variants:
            cls.methods[variant.short_name] = variant
        cls.overloads[name] = tuple(v.short_name for v in variants)

    def _property(self, cls: Class, name: str, member: property, own: TorchType) -> None:
        if (
            member.fget is None
            or _is_library(member.fget)
            or modifier_of(member.fget) in ("unused", "ignore")
        ):
            return
        getter = f"__{name}_getter"
        cls.methods[getter] = self.program.function(member.fget, own, f"{cls.name}.{getter}")
        setter = None
        if member.fset is not None:
            setter = f"__{name}_setter"
            cls.methods[setter] = self.program.function(member.fset, own, f"{cls.name}.{setter}")
        cls.properties[name] = (getter, setter)


def _is_own_method(module: object, value: object) -> bool:
    return isinstance(value, types.MethodType) and value.__self__ is module


def _live_hooks(module: object) -> tuple[list[Any], list[Any]]:
    """The forward pre-hooks and forward hooks registered on a live module."""
    tables = (getattr(module, "_forward_pre_hooks", {}), getattr(module, "_forward_hooks", {}))
    return [*tables[0].values()], [*tables[1].values()]


def _is_hidden(name: str, member: Any) -> bool:
    """Whether a method of the live class is none of the program's."""
    special = name.startswith("__") and name not in ("__len__", "__contains__", "__getitem__")
    return (special and modifier_of(member) != "export") or member.__name__ == "_forward_unimplemented"


def _is_library(thing: object) -> bool:
    return getattr(thing, "__module__", "").split(".")[0] in ("torch", "tsc")


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        try:
            found.update(inspect.get_annotations(base, eval_str=True))
        except (NameError, TypeError, AttributeError):
            found.update(inspect.get_annotations(base))
    return found


def _is_final(annotation: object) -> bool:
    return annotation is typing.Final or typing.get_origin(annotation) is typing.Final
