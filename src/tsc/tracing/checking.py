"""Is the trace what the Python code does? It is run again, made again, and compared."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects.func import FuncOp

from tsc.dialects import torch_ops as ops
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import literal_array
from tsc.dialects.walking import walk
from tsc.frontend.unit import MANGLED, ScriptObject
from tsc.modules.script_modules import RecursiveScriptModule
from tsc.ops.registry import find
from tsc.programs.script_functions import BoundFunction, ScriptFunction
from tsc.tracing.backends import Backend
from tsc.tracing.boundary import map_values
from tsc.tracing.closeness import difference
from tsc.tracing.diagnostics import TracingCheckError, indent, warn


class Traced:
    """A traced function, or the method `name` of a traced module."""

    def __init__(self, made: ScriptFunction | RecursiveScriptModule, name: str = "forward") -> None:
        self.made = made
        self.callable = (
            made if isinstance(made, ScriptFunction) else cast("BoundFunction", getattr(made, name))
        )

    @property
    def op(self) -> FuncOp:
        """The recorded function."""
        assert self.callable.function.op is not None
        return self.callable.function.op

    def lines(self) -> list[str]:
        """The graph, calls inlined, without the numbers that keep class names apart."""
        text = str(self.callable.inlined_graph)
        if isinstance(self.made, RecursiveScriptModule):
            for name in _class_names(self.made._object):  # pyright: ignore[reportPrivateUsage]
                text = re.sub(rf"{re.escape(name)}\b", re.sub(rf"\b{MANGLED}\d+\.", "", name), text)
        return text.splitlines(keepends=True)

    def nodes(self) -> list[str]:
        """The lines that are operations, in order."""
        return [line for line in self.lines() if " = " in line]

    def literals(self) -> list[tuple[str, np.ndarray[Any, Any]]]:
        """The tensors among the constants, with their text."""
        pool = self.callable.interpreter.compiler.unit.pool
        found = [o for o in walk(self.op) if isinstance(o, ops.NonValueTensorLiteralOp)]
        return [(str(o), literal_array(pool, o)) for o in found]


def _class_names(held: ScriptObject) -> list[str]:
    inner = [n for v in held.attributes.values() if isinstance(v, ScriptObject) for n in _class_names(v)]
    return [held.cls.name, *inner]


class Check:
    """The checks of one `trace`."""

    def __init__(self, backend: Backend, tolerance: float, by_name: bool) -> None:
        self.backend = backend
        self.tolerance = tolerance
        self.by_name = by_name

    def cloned(self, inputs: object) -> Any:
        """Copies, since the code may write to its inputs."""
        return map_values(inputs, lambda v: self.backend.clone(v) if self.backend.is_tensor(v) else v)

    def again(self, make: Callable[[], Any]) -> Any:
        """The trace, made again."""
        with self.backend.without_gradients():
            return make()

    def compare(self, traced: Traced, python: Callable[..., Any], again: Traced, inputs: object) -> None:
        """Warn where results differ.

        Raises:
            TracingCheckError: the graphs differ, their constants do, or one cannot be run.
        """
        ours = self._outputs(traced.callable, inputs, "trace", traced, again)
        theirs = self._outputs(python, inputs, "Python function", traced, again)
        if self._warn_of_differences(traced, ours, theirs, "Python function"):
            repeated = self._outputs(again.callable, inputs, "repeated trace", traced, again)
            self._warn_of_differences(traced, ours, repeated, "repeated trace")
        found = graph_difference(traced, again), literal_difference(traced, again)
        if any(f is not None for f in found):
            raise TracingCheckError(*found)

    def _outputs(
        self, run: Callable[..., Any], inputs: object, what: str, traced: Traced, again: Traced
    ) -> list[Any]:
        given = self.cloned(inputs)
        try:
            with self.backend.without_gradients():
                result = run(**given) if self.by_name and isinstance(given, Mapping) else run(*given)
        except Exception as error:
            message = (
                f"encountered an exception while running the {what} with test inputs.\nException:\n"
                f"{indent(str(error))}"
            )
            found = graph_difference(traced, again), literal_difference(traced, again)
            raise TracingCheckError(*found, extra_msg=message) from error
        results: Sequence[Any] = cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)
        return [r for r in results if self.backend.is_tensor(r)]

    def _warn_of_differences(
        self, traced: Traced, ours: Sequence[Any], theirs: Sequence[Any], what: str
    ) -> bool:
        """Whether all agree."""
        found = [self._difference(a, b) for a, b in zip(ours, theirs, strict=False)]
        if any(found):
            _warn_of_random_operators(traced)
        for i, text in enumerate(found, 1):
            if text:
                warn(
                    f"Output nr {i}. of the traced function does not match the corresponding output of the "
                    f"{what}. Detailed error:\n{text}"
                )
        return not any(found)

    def _difference(self, ours: object, theirs: object) -> str | None:
        return difference(self.backend.array(ours), self.backend.array(theirs), self.tolerance)


def _warn_of_random_operators(traced: Traced) -> None:
    drawn = {o.schema.name for o in walk(traced.op) if isinstance(o, AtenOp) and _draws(o)}
    lines = [line for line in traced.nodes() if any(f"= {name}(" in line for name in drawn)]
    if lines:
        listed = "\n".join(indent(line.rstrip()) for line in lines[:20])
        warn(
            f"Trace had nondeterministic nodes. Did you forget call .eval() on your model? Nodes:\n{listed}\n"
            "This may cause errors in trace checking. To disable trace checking, pass check_trace=False to "
            "torch.jit.trace()"
        )


def _draws(op: AtenOp) -> bool:
    operator = find(op.schema.full_name)
    return operator is not None and operator.draws


def graph_difference(traced: Traced, again: Traced) -> str | None:
    """How the graphs of two traces differ; None when they do not."""
    ours, theirs = traced.lines(), again.lines()
    if _numbered(ours) == _numbered(theirs):
        return None
    text = "Graph diff:\n" + indent("".join(difflib.ndiff(ours, theirs))) + "\n"
    for a, b in zip(traced.nodes(), again.nodes(), strict=False):
        if a != b:
            changed = "".join(difflib.ndiff([a.strip() + "\n"], [b.strip() + "\n"]))
            text += "First diverging operator:\nNode diff:\n" + indent(changed) + "\n"
            text += _source("Trace", a) + _source("Check", b)
            break
    return text


def _numbered(lines: Sequence[str]) -> str:
    """A graph whose values have numbers for names: what the caller calls a tensor is no part of the trace."""
    numbers: dict[str, int] = {}
    return re.sub(r"%[\w.]+", lambda name: f"%{numbers.setdefault(name[0], len(numbers))}", "".join(lines))


def _source(kind: str, line: str) -> str:
    """Where the operation of a graph's line was recorded."""
    found = re.search(r"# (.+):(\d+):\d+$", line.rstrip())
    return f"{kind} source location:\n\t{found[1]}({found[2]})\n" if found else ""


def literal_difference(traced: Traced, again: Traced) -> str | None:
    """The first tensor constant in which two traces differ; None when none does."""
    for (text, ours), (_, theirs) in zip(traced.literals(), again.literals(), strict=False):
        found = difference(ours, theirs, None)
        if found:
            return f"Node:\n{indent(text)}\nComparison exception: {indent(found)}"
    return None
