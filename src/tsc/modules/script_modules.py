"""`ScriptModule`: a module of a program as users see it, and `freeze_module`, which makes its attributes
constants.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any, Self, cast

from tsc import pipeline
from tsc.archive.writer import Record
from tsc.compiler.entry import Entry
from tsc.concurrency import serialized
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import ArchiveError, CompileError, TscError
from tsc.frontend.archived import ArchiveProgram
from tsc.frontend.compile import Compiler
from tsc.frontend.hooks import hooks_of
from tsc.frontend.interfaces import compile_implementations
from tsc.frontend.live import Program
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.interop import torch_modules
from tsc.markers import modifier_of
from tsc.modules.frozen import Frozen
from tsc.modules.module_containers import ModuleContainers
from tsc.modules.pickling import reduced
from tsc.modules.protocol import ModuleProtocol, beside, run_between_hooks
from tsc.passes.freeze import Freeze
from tsc.passes.round_weights import RoundWeights
from tsc.programs.definitions import define_methods, names_around
from tsc.programs.inspecting import InspectableModule, Saveable
from tsc.programs.interpreter import Interpreter
from tsc.programs.live_tensors import refresh_below
from tsc.programs.loading import root_object
from tsc.programs.script_functions import ScriptMethod
from tsc.programs.showing import summary
from tsc.programs.specialization_table import SpecializationTable
from tsc.progress import step, working
from tsc.runtime.values import Inputs, Wrap
from tsc.serialization.saving import is_entry, module_records
from tsc.tracebacks import shorten

FROZEN_TRAINING = (
    ": a frozen module is in eval mode for good, and has none; PyTorch's tracer and compiler take a function "
    "that calls it"
)


class ScriptClassInstance:
    """An instance of a class of the program, outside it: attributes and methods."""

    _object: ScriptObject

    def __init__(self, held: ScriptObject, interpreter: Interpreter, default: Wrap | None = None) -> None:
        object.__setattr__(self, "_object", held)
        object.__setattr__(self, "_interpreter", interpreter)
        object.__setattr__(self, "_default", default)

    def __getattr__(self, name: str) -> Any:
        held, interpreter = self._object, object.__getattribute__(self, "_interpreter")
        default = object.__getattribute__(self, "_default")
        if name in held.attributes:
            inputs = Inputs(default)
            inputs.wrap_object = interpreter.instance
            return inputs.give_back(held.attributes[name])
        if name in held.cls.properties:
            return getattr(self, held.cls.properties[name][0])()
        if name in held.cls.methods:
            interpreter.compiler.compile(held.cls.methods[name])
            return ScriptMethod(interpreter, held.cls.methods[name], held, default)
        raise AttributeError(f"'{held.cls.name}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: object) -> None:
        kind = self._object.cls.attributes.get(name)
        if kind is None:
            raise AttributeError(f"'{self._object.cls.name}' object has no attribute '{name}'")
        self._object.attributes[name] = Inputs().convert(value, kind, name)

    def __repr__(self) -> str:
        return f"<tsc object of {self._object.cls.name}>"


class RecursiveScriptModule(InspectableModule, ModuleProtocol, ModuleContainers, Saveable):
    """A module of a program: its attributes, submodules and methods."""

    _object: ScriptObject
    _interpreter: Interpreter

    def __init__(self, held: ScriptObject, interpreter: Interpreter, default: Wrap | None = None) -> None:
        object.__setattr__(self, "_object", held)
        object.__setattr__(self, "_interpreter", interpreter)
        object.__setattr__(self, "_default", default)
        object.__setattr__(self, "_methods", {})
        object.__setattr__(self, "_frozen", None)
        object.__setattr__(self, "_wrappers", {id(held): self})

    def __new__(cls, held: ScriptObject, interpreter: Interpreter, default: Wrap | None = None) -> Self:
        """An instance that is also one of PyTorch's modules, where PyTorch is there."""
        return cast("Self", object.__new__(torch_modules.joined(cls)))

    # --- calling ---

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Run ``forward``, between the module's hooks."""
        try:
            is_frozen = object.__getattribute__(self, "_frozen") is not None  # PyTorch's drop them too
            if not is_frozen and any(hooks_of(self._object.cls)):
                return run_between_hooks(self._object.cls, self._method, arguments, keywords)
            return self._method("forward")(*arguments, **keywords)
        except TscError as error:
            shorten(error)
            raise

    def _method(self, name: str) -> ScriptMethod:
        methods: dict[str, ScriptMethod] = object.__getattribute__(self, "_methods")
        return methods[name] if name in methods else self._added_method(methods, name)

    @serialized
    def _added_method(self, methods: dict[str, ScriptMethod], name: str) -> ScriptMethod:
        if name in methods:  # another thread was first
            return methods[name]
        function = self._object.cls.methods.get(name)
        if function is None or not self._is_visible(self._object, name):
            raise AttributeError(f"'RecursiveScriptModule' object has no attribute '{name}'")
        self._interpreter.compiler.compile(function)
        method = ScriptMethod(
            self._interpreter, function, self._object, object.__getattribute__(self, "_default")
        )
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        if frozen is not None and function.name in frozen.functions:
            unit = self._interpreter.compiler.unit
            method.entry = Entry(frozen.module, function.name, frozen.pool, unit)
        methods[name] = method
        return method

    # --- attributes ---

    def __getattr__(self, name: str) -> Any:
        held: ScriptObject = object.__getattribute__(self, "_object")
        if self._is_visible(held, name):
            tensor = held.tensor(name)
            if tensor is not None:
                return tensor
            if name in held.attributes:
                return self._wrap(held.attributes[name])
            if name in held.cls.constants:
                return held.cls.constants[name]
            if name in held.cls.properties:
                return self._method(held.cls.properties[name][0])()
            method = held.cls.methods.get(name)
            if method is not None and modifier_of(method.python) in ("ignore", "unused"):
                return types.MethodType(method.python, self)
            if method is not None and (method.op is not None or is_entry(method)):
                return self._method(name)
            if held.python is not None and name in vars(held.python):
                return cast("dict[str, Any]", vars(held.python))[name]
        hint = FROZEN_TRAINING if name == "training" else ""
        raise AttributeError(f"'RecursiveScriptModule' object has no attribute '{name}'{hint}")

    def _is_visible(self, held: ScriptObject, name: str) -> bool:
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        return frozen is None or frozen.is_visible(held.cls, name)

    def _are_children_walked(self) -> bool:
        return object.__getattribute__(self, "_frozen") is None

    def __setattr__(self, name: str, value: object) -> None:
        cls = self._object.cls
        if not self._is_visible(self._object, name):
            object.__setattr__(self, name, value)
        elif name in cls.properties and cls.properties[name][1] is not None:
            self._method(str(cls.properties[name][1]))(value)
        elif name in cls.attributes:
            self.set_value(name, value)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)

    @property
    def forward(self) -> ScriptMethod:
        """The method that calls of the module run."""
        return self._method("forward")

    def define(self, src: str) -> None:
        """Add methods, written as TorchScript source: ``def double(self, x): ...``.

        Raises:
            FrontendError: the text is not Python.
            CompileError: a method is not TorchScript.
        """
        self._define(src, names_around(0))

    @serialized
    def _define(self, src: str, names: dict[str, Any]) -> None:
        from tsc.modules.scripting import live_program

        compiler, (program, _) = self._interpreter.compiler, live_program()
        if compiler is not program.compiler:  # a module of an archive
            program = Program(compiler)
        for method in define_methods(self._object.cls, src, program, names):
            compiler.compile(method)

    def _wrap(self, value: object) -> Any:
        if isinstance(value, ScriptObject) and value.cls.kind == "module":
            return self._around(value)
        inputs = Inputs(object.__getattribute__(self, "_default") or torch_interop.wrapper())
        inputs.wrap_object = self._interpreter.instance
        return inputs.give_back(value)

    @serialized
    def _around(self, held: ScriptObject) -> RecursiveScriptModule:
        wrappers: dict[int, RecursiveScriptModule] = object.__getattribute__(self, "_wrappers")
        if id(held) not in wrappers:
            made = wrappers[id(held)] = self._made_around(held)
            object.__setattr__(made, "_wrappers", wrappers)
        return wrappers[id(held)]

    def _made_around(self, held: ScriptObject) -> RecursiveScriptModule:
        made = self._class_for(held)(held, self._interpreter, object.__getattribute__(self, "_default"))
        object.__setattr__(made, "_frozen", object.__getattribute__(self, "_frozen"))
        return made

    def _class_for(self, held: ScriptObject) -> type[RecursiveScriptModule]:
        """What stands for `held`."""
        return RecursiveScriptModule

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as an archive, whose weights may be a reference to the file that they came from; what is
        unpickled is a loaded module, frozen if this one is.
        """
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        files = self._interpreter.compiler.unit.files
        return reduced(self.records(), files, None if frozen is None else frozen.preserved)

    @serialized
    def specializations(self) -> SpecializationTable:
        """What the methods of this module were compiled for, and what became of it: see `SpecializationInfo`.

        Methods of submodules are part of those that call them; of a submodule that is called by itself, ask
        the submodule.
        """
        methods: dict[str, ScriptMethod] = object.__getattribute__(self, "_methods")
        return SpecializationTable(info for method in methods.values() for info in method.specializations())

    def extra_repr(self) -> str:
        """What `repr` says besides the submodules: as PyTorch, and what was compiled."""
        is_frozen = object.__getattribute__(self, "_frozen") is not None
        said = summary(self.specializations(), is_frozen=is_frozen)
        return ", ".join(filter(None, [super().extra_repr(), said]))

    @serialized
    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """What `save` writes."""
        refresh_below(self._object)
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        compiler = self._interpreter.compiler
        if frozen is None:
            return module_records(self._object, compiler, None, extra_files)
        entries = frozen.entries(self._object.cls)
        return module_records(self._object, compiler, entries, extra_files, frozen.is_visible)


def interpreter(compiler: Compiler) -> Interpreter:
    """What runs the program of `compiler`; its objects are seen as script modules and instances."""
    return Interpreter(compiler, _instance)


def _instance(held: ScriptObject, running: Interpreter) -> RecursiveScriptModule | ScriptClassInstance:
    made = RecursiveScriptModule if held.cls.kind == "module" else ScriptClassInstance
    return made(held, running, torch_interop.wrapper())


@serialized
def loaded(program: ArchiveProgram) -> RecursiveScriptModule:
    """The module of an archive.

    Raises:
        ArchiveError: the archive is damaged, hostile, or not a TorchScript archive.
    """
    running = interpreter(program.compiler)  # which the state hooks of objects run in
    try:
        return RecursiveScriptModule(root_object(program), running)
    except RecursionError:
        name = program.archive.container.name
        raise ArchiveError(f"{name}: the code of the archive nests too deeply to be read") from None


@serialized
def with_rounded_weights(module: RecursiveScriptModule, precision: str) -> RecursiveScriptModule:
    """A copy of a frozen module, whose linear layers have weights that `precision` holds."""
    frozen: Frozen = object.__getattribute__(module, "_frozen")
    rounded = frozen.module.clone()
    RoundWeights(precision).apply(make_context(frozen.pool), rounded)
    held, interpreter = module._object, module._interpreter  # pyright: ignore[reportPrivateUsage]
    made = RecursiveScriptModule(held, interpreter, object.__getattribute__(module, "_default"))
    object.__setattr__(made, "_frozen", Frozen(held, rounded, frozen.pool, frozen.preserved))
    return made


def _has_path(held: ScriptObject, path: Sequence[str]) -> bool:
    """Whether there is an attribute, or a method, at a path of names below an object."""
    name, *rest = path
    inner = held.attributes.get(name)
    if rest:
        return isinstance(inner, ScriptObject) and _has_path(inner, rest)
    return name in held.cls.attributes or name in held.cls.methods or name in held.cls.constants


@serialized
def freeze_module(module: RecursiveScriptModule, preserved: Sequence[str]) -> RecursiveScriptModule:
    """A copy of `module` whose attributes are constants of its methods."""
    held, interpreter = module._object, module._interpreter  # pyright: ignore[reportPrivateUsage]
    refresh_below(held)
    held = beside(held, {})
    cls = held.cls
    for name in preserved:
        if name not in cls.methods and not _has_path(held, name.split(".")):
            raise CompileError(f"Unknown name: {name}")
    methods = (
        ["forward", *(p for p in preserved if p in cls.methods)]
        if "forward" in cls.methods
        else [p for p in preserved if p in cls.methods]
    )
    entries = [cls.methods[name] for name in methods]
    pool = ConstantPool()
    with working("freezing"):
        for function in entries:
            step(f"reading {function.name}")
            interpreter.compiler.compile(function)
        compile_implementations(held, interpreter.compiler.unit, interpreter.compiler.compile)
        assembled = assemble(interpreter.compiler.unit, pool, entries, held)
        pipeline.lower(make_context(pool), assembled, stop_after="frozen", freeze=Freeze(tuple(preserved)))
    made = RecursiveScriptModule(held, interpreter, object.__getattribute__(module, "_default"))
    object.__setattr__(made, "_frozen", Frozen(held, assembled, pool, preserved))
    return made
