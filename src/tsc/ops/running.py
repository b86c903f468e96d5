"""Inference by running: of operators whose results have shapes that follow from those of operands and from
constants, by rules that their own code has already told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tsc.narrowing import is_array, is_list, is_tuple
from tsc.ops.definition import Family, TensorSpec
from tsc.ops.elementwise import spec_of

MOST_ELEMENTS = 1 << 16
"""What operands may have together: with larger ones it is not run, and the shape is not known."""
MOST_KEPT = 4096
"""How many answers are kept for one operator."""


def inferred_by_running(family: Family, *names: str, **parts: object) -> Callable[..., Any]:
    """The decorated function is the eager meaning of `names`; no shape or dtype of a result depends on
    elements. `parts` are fields of `Operator`.
    """

    def register(eager: Callable[..., Any]) -> Callable[..., Any]:
        return family.op(*names, infer=_by_running(eager), **parts)(eager)

    return register


def _by_running(eager: Callable[..., Any]) -> Callable[..., Any]:
    """Inference that runs the operator once on operands of each shape, whose elements it surely takes:
    identities, ones, zeros for integers.
    """
    known: dict[str, Any] = {}

    def infer(*arguments: object) -> Any:
        key = repr(arguments)
        if key not in known:
            if _elements(arguments) > MOST_ELEMENTS:
                raise ValueError("the operands are too large to infer the result by running")
            with np.errstate(all="ignore"):
                made = _described(eager(*(_example(a) for a in arguments)))
            if len(known) >= MOST_KEPT:
                known.clear()
            known[key] = made
        return known[key]

    return infer


def _elements(argument: object) -> int:
    if isinstance(argument, TensorSpec):
        return argument.size
    return sum(map(_elements, argument)) if is_list(argument) or is_tuple(argument) else 0


def _example(argument: object) -> Any:
    """An operand of the shape and dtype of a spec."""
    if isinstance(argument, list):
        return [_example(a) for a in cast("list[Any]", argument)]
    if not isinstance(argument, TensorSpec):
        return argument
    if argument.dtype.is_integral:
        return np.zeros(argument.shape, argument.dtype.numpy)
    made = np.ones(argument.shape, argument.dtype.numpy)
    if argument.ndim >= 2:
        rows, columns = argument.shape[-2:]
        made[...] = np.eye(rows, columns, dtype=made.dtype)
    return made


def _described(result: object) -> Any:
    if is_tuple(result):
        return tuple(map(_described, result))
    if is_list(result):
        return list(map(_described, result))
    return spec_of(result) if is_array(result) else spec_of(np.asarray(result))
