"""Calls whose gradients PyTorch records, as one step each: native halves where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tsc.dtypes import Array
from tsc.errors import UnsuitedError
from tsc.interop import torch as torch_interop
from tsc.interop.torch_autograd import (
    apply_step,
    are_saves_watched,
    has_own_class,
    increment_version,
    is_plain,
)
from tsc.interop.torch_watching import watching_test
from tsc.narrowing import is_array
from tsc.options import options
from tsc.programs.frozen_runs import Run, run_frozen
from tsc.programs.interpreter import Interpreter
from tsc.programs.recorded_natively import NOT_NATIVE, NativeRecording, RecordedCall
from tsc.programs.version import Version
from tsc.runtime.descriptions import flatten
from tsc.runtime.native_halves import Forwarded
from tsc.runtime.values import Inputs, mapped


class TorchSteps:
    """The calls of one function with PyTorch's tensors."""

    def __init__(self, interpreter: Interpreter, native: NativeRecording) -> None:
        self._interpreter = interpreter
        self._native = native
        self._runs: dict[int, tuple[Version, Run]] = {}

    def run(self, inputs: Inputs, values: Sequence[Any]) -> Any:
        """Run on values with PyTorch's tensors in them; `NOT_NATIVE` where PyTorch's operators are to."""
        given: list[Any] = []
        call = self.find(values, given)
        if isinstance(call, str):
            return NOT_NATIVE
        tensors = [tensor for tensor in given if tensor is not None]
        step = TorchStep(self, call, [n for n, tensor in enumerate(given) if tensor is not None])
        try:
            flowing = apply_step(step, tensors)
        except UnsuitedError:
            return NOT_NATIVE
        return inputs.give_back(step.result(flowing, tensors))

    def find(self, values: Sequence[Any], given: list[Any]) -> RecordedCall | str:
        """What there is for a call with these values, or why there is nothing. The tensor of each array, or
        None where there is none, is appended to `given`.
        """
        if watching_test()() or are_saves_watched() or not torch_interop.is_grad_enabled():
            return "something of PyTorch watches operators"
        shown = [mapped(value, lambda leaf: _shown(leaf, given)) for value in values]
        if any(tensor is None for tensor in given):
            return "a tensor is not one of PyTorch's own in the memory of the CPU"
        only_faster = options().native_gradients != "always"
        call = self._native.find(shown, partial(_add_attributes, given), only_faster=only_faster)
        if isinstance(call, str):
            return call
        is_plain = len(given) == len(call.arrays) and all(t is None or has_own_class(t) for t in given)
        return call if is_plain else "a parameter is of a class of its own"

    def run_again(self, call: RecordedCall, tensors: Sequence[Any]) -> Any:
        """The function by PyTorch's operators; what it writes to, and assigns, is of no interest."""
        operators = self._interpreter.torch_operators
        found = self._runs.get(id(call.version))
        if found is None:
            run = run_frozen(call.version.specialized, None, self._interpreter.call_recording, operators)
            found = self._runs[id(call.version)] = call.version, run
        with operators.lending.call():
            return found[1](*call.values_over(tensors))


@dataclass(eq=False)
class TorchStep:
    """One call: what PyTorch's autograd is told of."""

    steps: TorchSteps
    call: RecordedCall
    numbers: Sequence[int]
    """Of each tensor that PyTorch knows, which array it is."""
    made: Forwarded | None = field(default=None, init=False)

    def forward(self) -> tuple[Sequence[Array], Sequence[Array]]:
        """Call the forward half."""
        self.made = made = self.call.halves.run_forward(self.call.arrays, lambda _: None)
        return made.flowing, made.saved

    def result(self, flowing: Sequence[Any], tensors: Sequence[Any]) -> Any:
        """The result of the program, with tensors of PyTorch; what gradients flow from is `flowing`."""
        assert self.made is not None
        written = self.call.halves.forward.form.written
        for number, tensor in zip(self.numbers, tensors, strict=True):
            if number in written:
                increment_version(tensor)
        known = {id(array): tensor for array, tensor in zip(self.made.flowing, flowing, strict=True)}
        whole = self.call.result_of(self.made.result)
        self.made = Forwarded(self.made.arrays, None, (), ())

        def tensor_of(leaf: Any) -> Any:
            if not is_array(leaf):
                return leaf
            if id(leaf) not in known:
                known[id(leaf)] = torch_interop.from_numpy(leaf)
            return known[id(leaf)]

        return mapped(whole, tensor_of)

    def reads(self, given: Sequence[bool] | None = None) -> frozenset[int]:
        """The tensors that the backward half reads."""
        halves = self.call.halves
        half = halves.backward_half((True,) * len(halves.places) if given is None else tuple(given))
        read = set(half.reads)
        return frozenset(place for place, number in enumerate(self.numbers) if number in read)

    @property
    def shared(self) -> Sequence[int]:
        """The results that have memory of what is saved."""
        return self.call.halves.shared

    def backward(
        self, arrays: Sequence[Array | None], gradients: Sequence[Array | None], saved: Sequence[Array]
    ) -> Sequence[tuple[int, Array]]:
        """Call the backward half."""
        every: list[Array | None] = list(self._arrays())
        for number, array in zip(self.numbers, arrays, strict=True):
            every[number] = every[number] if array is None else array
        places = {number: place for place, number in enumerate(self.numbers)}
        found = self.call.halves.run_backward(every, gradients, saved)
        return [(places[number], gradient) for number, gradient in found]

    def run_again(self, tensors: Sequence[Any]) -> Sequence[Any]:
        """The results that gradients flow from, computed by PyTorch's operators."""
        written = self.call.halves.forward.form.written
        every = [
            torch_interop.from_numpy(array.copy() if number in written else array)
            for number, array in enumerate(self._arrays())
        ]
        for number, tensor in zip(self.numbers, tensors, strict=True):
            every[number] = every[number] if number in written else tensor
        held: list[Any] = []
        mapped(self.steps.run_again(self.call, every), held.append)
        results = [value for value in held if torch_interop.is_tensor(value)]
        return [results[place] for place in self.call.halves.places]

    def _arrays(self) -> Sequence[Array]:
        """The arrays of the call: copies of what was written."""
        assert self.made is not None
        return self.made.arrays


def _shown(leaf: Any, given: list[Any]) -> Any:
    """The array of one of PyTorch's tensors, which is noted; None is, of one that is no plain one."""
    if not torch_interop.is_tensor(leaf):
        return leaf
    if not is_plain(leaf):
        given.append(None)
        return leaf
    given.append(leaf)
    return torch_interop.to_numpy(leaf)


def _add_attributes(given: list[Any], version: Version, attributes: Sequence[Any]) -> list[int]:
    """Add to the tensors that are given those behind attributes, in the order of arrays; None stands for an
    array with none behind it. The numbers of those that require gradients.
    """
    for (held, name), value in zip(
        () if version.state is None else version.state.taken, attributes, strict=True
    ):
        live = held.live.get(name)
        given += [live] if live is not None else [None] * len(flatten([value]))
    return [number for number, tensor in enumerate(given) if tensor is not None and tensor.requires_grad]
