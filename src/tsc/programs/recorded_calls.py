"""`RecordedCalls`: calls of a function whose gradients are recorded, by PyTorch or on a tape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from tsc.compiler.entry import Entry
from tsc.frontend.unit import Function, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.programs.frozen_runs import run_frozen
from tsc.programs.hints import hint_at_no_grad
from tsc.programs.interpreter import Interpreter
from tsc.programs.live_tensors import objects_below
from tsc.programs.recorded_natively import FIRST, NOT_NATIVE, NativeRecording, RecordedCall
from tsc.programs.torch_steps import TorchSteps
from tsc.runtime.graph import TABLE
from tsc.runtime.native_halves import NativeHalves
from tsc.runtime.noting import hold
from tsc.runtime.recording_gradients import TorchInputs
from tsc.runtime.tape import Tape
from tsc.runtime.taping import TapeOperators, taping
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs

BY_TORCH = "PyTorch's operators run: gradients are wanted, or something of PyTorch watches operators"
OFTEN = 20
"""How many calls on the tape are many for a module that is in eval mode."""
BY_TAPE = "gradients are wanted: Python runs, and notes what it computes"


class RecordedCalls:
    """The calls of one function."""

    def __init__(
        self, interpreter: Interpreter, function: Function, receiver: ScriptObject | None,
        native: NativeRecording,
    ) -> None:  # fmt: skip
        self._interpreter = interpreter
        self._function = function
        self._receiver = receiver
        self.native = native
        self._torch_steps = TorchSteps(interpreter, native)
        self._frozen: dict[bool, Callable[..., Any]] = {}
        self._taped = 0

    def run(
        self, inputs: Inputs, values: Sequence[Any], frozen: Entry | None, *, is_generic: bool = False
    ) -> Any:
        """Run the function, the `frozen` one where there is one, on converted arguments; what it gives is
        given back with what was recorded behind it. Where it `is_generic`, nothing is compiled for it.
        """
        if isinstance(inputs, TorchInputs):
            result = NOT_NATIVE if is_generic else self._torch_steps.run(inputs, values)
            if result is not NOT_NATIVE:
                return result
            with self._interpreter.torch_operators.lending.call():
                return inputs.give_back(self._runner(frozen, by_torch=True)(*values))
        if not is_generic:
            result = self.native.run_noted(inputs, values)
            if result is not NOT_NATIVE:
                return result
        self._taped += 1
        if self._taped == OFTEN and self._receiver is not None and frozen is None:
            hint_at_no_grad(self._receiver)
        with taping():
            result = self._runner(frozen, by_torch=False)(*values)
            inputs.settle()
            hold([tensor for tensor, _ in inputs.given])
            return inputs.give_back(result, self._function.result)

    def told(self, inputs: Inputs, values: Sequence[Any], *, is_generic: bool) -> NativeHalves | str:
        """What runs a further call with these values: native code, or why it is something else."""
        by_torch = isinstance(inputs, TorchInputs)
        found: RecordedCall | str = FIRST
        for _ in range(2 if not is_generic else 0):  # the first call of a kind compiles nothing
            found = self._torch_steps.find(values, []) if by_torch else self.native.find_noted(Tape(), values)
        if isinstance(found, RecordedCall):
            return found.halves
        reason = BY_TORCH if by_torch else BY_TAPE
        return reason if is_generic else f"{reason} ({found})"

    def _runner(self, frozen: Entry | None, *, by_torch: bool) -> Callable[..., Any]:
        interpreter = self._interpreter
        call = interpreter.call_recording if by_torch else interpreter.call
        if frozen is None:
            receiver = () if self._receiver is None else (self._receiver,)
            return partial(call, self._function, *receiver)
        if by_torch not in self._frozen:
            operators = interpreter.torch_operators if by_torch else TapeOperators()
            self._frozen[by_torch] = run_frozen(frozen, self._receiver, call, operators)
        return self._frozen[by_torch]


def are_noted(arguments: Sequence[Any], roots: Iterable[ScriptObject]) -> bool:
    """Whether a call is one for the tape: a tensor of ours among the arguments requires gradients, or there
    are such and a parameter of an object of `roots`, or below one, does. What is given arrays of NumPy alone
    gives those back, without gradients.
    """
    if not TABLE or not torch_interop.is_grad_enabled():
        return False
    found = {True: False, False: False}
    _look(arguments, found)
    if found[True]:
        return True
    return found[False] and any(has_trained(root) for root in roots)


def _look(value: object, found: dict[bool, bool]) -> None:
    """Note whether there are tensors that require gradients, and ones that do not."""
    if isinstance(value, Tensor):
        found[value.requires_grad] = True
    elif isinstance(value, (list, tuple)):
        for inner in cast("Sequence[object]", value):
            _look(inner, found)
    elif isinstance(value, dict):
        _look(list(cast("dict[object, object]", value).values()), found)


def has_trained(root: ScriptObject) -> bool:
    """Whether a parameter of ours behind an attribute of an object, or of one below, requires gradients."""
    return any(
        tensor.requires_grad and tensor is held.tensor(name)
        for held in objects_below(root)
        for name, tensor in held.own.items()
    )
