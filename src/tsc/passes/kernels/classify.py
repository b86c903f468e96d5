"""Tells which canonical form some generics have together, and over which loops."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Attribute
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from tsc.analysis.affine import substitute, used_dims
from tsc.analysis.kernel_model import (
    KernelStage,
    contraction_of,
    is_permutation,
    read_stage,
)
from tsc.dialects.loop_extents import loop_extents
from tsc.passes.kernels.alignment import LoopMap, align, reduced_loops
from tsc.passes.kernels.compose import output_pairs, renumber


@dataclass(frozen=True)
class Form:
    """A kind of kernel, and for each generic its loops in terms of the kernel's (kept ones first)."""

    kind: str
    loops: dict[linalg.GenericOp, LoopMap]
    kept: tuple[int, ...]
    reduced: tuple[int, ...]
    extents: tuple[int, ...]
    """How often the kernel's loops run, kept ones first."""

    def renumbered(self, op: linalg.GenericOp) -> linalg.GenericOp:
        """`op` over the kernel's loops; one that runs once per row has the kept loops only."""
        order = [*self.kept, *self.reduced]
        position: dict[int, AffineExpr] = {d: AffineExpr.dimension(n) for n, d in enumerate(order)}
        dims = {own: substitute(e, position) for own, e in self.loops[op].items()}
        used = {d for e in dims.values() for d in used_dims(e)}
        count = len(order) if used - set(range(len(self.kept))) else len(self.kept)
        types: list[Attribute] = [IteratorTypeAttr.parallel()] * count
        for own in reduced_loops(op):
            target = dims[own]
            if isinstance(target, AffineDimExpr):
                types[target.position] = IteratorTypeAttr.reduction()
        return renumber(op, dims, count, types)


def classify(generics: Sequence[linalg.GenericOp]) -> Form | None:
    """The canonical form of a kernel of these generics (in order), or None where they make no one kernel."""
    reductions = [g for g in generics if reduced_loops(g)]
    root = reductions[0] if reductions else max(generics, key=lambda g: len(loop_extents(g)))
    loops = align(generics, root)
    if loops is None or not _reduce_alike(reductions, loops):
        return None
    kind = _kind(generics, reductions, root)
    if kind is None or not _share_space(generics, loops, root, kind):
        return None
    kept, reduced = _loop_order(root)
    sizes = loop_extents(root)
    return Form(kind, loops, kept, reduced, tuple(sizes[d] for d in (*kept, *reduced)))


def _reduce_alike(reductions: Sequence[linalg.GenericOp], loops: dict[linalg.GenericOp, LoopMap]) -> bool:
    """Whether all reductions run over the same loops of the root."""
    reduced = [{loops[g][d] for d in reduced_loops(g)} - {AffineExpr.constant(0)} for g in reductions]
    return all(r == reduced[0] for r in reduced)


def _kind(
    generics: Sequence[linalg.GenericOp], reductions: Sequence[linalg.GenericOp], root: linalg.GenericOp
) -> str | None:
    if not reductions:
        return "pointwise"
    stage = read_stage(root)
    if any(read_stage(r).running for r in reductions):
        return "row" if len(generics) == 1 else None
    is_first = generics[0] is root or not any(_feeds(g, root) for g in generics if g is not root)
    if len(reductions) == 1 and is_contraction(stage):
        return "contraction" if is_first else None
    if _is_window(stage):
        return "window" if len(reductions) == 1 and is_first else None
    if any(_is_window(read_stage(r)) or is_contraction(read_stage(r)) for r in reductions):
        return None
    return "row"


def is_contraction(stage: KernelStage) -> bool:
    """Whether the reduction is a matrix product in disguise, with either operand as the weights."""
    return any(contraction_of(stage, d) is not None for d in (None, *stage.kept))


def _is_window(stage: KernelStage) -> bool:
    """Whether loops are mixed in an index, or padding is read."""
    return any(i.padding is not None or not is_permutation(i.map) for i in stage.inputs if i.map.results)


def _feeds(op: linalg.GenericOp, other: linalg.GenericOp) -> bool:
    return any(v.owner is op for v in other.operands)


def _share_space(
    generics: Sequence[linalg.GenericOp],
    loops: dict[linalg.GenericOp, LoopMap],
    root: linalg.GenericOp,
    kind: str,
) -> bool:
    """Whether every generic runs over all kept loops (and, in a row kernel, over all or none of the reduced
    ones).
    """
    sizes = loop_extents(root)
    reduced = set(reduced_loops(root))
    wide = {d for d, n in enumerate(sizes) if n != 1}
    kept = wide - reduced
    for op in generics:
        covered = {d for e in loops[op].values() for d in used_dims(e)}
        complete = covered in (wide, kept) if kind == "row" else covered == kept or op is root
        if not complete:
            return False
    return True


def _loop_order(root: linalg.GenericOp) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Kept loops in the order of the root's result, reduced ones after them; loops of one iteration are
    gone.
    """
    sizes, reduced = loop_extents(root), set(reduced_loops(root))
    result = output_pairs(root)[0][1]
    ordered = [d for e in result.results for d in sorted(used_dims(e))]
    ordered += [d for d in range(len(sizes)) if d not in ordered]
    kept = tuple(d for d in ordered if d not in reduced and sizes[d] != 1)
    return kept, tuple(d for d in range(len(sizes)) if d in reduced and sizes[d] != 1)
