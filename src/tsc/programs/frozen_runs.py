"""Functions at stage `frozen` in the generic tier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tsc.analysis.operator_effects import asks_gradients
from tsc.compiler.entry import Entry
from tsc.concurrency import COMPILING
from tsc.frontend.unit import ScriptObject
from tsc.passes.eliminate_common_subexpressions import merge_equal
from tsc.runtime.generic import GenericFunction
from tsc.runtime.operators import Operators
from tsc.runtime.taping import TapeOperators, taping

Run = Callable[..., Any]


def run_frozen(
    entry: Entry, receiver: ScriptObject | None, call: Run, operators: Operators | None = None
) -> Run:
    """What runs a function at stage `frozen` in the generic tier; `receiver` is its ``self``, where it has
    one.
    """
    made: list[Run] = []
    if operators is None and asks_gradients(entry.function):
        return _taped(run_frozen(entry, receiver, call, TapeOperators()))

    def run(*values: object) -> Any:
        if not made:
            with COMPILING:
                copy = replace(entry, module=entry.alone())
                merge_equal(copy.function, [])
                function = GenericFunction(
                    copy.function, entry.pool, entry.unit, call, operators=operators or Operators()
                )
                takes_self = len(entry.arguments) > len(values)
                made.append(partial(function, receiver) if takes_self else function)
        return made[0](*values)

    return run


def _taped(run: Run) -> Run:
    """`run` with a tape."""

    def call(*values: object) -> Any:
        with taping():
            return run(*values)

    return call
