"""A machine for the opcodes that TorchScript's pickles are made of, and for no others: what a pickle can do
is what stands here.

A pickle builds numbers, strings, tuples, lists and dicts; globals are names (`Global`) that the caller gives
a meaning to when they are called. Nothing it builds can be changed once something else holds it, so values
have no cycles; how deep they nest and what they would be without sharing is limited.
Source: pickletools in CPython's standard library (the meaning of the opcodes).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tsc.errors import ArchiveError
from tsc.narrowing import is_dict
from tsc.options import options

MARK = object()
CONTAINERS = (list, dict, tuple)
KEYS = (str, int, float, complex)
"""What the keys of dicts may be (bools are ints)."""
_STOP = ord(".")
_NUMBERS = {form: struct.Struct(form) for form in ("<B", "<H", "<I", "<Q", "<i", ">d")}


@dataclass(frozen=True)
class Global:
    """A name that a pickle mentions."""

    module: str
    name: str

    @property
    def full(self) -> str:
        """``module.name``."""
        return f"{self.module}.{self.name}"


class Unpickler:
    """Runs one pickle.

    `accept` looks at each global when it is named; `reduce` gives what calling one means, `build` what a
    state does to what `reduce` made, and `persistent` what a persistent id stands for. All may raise
    `ArchiveError`.
    """

    def __init__(
        self,
        data: bytes,
        accept: Callable[[Global], Global],
        reduce: Callable[[Global, Any], Any],
        build: Callable[[Any, Any], None],
        persistent: Callable[[Any], Any],
    ) -> None:
        self.data, self.at = data, 0
        self.accept, self.reduce, self.build, self.persistent = accept, reduce, build, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.held: set[int] = set()
        """The `id` of what something else holds."""
        self.depths: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        """How many values each container is, counting what it shares as often as it is met."""
        self.alive: list[Any] = []
        self.largest = options().archive_sharing * len(data) + 65536

    def load(self) -> Any:
        """The value of the pickle.

        Raises:
            ArchiveError: it does something a TorchScript pickle has no use for, or is damaged.
        """
        data = self.data
        while True:
            if self.at >= len(data):
                raise ArchiveError("it ends in the middle of an opcode")
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                value = self.pop()
                if self.stack:
                    raise ArchiveError("values are left on the stack")
                return value
            step = STEPS.get(code)
            if step is None:
                raise ArchiveError(f"opcode {bytes([code])!r} is not one that TorchScript writes")
            step(self)

    # --- what the steps are made of ---

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise ArchiveError("it ends in the middle of an opcode")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, form: str) -> Any:
        """The next number, as `struct` spells its form."""
        number = _NUMBERS[form]
        at = self.at
        self.at = at + number.size
        if self.at > len(self.data):
            raise ArchiveError("it ends in the middle of an opcode")
        return number.unpack_from(self.data, at)[0]

    def line(self) -> str:
        """The text up to the next end of a line."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise ArchiveError("it ends in the middle of an opcode")
        return _text(self.take(end + 1 - self.at)[:-1])

    def pop(self) -> Any:
        """The value on top."""
        if not self.stack or self.stack[-1] is MARK:
            raise ArchiveError("an opcode finds too few values")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """The values above the last mark."""
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is MARK:
                values = self.stack[i + 1 :]
                del self.stack[i:]
                return values
        raise ArchiveError("an opcode finds no mark")

    def push(self, value: object) -> None:
        """Put a value on top."""
        self.stack.append(value)

    def pushed(self, value: object, parts: Sequence[Any] = ()) -> None:
        """Put a new container, or what was made of `parts`, on top."""
        self.alive.append(value)
        self.sizes[id(value)], self.depths[id(value)] = 1, 0
        if parts:
            self.hold(value, parts)
        self.stack.append(value)

    def hold(self, container: object, parts: Sequence[Any]) -> None:
        """Note that `container` holds `parts`, which nothing may change any more."""
        if id(container) in self.held and parts:
            raise ArchiveError("a value is changed after another holds it: values may not be cyclic")
        size, depth = self.sizes[id(container)], self.depths[id(container)]
        depth = max(depth, 1) if parts else depth
        for part in parts:
            if part is container:
                raise ArchiveError("a value holds itself")
            inner = self.sizes.get(id(part))
            if inner is None:
                size += 1
                continue
            self.held.add(id(part))
            size += inner
            depth = max(depth, self.depths[id(part)] + 1)
        if depth > options().archive_depth:
            raise ArchiveError(
                f"values nest deeper than {options().archive_depth} levels (option archive_depth)"
            )
        if size > self.largest:
            raise ArchiveError(
                f"values that are shared expand to more than {self.largest} (option archive_sharing)"
            )
        self.sizes[id(container)], self.depths[id(container)] = size, depth

    def remember(self, index: int) -> None:
        """Keep the value on top under a number."""
        value = self.pop()
        self.memo[index] = value
        self.push(value)

    def recall(self, index: int) -> None:
        """Put what was kept on top."""
        if index not in self.memo:
            raise ArchiveError(f"it asks for value {index}, which it has not kept")
        self.push(self.memo[index])


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArchiveError(f"a text is not UTF-8: {error}") from None


# --- one function per opcode ---


def _constant(value: object) -> Callable[[Unpickler], None]:
    return lambda machine: machine.push(value)


def _number(form: str) -> Callable[[Unpickler], None]:
    return lambda machine: machine.push(machine.number(form))


def _string(form: str) -> Callable[[Unpickler], None]:
    return lambda machine: machine.push(_text(machine.take(machine.number(form))))


def _long(machine: Unpickler) -> None:
    size = machine.number("<B")
    if size > 8:
        raise ArchiveError(f"an integer of {size} bytes: TorchScript's have 8")
    machine.push(int.from_bytes(machine.take(size), "little", signed=True))


def _empty(kind: type) -> Callable[[Unpickler], None]:
    return lambda machine: machine.pushed(kind())


def _tuple_of(count: int) -> Callable[[Unpickler], None]:
    def step(machine: Unpickler) -> None:
        parts = [machine.pop() for _ in range(count)][::-1]
        machine.pushed(tuple(parts), parts)

    return step


def _tuple(machine: Unpickler) -> None:
    parts = machine.pop_to_mark()
    machine.pushed(tuple(parts), parts)


def _appended(machine: Unpickler, parts: list[Any]) -> None:
    target = machine.pop()
    if type(target) is not list:
        raise ArchiveError("something is appended to what is no list")
    items = cast("list[Any]", target)
    machine.hold(items, parts)
    items.extend(parts)
    machine.push(items)


def _set(machine: Unpickler, parts: list[Any]) -> None:
    target: Any = machine.pop()
    if not is_dict(target) or len(parts) % 2:
        raise ArchiveError("items are set in what is no dict")
    if not all(isinstance(key, KEYS) for key in parts[::2]):
        raise ArchiveError("the keys of a dict must be strings or numbers")
    machine.hold(target, parts)
    target.update(zip(parts[::2], parts[1::2], strict=True))
    machine.push(target)


def _global(machine: Unpickler) -> None:
    machine.push(machine.accept(Global(machine.line(), machine.line())))


def _stack_global(machine: Unpickler) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise ArchiveError("a global's name is no text")
    machine.push(machine.accept(Global(module, name)))


def _reduce(machine: Unpickler) -> None:
    arguments, callee = machine.pop(), machine.pop()
    if not isinstance(callee, Global):
        raise ArchiveError("something is called that is no global")
    parts = list(cast("tuple[Any, ...]", arguments)) if isinstance(arguments, tuple) else [arguments]
    made = machine.reduce(callee, arguments)
    if any(made is part for part in parts):
        machine.push(made)  # the call gives an argument back
    else:
        machine.pushed(made, parts)


def _build(machine: Unpickler) -> None:
    state, target = machine.pop(), machine.pop()
    if id(target) not in machine.sizes:
        raise ArchiveError("a state is given to what has none")
    machine.hold(target, [state])
    machine.build(target, state)
    machine.push(target)


def _persistent(machine: Unpickler) -> None:
    machine.push(machine.persistent(machine.pop()))


def _pop_top(machine: Unpickler) -> None:
    machine.pop()


STEPS: dict[int, Callable[[Unpickler], None]] = {
    0x80: lambda m: _require_protocol(m.number("<B")), 0x95: lambda m: m.number("<Q"),
    ord("("): lambda m: m.push(MARK), ord("N"): _constant(None), 0x88: _constant(True),
    0x89: _constant(False), ord("K"): _number("<B"), ord("M"): _number("<H"), ord("J"): _number("<i"),
    0x8A: _long, ord("G"): _number(">d"), ord("X"): _string("<I"), 0x8C: _string("<B"),
    0x8D: _string("<Q"), ord("}"): _empty(dict), ord("]"): _empty(list), ord(")"): _tuple_of(0),
    0x85: _tuple_of(1), 0x86: _tuple_of(2), 0x87: _tuple_of(3), ord("t"): _tuple,
    ord("a"): lambda m: _appended(m, [m.pop()]), ord("e"): lambda m: _appended(m, m.pop_to_mark()),
    ord("s"): lambda m: _set(m, [m.pop(), m.pop()][::-1]), ord("u"): lambda m: _set(m, m.pop_to_mark()),
    ord("q"): lambda m: m.remember(m.number("<B")), ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: lambda m: m.remember(len(m.memo)), ord("h"): lambda m: m.recall(m.number("<B")),
    ord("j"): lambda m: m.recall(m.number("<I")), ord("c"): _global, 0x93: _stack_global,
    ord("R"): _reduce, 0x81: _reduce, ord("b"): _build, ord("Q"): _persistent, ord("0"): _pop_top,
}  # fmt: skip


def _require_protocol(number: int) -> None:
    if not 2 <= number <= 5:
        raise ArchiveError(f"the pickle protocol must be 2 to 5; got {number}")
