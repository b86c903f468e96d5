# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false, reportPrivateUsage=false
"""Traces by `tsc` and by PyTorch, side by side."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import torch

import tsc


def inputs_of(given: Any) -> tuple[Any, ...]:
    """Example inputs as the arguments of a call."""
    return given if isinstance(given, tuple) else (given,)


def traced_alike(subject: Any, example: Any, others: Sequence[Any] = (), **options: Any) -> Any:
    """`tsc`'s trace of `subject`, after it gave what PyTorch's gives on `example` and on `others`."""
    ours = tsc.trace(subject, example, **options)
    theirs: Any = torch.jit.trace(subject, example, **options)
    for given in (example, *others):
        results = ours(*inputs_of(given)), theirs(*inputs_of(given))
        torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)
    return ours


def pytorchs(subject: Any, example: Any) -> Any:
    """PyTorch's trace."""
    return torch.jit.trace(subject, example)


def warned(run: Any) -> list[warnings.WarningMessage]:
    """The tracer warnings that `run` gives."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        run()
    return [w for w in given if w.category.__name__ == "TracerWarning"]


def graph_text(graph: Any) -> str:
    """A graph without what depends on the example: sizes and dtypes."""
    text = re.sub(r"(Float|Long|Double|Bool)\([^()]*\)", "Tensor", str(graph))
    numbers: dict[str, str] = {}
    return re.sub(r"%(\d+)", lambda m: numbers.setdefault(m[0], f"%{len(numbers)}"), text)


def operators(graph: Any) -> list[str]:
    """The operators of a graph in order, constants left out."""
    return [k for k in re.findall(r"= (\w+::\w+)", str(graph)) if k != "prim::Constant"]
