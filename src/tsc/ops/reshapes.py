"""How one shape regroups into another."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, i64
from xdsl.ir.affine import AffineExpr

from tsc.errors import CodegenError

Groups = list[list[int]]
"""For each dim of one shape, the dims of another that make it."""


def unit_view(old: Sequence[int], new: Sequence[int]) -> list[AffineExpr | int] | None:
    """The map of a reshape that only adds or drops dims of size 1; None for any other reshape."""
    positions = [i for i, n in enumerate(new) if n != 1]
    if [n for n in old if n != 1] != [new[i] for i in positions]:
        return None
    following = iter(positions)
    return [0 if n == 1 else AffineExpr.dimension(next(following)) for n in old]


def reassociation(fine: Sequence[int], coarse: Sequence[int]) -> Groups:
    """For each dim of `coarse`, the consecutive dims of `fine` whose product it is; ones join their
    neighbours.

    Raises:
        CodegenError: no such grouping exists.
    """
    groups: list[list[int]] = []
    position = 0
    for extent in coarse:
        group: list[int] = []
        size = 1
        while position < len(fine) and (size != extent or not group):
            group.append(position)
            size *= fine[position]
            position += 1
        if size != extent:
            raise CodegenError(f"reshape: {tuple(fine)} is not a refinement of {tuple(coarse)}")
        groups.append(group)
    rest = list(range(position, len(fine)))
    if rest and prod(fine[i] for i in rest) != 1:
        raise CodegenError(f"reshape: {tuple(fine)} is not a refinement of {tuple(coarse)}")
    if rest and groups:
        groups[-1] += rest
    return groups


def group_attribute(groups: Sequence[Sequence[int]]) -> ArrayAttr[Any]:
    """Groups of dims as ``tensor.collapse_shape`` and ``expand_shape`` hold them."""
    return ArrayAttr([ArrayAttr([IntegerAttr(i, i64) for i in group]) for group in groups])


def common_refinement(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...] | None:
    """The coarsest shape both `a` and `b` are groupings of; when there is none, the flat shape ``(n,)``."""
    if prod(a) != prod(b):
        return None
    if refines(a, b):
        return tuple(a)
    if refines(b, a):
        return tuple(b)
    return (prod(a),)


def refines(fine: Sequence[int], coarse: Sequence[int]) -> bool:
    """Whether every dim of `coarse` is a product of consecutive dims of `fine`."""
    try:
        groups = reassociation(fine, coarse)
    except CodegenError:
        return False
    return all(groups) or not coarse
