"""Values in the place of what an operation gives."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation, SSAValue


def replace(op: Operation, values: Sequence[SSAValue]) -> None:
    """Let everybody who reads the results of `op` read `values`, and drop `op`. Values without names take
    those of the results.
    """
    for result, value in zip(op.results, values, strict=True):
        if value.name_hint is None:
            value.name_hint = result.name_hint
        result.replace_all_uses_with(value)
    op.detach()
    op.erase()
