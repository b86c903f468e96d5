"""Finds the loops of one generic that are the loops of another, through the tensors between them."""

from collections.abc import Sequence
from math import prod

from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir.affine import AffineDimExpr, AffineExpr, AffineMap

from tsc.analysis.affine import substitute, used_dims
from tsc.dialects.loop_extents import loop_extents
from tsc.passes.kernels.compose import input_pairs, output_pairs

LoopMap = dict[int, AffineExpr]
"""For each loop of a generic, the root loop it is, or the constant 0 for a loop of one iteration; a sum of
several root loops where the root's result interleaves them."""


def align(
    generics: Sequence[linalg.GenericOp], root: linalg.GenericOp
) -> dict[linalg.GenericOp, LoopMap] | None:
    """For every generic, its loops in terms of those of `root`; None where they do not correspond."""
    sizes = loop_extents(root)
    zero = AffineExpr.constant(0)
    identity: LoopMap = {d: zero if n == 1 else AffineExpr.dimension(d) for d, n in enumerate(sizes)}
    result: dict[linalg.GenericOp, LoopMap] = {root: identity}
    pending = [g for g in generics if g is not root]
    while pending:
        for op in pending:
            matched = _match(op, result, sizes)
            if matched is not None:
                break
        else:
            op = pending[0]
            matched = _match_alone(op, root, sizes)
        if matched is None or not _is_consistent(op, matched, result, sizes):
            return None
        result[op] = matched
        pending.remove(op)
    return result


def _shared(
    op: linalg.GenericOp, done: dict[linalg.GenericOp, LoopMap]
) -> list[tuple[AffineMap, AffineMap, LoopMap, bool]]:
    """The tensors that pass between `op` and generics already aligned: map here, map there, loops there, and
    whether it is written there.
    """
    found: list[tuple[AffineMap, AffineMap, LoopMap, bool]] = []
    for other, loops in done.items():
        produced = [(r, m) for r, (_, m) in zip(other.results, output_pairs(other), strict=True)]
        mine = [(r, m) for r, (_, m) in zip(op.results, output_pairs(op), strict=True)]
        for value, here in input_pairs(op):
            found += [(here, there, loops, True) for v, there in produced if v is value]
        for value, here in mine:
            found += [(here, there, loops, False) for v, there in input_pairs(other) if v is value]
    return found


def _match(
    op: linalg.GenericOp, done: dict[linalg.GenericOp, LoopMap], sizes: Sequence[int]
) -> LoopMap | None:
    """Loops that index a shared tensor like a loop of an aligned generic are that loop."""
    shared = _shared(op, done)
    if not shared:
        return None
    own = loop_extents(op)
    loops: LoopMap = {}
    for here, there, known, is_written in shared:
        for a, b in zip(here.results, there.results, strict=True):
            if isinstance(a, AffineDimExpr) and (isinstance(b, AffineDimExpr) or is_written):
                loops.setdefault(a.position, substitute(b, known))
    return _complete(loops, own, sizes)


def _match_alone(op: linalg.GenericOp, root: linalg.GenericOp, sizes: Sequence[int]) -> LoopMap | None:
    """A generic that shares no tensor: loop by loop, if the sizes agree."""
    own = loop_extents(op)
    if own != tuple(sizes) or op.iterator_types != root.iterator_types:
        return None
    zero = AffineExpr.constant(0)
    return {d: zero if n == 1 else AffineExpr.dimension(d) for d, n in enumerate(own)}


def _complete(loops: LoopMap, own: Sequence[int], sizes: Sequence[int]) -> LoopMap | None:
    """Loops left over: of one iteration they are 0, others are the free root loops of the same size, in
    order.
    """
    used = {d for e in loops.values() for d in used_dims(e)}
    free = [d for d in range(len(sizes)) if d not in used and sizes[d] != 1]
    for d, size in enumerate(own):
        if size == 1:
            loops[d] = AffineExpr.constant(0)
        if size == 1 or (d in loops and used_dims(loops[d])):
            continue
        if not free or sizes[free[0]] != size:
            return None
        loops[d] = AffineExpr.dimension(free.pop(0))
    return loops


def _is_consistent(
    op: linalg.GenericOp, loops: LoopMap, done: dict[linalg.GenericOp, LoopMap], sizes: Sequence[int]
) -> bool:
    """Whether all shared tensors are indexed alike, loops run as often as the root loops they are, and no
    two loops became one.
    """
    for d, extent in enumerate(loop_extents(op)):
        if extent != prod(sizes[r] for r in used_dims(loops[d])):
            return False
    targets = [d for e in loops.values() for d in used_dims(e)]
    if len(set(targets)) != len(targets):
        return False
    for here, there, known, _ in _shared(op, done):
        for a, b in zip(here.results, there.results, strict=True):
            if substitute(a, loops) != substitute(b, known):
                return False
    return True


def reduced_loops(op: linalg.GenericOp) -> list[int]:
    """The reduction loops of a generic; one of a single iteration reduces nothing."""
    reductions = [d for d, t in enumerate(op.iterator_types.data) if t.data is IteratorType.REDUCTION]
    return [d for d in reductions if loop_extents(op)[d] != 1] if reductions else []
