"""Live ``nn.Module`` objects as modules of the program: attributes typed, constants known, methods compiled
when called.
"""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any, cast

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.live import Program
from tsc.frontend.unit import Class, ScriptObject
from tsc.interop import torch as torch_interop
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
    ]
)
CONTAINERS = {
    "ModuleList": "list",
    "Sequential": "sequential",
    "ModuleDict": "dict",
    "ParameterList": "list",
    "ParameterDict": "dict",
}


def script_object(program: Program, module: Any) -> ScriptObject:
    """The program's object for a live module and everything below it; the tensors are shared, not copied."""
    return _Scripter(program).object(module)


class _Scripter:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.made: dict[int, ScriptObject] = {}

    def object(self, module: Any) -> ScriptObject:
        """The object for one module."""
        if id(module) in self.made:
            return self.made[id(module)]
        children = {name: self.object(child) for name, child in module._modules.items() if child is not None}
        attributes, types_, constants, functions = self._members(module)
        for name, child in children.items():
            attributes[name] = child
            types_[name] = tt.ModuleType(child.cls.name)
        for name, child in module._modules.items():
            if child is None:
                constants[name] = None
        cls = self._class(module, types_, constants, functions)
        held = ScriptObject(cls, attributes)
        self.made[id(module)] = held
        return held

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
                values[name] = None if tensor is None else _array(tensor)
        names: set[str] = set(getattr(module, "__constants__", ())) | {
            n for n, a in annotations.items() if _is_final(a)
        }
        attributes = cast("dict[str, Any]", vars(module))
        for name, value in attributes.items():
            if name in SKIPPED:
                continue
            if name in names:
                constants[name] = self._constant(value)
            elif isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
                functions[name] = value
            else:
                self._attribute(name, value, annotations.get(name), values, kinds, functions)
        for name in names - attributes.keys() - kinds.keys():
            if hasattr(module, name) and name not in module._modules:
                constants[name] = self._constant(getattr(module, name))
        return values, kinds, constants, functions

    def _constant(self, value: Any) -> Any:
        known = torch_interop.constant_of(value)
        return known[1] if known is not None else value

    def _declared(self, annotation: Any) -> TorchType | None:
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
        kind = self._declared(annotation) or self.program.infer(value)
        if kind is None:
            rest[name] = value
            return
        known = torch_interop.constant_of(value)
        kinds[name] = kind
        values[name] = known[1] if known is not None else Inputs().convert(value, kind, name)

    def _class(
        self, module: Any, kinds: dict[str, TorchType], constants: dict[str, Any], functions: dict[str, Any]
    ) -> Class:
        """The class of the module's script type: shared by modules of the same class, types and constants."""
        live = cast("type[Any]", type(module))
        key = (
            live,
            tuple(kinds.items()),
            repr(constants),
            tuple((n, id(f)) for n, f in functions.items()),
        )
        known: dict[Any, Class] = self.program.unit.__dict__.setdefault("module_classes", {})
        if key in known:
            return known[key]
        path = live.__qualname__.replace(".<locals>", "")
        name = self.program.unit.unique_name(
            f"__torch__.{path}" if live.__module__ == "__main__" else f"__torch__.{live.__module__}.{path}"
        )
        cls = Class(name, "module", dict(kinds), dict(constants))
        known[key] = cls
        self.program.unit.classes[name] = cls
        self._fill(cls, module, functions)
        return cls

    def _fill(self, cls: Class, module: Any, functions: dict[str, Any]) -> None:
        own = tt.ModuleType(cls.name)
        live = cast("type[Any]", type(module))
        for name in dir(live):
            member = inspect.getattr_static(live, name, None)
            if isinstance(member, types.FunctionType) and not (
                name.startswith("__") and name not in ("__len__", "__contains__", "__getitem__")
            ):
                cls.methods[name] = _LazyMethod.of(self.program, member, own, f"{cls.name}.{name}")
            elif isinstance(member, staticmethod):
                cls.methods[name] = _LazyMethod.of(self.program, member.__func__, None, f"{cls.name}.{name}")
        for name, function in functions.items():
            cls.constants[name] = self.program.sugar(function)
        kind = next(
            (
                CONTAINERS[c.__name__]
                for c in type(module).__mro__
                if c.__name__ in CONTAINERS and _is_library(c)
            ),
            None,
        )
        if kind is not None:
            cls.members["container"] = list(module._modules)
            cls.members["container_kind"] = kind
            for name in ("__len__", "__getitem__", "__contains__"):
                inherited = getattr(live, name, None)
                if inherited is not None and _is_library(inherited):
                    cls.methods.pop(name, None)
        cls.parameters, cls.buffers = frozenset(module._parameters), frozenset(module._buffers)


class _LazyMethod:
    """Makes the `Function` of a live method; its source is read at once, its body when it is called."""

    @staticmethod
    def of(program: Program, member: Any, own: TorchType | None, name: str) -> Any:
        """The function, or an object that fails as one when its source cannot be read."""
        return program.function(member, own, name)


def _is_library(thing: Any) -> bool:
    return getattr(thing, "__module__", "").split(".")[0] in ("torch", "tsc")


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        try:
            found.update(inspect.get_annotations(base, eval_str=True))
        except (NameError, TypeError, AttributeError):
            found.update(inspect.get_annotations(base))
    return found


def _is_final(annotation: Any) -> bool:
    return annotation is typing.Final or typing.get_origin(annotation) is typing.Final


def _array(tensor: Any) -> Any:
    return torch_interop.to_numpy(tensor) if torch_interop.is_tensor(tensor) else tensor.array
