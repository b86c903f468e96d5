"""Gradients of what was noted: ``torch.autograd.grad`` and ``backward``, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np

from tsc.dtypes import Array
from tsc.errors import OperatorError, ShapeError
from tsc.ops.composite import Aten, eager_aten, in_turn
from tsc.ops.derivatives.reverse import flow
from tsc.ops.elementwise import spec_of
from tsc.runtime.graph import Node, Variable, find
from tsc.runtime.tape import Tape

NOT_REQUIRED = "element {} of tensors does not require grad and does not have a grad_fn"
NOT_SCALAR = "grad can be implicitly created only for scalar outputs"
UNUSED = (
    "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
    "this is the desired behavior."
)
INPUT_NOT_REQUIRED = "One of the differentiated Tensors does not require grad"
RELEASED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
    "if you need to access saved tensors after calling backward."
)
NOT_BOTH_COMPLEX = (
    "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in "
    "dtype: grad_output[{0}] has a dtype of {1} and output[{0}] has a dtype of {2}."
)
NOT_EXPANDABLE = "invalid gradient at index {} - got {} but expected shape compatible with {}"
Seeds: TypeAlias = Sequence[tuple[Array, Array]]
"""Outputs, and what their gradients begin with."""


def gradients_of(
    tape: Tape,
    outputs: Sequence[Array],
    inputs: Sequence[Array],
    given: Sequence[Array | None] | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
    retain_graph: bool = True,
) -> list[Array | None]:
    """``torch.autograd.grad``: the gradients of `outputs` by `inputs`.

    Raises:
        OperatorError: as PyTorch raises it: something does not require gradients, or is not used.
    """
    seeds = _seeds(tape, outputs, given, create_graph)
    if not all(tape.requires(array) for array in inputs):
        raise OperatorError(INPUT_NOT_REQUIRED)
    found = _Flow(tape, seeds, create_graph, retain_graph).to([tape.known(array) for array in inputs])
    if not allow_unused and any(gradient is None for gradient in found):
        raise OperatorError(UNUSED)
    return found


def backward(
    tape: Tape,
    outputs: Sequence[Array],
    given: Sequence[Array | None] | None = None,
    create_graph: bool = False,
    inputs: Sequence[Array] | None = None,
    retain_graph: bool = True,
) -> None:
    """``torch.autograd.backward``: add to the gradient of each leaf that the outputs depend on, or of
    `inputs`.

    Raises:
        OperatorError: as PyTorch raises it: something does not require gradients.
    """
    seeds = _seeds(tape, outputs, given, create_graph)
    flowing = _Flow(tape, seeds, create_graph, retain_graph)
    wanted = flowing.sinks() if inputs is None else [tape.known(array) for array in inputs]
    for variable, gradient in zip(wanted, flowing.to(wanted), strict=True):
        if gradient is not None:
            _accumulate(tape, variable, gradient, create_graph)


def _accumulate(tape: Tape, variable: Variable, gradient: Array, create_graph: bool) -> None:
    """Add to what `backward` has summed up: in memory of its own, as the variable lies in it."""
    before = variable.gradient
    if create_graph:
        aten = NotingAten(tape)
        total = aten("clone", gradient) if before is None else aten("add.Tensor", before.array, gradient)
        variable.gradient = tape.known(total)
    elif before is None:
        total = np.empty_like(variable.array, dtype=gradient.dtype)
        total[...] = gradient
        variable.gradient = tape.known(total)
    else:
        tape.overwrite(before.array, before.array + gradient)


class NotingAten(Aten):
    """What computes, and is noted on a tape."""

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape.call, spec_of, in_turn)
        self.tape = tape


def _seeds(
    tape: Tape, outputs: Sequence[Array], given: Sequence[Array | None] | None, create_graph: bool
) -> Seeds:
    aten = _aten_of(tape, create_graph)
    seeds: list[tuple[Array, Array]] = []
    for position, output in enumerate(outputs):
        seed = None if given is None else given[position]
        if not tape.requires(output):
            raise OperatorError(NOT_REQUIRED.format(position))
        if seed is None and output.size != 1:
            raise OperatorError(NOT_SCALAR)
        begins = np.ones_like(output) if seed is None else _seed(aten, position, output, seed)
        seeds.append((output, begins))
    return seeds


def _seed(aten: Aten, position: int, output: Array, seed: Array) -> Array:
    """What is given as the gradient of an output, in its dtype, and summed up where it is broadcast."""
    if np.iscomplexobj(seed) != np.iscomplexobj(output):
        names = [aten.dtype(array).scalar_type for array in (seed, output)]
        raise OperatorError(NOT_BOTH_COMPLEX.format(position, *names))
    try:
        total = seed if seed.shape == output.shape else aten("sum_to_size", seed, list(output.shape))
    except ShapeError as error:
        found = NOT_EXPANDABLE.format(position, list(seed.shape), list(output.shape))
        raise OperatorError(found) from error
    return cast("Array", aten.in_dtype(total, aten.dtype(output)))


def _aten_of(tape: Tape, create_graph: bool) -> Aten:
    """What computes gradients, and notes how if these are differentiated in turn."""
    return NotingAten(tape) if create_graph else eager_aten()


class _Flow:
    """Gradients on their way from outputs back to what they depend on."""

    def __init__(self, tape: Tape, seeds: Seeds, create_graph: bool, retain_graph: bool) -> None:
        self._seeds = seeds
        self._retain_graph = retain_graph
        self._aten = _aten_of(tape, create_graph)
        roots = [tape.known(output) for output, _ in seeds]
        self._nodes, self._leaves = _reachable([root.node or root.owner or root for root in roots])
        self._retaining = _retaining(self._nodes, roots)

    def sinks(self) -> list[Variable]:
        """What `backward` sums gradients up for."""
        return [*self._leaves, *self._retaining]

    def to(self, wanted: Sequence[Variable]) -> list[Array | None]:
        """The gradients of what is wanted.

        Raises:
            OperatorError: what a call read, and its gradient needs, was let go.
        """
        active = self._active(wanted)
        if any(node.record is None for node in active):
            raise OperatorError(RELEASED)
        records = [node.record for node in active if node.record is not None]
        parts = [part for variable in wanted for part in variable.parts()]
        hooks = _hooks_of([*self._hooked(active), *parts])
        with np.errstate(all="ignore"):
            arrays = [part.array for part in parts]
            found = cast("list[Array | None]", flow(self._aten, records, self._seeds, arrays, hooks))
        by_identity = {id(part): gradient for part, gradient in zip(parts, found, strict=True)}
        if not self._retain_graph:
            for node in active:
                if node.record is not None and node.record.flows_once:
                    node.release()
        return [self._total([by_identity[id(part)] for part in variable.parts()]) for variable in wanted]

    def _total(self, gradients: Sequence[Array | None]) -> Array | None:
        parts = [gradient for gradient in gradients if gradient is not None]
        total = parts[0] if parts else None
        for part in parts[1:]:
            total = self._aten("add.Tensor", total, part)
        return total

    def _active(self, wanted: Sequence[Variable]) -> list[Node]:
        """The calls between the outputs and what is wanted, in order."""
        reached = {id(v) for v in wanted} | {id(v.node) for v in wanted if v.node is not None}
        found: list[Node] = []
        for node in self._nodes:
            inputs = (id(v) for v in node.inputs)
            if any(id(p) in reached for p in node.parents) or any(i in reached for i in inputs):
                found.append(node)
                reached.add(id(node))
        return found

    def _hooked(self, active: Sequence[Node]) -> list[Variable]:
        outputs = [find(output) for output, _ in self._seeds]
        known = [v for v in outputs if v is not None] + [v for node in active for v in node.inputs]
        return [variable for variable in known if variable.hooks]


def _hooks_of(variables: Sequence[Variable]) -> dict[int, list[Any]]:
    return {id(v.array): list(v.hooks.values()) for v in variables if v.hooks}


def _retaining(nodes: Sequence[Node], roots: Sequence[Variable]) -> list[Variable]:
    """The variables that are no leaves and keep their gradients, each once."""
    known = [*roots, *(v for node in nodes for v in node.inputs)]
    return list({id(v): v for v in known if v.retains and v.node is not None}.values())


def _reachable(roots: Sequence[Node | Variable]) -> tuple[list[Node], list[Variable]]:
    """What was noted that leads to these: calls in order, and leaves."""
    nodes: dict[int, Node] = {}
    leaves: dict[int, Variable] = {}
    pending = list(roots)
    while pending:
        current = pending.pop()
        if isinstance(current, Variable):
            if current.is_required:
                leaves[id(current)] = current
        elif current.number not in nodes:
            nodes[current.number] = current
            pending += current.parents
    return [nodes[number] for number in sorted(nodes)], list(leaves.values())
