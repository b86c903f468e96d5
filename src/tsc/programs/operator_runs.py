"""A function into what each of its operators gives, run in turn by tsc's operators or by PyTorch's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from xdsl.ir import Operation, SSAValue

from tsc.compiler.fusion_report import operator_name
from tsc.dialects.schema import Schema
from tsc.dialects.torch_ops import PrimGetAttrOp
from tsc.errors import OPERATOR_FAILURES, SourceRange
from tsc.frontend.unit import ScriptObject
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array
from tsc.programs.script_functions import BoundFunction
from tsc.runtime.exceptions import places_of
from tsc.runtime.generators import seed_defaults
from tsc.runtime.generic import GenericFunction
from tsc.runtime.operators import Operators
from tsc.runtime.recording_gradients import TorchInputs
from tsc.runtime.values import mapped


@dataclass(frozen=True)
class OperatorResult:
    """What a call of an operator gave."""

    operator: str
    """``aten::add.Tensor``."""
    places: tuple[SourceRange, ...]
    """Where it is in the program, and below it the calls that led there, innermost first."""
    reads: tuple[str, ...]
    """The attributes that it reads: ``self.conv.weight``."""
    value: Any
    """Arrays (copies) for tensors."""


@dataclass(frozen=True)
class OperatorRun:
    """A run of a function."""

    operators: list[OperatorResult]
    """In the order in which they ran."""
    result: Any
    error: str | None
    """What it raised."""


def operator_run(
    function: BoundFunction, arguments: Sequence[Any], seed: int, *, by_torch: bool = False
) -> OperatorRun:
    """Run `function`, all calls inlined, and keep what operators give; `by_torch` runs PyTorch's, which must
    be imported. Generators of random numbers begin with `seed`.
    """
    program, pool = function.inlined()
    interpreter = function.interpreter
    inner = interpreter.torch_operators if by_torch else Operators()
    call = interpreter.call_recording if by_torch else interpreter.call
    recorder = _Recorder(inner, function.name)
    generic = GenericFunction(program, pool, function.unit, call, operators=recorder)
    recorder.origins = generic.origins
    receiver = () if function.receiver is None else (function.receiver,)
    values = _as_torch(function, arguments) if by_torch else function.values_of(arguments)
    seed_defaults(seed)
    lent = interpreter.torch_operators.lending.call() if by_torch else nullcontext()
    try:
        with lent:
            result = generic(*receiver, *values)
    except OPERATOR_FAILURES as error:
        return OperatorRun(recorder.seen, None, str(error).strip().splitlines()[-1])
    return OperatorRun(recorder.seen, mapped(result, _kept), None)


def _as_torch(function: BoundFunction, arguments: Sequence[Any]) -> list[Any]:
    inputs = TorchInputs()
    inputs.class_named = function.unit.class_named
    pairs = zip(function.values_of(arguments), function.parameters, strict=True)
    return [inputs.convert(value, parameter.type, parameter.name) for value, parameter in pairs]


def _kept(value: Any) -> Any:
    """A value as it is now."""
    if torch_interop.is_tensor(value):
        value = torch_interop.to_numpy(value)
    return np.array(value, order="K") if is_array(value) else value


@dataclass(eq=False)
class _Recorder(Operators):
    """Operators that keep what they give."""

    inner: Operators
    name: str
    seen: list[OperatorResult] = field(default_factory=list[OperatorResult])
    origins: dict[int, Operation] = field(default_factory=dict[int, Operation])
    """Operations by their lines in the generated Python."""

    def __post_init__(self) -> None:
        self.call_python, self.fork = self.inner.call_python, self.inner.fork

    def find(self, schema: Schema) -> Callable[..., Any] | None:
        """What runs an operator and notes it."""
        run = self.inner.find(schema)
        if run is None:
            return None

        def recorded(*operands: object) -> Any:
            result = run(*operands)
            own = inspect.currentframe()
            if own is not None and own.f_back is not None:  # there are frames in CPython
                self._note(self.origins[own.f_back.f_lineno], result)
            return result

        return recorded

    def _note(self, op: Operation, result: object) -> None:
        reads = (_attribute(operand) for operand in op.operands)
        self.seen.append(
            OperatorResult(
                operator_name(op),
                tuple(places_of(op.location, self.name)),
                tuple(path for path in reads if path is not None),
                mapped(result, _kept),
            )
        )

    def python(self, schema: Schema) -> None:
        """All operators are called."""

    def attribute(self, held: str, name: str) -> None:
        """Attributes are read by a call, as `inner` reads them."""

    def literal(self, array: np.ndarray[Any, Any]) -> Any:
        """A constant."""
        return self.inner.literal(array)

    def read(self, held: ScriptObject, name: str) -> Any:
        """An attribute of an object."""
        return self.inner.read(held, name)

    def write(self, held: ScriptObject, name: str, value: object) -> None:
        """Set an attribute of an object."""
        self.inner.write(held, name, value)


def _attribute(value: SSAValue) -> str | None:
    """``self.conv.weight`` where a value is an attribute read by such a path."""
    names: list[str] = []
    while isinstance(value.owner, PrimGetAttrOp):
        names.append(value.owner.attribute)
        value = cast("Operation", value.owner).operands[0]
    return ".".join(["self", *reversed(names)]) if names else None
