"""What all texts of calls have in common: who is called otherwise, and which calls are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.frontend.unit import ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.programs.call_text import CallText, Matching, array_name
from tsc.programs.live_tensors import any_trained
from tsc.programs.object_state import ObjectState
from tsc.programs.recorded_calls import are_noted
from tsc.programs.tensor_kinds import TensorKind
from tsc.programs.version import Version
from tsc.runtime.graph import TABLE
from tsc.runtime.tensor import Tensor

Run = Callable[..., Any]


@dataclass(frozen=True)
class CallWriter:
    """Writes functions that are called with tensors of a kind, in the place of `dispatch`."""

    kind: TensorKind
    dispatch: Run
    version: Version

    @property
    def unit(self) -> Unit:
        """The unit of the function that is called."""
        return self.version.entry.unit

    def refuse(self, text: CallText, dispatch: str) -> None:
        """Let calls go the long way that do whatever their arguments are: something watches, or a live module
        is not as it was compiled, or gradients are wanted of it.
        """
        for test in self._refusals(text):
            text.write(f"if {test}:")
            text.write(dispatch, 2)

    def _refusals(self, text: CallText) -> list[str]:
        """The tests for calls that go the long way whatever their arguments are."""
        state, guard = self.version.state, self.version.guard
        tests: list[str] = []
        if self.kind.is_watched is not None:
            tests.append(f"{text.hold(self.kind.is_watched)}()")
        if self.kind.tensor is Tensor:  # of ours that may ask for gradients
            roots = () if guard is None else self._objects()
            tests.append(f"{text.hold(TABLE)} and {text.hold(are_noted)}(arguments, {text.hold(roots)})")
        if self.version.sames is not None:
            tests += self.version.sames.tests("arguments")
        if guard is None:
            return tests
        if state is not None and state.holders:  # parameters of PyTorch may ask for gradients
            wanted, trained = text.hold(torch_interop.is_grad_enabled), text.hold(any_trained)
            tests.append(
                f"({any_live(text, state)}) and {wanted}() and {trained}({text.hold(state.holders)})"
            )
        held = [
            f"{text.hold(attributes)}.get({name!r}) is not {text.hold(value)}"
            for attributes, name, value in guard.held
        ]
        if held:
            tests.append(f"({' or '.join(held)}) and not {text.hold(guard.holds)}()")
        return tests

    def _objects(self) -> Sequence[ScriptObject]:
        """The objects whose attributes the function reads."""
        receiver, state = self.version.in_parts.receiver, self.version.state
        return (receiver,) if receiver is not None else () if state is None else tuple(state.holders)

    def convert(self, text: CallText, matched: Matching, array_of: Run | None, dispatch: str) -> None:
        """Make arrays of the tensors that were given, and of the varying numbers."""
        tensors = matched.tensors_alone
        for name in matched.numbers:
            text.write(f"{array_name(name)} = {text.hold(np.asarray)}({name})")
        if array_of is None or not tensors:
            for name in tensors:
                text.write(f"{array_name(name)} = {name}")
            return
        text.write("try:")
        for name in tensors:
            text.write(f"{array_name(name)} = {text.hold(array_of)}({name})", 2)
        text.write("except (RuntimeError, TypeError):")  # PyTorch: no array, or it asks for gradients
        text.write(dispatch, 2)


def any_live(text: CallText, state: ObjectState) -> str:
    """The test whether tensors of PyTorch are behind attributes that a function takes."""
    return " or ".join(f"{text.hold(holder)}.live" for holder in state.holders)
