"""`ScriptFunction` and `ScriptModule`: what `script`, `load` and `freeze` return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from tsc import pipeline
from tsc.archive.writer import Record
from tsc.compiler import Compilation, Entry, Specialization, compile_for, specialized
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.torch_ops import PrimGetAttrOp, PrimSetAttrOp
from tsc.dialects.torch_types import TensorType
from tsc.errors import ArgumentError, CompileError, IRError
from tsc.frontend.compile import Compiler
from tsc.frontend.hooks import hooks_of
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import REQUIRED, Class, Function, Parameter, ScriptObject, Unit
from tsc.inspecting import Inspectable, InspectableModule, Saveable, StageTexts
from tsc.interop import torch as torch_interop
from tsc.module_protocol import ModuleProtocol, copied, run_between_hooks
from tsc.runtime.generic import GenericFunction, Operators
from tsc.runtime.recording_gradients import TorchInputs, TorchOperators, are_recorded
from tsc.runtime.specializations import Specializations
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs, MismatchError, Wrap
from tsc.saving import function_records, module_records


class Interpreter:
    """Runs functions of a unit in the generic tier, compiling each to Python once."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._functions: dict[Function, GenericFunction] = {}
        self._recording: dict[Function, GenericFunction] = {}
        compiler.unit.call_python = self.call_python

    def call(self, function: Function, *arguments: Any) -> Any:
        """Run `function` on runtime values."""
        found = self._functions.get(function)
        if found is None:
            found = self._functions[function] = self._generic(function, self.call, Operators())
        return found(*arguments)

    def call_recording(self, function: Function, *arguments: Any) -> Any:
        """Run `function` on PyTorch's tensors with PyTorch's operators, which record gradients."""
        found = self._recording.get(function)
        if found is None:
            found = self._recording[function] = self._generic(function, self.call_recording, TorchOperators())
        return found(*arguments)

    def _generic(self, function: Function, call: Callable[..., Any], operators: Operators) -> GenericFunction:
        self.compiler.compile(function)
        assert function.op is not None
        unit = self.compiler.unit
        return GenericFunction(function.op, unit.pool, unit, call, operators=operators)

    def call_python(self, function: Function, *arguments: Any) -> Any:
        """Call the Python function behind a function that is not compiled (``@ignore``)."""
        wrap = torch_interop.from_numpy if torch_interop.uses_torch(function.python) else Tensor
        inputs = Inputs(wrap)
        inputs.wrap_object = self.instance
        given = [inputs.give_back(a) for a in arguments]
        return inputs.convert(function.python(*given), function.result or tt.NONE, function.short_name)

    def instance(self, held: ScriptObject) -> Any:
        """An object of the program as users see it."""
        wrap = torch_interop.from_numpy if torch_interop.torch() is not None else None
        return (ScriptModule if held.cls.kind == "module" else ScriptClassInstance)(held, self, wrap)


class Callable_(Inspectable):  # noqa: N801 - the name says what it is, and `Callable` is taken
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
        Inspectable.last_called = self
        recorded = self.entry is None and are_recorded(arguments, self.receiver)
        inputs = TorchInputs() if recorded else Inputs(self.default)
        inputs.wrap_object = self.interpreter.instance
        values = [self._converted(inputs, i, a) for i, a in enumerate(arguments)]
        if recorded:
            return inputs.give_back(self._run_generic(*values, call=self.interpreter.call_recording))
        table = self._table()
        if table is None or self._is_dynamic or _has_undefined_tensor(values, self.parameters):
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

    def _converted(self, inputs: Inputs, position: int, given: Any) -> Any:
        parameter = self.parameters[position]
        try:
            return inputs.convert(given, parameter.type, parameter.name)
        except MismatchError:
            inferred = (
                f"Inferred '{parameter.name}' to be of type 'Tensor' because it was not annotated with an "
                "explicit type.\n"
                if parameter.is_inferred
                else ""
            )
            raise ArgumentError(
                f"{self.function.short_name}() Expected a value of type '{parameter.type_text}' for argument "
                f"'{parameter.name}' but instead found type '{type(given).__name__}'.\n{inferred}"
                f"Position: {position}\nValue: {given!r:.300}\nDeclaration: {self.function.schema()}"
            ) from None

    def _run_generic(self, *values: Any, call: Callable[..., Any] | None = None) -> Any:
        receiver = () if self.receiver is None else (self.receiver,)
        return (call or self.interpreter.call)(self.function, *receiver, *values)

    @property
    def _is_dynamic(self) -> bool:
        """Whether a parameter may hold values of several types: no specialization describes those."""
        return any(p.type is tt.ANY or isinstance(p.type, tt.UnionType) for p in self.parameters)

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
    def unit(self) -> Unit:
        """The unit the function belongs to."""
        return self.interpreter.compiler.unit

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


def _has_undefined_tensor(values: Sequence[Any], parameters: Sequence[Parameter]) -> bool:
    return any(v is None and isinstance(p.type, TensorType) for v, p in zip(values, parameters, strict=True))


class ScriptFunction(Callable_, Saveable):
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

    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """What `save` writes."""
        return function_records(self.function, self.interpreter.compiler, extra_files)

    def __repr__(self) -> str:
        return f"<tsc.ScriptFunction {self.function.name}>"


class ScriptMethod(Callable_):
    """A method of a module."""

    def __repr__(self) -> str:
        return f"<tsc.ScriptMethod {self.function.name}>"


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

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._object.cls.attributes.get(name)
        if kind is None:
            raise AttributeError(f"'{self._object.cls.name}' object has no attribute '{name}'")
        self._object.attributes[name] = Inputs().convert(value, kind, name)

    def __repr__(self) -> str:
        return f"<tsc object of {self._object.cls.name}>"


class ScriptModule(InspectableModule, ModuleProtocol, Saveable):
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
        """Run ``forward``, between the module's hooks."""
        is_frozen = object.__getattribute__(self, "_frozen") is not None  # PyTorch's freezing drops them too
        if not is_frozen and any(hooks_of(self._object.cls)):
            return run_between_hooks(self._object.cls, self._method, arguments, keywords)
        return self._method("forward")(*arguments, **keywords)

    def _method(self, name: str) -> ScriptMethod:
        methods: dict[str, ScriptMethod] = object.__getattribute__(self, "_methods")
        if name not in methods:
            function = self._object.cls.methods.get(name)
            if function is None or not self._is_visible(name):
                raise AttributeError(f"'RecursiveScriptModule' object has no attribute '{name}'")
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
        if self._is_visible(name):
            if name in held.live:
                return held.live[name]
            if name in held.attributes:
                return self._wrap(held.attributes[name])
            if name in held.cls.constants:
                return held.cls.constants[name]
            if name in held.cls.properties:
                return self._method(held.cls.properties[name][0])()
            if name in held.cls.methods and held.cls.methods[name].kind == "script":
                return self._method(name)
            if held.python is not None and hasattr(held.python, name):
                return getattr(held.python, name)
        raise AttributeError(f"'RecursiveScriptModule' object has no attribute '{name}'")

    def _is_visible(self, name: str) -> bool:
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        return frozen is None or name in frozen.kept or name in frozen.methods

    def __setattr__(self, name: str, value: Any) -> None:
        cls = self._object.cls
        if name in cls.properties and cls.properties[name][1] is not None:
            self._method(str(cls.properties[name][1]))(value)
        elif name in cls.attributes:
            self.set_value(name, value)
        else:
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self._container())

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, name) for name in self._container()])

    def __getitem__(self, key: Any) -> Any:
        names = self._container()
        return getattr(self, names[key] if isinstance(key, int) else key)

    def __contains__(self, key: str) -> bool:
        return key in self._container()

    def _container(self) -> list[str]:
        names = self._object.cls.members.get("container")
        if names is None:
            raise TypeError(f"'{self.original_name}' is no container of modules")
        return names

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, ScriptObject) and value.cls.kind == "module":
            return self._around(value)
        inputs = Inputs(object.__getattribute__(self, "_default") or torch_interop.wrapper())
        inputs.wrap_object = self._interpreter.instance
        return inputs.give_back(value)

    def _around(self, held: ScriptObject) -> ScriptModule:
        made = ScriptModule(held, self._interpreter, object.__getattribute__(self, "_default"))
        if held.cls is self._object.cls:
            object.__setattr__(made, "_frozen", object.__getattribute__(self, "_frozen"))
        return made

    @property
    def original_name(self) -> str:
        """The name of the class."""
        return self._object.cls.name.rpartition(".")[2]

    @property
    def ir(self) -> StageTexts:
        """The IR of ``forward`` at each stage."""
        return self._method("forward").ir

    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """What `save` writes."""
        frozen: Frozen | None = object.__getattribute__(self, "_frozen")
        compiler = self._interpreter.compiler
        entries = None if frozen is None else frozen.entries(self._object.cls)
        return module_records(self._object, compiler, entries, extra_files)

    def __repr__(self) -> str:
        return f"<tsc.ScriptModule {self._object.cls.name}>"


class Frozen:
    """What `freeze` makes: the module at stage `frozen`, and the methods in it."""

    def __init__(self, module: ModuleOp, pool: ConstantPool, preserved: Sequence[str] = ()) -> None:
        self.module = module
        self.pool = pool
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self.methods = {name.rpartition(".")[2] for name in self.functions}
        self.kept = {
            op.attribute
            for function in self.functions.values()
            for op in function.walk()
            if isinstance(op, (PrimGetAttrOp, PrimSetAttrOp))
        } | set(preserved)

    def entries(self, cls: Class) -> dict[str, tuple[FuncOp, ConstantPool]]:
        """The methods of `cls` as they were frozen."""
        frozen = {n: self.functions.get(m.name) for n, m in cls.methods.items() if n in self.methods}
        return {name: (op, self.pool) for name, op in frozen.items() if op is not None}


def freeze_module(module: ScriptModule, preserved: Sequence[str]) -> ScriptModule:
    """A copy of `module` whose attributes are constants of its methods."""
    held, interpreter = module._object, module._interpreter  # pyright: ignore[reportPrivateUsage]
    held = copied(held, {}, lambda array: array)
    cls = held.cls
    for name in preserved:
        if name not in cls.methods and name not in cls.attributes and "." not in name:
            raise CompileError(f"Unknown name: {name}")
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
    object.__setattr__(made, "_frozen", Frozen(assembled, pool, preserved))
    return made
