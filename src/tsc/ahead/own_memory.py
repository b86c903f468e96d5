"""Whether each attribute that a library keeps has memory of its own in Python, as it has in the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tsc.ahead.plan import Base, Cell, Computed, Given, MethodPlan, ToCell
from tsc.errors import RefusedError


def require_own_memory(
    plans: Sequence[MethodPlan],
    cells: Sequence[Cell],
    written: set[int],
    constants: Sequence[np.ndarray[Any, Any]],
) -> None:
    """Check that no write in place is seen in another attribute: no memory of the cells `written` in place is
    in two of them, now or after a call, or in a constant.

    Raises:
        RefusedError: it is.
    """
    if not written:
        return
    path = cells[min(written)].path
    for number in written:
        others = [cell.memory for cell in cells if cell.number != number]
        if any(np.may_share_memory(cells[number].memory, other) for other in (*others, *constants)):
            raise RefusedError(
                f"attribute '{cells[number].path}' is written in place, and another one shows its memory"
            )
    for plan in plans:
        if _shares(plan, cells):
            raise RefusedError(
                f"{plan.name}: attribute '{path}' is written in place, and attributes become the same "
                "memory, in which that would be seen"
            )


def _shares(plan: MethodPlan, cells: Sequence[Cell]) -> bool:
    """Whether two attributes are the same memory after a call."""
    held: dict[int, object] = {cell.number: ("cell", cell.number) for cell in cells}
    for move in plan.moves:
        if isinstance(move.place, ToCell):
            held[move.place.cell] = _memory(plan, move.source.base, move.place.cell)
    return len(set(held.values())) < len(held)


def _memory(plan: MethodPlan, base: Base, cell: int) -> object:
    """Which memory a cell has after a call, in Python."""
    if isinstance(base, Computed):
        return "computed", base.number
    if isinstance(base, Given):
        count = len(plan.inputs)
        return ("input", base.number) if base.number < count else ("cell", plan.cells[base.number - count])
    return "own", cell
