"""`ScriptFunction` and `ScriptMethod`: binding of arguments, and the choice of what runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp

from tsc import pipeline
from tsc.analysis.target import Target
from tsc.archive.writer import Record, archive_bytes
from tsc.compiler.entry import Entry
from tsc.compiler.specialization import Specialization, lowered
from tsc.concurrency import serialized
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import ArgumentError, IRError, NotSupportedError, TscError
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import REQUIRED, Function, FunctionParameter, ScriptObject, Unit
from tsc.interop.torch_functions import function_of_archive, is_traced
from tsc.options import options
from tsc.programs.argument_errors import missing_argument, surplus_arguments, surplus_keyword
from tsc.programs.explaining import Explanation, explain_generic, explain_halves, explain_version
from tsc.programs.input_hints import hint_at_inputs
from tsc.programs.inspecting import Inspectable, Saveable
from tsc.programs.interpreter import Interpreter
from tsc.programs.live_tensors import refresh_below
from tsc.programs.making import PYTHON_ALONE
from tsc.programs.recorded_calls import RecordedCalls, are_noted
from tsc.programs.recorded_natively import NativeRecording
from tsc.programs.short_ways import ShortWays
from tsc.programs.specialization_table import SpecializationTable, specialization_table
from tsc.programs.tensor_kinds import TensorKind
from tsc.programs.unspecialized import has_undefined_tensor, is_dynamic
from tsc.programs.version import Version
from tsc.programs.versions import Versions
from tsc.runtime.last_called import LastCalled
from tsc.runtime.native_halves import NativeHalves
from tsc.runtime.plain_values import UNLIKE, copier_of, copies_of, plain_call
from tsc.runtime.recording import RECORDER
from tsc.runtime.recording_gradients import TorchInputs, are_recorded
from tsc.runtime.specializations import Specializations
from tsc.runtime.values import ArgumentMismatchError, Inputs, Wrap
from tsc.serialization.saving import function_records, module_records
from tsc.tracebacks import shorten


class BoundFunction(Inspectable):
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
        self.parameters: Sequence[FunctionParameter] = function.parameters
        self._is_dynamic = is_dynamic(function)
        self._copiers = [copier_of(parameter.type) for parameter in function.parameters]
        self._fast: Callable[..., Any] = self._dispatch
        self.on_specialized: Callable[[Sequence[Any]], None] | None = None
        """Is told the arguments for which a specialization was added."""
        self._versions = Versions(interpreter, function, receiver, self._dispatch)
        self._ways = ShortWays(self._dispatch, interpreter.instance)
        native = NativeRecording(self._version, interpreter.call)
        self._recorded = RecordedCalls(interpreter, function, receiver, native)

    # --- calling ---

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Run on arguments of any supported kind of tensor; results come back in the same kind."""
        try:
            if keywords or len(arguments) != len(self.parameters):
                arguments = tuple(self._positional(arguments, keywords))
            return self._fast(*arguments)
        except TscError as error:
            hint_at_inputs(error, self.parameters, arguments)
            shorten(error)
            raise

    def call_slowly(self, *arguments: object) -> Any:
        """Run with all checks in Python: where native code sends calls that it is not for."""
        return self._dispatch(*arguments)

    def _positional(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> list[Any]:
        bound = list(arguments)
        rest = dict(keywords)
        for parameter in self.parameters[len(bound) :]:
            if parameter.name in rest:
                bound.append(rest.pop(parameter.name))
            elif parameter.default is not REQUIRED:
                bound.append(parameter.default)
            else:
                raise ArgumentError(missing_argument(self.function, parameter.name))
        if rest:
            raise ArgumentError(surplus_keyword(self.function, next(iter(rest))))
        return bound

    def _complete(self, arguments: Sequence[Any]) -> Sequence[Any]:
        """A value for each parameter."""
        expected = len(self.parameters)
        if len(arguments) > expected:
            raise ArgumentError(surplus_arguments(self.function, len(arguments)))
        return self._positional(arguments, {}) if len(arguments) < expected else arguments

    def _values(self, arguments: Sequence[Any]) -> tuple[Inputs, list[Any]]:
        """What was converted, and the values; by `TorchInputs` where PyTorch's operators are to run."""
        values = copies_of(arguments, self._copiers)
        others = [a for a, value in zip(arguments, values, strict=True) if value is UNLIKE]
        trained = None if self._is_frozen else self.receiver
        recorded = are_recorded(others, trained)
        inputs = TorchInputs() if recorded else Inputs(self.default)
        inputs.is_noted = not recorded and are_noted(others, () if trained is None else (trained,))
        inputs.plain_result = copier_of(self.function.result)
        inputs.wrap_object = self.interpreter.instance
        inputs.class_named = self.interpreter.compiler.unit.class_named
        for position, value in enumerate(values):
            if value is UNLIKE:
                values[position] = self._converted(inputs, position, arguments[position])
        if self._is_live and not recorded:
            refresh_below(cast("ScriptObject", self.receiver))
        return inputs, values

    def _dispatch(self, *arguments: object) -> Any:
        arguments = tuple(self._complete(arguments))
        LastCalled.note(self)
        if is_traced() and RECORDER.get() is None:
            return self._for_torch_trace()(*arguments)
        inputs, values = self._values(arguments)
        is_generic = inputs.is_sharing or self._why_special(values) is not None
        if inputs.is_noted or isinstance(inputs, TorchInputs):
            entry = self.entry if self._is_frozen else None
            return self._recorded.run(inputs, values, entry, is_generic=is_generic)
        version = None if is_generic else self._version(values)
        if version is None:
            result = self._run_generic(*values)
            inputs.settle()
            return inputs.give_back(result, self.function.result)
        if version.refusal is PYTHON_ALONE:
            run = version.specializations.run_values
            self._fast = plain_call(run, self._copiers, inputs.give_back, self._dispatch)
        before = len(version.specializations.table)
        result = version.specializations.run(values, inputs)
        if len(version.specializations.table) != before:
            self.choose_fast_path(version, arguments)
            if self.on_specialized is not None:
                self.on_specialized(arguments)
        elif (kind := self._kind_of(arguments)) is not None:
            self._fast = self._ways.to_any(version, kind, arguments)
        return result

    def _why_special(self, values: Sequence[Any]) -> str | None:
        """Why nothing is ever compiled for these values."""
        if self._is_dynamic:
            return "a parameter takes values of several types, or the result has devices"
        if has_undefined_tensor(values, self.parameters):
            return "an argument that should be a tensor is None"
        return None

    def _for_torch_trace(self) -> Callable[..., Any]:
        """The function in PyTorch's TorchScript: ``torch.jit.trace`` records a call of it.

        Raises:
            NotSupportedError: a module in training, whose attributes are no constants.
        """
        if self.receiver is not None and self.receiver.attributes.get("training"):
            raise NotSupportedError(
                "torch.jit.trace: requires script modules of tsc in eval mode; got one in training mode. "
                "Call eval() first, or trace the module it was made of"
            )
        return function_of_archive(archive_bytes(self._own_records(), "archive"), self._archived_name)

    @property
    def _archived_name(self) -> str:
        return "forward" if self.receiver is None else self.function.short_name

    def _own_records(self) -> list[Record]:
        """An archive with this function or method alone."""
        compiler = self.interpreter.compiler
        if self.receiver is None:
            return function_records(self.function, compiler, None)
        frozen = None
        if self.entry is not None:
            frozen = {self._archived_name: (self.entry.function, self.entry.pool)}
        return module_records(self.receiver, compiler, frozen, None)

    @property
    def _is_frozen(self) -> bool:
        """Whether this is a method of a frozen module: its parameters are constants."""
        return self.entry is not None and self.receiver is not None

    def choose_fast_path(self, version: Version, arguments: Sequence[Any]) -> None:
        """Let calls like this one go straight to the specialization that was added for it."""
        kind = self._kind_of(arguments)
        if kind is not None:
            self._fast = self._ways.to_newest(version, kind, arguments)

    def _kind_of(self, arguments: Sequence[Any]) -> TensorKind | None:
        """The kind of tensors that calls with such arguments take and give."""
        return TensorKind.of(arguments) or TensorKind.made_by(self.default)

    def _converted(self, inputs: Inputs, position: int, given: object) -> Any:
        parameter = self.parameters[position]
        if parameter.broadcast_size is not None and isinstance(given, (int, float)):
            given = [given] * parameter.broadcast_size
        try:
            return inputs.convert(given, parameter.type, parameter.name)
        except ArgumentMismatchError:
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

    def _run_generic(self, *values: object) -> Any:
        inlined = self._versions.inlined(values) if self._is_live else None
        if inlined is not None:
            return inlined(*values)
        receiver = () if self.receiver is None else (self.receiver,)
        return self.interpreter.call(self.function, *receiver, *values)

    # --- versions ---

    def _version(self, values: Sequence[Any]) -> Version | None:
        """What there is compiled for these arguments, or is to be; None: the generic tier runs."""
        if self._is_live:
            return self._versions.live(values)
        return self._versions.frozen(values) or self._versions.only(self._entry(), values)

    @property
    def _is_live(self) -> bool:
        """Whether this is a method of an object whose attributes may change."""
        return self.entry is None and self.receiver is not None

    @serialized
    def _entry(self) -> Entry:
        """The function or frozen method at stage `frozen`."""
        if self.entry is None:
            pool = ConstantPool()
            module = assemble(self.unit, pool, [self.function], None)
            pipeline.lower(make_context(pool), module, stop_after="frozen")
            fuses = options().is_contraction_fusion_enabled
            self.entry = Entry(module, self.function.name, pool, self.unit, fuses_contractions=fuses)
        return self.entry

    def frozen_version(self) -> Version:
        """The one version of a function or frozen method."""
        return self._versions.only(self._entry())

    def values_of(self, arguments: Sequence[Any]) -> list[Any]:
        """Arguments as the program has them, defaults included."""
        return self._values(self._complete(arguments))[1]

    # --- looking ---

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.short_name

    @property
    def unit(self) -> Unit:
        """The unit the function belongs to."""
        return self.interpreter.compiler.unit

    @serialized
    def program_at(self, stage: str, target: Target | None = None) -> tuple[ModuleOp, ConstantPool]:
        """The module at a stage, scheduled for a machine (this one, where none is given), and its constants.

        Raises:
            IRError: the stage does not exist, or needs shapes and nothing was compiled yet.
        """
        if stage not in pipeline.STAGE_NAMES:
            raise IRError(f"no stage {stage!r}; stages are {', '.join(pipeline.STAGE_NAMES)}")
        if stage == "torch":
            pool = ConstantPool()
            return assemble(self.interpreter.compiler.unit, pool, [self.function], self.receiver), pool
        version = self._versions.newest
        if version is None and self._is_live:
            text = (
                "compiled (by further calls with arguments of the same shapes) or frozen; got one that is not"
            )
            raise IRError(f"stage {stage!r} requires a module that is {text}")
        if stage == "frozen":
            entry = self._entry() if version is None else version.entry
            return entry.alone(), entry.pool
        if version is None or not version.specializations.table:
            raise IRError(f"stage {stage!r} requires shapes: call it first")
        key, found = list(version.specializations.table.items())[-1]
        is_whole = found is not None and found.compilation.is_whole
        sizes, symbolic = None, None if found is None else found.symbolic
        if symbolic is not None:
            key, is_whole, sizes = symbolic.key, True, symbolic.sizes.again()
        entry = version.specialized
        return lowered(entry, key, stage, is_whole=is_whole, sizes=sizes, target=target), entry.pool

    @serialized
    def specializations(self) -> SpecializationTable:
        """What the function was compiled for, and what became of it: see `SpecializationInfo`."""
        names = [parameter.name for parameter in self.parameters]
        return specialization_table(self.name, names, self._versions)

    @serialized
    def explain(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> Explanation:
        """What of a call with these arguments is native, and why the rest is not: see `tsc.explain`."""
        inputs, values = self._values(self._complete(self._positional(arguments, keywords)))
        program, _ = self.inlined()
        reason = self._why_special(values)
        if inputs.is_noted or isinstance(inputs, TorchInputs):
            told = self._recorded.told(inputs, values, is_generic=inputs.is_sharing or reason is not None)
            if isinstance(told, NativeHalves):
                return explain_halves(self.name, program, told.kernels)
            reason = told
        if reason is None and self._is_live and cast("ScriptObject", self.receiver).cls.kind != "module":
            reason = "it is a method of an object that is no module"
        if reason is not None:
            return explain_generic(self.name, program, reason)
        found = self._versions.apart(values) if self._is_live else self._versions.only(self._entry(), values)
        if isinstance(found, str):
            return explain_generic(self.name, program, found)
        names = [parameter.name for parameter in self.parameters]
        return explain_version(self.name, names, program, self._versions, found, values)

    @property
    def versions(self) -> Versions:
        """What the function is compiled as."""
        return self._versions

    @property
    def compiled(self) -> Specializations | None:
        """The specializations of what was compiled last."""
        version = self._versions.newest
        return None if version is None else version.specializations

    @property
    def last(self) -> Specialization | None:
        """The specialization compiled last."""
        table = self.compiled.table if self.compiled is not None else {}
        return list(table.values())[-1] if table else None


class ScriptFunction(BoundFunction, Saveable):
    """A compiled function."""

    def __init__(self, interpreter: Interpreter, function: Function, default: Wrap | None = None) -> None:
        interpreter.compiler.compile(function)
        super().__init__(interpreter, function, None, default)
        self.__name__ = function.short_name
        self.__doc__ = getattr(function.python, "__doc__", None)

    @property
    def qualified_name(self) -> str:
        """What the program calls the function: ``__torch__.``, its module, its name."""
        return self.function.name

    @property
    def __tsc_function__(self) -> Function:
        return self.function

    @serialized
    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """What `save` writes."""
        return function_records(self.function, self.interpreter.compiler, extra_files)


class ScriptMethod(BoundFunction):
    """A method of a module."""
