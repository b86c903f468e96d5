"""What names mean in live code: Python objects, seen as TorchScript sees them."""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import enum
import inspect
import math
import types
import typing
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tsc.concurrency import serialized
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.annotations import from_python, infer_type, number
from tsc.frontend.compile import Compiler
from tsc.frontend.exits import UnusedCall
from tsc.frontend.library_operators import is_operator
from tsc.frontend.observed_types import ObservedTypes
from tsc.frontend.python_values import (
    AutogradFunction,
    BooleanDispatch,
    EnumMember,
    ModuleClass,
    PythonType,
    PythonValue,
)
from tsc.frontend.sources import (
    function_source,
    literal_value,
    overload_declarations,
    parsed_annotation,
    qualified_name,
)
from tsc.frontend.sugared import (
    BUILTIN_FORMS,
    Builtin,
    ClassRef,
    Constant,
    Namespace,
    Overloaded,
    ScriptFunctionRef,
    Special,
    Sugared,
    TypeRef,
    UndefinedOperator,
)
from tsc.frontend.unit import Class, Function, FunctionParameter, Unit
from tsc.interop import torch as torch_interop
from tsc.markers import modifier_of

LIVE_FORMS = BUILTIN_FORMS | {"bin", "hex", "oct", "pow", "reversed", "slice", "sum", "super"}
"""Python builtins with rules of their own; archives spell some of them otherwise."""
OPERATOR_FORMS = {
    "aten::has_torch_function": "always_false", "aten::_single": "ntuple1", "aten::_pair": "ntuple2",
    "aten::_triple": "ntuple3", "aten::_quadruple": "ntuple4", "aten::list_with_default": "list_with_default",
    "aten::_no_grad_embedding_renorm_": "unread",
}  # fmt: skip
"""What PyTorch registers as operators but defines in TorchScript source of its own; `unread`: its schema does
not say that it writes, so PyTorch removes the call.
"""


MATH_MISSING = frozenset(("trunc", "dist", "perm", "prod"))
"""Functions of `math` that TorchScript lacks though it has a tensor operator of that name."""


class Program:
    """The live program: one unit, its compiler, and the scripted form of each Python object met so far."""

    def __init__(self, compiler: Compiler | None = None) -> None:
        self.compiler = compiler or Compiler(Unit())
        self.unit = self.compiler.unit
        self.functions: dict[Any, Function] = {}
        self.classes: dict[type, Class] = {}
        self.observed = ObservedTypes(self.infer)
        self._overloaded: dict[Any, list[Function]] = {}
        self.adopt: Callable[[Any], Function] | None = None
        """Takes a function that PyTorch compiled into the program; set by who runs the program."""

    def function(self, python: Any, self_type: TorchType | None = None, name: str | None = None) -> Function:
        """The (perhaps not yet compiled) script function of a live one."""
        python = inspect.unwrap(python) if not hasattr(python, "__tsc_script_if_tracing__") else python
        key = (python, self_type)
        found = self.functions.get(key)
        if found is None:
            definition, source = function_source(python)
            modifier = modifier_of(python)
            if modifier in ("unused", "_drop"):
                definition = _raising(definition)
            qualified = name or self.unit.unique_name(qualified_name(python))
            kind = "python" if modifier == "ignore" else "script"
            resolver = LiveResolver(self, python)
            found = Function(qualified, definition, source, resolver, self_type, kind=kind, python=python)
            found.observed = self.observed.of(python)
            if modifier in ("ignore", "unused", "_drop"):
                found.unannotated_result = tt.TENSOR
            self.functions[key] = found
            self.unit.functions[qualified] = found
        return found

    def python_function(self, autograd: Any, parameters: list[FunctionParameter]) -> Function:
        """The ``apply`` of an autograd function as a function that is left to Python."""
        definition, source = function_source(autograd.forward)
        name = self.unit.unique_name(f"{qualified_name(autograd)}.apply")
        resolver = LiveResolver(self, autograd.forward)
        made = Function(name, definition, source, resolver, None, parameters, tt.TENSOR, kind="python")
        made.python = torch_interop.apply_of(autograd)
        self.unit.functions[name] = made
        return made

    def overloads(
        self,
        python: object,
        declarations: Sequence[ast.FunctionDef],
        self_type: TorchType | None = None,
        name: str | None = None,
    ) -> list[Function]:
        """One function per declared overload of `python`: its signature, the one body."""
        key = (python, self_type, "overloads")
        if key not in self._overloaded:
            made: list[Function] = []
            for i, declared in enumerate(declarations):
                definition, source = function_source(python)
                definition = copy.copy(definition)
                definition.args, definition.returns = declared.args, declared.returns
                definition.type_comment = declared.type_comment
                qualified = self.unit.unique_name(f"{name or qualified_name(python)}__{i}")
                resolver = LiveResolver(self, python)
                made.append(Function(qualified, definition, source, resolver, self_type))
                self.unit.functions[qualified] = made[-1]
            self._overloaded[key] = made
        return self._overloaded[key]

    @serialized
    def class_type(self, cls: type) -> TorchType | None:
        """The type of instances of a live class: named tuple, enum or script class; None when it cannot be
        compiled.
        """
        from tsc.frontend.classes import script_class

        return script_class(self, cls)

    @serialized
    def annotation(self, annotation: object) -> TorchType:
        """The type a live annotation object denotes."""
        return from_python(annotation, self.class_type)

    @serialized
    def infer(self, value: object) -> TorchType | None:
        """The type of a live value, or None."""
        return infer_type(value, self.class_type)

    def sugar(self, python: object) -> Sugared:
        """A live object as the reader sees it."""
        for rule in (_simple, _torch_object, _types, self._callable):
            found = rule(python)
            if found is not None:
                return found
        return PythonValue(python)

    def _callable(self, python: object) -> Sugared | None:
        if isinstance(python, types.ModuleType):
            return Namespace(python.__name__, lambda name: self._module_member(python, name))
        script = getattr(python, "__tsc_function__", None)
        if isinstance(script, Function):
            self.unit.functions.setdefault(script.name, script)
            return ScriptFunctionRef(script)
        if self.adopt is not None and torch_interop.is_script_function(python):
            return ScriptFunctionRef(self.adopt(python))
        if isinstance(python, types.FunctionType):
            declarations = overload_declarations(python)
            if declarations:
                return Overloaded([ScriptFunctionRef(f) for f in self.overloads(python, declarations)])
            return ScriptFunctionRef(self.function(python))
        if isinstance(python, type) and torch_interop.is_module_class(python):
            return ModuleClass(python)
        if isinstance(python, type) and torch_interop.is_autograd_function(python):
            return AutogradFunction(python)
        if isinstance(python, type):
            kind = self.class_type(python)
            if kind is not None:
                return ClassRef(self.classes[python])
        return None

    def _module_member(self, module: types.ModuleType, name: str) -> Sugared | None:
        if not hasattr(module, name):
            return None
        held = getattr(module, name)
        if type(held) in (
            int,
            float,
            bool,
            str,
        ):  # a constant of a library; the program's own globals are refused
            return Constant(held)
        return self.sugar(held)


def _raising(definition: ast.FunctionDef) -> ast.FunctionDef:
    """The definition of a function that nobody may call: its signature, and a ``raise``."""
    raising = copy.copy(definition)
    raising.body = [ast.copy_location(UnusedCall(), definition)]
    return raising


class LiveResolver:
    """Names in one live function: closure, then globals, then builtins."""

    def __init__(self, program: Program, python: object) -> None:
        self.program = program
        self.python = python
        self.names: dict[str, Any] = dict(getattr(python, "__globals__", {}))
        closure = getattr(python, "__closure__", None) or ()
        free = getattr(getattr(python, "__code__", None), "co_freevars", ())
        for name, cell in zip(free, closure, strict=False):
            try:
                self.names[name] = cell.cell_contents
            except ValueError:
                continue

    def lookup(self, name: str) -> Sugared | None:
        """The sugared value of a free name."""
        if name in self.names:
            held = self.names[name]
            if torch_interop.constant_of(held) is not None:
                return PythonValue(held)
            return self.program.sugar(held)
        if hasattr(builtins, name):
            return self.program.sugar(getattr(builtins, name))
        return None

    def literal(self, node: ast.expr) -> Any:
        """The value of a default in a declaration of an overload."""
        return literal_value(node)

    def annotation(self, node: ast.expr) -> TorchType:
        """The type of an annotation, evaluated where the function was defined."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = parsed_annotation(node.value)
        names = {**vars(typing), "number": number, **self.names}
        node = ast.fix_missing_locations(_BroadcastingLists().visit(copy.deepcopy(node)))
        try:
            evaluated = eval(
                compile(ast.Expression(node), "<annotation>", "eval"), names
            )  # the user's own live code
        except (NameError, AttributeError, TypeError) as error:
            raise NotSupportedError(f"Unknown type name '{ast.unparse(node)}': {error}") from None
        if isinstance(evaluated, str):
            return self.annotation(ast.Constant(evaluated))
        return self.program.annotation(evaluated)


class _BroadcastingLists(ast.NodeTransformer):
    """``BroadcastingList2[int]`` is ``List[int]``; the size matters to calls only."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id.startswith("BroadcastingList"):
            return ast.copy_location(
                ast.Subscript(ast.Name("List", ast.Load()), node.slice, ast.Load()), node
            )
        return node


def _simple(python: object) -> Sugared | None:
    if python is None or python is math.inf:  # no other number of `math` may be imported, as in PyTorch
        return Constant(python)
    if python is Ellipsis:
        return None
    name = getattr(python, "__name__", "")
    if getattr(builtins, name, None) is python and name in LIVE_FORMS:
        return Special(name)
    if python is collections.OrderedDict:
        return Special("dict")
    if inspect.isbuiltin(python) and getattr(python, "__module__", "") == "math":
        if name in MATH_MISSING:
            return None
        found = _existing(f"aten::{'mathremainder' if name == 'remainder' else name}", f"prim::{name}")
        return Builtin(found) if found else None
    if python is warnings.warn:
        return Builtin(("aten::warn",))
    dispatched = getattr(python, "__tsc_dispatch__", None)
    if isinstance(dispatched, tuple):
        return BooleanDispatch(*dispatched)  # pyright: ignore[reportUnknownArgumentType]
    declared = getattr(python, "__tsc_builtin__", None)
    if isinstance(declared, str):
        return Special(declared[6:]) if declared.startswith("form::") else Builtin((declared,))
    return None


def _existing(*names: str) -> tuple[str, ...]:
    return tuple(n for n in names if schemas.overloads(n))


def _types(python: object) -> Sugared | None:
    if isinstance(python, tt.TorchType):
        return TypeRef(python)
    if isinstance(python, enum.Enum):
        return EnumMember(python)
    if getattr(python, "__module__", "") == "typing" or typing.get_origin(python) is not None:
        return PythonType(python)
    return None


def _torch_object(python: object) -> Sugared | None:
    """What PyTorch's objects mean, when PyTorch is there."""
    constant = torch_interop.constant_of(python)
    if constant is not None:
        kind, held = constant
        return Constant(held, tt.DEVICE if kind == "device" else None)
    form = torch_interop.form_of(python)
    if form is not None:
        return Special(form)
    if torch_interop.is_tensor_type(python):
        return TypeRef(tt.TENSOR)
    if torch_interop.is_device_type(python):
        return TypeRef(tt.DEVICE)
    if torch_interop.is_generator_type(python):
        return TypeRef(tt.GENERATOR)
    name = torch_interop.operator_of(python)
    if name is not None:
        return Special(OPERATOR_FORMS[name]) if name in OPERATOR_FORMS else Builtin((name,))
    name = torch_interop.registered_operator(python)
    if name is not None:
        return Builtin((name,)) if is_operator(name) else UndefinedOperator(name)
    dispatch = torch_interop.boolean_dispatch_of(python)
    return None if dispatch is None else BooleanDispatch(*dispatch)
