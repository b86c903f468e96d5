"""The text of a Python function as it is written: lines, names for values, and globals."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Any

from xdsl.ir import Operation, SSAValue


class PythonText:
    """Lines of Python, and what their names stand for."""

    def __init__(self, scope: dict[str, Any], taken: set[str]) -> None:
        """`scope` are globals that there are already, `taken` names that values may not have."""
        self.scope = scope
        """The globals of the text."""
        self.names: dict[SSAValue, str] = {}
        """The Python variables of values, and the literals of those that are known."""
        self.used: set[str] = set(keyword.kwlist) | {*scope, *dir(builtins), *taken}
        self.lines: list[str] = []
        self.origins: dict[int, Operation] = {}
        """The operation behind each line of the text, counted from 1."""
        self.current: Operation | None = None
        self.indent = 1

    def name(self, value: SSAValue) -> str:
        """The Python variable of a value."""
        if value not in self.names:
            stem = re.sub(r"\W", "_", value.name_hint or "v")
            stem = stem if not stem[0].isdigit() else f"v{stem}"
            candidate, n = stem, 0
            while candidate in self.used or candidate in self.scope:
                n += 1
                candidate = f"{stem}_{n}"
            self.used.add(candidate)
            self.names[value] = candidate
        return self.names[value]

    def constant(self, hint: str, value: object) -> str:
        """A global of the generated code that holds `value`."""
        stem = re.sub(r"\W", "_", hint)
        candidate, n = stem, 0
        while (candidate in self.scope and self.scope[candidate] is not value) or candidate in self.used:
            n += 1
            candidate = f"{stem}_{n}"
        self.scope[candidate] = value
        return candidate

    def write(self, line: str) -> None:
        """One line of code."""
        self.lines.append("    " * self.indent + line)
        if self.current is not None:
            self.origins[len(self.lines) + 1] = self.current

    def assign(self, op: Operation, expression: str) -> None:
        """``a, b = expression``."""
        if not op.results:
            self.write(expression)
            return
        self.write(f"{', '.join(self.name(r) for r in op.results)} = {expression}")

    def arguments(self, values: Any) -> str:
        """Names separated by commas."""
        return ", ".join(self.name(v) for v in values)

    def constant_name(self, stem: str) -> str:
        """A fresh variable name."""
        candidate, n = stem, 0
        while candidate in self.used:
            n += 1
            candidate = f"{stem}_{n}"
        self.used.add(candidate)
        return candidate
