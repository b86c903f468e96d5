"""The tape: what was computed of tensors that require gradients, so that gradients can be computed of it.

Tensors are told apart as objects: one array is one tensor. Nothing is noted before one requires gradients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeAlias, cast

import numpy as np

from tsc.dtypes import by_numpy
from tsc.errors import OperatorError
from tsc.narrowing import is_array
from tsc.ops.composite import Aten, eager_aten, in_turn
from tsc.ops.definition import Operator
from tsc.ops.derivatives.movement import put_into
from tsc.ops.derivatives.reverse import CUTS, Record, flow, is_differentiable, places_of, tensors_of
from tsc.ops.derivatives.rules import Place
from tsc.ops.elementwise import spec_of
from tsc.ops.registry import find, require
from tsc.ops.variants import functional_name

Array: TypeAlias = np.ndarray[Any, Any]
NOT_REQUIRED = "element {} of tensors does not require grad and does not have a grad_fn"
NOT_SCALAR = "grad can be implicitly created only for scalar outputs"
UNUSED = (
    "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
    "this is the desired behavior."
)
INPUT_NOT_REQUIRED = "One of the differentiated Tensors does not require grad"
NOT_A_LEAF = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
    "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)
LEAF_WRITTEN = "a leaf Variable that requires grad is being used in an in-place operation."


@dataclass(eq=False)
class Node:
    """A call that was noted, in its place among all."""

    number: int
    record: Record


@dataclass(frozen=True)
class View:
    """An array that shows memory of another."""

    base: Array
    operator: Operator
    arguments: Sequence[Any]
    place: Place
    """Where the base is among the arguments."""
    number: int | None = None
    """Which one it is of a list of views."""


@dataclass
class Tape:
    """What one call of a program has computed."""

    is_enabled: bool = True
    """Whether calls are noted: the grad mode."""
    nodes: dict[int, Node] = field(default_factory=dict[int, Node])
    """By the identity of an array: what gave it."""
    leaves: dict[int, Array] = field(default_factory=dict[int, Array])
    """The arrays that require gradients and that nothing noted gave."""
    gradients: dict[int, Array] = field(default_factory=dict[int, Array])
    """What `backward` has summed up, by leaf."""
    views: dict[int, View] = field(default_factory=dict[int, View])
    held: dict[int, Array] = field(default_factory=dict[int, Array])
    """The arrays that are known, so that none of their identities is another's."""
    former: dict[int, list[Array]] = field(default_factory=dict[int, list[Array]])
    """Of a leaf that was written: copies of what it was when it was read."""
    stale: dict[int, str] = field(default_factory=dict[int, str])
    """Views that show what was written since, and by what; they are taken anew when they are next asked."""
    count: int = 0

    # --- what requires gradients ---

    def requires(self, array: object) -> bool:
        """Whether gradients are wanted of an array.

        Raises:
            OperatorError: it is one of several views, and their memory was written since.
        """
        if id(array) in self.stale:
            self._renew(self.held[id(array)])
        return id(array) in self.nodes or id(array) in self.leaves

    def require(self, array: Array, wanted: bool = True) -> Array:
        """``array.requires_grad_(wanted)``.

        Raises:
            OperatorError: it has no gradients, or is a result that has.
        """
        if wanted and not is_differentiable(by_numpy(array.dtype)):
            raise OperatorError("only Tensors of floating point dtype can require gradients")
        if not wanted:
            if id(array) in self.nodes:
                raise OperatorError(NOT_A_LEAF)
            self.leaves.pop(id(array), None)
        elif not self.requires(array):
            self._hold(array)
            self.leaves[id(array)] = array
        return array

    def _hold(self, *arrays: Array) -> None:
        self.held.update((id(array), array) for array in arrays)

    # --- calls ---

    def call(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        """Call an operator, and note it where that matters."""
        if operator.name in CUTS:
            result = operator.eager(*arguments)
            return result.view() if is_array(result) and result is arguments[0] else result
        if operator.schema.mutates and is_array(arguments[0]):
            return self._write(operator, arguments)
        given = _given(arguments)  # the call may change a list
        result = operator.eager(*arguments)
        results = _arrays(result)
        if operator.may_share:
            self._note_views(operator, arguments, results, is_list=isinstance(result, list))
        self._note(operator, arguments, results, given)
        return result

    def _note_views(
        self, operator: Operator, arguments: Sequence[Any], results: Sequence[Array], *, is_list: bool
    ) -> None:
        given = [(place, cast("Array", value)) for place, value in places_of(arguments)]
        for number, array in enumerate(results):
            if any(array is value for _, value in given):
                continue
            for place, base in given:
                if np.may_share_memory(array, base):
                    self._hold(array, base)
                    which = number if is_list else None
                    self.views[id(array)] = View(base, operator, tuple(arguments), place, which)
                    break

    def _note(
        self,
        operator: Operator,
        arguments: Sequence[Any],
        results: Sequence[Array],
        given: Sequence[Array] | None = None,
    ) -> None:
        if not self.is_enabled or not (self.leaves or self.nodes):
            return
        given = _given(arguments) if given is None else given
        if not any(self.requires(value) for value in given):
            return
        known = {id(value) for value in given}
        fresh = [r for r in results if is_differentiable(by_numpy(r.dtype)) and id(r) not in known]
        if not fresh:
            return
        kept = [list(cast("list[Any]", a)) if isinstance(a, list) else a for a in arguments]
        node = Node(self.count, Record(operator, kept, list(results)))
        self.count += 1
        self._hold(*given, *results)
        for array in fresh:
            self.nodes[id(array)] = node

    def _renew(self, array: Array) -> None:
        """Have a view that was made before its memory was written be one of what is there now."""
        view, writer = self.views[id(array)], self.stale[id(array)]
        if view.number is not None:
            raise OperatorError(
                f"gradients cannot be followed through one of several views that {view.operator.name} made "
                f"before {writer} wrote to their memory; make them again"
            )
        del self.stale[id(array)]
        self.nodes.pop(id(array), None)
        if self.requires(view.base):
            self.nodes[id(array)] = Node(self.count, Record(view.operator, view.arguments, [array]))
            self.count += 1

    # --- writes ---

    def _write(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        """Call an in-place operator: of what was noted nothing changes, and the tensor is a new value."""
        target = arguments[0]
        name = functional_name(operator.schema)
        functional = None if name is None else find(name)
        others = _given(arguments[1:])
        chain = self._bases(target)
        matters = self.is_enabled and any(self.requires(value) for value in (*chain, *others))
        if matters and (functional is None or functional.schema.aliases):
            raise OperatorError(f"{operator.name}: gradients through this write are not computed")
        if matters and id(target) in self.leaves:
            raise OperatorError(LEAF_WRITTEN)
        copies = self._kept_apart(target, chain if matters else ())
        result = operator.eager(*arguments)
        if matters:
            assert functional is not None
            self.nodes.pop(id(target), None)
            self._note(functional, [copies[id(target)] if a is target else a for a in arguments], [target])
            self._put_back(chain, copies, operator.name)
        return result

    def _bases(self, array: Array) -> list[Array]:
        """An array, what it is a view of, what that is a view of, ..."""
        chain = [array]
        while id(chain[-1]) in self.views:
            chain.append(self.views[id(chain[-1])].base)
        return chain

    def _put_back(self, chain: Sequence[Array], copies: Mapping[int, Array], name: str) -> None:
        """Note what a write to the first of a chain of views makes of that whose view it is, and so on;
        `copies` are what they were.
        """
        self._make_stale(chain, name)
        aten = Aten(self._noted_call, spec_of, in_turn)
        for piece, base in pairwise(chain):
            view = self.views[id(piece)]
            if id(base) in self.leaves:
                raise OperatorError(LEAF_WRITTEN)
            self.nodes.pop(id(base), None)
            made = put_into(
                aten, view.operator, view.arguments, view.place, copies[id(base)], piece, view.number
            )
            node = self.nodes.get(id(made))
            if node is not None:  # what was made is what is in the base now
                results = [base if r is made else r for r in node.record.results]
                self.nodes[id(base)] = Node(node.number, replace(node.record, results=results))
                self._hold(base)

    def _noted_call(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        result = operator.eager(*arguments)
        self._note(operator, arguments, _arrays(result))
        return result

    def _make_stale(self, chain: Sequence[Array], name: str) -> None:
        """Other views of memory that is written show it, and were computed of what was there before."""
        root, known = chain[-1], {id(array) for array in chain}
        for identity in self.views:
            if identity not in known and self._bases(self.held[identity])[-1] is root:
                self.stale[identity] = name

    def _kept_apart(self, target: Array, chain: Sequence[Array]) -> dict[int, Array]:
        """Have what was noted keep what is in memory that is about to be written, and give copies of that:
        also of the arrays of the `chain`.
        """
        copies = {id(array): array.copy(order="K") for array in chain}
        for array in [a for a in self._read() if np.may_share_memory(a, target)]:
            copy = copies.setdefault(id(array), array.copy(order="K"))
            self._replace(array, copy)
            if id(array) in self.leaves:
                self.former.setdefault(id(array), []).append(copy)
                self.leaves[id(copy)] = copy
        for identity, copy in copies.items():
            if identity in self.nodes:
                self.nodes[id(copy)] = self.nodes[identity]
                self._pass_on(copy, self.held[identity])
        self._hold(*copies.values())
        return copies

    def _pass_on(self, before: Array, now: Array) -> None:
        """Have the gradient of an array that is written unnoted be that of what it was."""
        record = Record(require("aten::alias"), [before], [now])
        self.nodes[id(now)] = Node(self.count, record)
        self.count += 1

    def _read(self) -> list[Array]:
        """All arrays that what was noted reads or gave."""
        found: dict[int, Array] = {}
        for node in self._all_nodes():
            record = node.record
            found.update((id(v), v) for v in (*_given(record.arguments), *_arrays(record.results)))
        return list(found.values())

    def _all_nodes(self) -> list[Node]:
        return list({id(node): node for node in self.nodes.values()}.values())

    def _replace(self, array: Array, copy: Array) -> None:
        def kept(value: Any) -> Any:
            if isinstance(value, (list, tuple)):
                return [kept(v) for v in cast("Sequence[Any]", value)]
            return copy if value is array else value

        for node in self._all_nodes():
            record = node.record
            node.record = replace(record, arguments=kept(record.arguments), results=kept(record.results))

    # --- gradients ---

    def gradients_of(
        self,
        outputs: Sequence[Array],
        inputs: Sequence[Array],
        given: Sequence[Array | None] | None = None,
        create_graph: bool = False,
        allow_unused: bool = False,
    ) -> list[Array | None]:
        """``torch.autograd.grad``: the gradients of `outputs` by `inputs`.

        Raises:
            OperatorError: as PyTorch raises it: something does not require gradients, or is not used.
        """
        seeds = self._seeds(outputs, given)
        if not all(self.requires(array) for array in inputs):
            raise OperatorError(INPUT_NOT_REQUIRED)
        found = self._flow(seeds, inputs, create_graph)
        for position, array in enumerate(inputs):
            if found[position] is None and any(array is output for output, _ in seeds):
                found[position] = next(seed for output, seed in seeds if output is array)
        if not allow_unused and any(gradient is None for gradient in found):
            raise OperatorError(UNUSED)
        return found

    def backward(
        self,
        outputs: Sequence[Array],
        given: Sequence[Array | None] | None = None,
        create_graph: bool = False,
    ) -> None:
        """``torch.autograd.backward``: add to the gradient of each leaf that the outputs depend on."""
        seeds = self._seeds(outputs, given)
        owners = {id(copy): key for key, copies in self.former.items() for copy in copies}
        leaves = [leaf for leaf in self.leaves.values() if id(leaf) not in owners]
        for leaf, gradient in zip(leaves, self._flow(seeds, leaves, create_graph), strict=True):
            if gradient is not None:
                before = self.gradients.get(id(leaf))
                self.gradients[id(leaf)] = gradient if before is None else before + gradient

    def _seeds(
        self, outputs: Sequence[Array], given: Sequence[Array | None] | None
    ) -> list[tuple[Array, Array]]:
        seeds: list[tuple[Array, Array]] = []
        for position, output in enumerate(outputs):
            if not self.requires(output):
                raise OperatorError(NOT_REQUIRED.format(position))
            seed = None if given is None else given[position]
            if seed is None and output.size != 1:
                raise OperatorError(NOT_SCALAR)
            if seed is not None and seed.shape != output.shape:
                raise OperatorError(
                    f"Mismatch in shape: grad_output[{position}] has a shape of {list(seed.shape)} and "
                    f"output[{position}] has a shape of {list(output.shape)}."
                )
            seeds.append((output, np.ones_like(output) if seed is None else seed))
        return seeds

    def _flow(
        self, seeds: Sequence[tuple[Array, Array]], wanted: Sequence[Array], create_graph: bool
    ) -> list[Array | None]:
        records = [node.record for node in self._reachable([output for output, _ in seeds])]
        aten = Aten(self.call, spec_of, in_turn) if create_graph else eager_aten()
        places = [[array, *self.former.get(id(array), ())] for array in wanted]
        with np.errstate(all="ignore"):
            found = flow(aten, records, seeds, [array for group in places for array in group])
        results: list[Array | None] = []
        rest: Iterator[Any] = iter(found)
        for group in places:
            parts = [p for p in (next(rest) for _ in group) if p is not None]
            total = parts[0] if parts else None
            for part in parts[1:]:
                total = aten("add.Tensor", total, part)
            results.append(total)
        return results

    def _reachable(self, outputs: Sequence[Array]) -> list[Node]:
        """What was noted that gave these arrays, in order."""
        found: dict[int, Node] = {}
        pending = list(outputs)
        while pending:
            node = self.nodes.get(id(pending.pop()))
            if node is not None and node.number not in found:
                found[node.number] = node
                pending += _given(node.record.arguments)
        return [found[number] for number in sorted(found)]


def _arrays(result: Any) -> list[Array]:
    """The arrays that a call gave."""
    return cast("list[Array]", tensors_of(result))


def _given(arguments: Sequence[Any]) -> list[Array]:
    """The arrays that a call is given, those in lists one by one."""
    return [cast("Array", value) for _, value in places_of(arguments)]
