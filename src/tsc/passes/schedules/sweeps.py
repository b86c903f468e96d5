"""Arranges the stages of a row kernel in as few passes over the row as their dependences allow."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from tsc.analysis.kernel_model import KernelModel, KernelStage, body_cost
from tsc.analysis.layouts import element_bytes
from tsc.dialects.loop_builder import element_of
from tsc.dims import most_of

RECOMPUTED = 6
"""A value of at most this many operations is computed again in a later sweep; a dearer one is kept."""
MOST_KEPT_BYTES = 1 << 16
"""A kept row must stay in the nearest caches, and on the stack."""


@dataclass(frozen=True)
class Sweep:
    """One pass over a row: `wide` stages are evaluated at each element (in order), `narrow` ones once after
    it.
    """

    wide: tuple[KernelStage, ...]
    narrow: tuple[KernelStage, ...]

    @property
    def reductions(self) -> tuple[KernelStage, ...]:
        """The stages whose results this sweep accumulates."""
        return tuple(s for s in self.wide if not s.is_parallel)


@dataclass(frozen=True)
class Arrangement:
    """The sweeps in order, and the values that a sweep leaves in a row of its own for later ones."""

    sweeps: tuple[Sweep, ...]
    kept: tuple[SSAValue, ...]


def arrange_sweeps(model: KernelModel, row_size: int) -> Arrangement:
    """A stage runs in the first sweep in which everything it needs is known.

    ``max -> exp -> sum -> div`` takes three: the maximum; the exponentials (kept) and their sum; the
    quotients.
    """
    main = max(model.stages, key=lambda s: len(s.sizes))
    producers = {o.value: s for s in model.stages for o in s.outputs}
    levels: dict[int, int] = {}
    for number, stage in enumerate(model.stages):
        levels[number] = _level(stage, model, producers, levels, main)
    narrow = {n for n, s in enumerate(model.stages) if is_narrow(s, main)}
    kept = _kept(model, levels, narrow, row_size)
    stored = {*kept, *model.results}
    sweeps: list[Sweep] = []
    for level in range(max(levels.values()) + 1):
        roots = [
            n for n, at in levels.items() if at == level and n not in narrow and _is_root(model, n, stored)
        ]
        needed = _closure(model, roots, producers, levels, stored, level)
        wide = tuple(model.stages[n] for n in sorted(needed) if n not in narrow)
        after = tuple(model.stages[n] for n in sorted(narrow) if levels[n] == level)
        sweeps.append(Sweep(wide, after))
    return Arrangement(tuple(sweeps), kept)


def is_narrow(stage: KernelStage, main: KernelStage) -> bool:
    """Whether a parallel stage has one value per row (`main` has the reduction loops last)."""
    if not stage.is_parallel:
        return False
    reduced = [d for d in range(len(main.sizes)) if d < len(stage.sizes) and stage.sizes[d] != main.sizes[d]]
    return len(stage.sizes) < len(main.sizes) or bool(reduced)


def _level(
    stage: KernelStage,
    model: KernelModel,
    producers: dict[SSAValue, KernelStage],
    levels: dict[int, int],
    main: KernelStage,
) -> int:
    level = 0
    for operand in stage.inputs:
        producer = producers.get(operand.value)
        if producer is None:
            continue
        number = model.stages.index(producer)
        complete = not producer.is_parallel or is_narrow(producer, main)
        waits = complete and not is_narrow(stage, main)
        level = max(level, levels[number] + int(waits))
    return level


def _is_root(model: KernelModel, number: int, stored: set[SSAValue]) -> bool:
    stage = model.stages[number]
    return not stage.is_parallel or any(o.value in stored for o in stage.outputs)


def _closure(
    model: KernelModel,
    roots: Sequence[int],
    producers: dict[SSAValue, KernelStage],
    levels: dict[int, int],
    stored: set[SSAValue],
    level: int,
) -> set[int]:
    """The stages to evaluate for `roots`; those of earlier sweeps again, unless their value was stored."""
    needed, work = set[int](), list(roots)
    while work:
        number = work.pop()
        if number in needed:
            continue
        needed.add(number)
        for operand in model.stages[number].inputs:
            producer = producers.get(operand.value)
            if producer is None or not producer.is_parallel:
                continue
            earlier = model.stages.index(producer)
            if levels[earlier] == level or operand.value not in stored:
                work.append(earlier)
    return needed


def _kept(
    model: KernelModel, levels: dict[int, int], narrow: set[int], row_size: int
) -> tuple[SSAValue, ...]:
    kept: list[SSAValue] = []
    for number, stage in enumerate(model.stages):
        if not stage.is_parallel or number in narrow or body_cost(stage.body) <= RECOMPUTED:
            continue
        for output in stage.outputs:
            readers = [
                n for n, s in enumerate(model.stages) if any(o.value is output.value for o in s.inputs)
            ]
            later = any(levels[n] > levels[number] for n in readers)
            if (
                later
                and output.value not in model.results
                and most_of(_bytes(output.value, row_size)) <= MOST_KEPT_BYTES
            ):
                kept.append(output.value)
    return tuple(kept)


def _bytes(value: SSAValue, row_size: int) -> int:
    return row_size * element_bytes(element_of(value.type))
