"""`ScriptFunction` and `ScriptMethod`: binding of arguments, and the choice of what runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import ref

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from tsc import pipeline
from tsc.analysis.operator_effects import changes_shapes
from tsc.archive.writer import Record, archive_bytes
from tsc.compiler.entry import Entry
from tsc.compiler.specialization import Specialization, compile_for, lowered
from tsc.concurrency import COMPILING, serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.torch_types import TensorType
from tsc.errors import ArgumentError, IRError, NotSupportedError
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import REQUIRED, Function, FunctionParameter, ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.interop.torch_functions import function_of_archive, is_traced
from tsc.options import options
from tsc.passes.lift_state import lift_state
from tsc.programs.inspecting import Inspectable, Saveable, StageTexts
from tsc.programs.interpreter import Interpreter
from tsc.programs.object_state import ObjectState
from tsc.programs.tensor_calls import TensorCalls
from tsc.runtime.generic import GenericFunction
from tsc.runtime.operators import Operators
from tsc.runtime.recording import RECORDER
from tsc.runtime.recording_gradients import TorchInputs, are_recorded
from tsc.runtime.specializations import Specializations
from tsc.runtime.values import ArgumentMismatchError, Inputs, Wrap, holds_device
from tsc.serialization.saving import function_records, module_records


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
        self.specializations: Specializations | None = None
        self._is_dynamic = _is_dynamic(function)
        self._frozen_recording: Callable[..., Any] | None = None
        self._fast: Callable[..., Any] = self._dispatch
        self._tensor_calls: TensorCalls | None = None
        self._state: ObjectState | None = None
        """The attributes that specializations take and give; None where there are none."""

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
        Inspectable.last_called = ref(self)
        if is_traced() and RECORDER.get() is None:
            return self._for_torch_trace()(*arguments)
        recorded = are_recorded(arguments, None if self._is_frozen else self.receiver)
        inputs = TorchInputs() if recorded else Inputs(self.default)
        inputs.wrap_object = self.interpreter.instance
        inputs.class_named = self.interpreter.compiler.unit.class_named
        values = [self._converted(inputs, i, a) for i, a in enumerate(arguments)]
        if recorded:
            return self._run_recording(inputs, values)
        table = self._table()
        if table is None or self._is_dynamic or _has_undefined_tensor(values, self.parameters):
            result = self._run_generic(*values)
            inputs.settle()
            return inputs.give_back(result, self.function.result)
        before = len(table.table)
        result = table.run(values, inputs)
        if len(table.table) != before:
            self._choose_fast_path(table, arguments)
        return result

    def _run_recording(self, inputs: Inputs, values: Sequence[Any]) -> Any:
        with self.interpreter.torch_operators.lending.call():
            return inputs.give_back(self._recording()(*values))

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

    def _recording(self) -> Callable[..., Any]:
        """What runs on PyTorch's tensors and operators: the frozen function, where there is one."""
        if self.entry is None or not self._is_frozen:
            return partial(self._run_generic, call=self.interpreter.call_recording)
        if self._frozen_recording is None:
            self._frozen_recording = self._run_frozen(
                self.entry, self.interpreter.call_recording, self.interpreter.torch_operators
            )
        return self._frozen_recording

    def _choose_fast_path(self, table: Specializations, arguments: Sequence[Any]) -> None:
        """Calls go straight to native code, with tensors of PyTorch as with arrays; what that does not take
        comes to `_dispatch`.
        """
        newest: Specialization | None = list(table.table.values())[-1]
        if newest is not None and newest.code is not None and any(map(torch_interop.is_tensor, arguments)):
            calls = self._tensor_calls or TensorCalls(self._dispatch, self.unit, self._state)
            if calls.add(newest, arguments):
                self._tensor_calls = self._fast = calls
            return
        tensors_only = self.default is None or newest is None or newest.native is None
        tensors_only &= table.is_stateless
        if newest is not None and newest.native is not None and tensors_only:
            self._fast = newest.native

    def _converted(self, inputs: Inputs, position: int, given: Any) -> Any:
        parameter = self.parameters[position]
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

    def _run_generic(self, *values: Any, call: Callable[..., Any] | None = None) -> Any:
        receiver = () if self.receiver is None else (self.receiver,)
        return (call or self.interpreter.call)(self.function, *receiver, *values)

    # --- specialization ---

    def _table(self) -> Specializations | None:
        if self.specializations is None and (self.entry is not None or self.receiver is None):
            self._make_table()
        return self.specializations

    @serialized
    def _make_table(self) -> None:
        entry = self._entry()
        if self.specializations is None and entry is not None:
            generic = self._run_frozen(entry, self.interpreter.call, Operators())
            lifted = self._lifted(entry)
            if lifted is None:
                self.specializations = Specializations(
                    partial(self._compile, entry), generic, self.function.name
                )
                return
            state = self._state = ObjectState(self._receiver, lifted.function)
            self.specializations = Specializations(
                partial(self._compile, lifted) if state.is_distinct else _compile_nothing,
                generic,
                self.function.name,
                state,
                self._run_frozen(lifted, self.interpreter.call, Operators()),
            )

    @property
    def _receiver(self) -> ScriptObject:
        assert self.receiver is not None
        return self.receiver

    def _lifted(self, entry: Entry) -> Entry | None:
        """`entry` with the attributes it still reads as arguments; None where there are none, or it must stay
        as it is.
        """
        arguments = entry.function.body.block.args
        if self.receiver is None or len(arguments) == len(self.parameters):
            return None
        module = entry.alone()
        lifted = replace(entry, module=module)
        return lifted if lift_state(lifted.function) is None else None

    @serialized
    def _entry(self) -> Entry | None:
        """The function at stage `frozen`; None for a method of a module that is not frozen."""
        if self.entry is None and self.receiver is None:
            pool = ConstantPool()
            module = assemble(self.interpreter.compiler.unit, pool, [self.function], None)
            pipeline.lower(make_context(pool), module, stop_after="frozen")
            fuses = options().is_contraction_fusion_enabled
            self.entry = Entry(
                module, self.function.name, pool, self.interpreter.compiler.unit, fuses_contractions=fuses
            )
        return self.entry

    def _run_frozen(self, entry: Entry, call: Callable[..., Any], operators: Operators) -> Callable[..., Any]:
        made: list[GenericFunction] = []

        def run(*values: Any) -> Any:
            if not made:
                with COMPILING:
                    made.append(
                        GenericFunction(entry.function, entry.pool, entry.unit, call, operators=operators)
                    )
            takes_self = len(entry.function.body.block.args) > len(values)
            return made[0](self.receiver, *values) if takes_self else made[0](*values)

        return run

    def _compile(
        self, entry: Entry, key: Sequence[str], arrays: Sequence[np.ndarray[Any, Any]]
    ) -> Specialization | None:
        if len(entry.function.body.block.args) != len(key):
            return None  # it still reads attributes of self
        if changes_shapes(entry.function):
            return None  # the shapes it is called with do not hold throughout
        return compile_for(entry, key, self._dispatch, self.interpreter.call, arrays)

    # --- looking ---

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.function.short_name

    @property
    def unit(self) -> Unit:
        """The unit the function belongs to."""
        return self.interpreter.compiler.unit

    @property
    def ir(self) -> StageTexts:
        """The IR at each stage; from `value` on, for the shapes compiled last."""
        return StageTexts(self)

    @serialized
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
        return lowered(self._lifted(entry) or entry, list(self.specializations.table)[-1], stage)

    @property
    def last(self) -> Specialization | None:
        """The specialization compiled last."""
        table = self.specializations.table if self.specializations is not None else {}
        return list(table.values())[-1] if table else None


def _compile_nothing(key: Sequence[str], arrays: Sequence[np.ndarray[Any, Any]]) -> None:
    """No specialization: every call runs in the generic tier."""


def _is_dynamic(function: Function) -> bool:
    """Whether a parameter may hold values of several types, or the result devices: no specialization
    describes those.
    """
    varies = any(p.type is tt.ANY or isinstance(p.type, tt.UnionType) for p in function.parameters)
    return varies or (function.result is not None and holds_device(function.result))


def _has_undefined_tensor(values: Sequence[Any], parameters: Sequence[FunctionParameter]) -> bool:
    return any(v is None and isinstance(p.type, TensorType) for v, p in zip(values, parameters, strict=True))


class ScriptFunction(BoundFunction, Saveable):
    """A compiled function."""

    def __init__(self, interpreter: Interpreter, function: Function, default: Wrap | None = None) -> None:
        interpreter.compiler.compile(function)
        super().__init__(interpreter, function, None, default)
        self.__name__ = function.short_name
        self.__doc__ = getattr(function.python, "__doc__", None)

    @property
    def __tsc_function__(self) -> Function:
        return self.function

    @serialized
    def records(self, extra_files: dict[str, Any] | None = None) -> list[Record]:
        """What `save` writes."""
        return function_records(self.function, self.interpreter.compiler, extra_files)

    def __repr__(self) -> str:
        return f"<tsc.ScriptFunction {self.function.name}>"


class ScriptMethod(BoundFunction):
    """A method of a module."""

    def __repr__(self) -> str:
        return f"<tsc.ScriptMethod {self.function.name}>"
