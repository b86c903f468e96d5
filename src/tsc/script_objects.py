"""`ScriptFunction` and `ScriptModule`: what `script`, `load` and `freeze` return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc import pipeline
from tsc.compiler import Compilation, Entry, Specialization, compile_for, specialized
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import ArgumentError, IRError
from tsc.frontend.compile import Compiler
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import REQUIRED, Function, Parameter, ScriptObject
from tsc.runtime.generic import GenericFunction
from tsc.runtime.specializations import Specializations
from tsc.runtime.values import Inputs, Wrap


class Interpreter:
    """Runs functions of a unit in the generic tier, compiling each to Python once."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._functions: dict[Function, GenericFunction] = {}

    def call(self, function: Function, *arguments: Any) -> Any:
        """Run `function` on runtime values."""
        found = self._functions.get(function)
        if found is None:
            self.compiler.compile(function)
            assert function.op is not None
            found = GenericFunction(function.op, self.compiler.unit.pool, self.compiler.unit, self.call)
            self._functions[function] = found
        return found(*arguments)


class StageTexts:
    """``f.ir["fused"]``: the IR of a function at each stage, made when asked for."""

    def __init__(self, owner: Callable_) -> None:
        self._owner = owner

    def __getitem__(self, stage: str) -> str:
        return str(self._owner.module_at(stage))

    def keys(self) -> Iterator[str]:
        """The stages."""
        return iter(pipeline.STAGE_NAMES)

    __iter__ = keys


class Callable_:  # noqa: N801 - the name says what it is, and `Callable` is taken
    """A function or method that can be called: binds arguments, and hands them to a specialization or the
    generic tier.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        function: Function,
        receiver: ScriptObject | None,
        default: Wrap | None,
    ) -> None:
        self.interpreter = interpreter
        self.function = function
        self.receiver = receiver
        self.default = default
        self.entry: Entry | None = None
        self.parameters: Sequence[Parameter] = function.parameters
        self.specializations: Specializations | None = None
        self._fast: Callable[..., Any] = self._dispatch

    # --- calling ---

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run on arguments of any supported kind of tensor; results come back in the same kind."""
        if keywords:
            return self._dispatch(*self._positional(arguments, keywords))
        return self._fast(*arguments)

    def _positional(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> list[Any]:
        bound = list(arguments)
        rest = dict(keywords)
        for parameter in self.parameters[len(bound) :]:
            if parameter.name in rest:
                bound.append(rest.pop(parameter.name))
            elif parameter.default is not REQUIRED:
                bound.append(parameter.default)
            else:
                raise ArgumentError(
                    f"{self.function.short_name}() is missing value for argument '{parameter.name}'"
                )
        if rest:
            raise ArgumentError(
                f"Unknown keyword argument '{next(iter(rest))}' for operator '{self.function.short_name}'"
            )
        return bound

    def _dispatch(self, *arguments: Any) -> Any:
        expected = len(self.parameters)
        if len(arguments) > expected:
            raise ArgumentError(
                f"{self.function.short_name}() expected at most {expected} argument(s) but received "
                f"{len(arguments)} argument(s)"
            )
        if len(arguments) < expected:
            arguments = tuple(self._positional(arguments, {}))
        inputs = Inputs(self.default)
        values = [inputs.convert(a, p.type, p.name) for a, p in zip(arguments, self.parameters, strict=True)]
        table = self._table()
        if table is None:
            return inputs.give_back(self._run_generic(*values))
        before = len(table.table)
        result = table.run(values, inputs)
        if len(table.table) != before:
            self._choose_fast_path(table)
        return result

    def _choose_fast_path(self, table: Specializations) -> None:
        """Calls go straight to the newest native entry; what it does not take comes to `_dispatch`."""
        newest: Specialization | None = list(table.table.values())[-1]
        tensors_only = self.default is None or newest is None or newest.native is None
        if newest is not None and newest.native is not None and tensors_only:
            self._fast = newest.native

    def _run_generic(self, *values: Any) -> Any:
        receiver = () if self.receiver is None else (self.receiver,)
        return self.interpreter.call(self.function, *receiver, *values)

    # --- specialization ---

    def _table(self) -> Specializations | None:
        if self.specializations is None:
            entry = self._entry()
            if entry is None:
                return None
            self.specializations = Specializations(self._compile, self._run_frozen(entry), self.function.name)
        return self.specializations

    def _entry(self) -> Entry | None:
        """The function at stage `frozen`; None for a method of a module that is not frozen."""
        if self.entry is None and self.receiver is None:
            pool = ConstantPool()
            module = assemble(self.interpreter.compiler.unit, pool, [self.function], None)
            pipeline.lower(make_context(pool), module, stop_after="frozen")
            self.entry = Entry(module, self.function.name, pool, self.interpreter.compiler.unit)
        return self.entry

    def _run_frozen(self, entry: Entry) -> Callable[..., Any]:
        made: list[GenericFunction] = []

        def run(*values: Any) -> Any:
            if not made:
                made.append(GenericFunction(entry.function, entry.pool, entry.unit, self.interpreter.call))
            takes_self = len(entry.function.body.block.args) > len(values)
            return made[0](self.receiver, *values) if takes_self else made[0](*values)

        return run

    def _compile(self, key: Sequence[str]) -> Specialization | None:
        entry = self._entry()
        assert entry is not None
        if len(entry.function.body.block.args) != len(key):
            return None  # it still reads attributes of self
        return compile_for(entry, key, self._dispatch, self.interpreter.call)

    # --- looking ---

    @property
    def ir(self) -> StageTexts:
        """The IR at each stage; from `value` on, for the shapes compiled last."""
        return StageTexts(self)

    def module_at(self, stage: str) -> ModuleOp:
        """The module at a stage.

        Raises:
            IRError: the stage does not exist, or needs shapes and nothing was compiled yet.
        """
        if stage not in pipeline.STAGE_NAMES:
            raise IRError(f"no stage {stage!r}; stages are {', '.join(pipeline.STAGE_NAMES)}")
        if stage == "torch":
            return assemble(self.interpreter.compiler.unit, ConstantPool(), [self.function], self.receiver)
        entry = self._entry()
        if entry is None:
            raise IRError(f"stage {stage!r} requires a frozen module; got one whose attributes may change")
        if stage == "frozen":
            return entry.alone()
        if self.specializations is None or not self.specializations.table:
            raise IRError(f"stage {stage!r} requires shapes: call it first")
        return specialized(entry, list(self.specializations.table)[-1], stage, Compilation())[1]

    @property
    def last(self) -> Specialization | None:
        """The specialization compiled last."""
        table = self.specializations.table if self.specializations is not None else {}
        return list(table.values())[-1] if table else None


class ScriptFunction(Callable_):
    """A compiled function."""

    def __init__(self, interpreter: Interpreter, function: Function, default: Wrap | None = None) -> None:
        interpreter.compiler.compile(function)
        super().__init__(interpreter, function, None, default)
        self.__name__ = function.short_name
        self.__doc__ = getattr(function.python, "__doc__", None)

    @property
    def __tsc_function__(self) -> Function:
        return self.function

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.short_name

    def __repr__(self) -> str:
        return f"<tsc.ScriptFunction {self.function.name}>"


class ScriptMethod(Callable_):
    """A method of a module."""

    def __repr__(self) -> str:
        return f"<tsc.ScriptMethod {self.function.name}>"


class ScriptModule:
    """A module of a program: its attributes, submodules and methods."""

    _object: ScriptObject
    _interpreter: Interpreter

    def __init__(self, held: ScriptObject, interpreter: Interpreter, default: Wrap | None = None) -> None:
        object.__setattr__(self, "_object", held)
        object.__setattr__(self, "_interpreter", interpreter)
        object.__setattr__(self, "_default", default)
        object.__setattr__(self, "_methods", {})
        object.__setattr__(self, "_frozen", None)

    # --- calling ---

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Run ``forward``."""
        return self._method("forward")(*arguments, **keywords)

    def _method(self, name: str) -> ScriptMethod:
        methods: dict[str, ScriptMethod] = object.__getattribute__(self, "_methods")
        if name not in methods:
            function = self._object.cls.methods[name]
            self._interpreter.compiler.compile(function)
            method = ScriptMethod(
                self._interpreter, function, self._object, object.__getattribute__(self, "_default")
            )
            frozen: Frozen | None = object.__getattribute__(self, "_frozen")
            if frozen is not None and name in frozen.methods:
                method.entry = Entry(
                    frozen.module, function.name, frozen.pool, self._interpreter.compiler.unit
                )
            methods[name] = method
        return methods[name]

    # --- attributes ---

    def __getattr__(self, name: str) -> Any:
        held: ScriptObject = object.__getattribute__(self, "_object")
        if name in held.attributes:
            return self._wrap(held.attributes[name])
        if name in held.cls.constants:
            return held.cls.constants[name]
        if name in held.cls.methods:
            return self._method(name)
        raise AttributeError(f"'{held.cls.name.rpartition('.')[2]}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        held = self._object
        if name not in held.cls.attributes:
            raise AttributeError(
                f"cannot add attribute '{name}' to a script module; it has {', '.join(held.cls.attributes)}"
            )
        held.attributes[name] = Inputs().convert(value, held.cls.attributes[name], name)

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, ScriptObject):
            return ScriptModule(value, self._interpreter, object.__getattribute__(self, "_default"))
        return Inputs(object.__getattribute__(self, "_default")).give_back(value)

    @property
    def training(self) -> bool:
        """Whether the module is in training mode."""
        return bool(self._object.attributes.get("training", False))

    def objects(self) -> Iterator[ScriptObject]:
        """The object and those below it, each once."""
        seen: set[int] = set()
        pending = [self._object]
        while pending:
            held = pending.pop()
            if id(held) not in seen:
                seen.add(id(held))
                yield held
                pending += [v for v in held.attributes.values() if isinstance(v, ScriptObject)]

    def train(self, mode: bool = True) -> ScriptModule:
        """Set training mode here and below."""
        for held in self.objects():
            if "training" in held.attributes:
                held.attributes["training"] = mode
        return self

    def eval(self) -> ScriptModule:
        """Leave training mode here and below."""
        return self.train(False)

    @property
    def original_name(self) -> str:
        """The name of the class."""
        return self._object.cls.name.rpartition(".")[2]

    def named_tensors(self) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        """All tensors, parameters and buffers, by dotted path."""
        seen: set[int] = set()

        def walk(held: ScriptObject, prefix: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
            if id(held) in seen:
                return
            seen.add(id(held))
            for name, value in held.attributes.items():
                if isinstance(value, np.ndarray):
                    yield prefix + name, value
                elif isinstance(value, ScriptObject):
                    yield from walk(value, f"{prefix}{name}.")

        return walk(self._object, "")

    def state_dict(self) -> dict[str, Any]:
        """All tensors by dotted path; they share memory with the module."""
        return {name: self._wrap(array) for name, array in self.named_tensors()}

    @property
    def ir(self) -> StageTexts:
        """The IR of ``forward`` at each stage."""
        return self._method("forward").ir

    def __repr__(self) -> str:
        return f"<tsc.ScriptModule {self._object.cls.name}>"


class Frozen:
    """What `freeze` makes: the module at stage `frozen`, and the methods in it."""

    def __init__(self, module: ModuleOp, pool: ConstantPool) -> None:
        self.module = module
        self.pool = pool
        self.methods = {f.sym_name.data.rpartition(".")[2] for f in module.ops if isinstance(f, FuncOp)}


def freeze_module(module: ScriptModule, preserved: Sequence[str]) -> ScriptModule:
    """A copy of `module` whose attributes are constants of its methods."""
    held, interpreter = module._object, module._interpreter  # pyright: ignore[reportPrivateUsage]
    cls = held.cls
    methods = (
        ["forward", *(p for p in preserved if p in cls.methods)]
        if "forward" in cls.methods
        else [p for p in preserved if p in cls.methods]
    )
    entries = [cls.methods[name] for name in methods]
    for function in entries:
        interpreter.compiler.compile(function)
    pool = ConstantPool()
    assembled = assemble(interpreter.compiler.unit, pool, entries, held)
    pipeline.lower(make_context(pool), assembled, stop_after="frozen", preserved=preserved)
    made = ScriptModule(held, interpreter, object.__getattribute__(module, "_default"))
    object.__setattr__(made, "_frozen", Frozen(assembled, pool))
    return made
