"""Gradients of what a sequence of calls gave, by what it was given: the calls in reverse order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten, in_turn
from tsc.ops.definition import Operator
from tsc.ops.derivatives.movement import moved_back, viewed_back
from tsc.ops.derivatives.recorded import is_differentiable, recorded_arguments, recorded_results
from tsc.ops.derivatives.rules import Call, Flow, Formula, Place, formula_of, rule_of, scaled, sum_to
from tsc.ops.derivatives.savings import reads_elements
from tsc.ops.derivatives.slopes import NUMBERS
from tsc.ops.elementwise import is_tensor

Hook = Callable[[AnyTensor], "AnyTensor | None"]
"""Is told the gradient of a tensor, and may give another one."""


class Step(Protocol):
    """Something that gave tensors, made of others."""

    @property
    def results(self) -> Sequence[AnyTensor]:
        """The tensors that it gave; those in a list one by one."""
        ...

    def inputs(self) -> Iterable[AnyTensor]:
        """The tensors that it was made of."""
        ...

    def differentiable(self, aten: Aten) -> Iterable[AnyTensor]:
        """Those of its results that may have gradients."""
        ...

    def back(
        self, aten: Aten, given: Sequence[AnyTensor | None], reached: set[int]
    ) -> Iterator[tuple[AnyTensor, AnyTensor]]:
        """The inputs that are `reached`, each with its gradient, when those of the results are `given`."""
        ...


@dataclass(frozen=True)
class Record:
    """A call of an operator."""

    operator: Operator
    arguments: Sequence[Any]
    results: Sequence[AnyTensor]

    def inputs(self) -> Iterable[AnyTensor]:
        """The tensors among the arguments that gradients flow to."""
        given = recorded_arguments(self.operator.name, self.arguments)
        return (value for _, value in places_of(given))

    def differentiable(self, aten: Aten) -> Iterable[AnyTensor]:
        """Those of floats or complex numbers, unless PyTorch records nothing of them."""
        found = recorded_results(self.operator.name, self.results)
        return (result for result in found if is_differentiable(aten.dtype(result)))

    def back(
        self, aten: Aten, given: Sequence[AnyTensor | None], reached: set[int]
    ) -> Iterator[tuple[AnyTensor, AnyTensor]]:
        """As the operator's derivative says."""
        return _through(aten, self, given, reached)

    def kept(self) -> Sequence[Any]:
        """What else it holds of the call, tensors in it."""
        return ()

    def mapped(self, other: Callable[[Any], Any]) -> Record:
        """The same of other arguments and results."""
        return replace(self, arguments=other(self.arguments), results=other(self.results))

    @property
    def flows_once(self) -> bool:
        """Whether what it read is let go when gradients have flown through it, unless somebody retains it."""
        return reads_elements(self.operator)


def places_of(arguments: Sequence[Any]) -> Iterator[tuple[Place, AnyTensor]]:
    """The tensors among the arguments of a call, also those in lists."""
    for i, argument in enumerate(arguments):
        if isinstance(argument, (list, tuple)):
            for j, inner in enumerate(cast("Sequence[Any]", argument)):
                if is_tensor(inner):
                    yield (i, j), inner
        elif is_tensor(argument):
            yield i, argument


def flow(
    aten: Aten,
    records: Sequence[Step],
    seeds: Sequence[tuple[AnyTensor, AnyTensor]],
    wanted: Sequence[AnyTensor],
    hooks: Mapping[int, Sequence[Hook]] | None = None,
) -> list[AnyTensor | None]:
    """The gradients of the tensors `wanted`, when those of the results are `seeds`; None where nothing
    flows. Tensors are told apart by identity; `hooks` see, by that, their gradients before those flow on.

    Raises:
        UnsupportedOperatorError: a gradient has to pass an operator for which that is not defined.
    """
    reached = {id(w) for w in wanted}
    active: list[Step] = []
    for record in records:
        if depends(aten, record, reached):
            active.append(record)
            reached.update(map(id, record.differentiable(aten)))
    gradients: dict[int, AnyTensor] = {}
    for value, gradient in seeds:
        _add(aten, gradients, value, gradient)
    for record in reversed(active):
        _look(gradients, hooks, [id(r) for r in record.results])
        given = [gradients.get(id(r)) for r in record.results]
        if any(g is not None for g in given):
            for value, gradient in record.back(aten, given, reached):
                _add(aten, gradients, value, gradient)
    _look(gradients, hooks, {id(w) for w in wanted} - {id(r) for step in active for r in step.results})
    return [gradients.get(id(w)) for w in wanted]


def _look(
    gradients: dict[int, AnyTensor], hooks: Mapping[int, Sequence[Hook]] | None, identities: Iterable[int]
) -> None:
    """Let the hooks of tensors see their gradients, which are complete."""
    known: Mapping[int, Sequence[Hook]] = {} if hooks is None else hooks
    for identity in identities if known else ():
        for hook in known.get(identity, ()) if identity in gradients else ():
            replaced = hook(gradients[identity])
            gradients[identity] = gradients[identity] if replaced is None else replaced


def depends(aten: Aten, step: Step, reached: set[int]) -> bool:
    """Whether a step gives something new that gradients flow through, to tensors that are `reached`."""
    given = {id(value) for value in step.inputs()}
    if given.isdisjoint(reached):
        return False
    return any(id(result) not in given for result in step.differentiable(aten))


def _add(aten: Aten, gradients: dict[int, AnyTensor], value: AnyTensor, gradient: AnyTensor) -> None:
    before = gradients.get(id(value))
    gradients[id(value)] = gradient if before is None else aten("add.Tensor", before, gradient)


def _through(
    aten: Aten, record: Record, given: Sequence[AnyTensor | None], reached: set[int]
) -> Iterator[tuple[AnyTensor, AnyTensor]]:
    """The arguments of a call that gradients are wanted of, each with its own."""
    call = Call(aten, record.operator, record.arguments, record.results, given)
    wanted = {
        place: value
        for place, value in places_of(record.arguments)
        if id(value) in reached and is_differentiable(aten.dtype(value))
    }
    flows = flows_of(call, wanted)
    for place, value in wanted.items():
        if place in flows:
            yield value, _fitted(aten, flows[place](), value)


def _fitted(aten: Aten, gradient: AnyTensor, value: AnyTensor) -> AnyTensor:
    gradient = sum_to(aten, gradient, aten.shape(value))
    target = aten.dtype(value)
    if aten.dtype(gradient).is_complex and not target.is_complex:
        gradient = aten("real", gradient)
    return gradient if aten.dtype(gradient) is target else aten("to.dtype", gradient, target.code)


def flows_of(call: Call, wanted: Mapping[Place, AnyTensor]) -> Mapping[Place, Flow]:
    """What computes the gradients of the arguments of a call.

    Raises:
        UnsupportedOperatorError: nothing says how.
    """
    operator = call.operator
    rule = rule_of(operator)
    if rule is not None:
        return rule(call, *call.arguments)
    if operator.slopes is not None:
        return _by_slopes(call, operator.slopes)
    if operator.inverse is not None:
        return {0: lambda: viewed_back(call)}
    definition = formula_of(operator) or operator.composite
    if definition is not None:
        return _through_parts(call, definition, wanted)
    places = [place for place, _ in places_of(call.arguments)]
    if operator.only_moves and len(places) == 1 and len(call.results) == 1:
        return {places[0]: lambda: moved_back(call, places[0])}
    raise UnsupportedOperatorError(
        f"{operator.name}: its derivative has no definition in this version of tsc"
    )


def is_defined(operator: Operator) -> bool:
    """Whether there is a way for gradients through an operator without taking it apart."""
    return (
        rule_of(operator) is not None
        or formula_of(operator) is not None
        or operator.slopes is not None
        or operator.inverse is not None
    )


def _by_slopes(call: Call, slopes_of: Callable[..., Mapping[int, Any]]) -> Mapping[Place, Flow]:
    """Of a pointwise operator: the gradient times the slope."""
    aten = call.aten
    slopes = slopes_of(aten, *call.arguments)

    def flow_to(slope: Any) -> Flow:
        def compute() -> AnyTensor:
            if not isinstance(slope, NUMBERS):
                return scaled(aten, call.gradient, slope)
            if slope == 0:
                return aten("zeros_like", call.gradient)
            back = slope.conjugate()
            return call.gradient if slope == 1 else aten("mul.Scalar", call.gradient, back)

        return compute

    return {i: flow_to(slope) for i, slope in slopes.items()}


def _through_parts(
    call: Call, definition: Formula, wanted: Mapping[Place, AnyTensor]
) -> Mapping[Place, Flow]:
    """Of a composite, or by a formula: through the calls that it is made of."""
    records: list[Record] = []
    aten = writing_apart(call.aten, [value for _, value in places_of(call.arguments)])
    made = definition(recording(aten, records), *call.arguments)
    results = _each(made)
    pairs = zip(results, call.gradients, strict=True)
    seeds = [(r, g) for r, g in pairs if g is not None and r is not None]
    places = list({id(value): place for place, value in wanted.items()}.values())  # each tensor once
    found = flow(call.aten, records, seeds, [wanted[place] for place in places])
    records.clear()  # what recorded them refers to itself, and is not let go at once

    def given(gradient: AnyTensor) -> Flow:
        return lambda: gradient

    return {place: given(g) for place, g in zip(places, found, strict=True) if g is not None}


def _each(made: Any) -> list[AnyTensor | None]:
    """The tensors that a definition gave, and None where a formula gives none."""
    if isinstance(made, tuple) and any(part is None for part in cast("tuple[Any, ...]", made)):
        return list(cast("tuple[Any, ...]", made))
    return list(tensors_of(made))


def writing_apart(aten: Aten, tensors: Sequence[AnyTensor]) -> Aten:
    """An `Aten` that writes to copies of these tensors, in their place: a composite that is computed once
    more has written to its arguments already (running statistics).
    """
    kept = {id(tensor) for tensor in tensors}
    copies: dict[int, AnyTensor] = {}

    def current(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [current(v) for v in cast("Sequence[Any]", value)]
        return copies.get(id(value), value)

    def call(operator: Operator, arguments: Sequence[Any]) -> Any:
        target = arguments[0] if operator.schema.mutates else None
        if target is not None and id(target) in kept and id(target) not in copies:
            copies[id(target)] = aten("clone", target)
        return aten.call(operator, [current(a) for a in arguments] if copies else arguments)

    return Aten(call, aten.spec, in_turn, aten.requiring)


def tensors_of(result: Any) -> list[AnyTensor]:
    """The tensors that a call gave, those of lists one by one."""
    if isinstance(result, (list, tuple)):
        return [t for r in cast("Sequence[Any]", result) for t in tensors_of(r)]
    return [result] if is_tensor(result) else []


def recording(aten: Aten, records: list[Record]) -> Aten:
    """An `Aten` that does what `aten` does, and notes the calls; composites without a rule in their parts."""

    def call(operator: Operator, arguments: Sequence[Any]) -> Any:
        if operator.composite is not None and not is_defined(operator):
            return operator.composite(within, *arguments)
        result = aten.call(operator, arguments)
        given = {id(value) for _, value in places_of(arguments)}
        results = tensors_of(result)
        if not given.issuperset(id(r) for r in results):  # what gives its argument changes no gradient
            records.append(Record(operator, arguments, results))
        return result

    within = Aten(call, aten.spec, in_turn, aten.requiring)
    return within
