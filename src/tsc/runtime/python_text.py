"""The text of a Python function as it is written: lines, names for values, and globals."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from xdsl.ir import Operation, SSAValue

from tsc.dialects.torch_ops import DerefineOp, PrimLoopOp, PrimUncheckedCastOp
from tsc.dialects.tsc import MemoryOp

LONGEST_EXPRESSION = 72
"""Characters of an expression up to which it is written where it is read."""
NAMING = (DerefineOp, PrimUncheckedCastOp, MemoryOp)
"""Operations that give what they read another name, which may be read often."""


@dataclass(frozen=True)
class Waiting:
    """The expression of a variable that was not written yet: it will be where the variable is read."""

    text: str
    reads: bool
    """Whether it depends on what is in lists or dicts: it waits for the very next line only."""

    @property
    def operand(self) -> str:
        """The expression within another."""
        return grouped(self.text)


def grouped(text: str) -> str:
    """An expression as a part of another."""
    return text if re.fullmatch(r"[\w.\[\]]+", text) or _is_grouped(text) else f"({text})"


def _is_grouped(text: str) -> bool:
    """Whether the first parenthesis is closed by the last. (Those in strings count as well: some more are
    written then.)
    """
    depths = list(accumulate((character == "(") - (character == ")") for character in text))
    return text.startswith("(") and min(depths[:-1]) > 0 == depths[-1]


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
        self.indent: int = 1
        self.waiting: dict[str, Waiting] = {}
        """By the names of variables."""
        self.reused: set[str] = set()
        """The variables of loops that get what is next while the iteration still goes on."""

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
        """One line of code, what waited for it in it."""
        line = self._completed_once(line)
        self.settle_reads()
        self._add(line)

    def _add(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)
        if self.current is not None:
            self.origins[len(self.lines) + 1] = self.current

    def assign(self, op: Operation, expression: str) -> None:
        """``a, b = expression``."""
        if not op.results:
            self.write(expression)
            return
        self.settle_readers(op)
        self.write(f"{', '.join(self.name(r) for r in op.results)} = {expression}")

    def assign_later(self, op: Operation, expression: str, *, reads: bool = False) -> None:
        """``a = expression``, which never raises and changes nothing: where `a` is read, if that is once and
        in the same block.
        """
        depends = reads or any(self.waiting[n].reads for n in self._waiting_operands())
        text = self._completed_once(expression)
        if len(text) > LONGEST_EXPRESSION or not _is_read_once(op):
            self.assign(op, text)
        else:
            self.waiting[self.name(op.results[0])] = Waiting(text, depends)

    def complete(self, name: str) -> str:
        """The expression that a variable waits with, or its name."""
        return self.waiting[name].operand if name in self.waiting else name

    def taken(self, value: SSAValue) -> str:
        """The expression or the name of a value that is read at once."""
        found = self.waiting.pop(self.name(value), None)
        return self.name(value) if found is None else found.text

    def settle_reads(self) -> None:
        """Write the variables that depend on what is in lists or dicts now."""
        for name in [name for name, waiting in self.waiting.items() if waiting.reads]:
            self.settle(name)

    def settle_readers(self, op: Operation) -> None:
        """Write what waits and reads variables to which `op` is going to give other values."""
        for result in op.results:
            name = self.names.get(result, "")
            if name in self.reused:
                self._settle_readers(name)

    def _settle_readers(self, name: str) -> None:
        for other in [o for o, w in self.waiting.items() if o != name and _reads(w.text, name)]:
            self.settle(other)

    def drop_lines(self, start: int) -> None:
        """Take back the lines from a place on."""
        for number in range(start, len(self.lines)):
            self.origins.pop(number + 2, None)
        del self.lines[start:]

    def settle(self, name: str) -> None:
        """Write a variable that waits."""
        if name in self.reused:
            self._settle_readers(name)
        self._add(f"{name} = {self.waiting.pop(name).text}")

    def _waiting_operands(self) -> list[str]:
        """The variables, among those of the current operation, that wait."""
        names = [] if self.current is None else [self.names.get(o, "") for o in self.current.operands]
        return [name for name in dict.fromkeys(names) if name in self.waiting]

    def _completed_once(self, text: str) -> str:
        """`text` with expressions for the variables that wait; those it has twice are written before."""
        for name in self._waiting_operands():
            mentions = len(re.findall(rf"\b{name}\b", text))
            if mentions == 1 and "'" not in text and '"' not in text:
                waiting = self.waiting.pop(name)
                before, after = re.split(rf"\b{name}\b", text)
                is_all = not after and before.endswith(" = ") and "," not in before
                text = f"{before}{waiting.text if is_all else waiting.operand}{after}"
            elif mentions:
                self.settle(name)
        return text

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


def _reads(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def _is_read_once(op: Operation) -> bool:
    """Whether the result of `op` is read once, in its own block, and by no loop, which might do so in each
    iteration.
    """
    uses = list(op.results[0].uses)
    if len(op.results) != 1 or len(uses) != 1:
        return False
    user = uses[0].operation
    return user.parent is op.parent and not isinstance(user, (PrimLoopOp, *NAMING))
