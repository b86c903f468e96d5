"""What names mean in an archive's code: ``torch``, ``ops``, ``CONSTANTS``, and the archive's own classes and
functions.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from xdsl.ir import SSAValue

from tsc.archive.reader import Archive, CodeFile
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import ArchiveError, CompileError, NotSupportedError
from tsc.frontend.annotations import parse_annotation
from tsc.frontend.compile import Compiler
from tsc.frontend.library_operators import is_operator
from tsc.frontend.objects import named_tuple_type
from tsc.frontend.sources import Source, literal_value
from tsc.frontend.sugared import (
    BUILTIN_FORMS,
    Arguments,
    Builtin,
    ClassRef,
    Constant,
    Namespace,
    ScriptFunctionRef,
    Special,
    Sugared,
    SugaredValue,
    UndefinedOperator,
)
from tsc.frontend.unit import REQUIRED, Class, Function, Unit

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

FORMS = BUILTIN_FORMS | {"annotate", "unchecked_cast", "uninitialized"}
CONSTANTS = {
    "inf": float("inf"),
    "nan": float("nan"),
    "infj": complex(0, float("inf")),
    "nanj": complex(0, float("nan")),
}


class ConstantTensor(Sugared):
    """``CONSTANTS.c0``: a tensor (or a string that is not plain ASCII) stored with the archive."""

    def __init__(self, name: str, python: object) -> None:
        self.name = name
        self.python = python

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        if isinstance(self.python, str):
            return reader.builder.constant(self.python)
        return reader.builder.insert(reader.unit_literal(self.name, self.python)).results[0]

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        return SugaredValue(self.value(reader, node)).attribute(reader, name, node)

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        raise reader.error("a constant is not callable", node)


class ArchiveProgram:
    """The program in an archive: one unit, filled class by class as names are met.

    Where it becomes part of the program of `compiler`, names taken there get new ones; the methods here are
    given the archive's.
    """

    def __init__(self, archive: Archive, compiler: Compiler | None = None) -> None:
        self.archive = archive
        self.unit = Unit(find_class=self.class_named) if compiler is None else compiler.unit
        self.compiler = compiler or Compiler(self.unit)
        self.unit.files += archive.container.files
        self.resolver = ArchiveResolver(self)
        self._classes: dict[str, Class] = {}
        self._functions: dict[str, Function] = {}

    def class_named(self, name: str) -> Class | None:
        """The class with a qualified name, read from the archive's code; None when none has that name."""
        if name in self._classes:
            return self._classes[name]
        found = self.archive.definition(name)
        if found is None:
            return None
        definition, file = found
        if not isinstance(definition, ast.ClassDef):
            return None
        base = ast.unparse(definition.bases[0]) if definition.bases else "object"
        kinds = {
            "Module": "module",
            "NamedTuple": "namedtuple",
            "Enum": "enum",
            "ModuleInterface": "interface",
            "Interface": "interface",
        }
        made = Class(self.unit.unique_name(name), kinds.get(base, "class"))
        if made.kind == "interface":
            made.members["$base"] = f"({base})"
        self._classes[name] = self.unit.classes[made.name] = made
        _ClassReader(self, made, file, name).read(definition)
        return made

    def type_named(self, name: str) -> TorchType | None:
        """The type of the instances of a class of the archive."""
        if not name.startswith("__torch__."):
            return None
        cls = self.class_named(name)
        if cls is None:
            return tt.ClassType(name) if name.startswith("__torch__.torch.classes") else None
        kinds = {"module": tt.ModuleType, "enum": tt.EnumType, "interface": tt.InterfaceType}
        return (
            named_tuple_type(cls) if cls.kind == "namedtuple" else kinds.get(cls.kind, tt.ClassType)(cls.name)
        )

    def function_named(self, name: str) -> Function | None:
        """The function with a qualified name; None when the archive has none of that name."""
        if name in self._functions:
            return self._functions[name]
        found = self.archive.definition(name)
        if found is None or not isinstance(found[0], ast.FunctionDef):
            return None
        made = Function(self.unit.unique_name(name), found[0], source_of(found[1]), self.resolver)
        self._functions[name] = self.unit.functions[made.name] = made
        return made


def source_of(file: CodeFile) -> Source:
    """The source of a code file; ranges point at the user's own code where the archive knows it."""
    return Source(file.member, file.text, original=file.original)


class _ClassReader:
    """Fills a `Class` from its ``class`` statement."""

    def __init__(self, program: ArchiveProgram, made: Class, file: CodeFile, archived_name: str) -> None:
        self.archived_name = archived_name
        self.program = program
        self.made = made
        self.file = file

    def read(self, definition: ast.ClassDef) -> None:
        names: dict[str, Any] = {}
        for statement in definition.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                self._attribute(statement.target.id, statement.annotation, statement.value)
            elif isinstance(statement, ast.Assign):
                self._assignment(statement, names)
            elif isinstance(statement, ast.FunctionDef):
                self._method(statement)
        for key, listed in (("pre_hooks", "__forward_pre_hooks__"), ("hooks", "__forward_hooks__")):
            if listed in names:
                self.made.members[key] = [self._hook(name) for name in _names(listed, names)]
        self.made.parameters = frozenset(_names("__parameters__", names))
        self.made.buffers = frozenset(_names("__buffers__", names))

    def _hook(self, name: str) -> Function:
        if name not in self.made.methods:
            raise ArchiveError(f"archive: {self.archived_name} names a hook '{name}' that it does not have")
        return self.made.methods[name]

    def _attribute(self, name: str, annotation: ast.expr, value: ast.expr | None) -> None:
        if value is not None:
            text = ast.unparse(annotation)
            if text.startswith("Final") or self.made.kind != "namedtuple":
                self.made.constants[name] = self.program.resolver.literal(value)
                return
        self.made.attributes[name] = self.program.resolver.annotation(annotation)
        if self.made.kind == "namedtuple":
            self.made.members[name] = REQUIRED if value is None else self.program.resolver.literal(value)

    def _assignment(self, statement: ast.Assign, names: dict[str, Any]) -> None:
        target = statement.targets[0]
        if isinstance(target, ast.Subscript):  # __annotations__["0"] = T
            (key,) = _names("__annotations__", {"__annotations__": [_literal(target.slice)]})
            self.made.attributes[key] = self.program.resolver.annotation(statement.value)
        elif isinstance(target, ast.Name) and self.made.kind == "enum":
            self.made.members[target.id] = self.program.resolver.literal(statement.value)
        elif isinstance(target, ast.Name):
            names[target.id] = _literal(statement.value)

    def _method(self, statement: ast.FunctionDef) -> None:
        name = f"{self.made.name}.{statement.name}"
        is_static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in statement.decorator_list)
        kind = None if is_static else self.program.type_named(self.archived_name)
        method = Function(name, statement, source_of(self.file), self.program.resolver, kind)
        self.made.methods[statement.name] = method
        self.program.unit.functions[name] = method


def _names(what: str, given: dict[str, Any]) -> list[str]:
    """The names that a class lists as `what`."""
    listed: Any = given.get(what, ())
    if isinstance(listed, (list, tuple)) and all(isinstance(n, str) for n in listed):  # pyright: ignore[reportUnknownVariableType]
        return list(listed)  # pyright: ignore[reportUnknownArgumentType]
    raise ArchiveError(f"archive: {what} requires a list of names; got {listed!r:.60}")


def _literal(node: ast.expr) -> Any:
    text = ast.unparse(node)
    if text.lstrip("-") in CONSTANTS:
        value = CONSTANTS[text.lstrip("-")]
        return -value if text.startswith("-") else value
    try:
        return literal_value(node)
    except CompileError as error:
        raise ArchiveError(f"archive: {error.message}") from None


class ArchiveResolver:
    """Names in archived code."""

    def __init__(self, program: ArchiveProgram) -> None:
        self.program = program

    def lookup(self, name: str) -> Sugared | None:
        """The sugared value of a free name."""
        if name in FORMS:
            return Special(name)
        if name in CONSTANTS:
            return Constant(CONSTANTS[name])
        if name == "torch":
            return Namespace("torch", self._torch_member)
        if name == "ops":
            return Namespace("ops", lambda space: Namespace(space, lambda op: _named(f"{space}::{op}")))
        if name == "CONSTANTS":
            return Namespace("CONSTANTS", self._constant)
        if name == "__torch__":
            return self._path("__torch__")
        return Special("fork") if name == "fork" else None

    def _torch_member(self, name: str) -> Sugared | None:
        if name == "autograd":
            return Namespace("torch.autograd", lambda inner: _operator(f"aten::{inner}"))
        found = _operator(f"aten::{name}") or _operator(f"prim::{name}")
        return found or (Special(name) if name in ("device", "fork") else None)

    def _constant(self, name: str) -> Sugared | None:
        position = int(name[1:]) if name[1:].isdigit() else -1
        constants = self.program.archive.constants
        return (
            ConstantTensor(f"constant{position}", constants[position])
            if 0 <= position < len(constants)
            else None
        )

    def _path(self, qualified: str) -> Sugared:
        def member(name: str) -> Sugared | None:
            full = f"{qualified}.{name}"
            cls = self.program.class_named(full)
            if cls is not None:
                return ClassRef(cls)
            function = self.program.function_named(full)
            return self._path(full) if function is None else ScriptFunctionRef(function)

        return Namespace(qualified, member)

    def annotation(self, node: ast.expr) -> TorchType:
        """The type an annotation denotes."""
        found = parse_annotation(node, self.program.type_named)
        if isinstance(found, tt.VariableType):
            raise NotSupportedError(f"Unknown type name '{ast.unparse(node)}'")
        return found

    def literal(self, node: ast.expr) -> Any:
        """The value of a default or of a class's constant."""
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "CONSTANTS":
            found = self._constant(node.attr)
            if isinstance(found, ConstantTensor):
                return found.python
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.device":
            return _literal(node.args[0])
        return _literal(node)


def _named(name: str) -> Sugared:
    """What ``ops.space.name`` means."""
    if name == "prim::RaiseException":
        return Special("raise_exception")
    return _operator(name) or UndefinedOperator(name)


def _operator(name: str) -> Sugared | None:
    return Builtin((name,)) if is_operator(name) else None
