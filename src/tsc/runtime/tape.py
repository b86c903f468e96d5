"""The tape: notes the calls of operators that gradients flow through, among them those that write.

A tape holds what is known of arrays while a program, or one call of Python, runs; the graph itself
(`tsc.runtime.graph`) lives as long as somebody holds a part of it. Nothing is noted before a tensor requires
gradients.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from tsc.dtypes import Array, by_numpy
from tsc.errors import OperatorError
from tsc.memory.conjugates import follow_writes, show_one_memory
from tsc.narrowing import is_array
from tsc.ops.composite import Aten, in_turn
from tsc.ops.definition import Operator
from tsc.ops.derivatives.drawn import drawn_parts
from tsc.ops.derivatives.movement import put_into
from tsc.ops.derivatives.recorded import (
    CUTS,
    is_differentiable,
    is_recorded,
    recorded_arguments,
    recorded_results,
)
from tsc.ops.derivatives.reverse import Record, places_of
from tsc.ops.elementwise import spec_of
from tsc.ops.registry import find as find_operator
from tsc.ops.registry import require
from tsc.ops.variants import functional_name
from tsc.runtime.graph import (
    Node,
    Variable,
    View,
    find,
    given_arrays,
    live_nodes,
    node_name,
    result_arrays,
    variable_of,
)

NOT_A_LEAF = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
    "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
)
LEAF_WRITTEN = "a leaf Variable that requires grad is being used in an in-place operation."
OUT_GIVEN = (
    "{}(): functions with out=... arguments don't support automatic differentiation, but one of the "
    "arguments requires grad."
)
PIECE_WRITTEN = (
    "Output {} of {} is a view and is being modified inplace. This view is the output of a function that "
    "returns multiple views. Such functions do not allow the output views to be modified inplace. You should "
    "replace the inplace operation by an out-of-place one."
)
MADE_AT_ONCE = frozenset((
    "split", "split_with_sizes", "chunk", "unbind", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk",
))  # fmt: skip
"""What makes several views at once, none of which may be written; other operators make them one by one."""
VIEW_OF_LEAF_WRITTEN = f"a view of {LEAF_WRITTEN}"


@dataclass
class Tape:
    """What notes the calls of a program, or one call of Python."""

    is_enabled: bool = True
    """Whether calls are noted: the grad mode."""
    kept: list[Variable] = field(default_factory=list[Variable])
    """What must be known until the tape ends, whoever else holds it."""

    def known(self, array: Array) -> Variable:
        """What is known of an array, held from now on."""
        found = variable_of(array)
        self.kept.append(found)
        return found

    # --- what requires gradients ---

    def requires(self, array: object) -> bool:
        """Whether gradients are wanted of an array.

        Raises:
            OperatorError: it is one of several views, and their memory was written since.
        """
        found = find(array)
        if found is None:
            return False
        if found.stale is not None:
            self._renew(found)
        return found.requires

    def _require_any(self, arrays: Sequence[Array]) -> bool:
        """Whether gradients are wanted of one; all are asked, so that none is stale afterwards."""
        return any([self.requires(array) for array in arrays])

    def require(self, array: Array, wanted: bool = True) -> Array:
        """``array.requires_grad_(wanted)``.

        Raises:
            OperatorError: it has no gradients, or is a result that has.
        """
        if wanted and not is_differentiable(by_numpy(array.dtype)):
            raise OperatorError("only Tensors of floating point dtype can require gradients")
        if not wanted:
            found = find(array)
            if found is not None and found.node is not None:
                raise OperatorError(NOT_A_LEAF)
            if found is not None:
                found.is_required = False
        elif not self.requires(array):
            self.known(array).is_required = True
        return array

    # --- calls ---

    def call(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        """Call an operator, and note it where that matters."""
        if operator.name in CUTS:
            result = operator.eager(*arguments)
            return result.view() if is_array(result) and result is arguments[0] else result
        if operator.schema.mutates and is_array(arguments[0]):
            return self._write(operator, arguments)
        parts = drawn_parts(operator)
        if parts is not None and self.is_enabled and self.requires(arguments[0]):
            return parts(Aten(self.call, spec_of, in_turn), *arguments)
        given = given_arrays(recorded_arguments(operator.name, arguments))  # the call may change a list
        result = operator.eager(*arguments)
        results = result_arrays(result)
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
            # Of a list, each is a view of what lies at its own place, though others may be the same.
            for place, base in sorted(given, key=lambda known: known[0] != (0, number)):
                if show_one_memory(array, base):
                    which = number if is_list else None
                    view = View(self.known(base), operator, tuple(arguments), place, which)
                    self.known(array).become_view(view)
                    break

    def _note(
        self,
        operator: Operator,
        arguments: Sequence[Any],
        results: Sequence[Array],
        given: Sequence[Array] | None = None,
    ) -> None:
        if not self.is_enabled or not is_recorded(operator.name):
            return
        given = given_arrays(recorded_arguments(operator.name, arguments)) if given is None else given
        if not self._require_any(given):
            return
        known = {id(value) for value in given}
        recorded = recorded_results(operator.name, results)
        fresh = [r for r in recorded if is_differentiable(by_numpy(r.dtype)) and id(r) not in known]
        if not fresh:
            return
        kept = [list(cast("list[Any]", a)) if isinstance(a, list) else a for a in arguments]
        # What is given as it came is no result: its gradient does not flow through the call.
        node = Node(Record(operator, kept, [r.view() if id(r) in known else r for r in results]))
        for array in fresh:
            self.known(array).node = node

    def _renew(self, piece: Variable) -> None:
        """Have a view that was made before its memory was written be one of what is there now."""
        view, writer = piece.view, piece.stale
        assert view is not None
        if view.number is not None:
            raise OperatorError(
                f"gradients cannot be followed through one of several views that {view.operator.name} made "
                f"before {writer} wrote to their memory; make them again"
            )
        self._stand_in(piece.array, piece.array.copy(order="K"))  # for what has read, or made, what it was
        piece.stale = piece.node = None
        if self.requires(view.base.array):
            piece.node = Node(Record(view.operator, view.arguments, [piece.array]))

    # --- writes ---

    def _write(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        """Call an in-place operator: of what was noted nothing changes, and the tensor is a new value."""
        target = arguments[0]
        name = functional_name(operator.schema)
        functional = None if name is None else find_operator(name)
        known = find(target)
        chain = [] if known is None else known.bases()
        given = [*(v.array for v in chain), *given_arrays(arguments[1:])]
        matters = self.is_enabled and self._require_any(given)
        if matters and operator.schema.overload.endswith("out"):
            raise OperatorError(OUT_GIVEN.format(operator.schema.name.partition("::")[2]))
        if matters and (functional is None or functional.schema.aliases):
            raise OperatorError(f"{operator.name}: gradients through this write are not computed")
        if not matters:
            self._keep_apart(target, ())
            return operator.eager(*arguments)
        assert functional is not None
        chain = chain or [self.known(target)]
        _require_no_leaf(chain)
        _require_no_piece(chain)
        copies = self._keep_apart(target, chain)
        result = operator.eager(*arguments)
        chain[0].node = None
        before = [copies.get(id(a), a) for a in arguments]  # also of what the target is a view of
        self._note(functional, before, [target])
        self._put_back(chain, copies, operator.name)
        return result

    def _put_back(self, chain: Sequence[Variable], copies: Mapping[int, Array], name: str) -> None:
        """Note what a write to the first of a chain of views makes of that whose view it is, and so on;
        `copies` are what they were.
        """
        _make_stale(chain, name)
        aten = Aten(self._noted_call, spec_of, in_turn)
        for piece, base in pairwise(chain):
            view, array = cast("View", piece.view), base.array
            base.node = None
            before = copies[id(array)]
            made = cast(
                "Array",
                put_into(aten, view.operator, view.arguments, view.place, before, piece.array, view.number),
            )
            if made is piece.array:  # it shows all of the base, just so
                made = cast("Array", aten("alias", made))
            found = find(made)
            if found is not None and found.node is not None:  # what was made is what is in the base now
                base.node = found.node
                found.node.give(made, array)

    def _noted_call(self, operator: Operator, arguments: Sequence[Any]) -> Any:
        result = operator.eager(*arguments)
        self._note(operator, arguments, result_arrays(result))
        return result

    def _keep_apart(self, target: Array, chain: Sequence[Variable]) -> dict[int, Array]:
        """Have what was noted keep what is in memory that is about to be written, and give copies of that:
        also of the arrays of the `chain`.
        """
        read = _read_over(target)
        arrays = {id(array): array for array in (*(v.array for v in chain), *read.values())}
        copies = {identity: array.copy(order="K") for identity, array in arrays.items()}
        for identity, array in arrays.items():
            found = find(array)
            if identity in read or (found is not None and found.node is not None):
                self._stand_in(array, copies[identity])
        return copies

    def _stand_in(self, array: Array, copy: Array) -> None:
        """Have a copy be what was noted of an array until now."""
        now, before = self.known(array), self.known(copy)
        if now.is_required:
            now.former = weakref.WeakSet() if now.former is None else now.former
            now.former.add(before)
            before.is_required, before.owner = True, now
        for node in live_nodes():
            node.replace(array, copy)
        if now.node is not None:
            before.node = now.node
            self._pass_on(before, now)

    def _pass_on(self, before: Variable, now: Variable) -> None:
        """Have the gradient of an array that is written unnoted be that of what it was."""
        now.node = Node(Record(require("aten::alias"), [before.array], [now.array]))

    def overwrite(self, target: Array, value: Array) -> None:
        """Put other elements into an array, which nobody is to note."""
        self.keep_apart(target)
        target[...] = value
        follow_writes(target)

    def keep_apart(self, target: Array) -> None:
        """Have what was noted keep what is in an array that somebody is about to write."""
        self._keep_apart(target, ())


def _require_no_leaf(chain: Sequence[Variable]) -> None:
    """
    Raises:
        OperatorError: what is written, or what it is a view of, is a leaf.
    """
    if chain[0].is_required:
        raise OperatorError(LEAF_WRITTEN)
    if any(variable.is_required for variable in chain):
        raise OperatorError(VIEW_OF_LEAF_WRITTEN)


def _require_no_piece(chain: Sequence[Variable]) -> None:
    """
    Raises:
        OperatorError: what is written is one of several views that an operator gave, or shows one.
    """
    for variable in chain:
        view = variable.view
        if view is None or view.number is None:
            continue
        if view.operator.schema.name.partition("::")[2] in MADE_AT_ONCE:
            written = chain[0].view
            assert written is not None
            raise OperatorError(PIECE_WRITTEN.format(written.number or 0, node_name(written.operator)))


def _make_stale(chain: Sequence[Variable], name: str) -> None:
    """Other views of memory that is written show it, and were computed of what was there before."""
    for viewer in list(chain[-1].viewers or ()):
        if all(viewer is not variable for variable in chain):
            viewer.stale = name


def _read_over(target: Array) -> dict[int, Array]:
    """By identity, the arrays over the memory of `target` that what was noted reads or gave."""
    found: dict[int, Array] = {}
    for node in live_nodes():
        for array in node.arrays():
            if id(array) not in found and show_one_memory(array, target):
                found[id(array)] = array
    return found
