"""Tensors that a loop carries, and whose sizes differ from round to round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tsc.analysis.known_values import constant_of, spec_of_value
from tsc.analysis.memory_aliases import result_constructions, written_values
from tsc.analysis.shown_results import is_free
from tsc.dialects import torch_types as tt
from tsc.dialects.context import pool_of, sizes_of
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimLoopOp, PrimUninitializedOp
from tsc.dialects.walking import function_of
from tsc.dims import certainly_equal, certainly_natural, is_known, most_of
from tsc.errors import FoundSizeError
from tsc.ops.definition import TensorSpec
from tsc.passes import settle
from tsc.passes.found.branches import take
from tsc.passes.found.rooms import NUMBER, Room, bind, new_size, number_of

Sweep = Callable[[PrimLoopOp], bool]
"""Refines what is in a loop; whether anything changed."""
Place = tuple[int, int]
"""A dim of a tensor that a loop carries: the number of that, and of the dim."""
Groups = Mapping[Place, str]
"""Dims whose sizes a round changes, by what they are together: those of a group are always equal."""
Growth = dict[Place, int]
"""By how much at most each round makes sizes larger, of those that get larger."""
LARGEST_GROWTH = 1 << 16
"""By how much sizes may grow in all rounds together."""


@dataclass(frozen=True)
class _Trial:
    """A loop whose body is refined for tensors of certain shapes."""

    loop: PrimLoopOp
    shapes: Mapping[int, list[int]]
    """What a round begins with."""
    symbols: Mapping[str, int]
    """The sizes of the groups, at the beginning of a round."""

    def end(self, carried: int) -> TensorSpec | None:
        """What a round gives back."""
        return spec_of_value(self.end_value(carried))

    def end_value(self, carried: int) -> SSAValue:
        """The value that a round gives back."""
        end = self.loop.regions[0].block.last_op
        assert end is not None
        return end.operands[carried + 1]


def join_loop(loop: PrimLoopOp, context: Context, sweep: Sweep) -> bool:
    """Give tensors that a loop carries shapes in which sizes differ from round to round; whether there were
    such. What a round does is tried on copies of the loop, the last of which takes its place.
    """
    entering = _entering(loop)
    groups: Groups = {}
    growth: Growth = {}
    rounds = _most_rounds(loop)
    sizes = sizes_of(context)
    while entering:
        required, guards = dict(sizes.required), dict(sizes.guards)
        limits = _Limits(entering, growth, rounds)
        trial = _tried(loop, entering, groups, limits, context, sweep)
        lost = {i for i, spec in entering.items() if not _fits(spec, trial.end(i))}
        following: Groups = {} if lost else _grouped(trial, entering, groups)
        grown = dict(growth)
        lost = lost or _unbounded(loop, trial, following, limits, grown)
        if not lost and following == groups and groups and grown == growth:
            _replace(loop, trial, entering, groups, limits, context)
            return True
        sizes.required, sizes.guards = required, guards
        trial.loop.detach()
        trial.loop.erase()
        if not lost and following == groups and grown == growth:
            return False  # nothing differs: what is not known has other reasons
        entering = {i: spec for i, spec in entering.items() if i not in lost}
        groups, growth = ({}, {}) if lost else (following, grown)
    return False


@dataclass(frozen=True)
class _Limits:
    """How large what is carried may get."""

    entering: Mapping[int, TensorSpec]
    growth: Growth
    rounds: int | None
    """How many there are at most; None where nobody knows."""

    def most(self, place: Place) -> int:
        """The most that a size may be, at the end of all rounds."""
        carried, dim = place
        return most_of(self.entering[carried].shape[dim]) + self.growth.get(place, 0) * (self.rounds or 0)

    def most_before(self, place: Place) -> int:
        """The most that it may be when a round begins."""
        return self.most(place) - self.growth.get(place, 0)


def _most_rounds(loop: PrimLoopOp) -> int | None:
    trips = constant_of(loop.operands[0])
    return trips if type(trips) is int and 0 < trips <= LARGEST_GROWTH else None


def _entering(loop: PrimLoopOp) -> dict[int, TensorSpec]:
    """What is carried of unknown shape, by number, as it enters the loop."""
    found: dict[int, TensorSpec] = {}
    arguments = loop.regions[0].block.args[1:]
    for i, (value, argument) in enumerate(zip(loop.operands[2:], arguments, strict=True)):
        spec, kind = spec_of_value(value), argument.type
        if spec is None or isinstance(value.owner, PrimUninitializedOp):
            continue
        if isinstance(kind, tt.TensorType) and not kind.is_static:
            found[i] = spec
    return found


def _tried(
    loop: PrimLoopOp, entering: Mapping[int, TensorSpec], groups: Groups, limits: _Limits, context: Context,
    sweep: Sweep,
) -> _Trial:  # fmt: skip
    """A copy of the loop, before it, refined for what enters, but for new sizes of the groups."""
    copy = loop.clone()
    assert loop.parent is not None
    loop.parent.insert_op_before(copy, loop)
    symbols: dict[str, int] = {}
    shapes: dict[int, list[int]] = {}
    for i, spec in entering.items():
        shapes[i] = list(spec.shape)
        for d in range(spec.ndim):
            group = groups.get((i, d))
            if group is not None:
                if group not in symbols:
                    symbols[group] = new_size(context, limits.most_before((i, d)))
                shapes[i][d] = symbols[group]
        argument = copy.regions[0].block.args[i + 1]
        argument._type = type(argument.type).of(shapes[i], spec.dtype)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue, reportUnknownMemberType]
    settle(lambda: sweep(copy))
    return _Trial(copy, shapes, symbols)


def _fits(spec: TensorSpec, end: TensorSpec | None) -> bool:
    return end is not None and (end.ndim, end.dtype) == (spec.ndim, spec.dtype)


def _grouped(trial: _Trial, entering: Mapping[int, TensorSpec], groups: Groups) -> Groups:
    """The dims whose sizes the round of a trial changes, or those of one before did: together where they
    were, begin with the same size, and end with the same.
    """
    names: dict[str, str] = {}
    found: dict[Place, str] = {}
    for i, spec in entering.items():
        end = trial.end(i)
        assert end is not None
        for d, size in enumerate(spec.shape):
            if (i, d) in groups or not certainly_equal(end.shape[d], trial.shapes[i][d]):
                key = f"{groups.get((i, d))}, {size}, {end.shape[d]}"
                found[i, d] = names.setdefault(key, str(len(names)))
    return found


def _unbounded(loop: PrimLoopOp, trial: _Trial, groups: Groups, limits: _Limits, grown: Growth) -> set[int]:
    """What may get larger than is known; what each round makes larger by so much is noted in `grown`."""
    lost: set[int] = set()
    for place in groups:
        if not _is_bounded(trial, place, limits.most(place)):
            step = None if limits.rounds is None or place in grown else _step(trial, place)
            if step is None or step * (limits.rounds or 0) > LARGEST_GROWTH:
                lost.add(place[0])
            else:
                grown[place] = step
        if place not in grown and not is_free(loop.results[place[0]]):
            lost.add(place[0])
    return lost | {i for i, _ in grown if not _may_be_copied(loop, i)}


def _may_be_copied(loop: PrimLoopOp, carried: int) -> bool:
    """Whether what a loop gives, which has got larger in a round, may be given as a copy: it is no tensor
    that is known otherwise, and nobody writes to it.
    """
    result = loop.results[carried]
    if is_free(result):
        return True
    function = function_of(result)
    is_entered = constant_of(loop.operands[1]) is True
    if not is_entered or not isinstance(function, FuncOp):
        return False
    return result not in written_values(function, result_constructions(function))


def _is_bounded(trial: _Trial, place: Place, most: int) -> bool:
    carried, dim = place
    end = trial.end(carried)
    assert end is not None
    try:
        return certainly_natural(most - most_of(end.shape[dim]))
    except FoundSizeError:
        return False


def _step(trial: _Trial, place: Place) -> int | None:
    """By how much a round makes a size larger; None where that differs."""
    carried, dim = place
    end = trial.end(carried)
    assert end is not None
    step = end.shape[dim] - trial.shapes[carried][dim]
    return step if is_known(step) and step > 0 else None


def _replace(
    loop: PrimLoopOp, trial: _Trial, entering: Mapping[int, TensorSpec], groups: Groups, limits: _Limits,
    context: Context,
) -> None:  # fmt: skip
    """Put the loop of a trial in place of `loop`: it carries tensors with room, and sizes."""
    pool, copy = pool_of(context), trial.loop
    body = copy.regions[0].block
    end, first = body.last_op, body.first_op
    assert end is not None
    assert first is not None
    operands, given = list(copy.operands), list(end.operands)
    kinds = [r.type for r in loop.results]
    rooms = _rooms(loop, entering, groups, limits)
    for i, room in rooms.items():
        operands[i + 2] = room.filled(operands[i + 2], copy)
        given[i + 1] = room.filled(given[i + 1], end)
        kinds[i] = room.type
    places = {group: place for place, group in groups.items()}
    for group, (i, d) in places.items():
        spec = trial.end(i)
        assert spec is not None
        bind(trial.symbols[group], body.insert_arg(NUMBER, len(body.args)), first)
        operands.append(number_of(entering[i].shape[d], pool, copy))
        given.append(number_of(spec.shape[d], pool, end))
    end.operands = given
    for i, room in rooms.items():
        body.args[i + 1]._type = room.type  # pyright: ignore[reportPrivateUsage]
        take(body.args[i + 1], room, trial.shapes[i], first)
    is_copied = {i: not is_free(loop.results[i]) for i in rooms}
    made = rebuilt(copy, operands, [*kinds, *[NUMBER] * len(places)])
    for old, new in zip(loop.results, made.results, strict=False):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    symbols = {group: new_size(context, limits.most(place)) for group, place in places.items()}
    for symbol, number in zip(symbols.values(), made.results[len(kinds) :], strict=True):
        bind(symbol, number, loop)
    for i, room in rooms.items():
        shape = [symbols[groups[i, d]] if (i, d) in groups else n for d, n in enumerate(entering[i].shape)]
        take(made.results[i], room, shape, loop, is_copied=is_copied[i])
    loop.detach()
    loop.erase()


def _rooms(
    loop: PrimLoopOp, entering: Mapping[int, TensorSpec], groups: Groups, limits: _Limits
) -> dict[int, Room]:
    """The room for everything that is carried and has dims in `groups`."""
    rooms: dict[int, Room] = {}
    for i in sorted({i for i, _ in groups}):
        kind, spec = loop.results[i].type, entering[i]
        assert isinstance(kind, tt.TensorType)
        rooms[i] = Room(type(kind), spec.dtype, [limits.most((i, d)) for d in range(spec.ndim)])
    return rooms
