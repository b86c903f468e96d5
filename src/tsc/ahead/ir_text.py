"""LLVM IR text of functions with structured control flow."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field


def escaped(data: bytes) -> str:
    """Bytes as they stand in an LLVM string."""
    return "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:02X}" for b in data)


@dataclass
class ModuleText:
    """Collects globals, declarations and functions."""

    triple: str
    parts: list[str] = field(default_factory=list[str])
    functions: list[str] = field(default_factory=list[str])
    declared: dict[str, str] = field(default_factory=dict[str, str])
    _strings: dict[bytes, str] = field(default_factory=dict[bytes, str])

    def string(self, text: str | bytes) -> str:
        """The name of a constant: `text`, and a zero."""
        data = (text.encode() if isinstance(text, str) else text) + b"\0"
        if data not in self._strings:
            name = self._strings[data] = f"@text.{len(self._strings)}"
            self.parts.append(f'{name} = private constant [{len(data)} x i8] c"{escaped(data)}"')
        return self._strings[data]

    def table(self, name: str, kind: str, items: Iterable[object], linkage: str = "private constant") -> str:
        """The name of a table of items of an LLVM type (an empty one holds a zero)."""
        texts = [f"{kind} {item}" for item in items] or [f"{kind} zeroinitializer"]
        self.parts.append(f"@{name} = {linkage} [{len(texts)} x {kind}] [{', '.join(texts)}]")
        return f"@{name}"

    def declare(self, result: str, name: str, arguments: str) -> None:
        """Declare a function of the C library."""
        self.declared[name] = f"declare {result} @{name}({arguments})"

    def add(self, function: FunctionText) -> None:
        """Add a finished function."""
        self.functions.append(function.text())

    def text(self) -> str:
        """The whole module."""
        head = f'target triple = "{self.triple}"'
        return "\n".join([head, *self.parts, *self.declared.values(), *self.functions, ""])


class FunctionText:
    """A function that is being written, statement by statement."""

    def __init__(self, head: str, *parameters: str) -> None:
        """`head` is all before the parameters: ``internal i32 @check``."""
        self._head = f"define {head}({', '.join(parameters)}) nounwind"
        self._lines: list[str] = []
        self._slots: list[str] = []
        self._count = 0
        self._has_ended = False

    def text(self) -> str:
        """The definition."""
        return "\n".join([f"{self._head} {{", "entry:", *self._slots, *self._lines, "}"])

    def value(self, text: str) -> str:
        """The name of what an instruction gives."""
        name = self._fresh()
        self._lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """An instruction that gives nothing."""
        self._lines.append(f"  {text}")

    def leave(self, text: str) -> None:
        """Return: ``ret i32 0``."""
        self.do(text)
        self._has_ended = True

    def call(self, kind: str, name: str, *arguments: str) -> str:
        """The name of what a call gives; nothing for ``void``."""
        text = f"call {kind} @{name}({', '.join(arguments)})"
        if kind != "void":
            return self.value(text)
        self.do(text)
        return ""

    def memory(self, kind: str) -> str:
        """Memory in the function's frame."""
        name = self._fresh()
        self._slots.append(f"  {name} = alloca {kind}, align 8")
        return name

    def at(self, pointer: str, offset: int | str) -> str:
        """The address `offset` bytes behind a pointer."""
        return self.value(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def word(self, pointer: str, offset: int | str = 0, kind: str = "i64") -> str:
        """What lies `offset` bytes behind a pointer."""
        return self.value(f"load {kind}, ptr {self.at(pointer, offset)}")

    def put(self, value: str, pointer: str, offset: int | str = 0) -> None:
        """Store ``i64 5`` `offset` bytes behind a pointer."""
        self.do(f"store {value}, ptr {self.at(pointer, offset)}")

    def binary(self, operation: str, a: str, b: str | int, kind: str = "i64") -> str:
        """``add``, ``mul``, ``and``, ... of two numbers."""
        return self.value(f"{operation} {kind} {a}, {b}")

    def compare(self, predicate: str, a: str, b: str | int, kind: str = "i64") -> str:
        """Whether two numbers compare as an ``icmp`` predicate says."""
        return self.value(f"icmp {predicate} {kind} {a}, {b}")

    def widened(self, value: str) -> str:
        """An ``i32`` as ``i64``, with its sign."""
        return self.value(f"sext i32 {value} to i64")

    def is_null(self, pointer: str) -> str:
        """Whether a pointer is null."""
        return self.value(f"icmp eq ptr {pointer}, null")

    def _fresh(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def _begin(self, label: str) -> None:
        if not self._has_ended:
            self.do(f"br label %{label}")
        self._lines.append(f"{label}:")
        self._has_ended = False

    @contextmanager
    def when(self, condition: str) -> Generator[None]:
        """Statements that run where `condition` holds."""
        inside, after = self._label(), self._label()
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self._has_ended = True
        self._begin(inside)
        yield
        self._begin(after)

    @contextmanager
    def rounds(self, count: str) -> Generator[str]:
        """Statements that run `count` times; the number of the round."""
        cell = self.memory("i64")
        self.do(f"store i64 0, ptr {cell}")
        head, inside, after = self._label(), self._label(), self._label()
        self._begin(head)
        number = self.value(f"load i64, ptr {cell}")
        more = self.value(f"icmp slt i64 {number}, {count}")
        self.do(f"br i1 {more}, label %{inside}, label %{after}")
        self._has_ended = True
        self._begin(inside)
        yield number
        following = self.value(f"add i64 {number}, 1")
        self.do(f"store i64 {following}, ptr {cell}")
        self.do(f"br label %{head}")
        self._has_ended = True
        self._begin(after)

    @contextmanager
    def repeated(self) -> Generator[None]:
        """Statements that run until one of them leaves the function or the loop (`break_when`)."""
        head, after = self._label(), self._label()
        self._begin(head)
        self._after = after
        yield
        self.do(f"br label %{head}")
        self._has_ended = True
        self._begin(after)

    def break_when(self, condition: str) -> None:
        """Leave the innermost `repeated`."""
        on = self._label()
        self.do(f"br i1 {condition}, label %{self._after}, label %{on}")
        self._has_ended = True
        self._begin(on)
