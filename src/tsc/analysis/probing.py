"""`probe`: what an operator gives for arguments that stand for a program's own, while that is compiled."""

from __future__ import annotations

from typing import Any

from tsc.ops.definition import Operator
from tsc.ops.random_source import RandomSource, drawing_from


def probe(operator: Operator, *arguments: Any) -> Any:
    """What `operator` gives; it takes none of the program's random numbers.

    Raises:
        Exception: whatever the operator raises for such arguments.
    """
    if not operator.draws:
        return operator.eager(*arguments)
    with drawing_from(RandomSource()):
        return operator.eager(*arguments)
