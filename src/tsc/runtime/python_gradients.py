"""Gradients for Python: ``torch.autograd.grad`` and ``backward`` of tensors, on what calls have noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from tsc.dtypes import Array
from tsc.errors import NotSupportedError, OperatorError
from tsc.interop import torch as torch_interop
from tsc.runtime.backward import backward as backward_of
from tsc.runtime.backward import gradients_of
from tsc.runtime.tape import Tape
from tsc.runtime.tensor import Tensor

Tensors: TypeAlias = Tensor | Sequence[Tensor]
Given: TypeAlias = Tensor | Sequence[Tensor | None] | None


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Given = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `outputs`, each times its one of `grad_outputs`, by `inputs`.

    None stands for an input that no output depends on, if `allow_unused`; zeros do, if `materialize_grads`.
    What is let go afterwards, unless `retain_graph` (or `create_graph`), has no gradients any more.

    Raises:
        OperatorError: as PyTorch raises it.
        NotSupportedError: `is_grads_batched`.
    """
    if is_grads_batched:
        raise NotSupportedError("grad: requires is_grads_batched=False: functions are not mapped over dims")
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    wanted = _arrays(inputs)
    ends, given = _beginnings(outputs, grad_outputs)
    keeps = create_graph if retain_graph is None else retain_graph
    tape = Tape(torch_interop.is_grad_enabled())
    with _mode(create_graph):
        found = gradients_of(tape, ends, wanted, given, create_graph, allow_unused=True, retain_graph=keeps)
        results = [None if g is None else _given_apart(g, given, create_graph) for g in found]
    for position, gradient in enumerate(results):
        if gradient is None and materialize_grads:
            results[position] = Tensor(np.zeros_like(wanted[position]))
        elif gradient is None and not allow_unused:
            raise OperatorError(
                f"The differentiated Tensor at index {position} appears to not have been used in the graph. "
                "Set allow_unused=True if this is the desired behavior."
            )
    return tuple(results)


def backward(
    tensors: Tensors,
    grad_tensors: Given = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Given = None,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of the sum of `tensors`, each times its one of `grad_tensors`, to those of the leaves
    that they were computed of, or of `inputs`.

    Raises:
        OperatorError: as PyTorch raises it.
    """
    wanted = None if inputs is None else _arrays(inputs)
    if wanted is not None and not wanted:
        raise OperatorError("`inputs` argument to `backward()` cannot be empty.")
    ends, given = _beginnings(tensors, grad_variables if grad_tensors is None else grad_tensors)
    keeps = create_graph if retain_graph is None else retain_graph
    with _mode(create_graph):
        backward_of(Tape(create_graph), ends, given, create_graph, wanted, keeps)


def _mode(create_graph: bool) -> Any:
    from tsc.runtime.grad_modes import set_grad_enabled

    return set_grad_enabled(create_graph)


def _arrays(tensors: Tensors) -> list[Array]:
    return [t.array for t in ([tensors] if isinstance(tensors, Tensor) else tensors)]


def _beginnings(outputs: Tensors, given: Given) -> tuple[list[Array], list[Array | None]]:
    """The arrays of outputs, and what their gradients begin with.

    Raises:
        OperatorError: there are not as many, or they have other shapes.
    """
    ends = _arrays(outputs)
    listed: Sequence[Tensor | None] = (
        [None] * len(ends) if given is None else [given] if isinstance(given, Tensor) else given
    )
    if len(listed) != len(ends):
        raise OperatorError(f"got {len(ends)} tensors and {len(listed)} gradients")
    for position, (end, begins) in enumerate(zip(ends, listed, strict=True)):
        if begins is not None and begins.shape != end.shape:
            raise OperatorError(
                f"Mismatch in shape: grad_output[{position}] has a shape of torch.Size({list(begins.shape)}) "
                f"and output[{position}] has a shape of torch.Size({list(end.shape)})."
            )
        if begins is None and end.size != 1:
            raise OperatorError("grad can be implicitly created only for scalar outputs")
    return ends, [None if begins is None else begins.array for begins in listed]


def _given_apart(gradient: Array, given: Sequence[Array | None], create_graph: bool) -> Tensor:
    """A gradient as a tensor, in memory that may be written unless it is recorded."""
    if create_graph:
        return Tensor(gradient)
    if any(gradient is seed for seed in given) or not gradient.flags.writeable:
        return Tensor(gradient.copy())
    return Tensor(gradient)


for _function, _name in ((grad, "aten::grad"), (backward, "aten::backward")):
    cast("Any", _function).__tsc_builtin__ = _name
