"""The generic tier of programs that differentiate: its operators note on a tape what they compute of tensors
that require gradients.

A tape is of one call of a program from outside. Where tensors of that call require gradients, results have
the graph behind them that was noted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.dtypes import Array
from tsc.errors import OperatorError
from tsc.frontend.unit import ScriptObject, untrained_of
from tsc.narrowing import is_array
from tsc.ops.definition import Operator
from tsc.ops.python_forms import PythonForm
from tsc.ops.registry import find
from tsc.runtime.backward import backward, gradients_of
from tsc.runtime.graph import find as find_variable
from tsc.runtime.noting import require_unnoted
from tsc.runtime.operators import Operators
from tsc.runtime.tape import Tape

TAPE: ContextVar[Tape | None] = ContextVar("tape", default=None)
"""That of the call that is running."""


@contextmanager
def taping() -> Generator[None]:
    """A call of a program: it gets a tape, unless it is part of a call that has one."""
    if TAPE.get() is not None:
        yield
        return
    with taping_on(Tape()):
        yield


@contextmanager
def taping_on(tape: Tape) -> Generator[None]:
    """What runs inside is noted on this tape, and on no other."""
    token = TAPE.set(tape)
    try:
        yield
    finally:
        TAPE.reset(token)


def _tape() -> Tape:
    found = TAPE.get()
    if found is None:
        raise OperatorError("gradients are asked for outside a call of the program: a fork records none")
    return found


def _grad(
    outputs: Sequence[Array], inputs: Sequence[Array], grad_outputs: Sequence[Array | None] | None,
    retain_graph: bool | None, create_graph: bool, allow_unused: bool,
) -> list[Array | None]:  # fmt: skip
    return gradients_of(_tape(), outputs, inputs, grad_outputs, create_graph, allow_unused)


def _backward(self: Array, gradient: Array | None, retain_graph: bool | None, create_graph: bool) -> None:
    backward(_tape(), [self], None if gradient is None else [gradient], create_graph)


def _backward_of_all(
    tensors: Sequence[Array], gradients: Sequence[Array | None] | None, retain_graph: bool | None,
    create_graph: bool,
) -> None:  # fmt: skip
    backward(_tape(), tensors, gradients, create_graph)


def _accumulated(self: Array) -> Array | None:
    found = find_variable(self)
    return None if found is None or found.gradient is None else found.gradient.array


def _requires(self: Array) -> bool:
    tape = TAPE.get()
    return tape is not None and tape.requires(self)


def _require(self: Array, wanted: bool) -> Array:
    tape = TAPE.get()
    return self if tape is None else tape.require(self, wanted)


def _is_leaf(self: Array) -> bool:
    found = find_variable(self)
    return found is None or found.node is None


def _detached_in_place(self: Array) -> Array:
    found = find_variable(self)
    if found is not None:
        found.detach()
    return self


def _set_enabled(mode: bool) -> None:
    _tape().is_enabled = mode


def _is_enabled() -> bool:
    tape = TAPE.get()
    return tape is None or tape.is_enabled


SPECIAL: dict[str, Callable[..., Any]] = {
    "aten::grad": _grad, "aten::backward": _backward, "aten::backward.TensorList": _backward_of_all,
    "prim::grad": _accumulated, "prim::requires_grad": _requires, "aten::requires_grad_": _require,
    "aten::is_leaf": _is_leaf, "aten::detach_": _detached_in_place, "aten::set_grad_enabled": _set_enabled,
    "aten::is_grad_enabled": _is_enabled,
}  # fmt: skip
"""What asks the tape."""


class TapeOperators(Operators):
    """NumPy's operators, which note what they compute."""

    def python(self, schema: Schema) -> PythonForm | None:
        """What gives or writes tensors is called, so that it is noted."""
        return None if _gives_tensors(schema) else super().python(schema)

    def find(self, schema: Schema) -> Callable[..., Any] | None:
        """What runs an operator."""
        if schema.full_name in SPECIAL:
            return SPECIAL[schema.full_name]
        operator = find(schema.full_name)
        if operator is not None and _gives_tensors(schema):
            return _noted(operator)
        run = super().find(schema)
        return _guarded(schema, run) if operator is None and run is not None else run

    def attribute(self, held: str, name: str) -> str | None:
        """Parameters require gradients: reading them says so."""
        return None

    def read(self, held: ScriptObject, name: str) -> Any:
        """An attribute of an object."""
        value, tape = super().read(held, name), TAPE.get()
        if tape is not None and is_array(value) and name in held.cls.parameters - untrained_of(held):
            tape.require(value)
        return value


def _guarded(schema: Schema, run: Callable[..., Any]) -> Callable[..., Any]:
    """An operator of a library, through which no gradients flow."""

    def call(*arguments: object) -> Any:
        require_unnoted(schema.full_name, arguments)
        return run(*arguments)

    return call


def _noted(operator: Operator) -> Callable[..., Any]:
    def run(*arguments: object) -> Any:
        tape = TAPE.get()
        if tape is None:
            return operator.eager(*arguments)
        result = tape.call(operator, arguments)
        made = _made_requiring(operator, arguments)
        return tape.require(result) if made else result

    return run


def _made_requiring(operator: Operator, arguments: Sequence[Any]) -> bool:
    """Whether a tensor is made that is to require gradients: ``torch.tensor([1.0], requires_grad=True)``."""
    last = operator.schema.arguments[-1:]
    return bool(last) and last[0].name == "requires_grad" and arguments[-1] is True


def _gives_tensors(schema: Schema) -> bool:
    return schema.mutates or any(_holds_tensor(result.type) for result in schema.results)


def _holds_tensor(kind: TorchType) -> bool:
    if isinstance(kind, (tt.OptionalType, tt.ListType)):
        return _holds_tensor(kind.data)
    return isinstance(kind, tt.TensorType)
