"""Strings: methods, formatting, conversions.

TorchScript's strings are bytes in UTF-8, and so are lengths and indices here.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc.dtypes import Real
from tsc.errors import BoundsError, Error
from tsc.narrowing import is_sequence
from tsc.ops.definition import Effect, Family
from tsc.ops.formatting import text_of
from tsc.ops.int_ranges import COUNT, PLACE, always
from tsc.ops.python_forms import PythonForm, python_form

FAMILY = Family()


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _on_bytes(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of bytes as a function of strings."""

    def of_text(value: object) -> Any:
        return _encode(value) if isinstance(value, str) else value

    def to_text(value: object) -> Any:
        if isinstance(value, bytes):
            return _decode(value)
        if is_sequence(value):
            kind: Any = type(value)
            return kind(to_text(v) for v in value)
        return value

    return lambda *arguments: to_text(function(*map(of_text, arguments)))


def _window(text: bytes, start: int, end: int) -> tuple[bytes, int]:
    """``text[start:end]`` and where it begins; an `end` of -1 is the very end, as in TorchScript."""
    size = len(text)
    first = max(size + start, 0) if start < 0 else start
    last = max(size + end + 1, 0) if end < 0 else end
    return text[first:last], first


def _found(find: Callable[[bytes, bytes], int]) -> Callable[..., int]:
    def search(text: bytes, part: bytes, start: int, end: int) -> int:
        window, first = _window(text, start, end)
        place = find(window, part)
        return place if place < 0 else place + first

    return search


def _required(find: Callable[..., int]) -> Callable[..., int]:
    def search(*arguments: object) -> int:
        place = find(*arguments)
        if place < 0:
            raise Error("ValueError: substring not found")
        return place

    return search


def _split(text: bytes, separator: bytes | None, limit: int) -> list[bytes]:
    if separator == b"":
        raise Error("ValueError: empty separator")
    return text.split(separator, limit)


def _split_lines(text: bytes, keep_ends: bool) -> list[bytes]:
    pieces = re.split(b"([\n\r\v\f\x1c\x1d\x1e])" if keep_ends else b"[\n\r\v\f\x1c\x1d\x1e]", text)
    return pieces if pieces[-1] else pieces[:-1]


def _character(text: bytes, index: int) -> bytes:
    place = index + len(text) if index < 0 else index
    if not 0 <= place < len(text):
        raise BoundsError("string index out of range")
    return text[place : place + 1]


def _prefixed(test: Callable[[bytes, bytes], bool]) -> Callable[[bytes, bytes, int, int], bool]:
    return lambda text, part, start, end: test(_window(text, start, end)[0], part)


def _starts_with(text: bytes, part: bytes, start: int, end: int) -> bool:
    if start > len(text):
        raise BoundsError(f"startswith: requires a start within the string of {len(text)} bytes; got {start}")
    return _window(text, start, end)[0].startswith(part)


def _count(text: bytes, part: bytes, start: int, end: int) -> int:
    return _window(text, start, end)[0].count(part)


def _slice(text: bytes, start: int | None, end: int | None, step: int) -> bytes:
    return text[start:end:step]


def _zero_filled(text: bytes, width: int) -> bytes:
    """Zeros in front of a sign too, as PyTorch puts them."""
    return text.rjust(width, b"0")


_find, _rfind = _found(bytes.find), _found(bytes.rfind)
_METHODS: dict[str, Callable[..., Any]] = {
    "upper": bytes.upper, "lower": bytes.lower, "capitalize": bytes.capitalize, "title": bytes.title,
    "swapcase": bytes.swapcase, "isdigit": bytes.isdigit, "isalpha": bytes.isalpha, "isalnum": bytes.isalnum,
    "isspace": bytes.isspace, "isupper": bytes.isupper, "islower": bytes.islower, "istitle": bytes.istitle,
    "isdecimal": bytes.isdigit, "isnumeric": bytes.isdigit, "strip": bytes.strip, "lstrip": bytes.lstrip,
    "rstrip": bytes.rstrip, "split.str": _split, "rsplit": bytes.rsplit, "splitlines": _split_lines,
    "partition": bytes.partition, "rpartition": bytes.rpartition, "replace": bytes.replace,
    "center": bytes.center, "ljust": bytes.ljust, "rjust": bytes.rjust, "zfill": _zero_filled,
    "expandtabs": bytes.expandtabs, "find": _find, "rfind": _rfind, "index.str": _required(_find),
    "rindex": _required(_rfind), "count": _count, "startswith": _starts_with,
    "endswith": _prefixed(bytes.endswith), "len.str": len, "add.str": operator.add,
    "__getitem__.str": _character, "slice.str": _slice,
}  # fmt: skip
_ASCII = "{} if {} else {{eager}}({})"


def _of_ascii(text: str, *ascii_operands: int, count: int = 1, is_sure: bool = False) -> PythonForm:
    """`text` of `count` operands where those given, strings, are ASCII: bytes and characters are the same."""
    tests = " and ".join(f"{{{i}}}.isascii()" for i in ascii_operands)
    operands = ", ".join(f"{{{i}}}" for i in range(count))
    return python_form(_ASCII.format(text, tests, operands), is_sure=is_sure)


def _within_all(name: str, tested: int) -> PythonForm:
    """A method of a string and a part, both ASCII, where the whole string is meant."""

    def write(text: str, part: str, start: str, end: str, eager: str) -> str | None:
        if (start, end) != ("0", "-1"):
            return None
        return (
            f"{text}.{name}({part}) if {(text, part)[tested]}.isascii() else {eager}({text}, {part}, 0, -1)"
        )

    return PythonForm(write, calls_eager=True)


def _literal(text: str) -> str | None:
    """The string that an operand is known to be."""
    return ast.literal_eval(text) if text.startswith(("'", '"')) else None


def _added(a: str, b: str, eager: str) -> str:
    """Where one of both is ASCII, no bytes of one make a character with bytes of the other."""
    known = _literal(b)
    if known is not None and known.isascii():
        return f"{a} + {b}"
    return f"{a} + {b} if {b}.isascii() else {eager}({a}, {b})"


def _split_at(text: str, separator: str, limit: str, eager: str) -> str | None:
    """White space is not the same among characters and among bytes: a separator must be given."""
    if separator == "None":
        return None
    called = f"{eager}({text}, {separator}, {limit})"
    return f"{text}.split({separator}, {limit}) if {separator} and {text}.isascii() else {called}"


_PYTHON: dict[str, PythonForm] = {
    **{
        name: _of_ascii(f"{{0}}.{name}()", 0, is_sure=True)
        for name in (
            "upper", "lower", "capitalize", "title", "swapcase", "isdigit", "isalpha", "isalnum", "isupper",
            "islower", "istitle", "isdecimal", "isnumeric",
        )
    },
    **{n: _of_ascii(f"{{0}}.{n}({{1}})", 0, count=2) for n in ("strip", "lstrip", "rstrip")},
    **{n: _of_ascii(f"{{0}}.{n}({{1}})", 0, count=2) for n in ("partition", "rpartition")},
    **{n: _within_all(n, 0) for n in ("find", "rfind", "count")},
    **{n: _within_all(n, 1) for n in ("startswith", "endswith")},
    "split.str": PythonForm(_split_at, calls_eager=True),
    "replace": _of_ascii("{0}.replace({1}, {2}, {3})", 0, 2, count=4),
    "len.str": _of_ascii("len({0})", 0, is_sure=True),
    "add.str": PythonForm(_added, calls_eager=True, is_sure=True),
    "__getitem__.str": _of_ascii("{0}[{1}]", 0, count=2),
    "slice.str": _of_ascii("{0}[{1}:{2}:{3}]", 0, count=4),
}  # fmt: skip
_RANGES = {
    "len.str": COUNT, "count": COUNT, "index.str": COUNT, "rindex": COUNT, "find": PLACE, "rfind": PLACE,
}  # fmt: skip
for _name, _method in _METHODS.items():
    _ranging = always(_RANGES[_name]) if _name in _RANGES else None
    FAMILY.op(f"aten::{_name}", kind="python", python=_PYTHON.get(_name), ranging=_ranging)(
        _on_bytes(_method)
    )
FAMILY.op("prim::StringIndex", kind="python", python=_of_ascii("{0}[{1}]", 0, count=2))(_on_bytes(_character))


@FAMILY.op("aten::isidentifier", kind="python")
def is_identifier(self: str) -> bool:
    """Whether the string is a valid name."""
    return self.isascii() and self.isidentifier()


@FAMILY.op("aten::isprintable", kind="python")
def is_printable(self: str) -> bool:
    """Whether all characters are printable ASCII."""
    return self.isascii() and self.isprintable()


@FAMILY.op("aten::list", kind="python", python=_of_ascii("list({0})", 0))
def characters(t: str) -> list[str]:
    """The characters, one string each."""
    return [_decode(_encode(t)[i : i + 1]) for i in range(len(_encode(t)))]


@FAMILY.op("aten::join", kind="python", python=python_form("{0}.join({1})"))
def join(self: str, values: Sequence[str]) -> str:
    """`values` with this string between them."""
    return self.join(values)


@FAMILY.op("aten::ord", kind="python", python=_of_ascii("ord({0})", 0), ranging=always((0, 255)))
def ord_(string: str) -> int:
    """The number of the only character.

    Raises:
        Error: there is not exactly one (in UTF-8).
    """
    data = _encode(string)
    if len(data) != 1:
        raise Error(f"String for ord() must be 1 character, found: {len(data)}")
    return data[0]


@FAMILY.op("aten::chr", kind="python", python=python_form("chr({0}) if 0 <= {0} < 128 else {eager}({0})"))
def chr_(i: int) -> str:
    """The character that is one byte: the lowest of `i`.

    Raises:
        Error: the number is no Unicode character's.
    """
    if not 0 <= i < 0x110000:
        raise Error(f"chr() arg not in range(0x110000), found {i}")
    return _decode(bytes([i & 255]))


for _name, _digits in (("hex", hex), ("oct", oct), ("bin", bin)):
    FAMILY.op(f"aten::{_name}", kind="python")(_digits)


@FAMILY.op("aten::str", kind="python", python=python_form("str({0}) if type({0}) is int else {eager}({0})"))
def str_(elem: object) -> str:
    """The value as TorchScript prints it."""
    return text_of(elem)


def _formatted(text: str, *values: str, text_of: str) -> str | None:
    """Where the string is known, its pieces are."""
    known = _literal(text)
    pieces = [] if known is None else known.split("{}")
    if len(pieces) - 1 != len(values) or not values:
        return None
    shown = [f"{text_of}({value})" for value in values]
    parts = [part for pair in zip(map(repr, pieces), [*shown, "''"], strict=True) for part in pair]
    return f"''.join(({', '.join(part for part in parts if part != repr(''))},))"


@FAMILY.op("aten::format", kind="python", python=PythonForm(_formatted, {"text_of": text_of}))
def format_(self: str, *values: object) -> str:
    """The string with each ``{}`` replaced by a value; values left over are ignored.

    Raises:
        Error: there are too few values.
    """
    pieces = self.split("{}")
    if len(pieces) - 1 > len(values):
        raise Error(f"Too few arguments for format string: {self}")
    shown = [text_of(v) for v in values[: len(pieces) - 1]]
    return "".join(a + b for a, b in zip(pieces, [*shown, ""], strict=True))


_KINDS: dict[type[Any], str] = {
    str: "String",
    list: "GenericList",
    tuple: "Tuple",
    dict: "GenericDict",
    type(None): "None",
    float: "Double",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "Tensor")


def _number(key: str, value: object) -> Real:
    if isinstance(value, (int, float)):
        return value
    raise Error(f"%{key} requires a number for formatting, but got {_kind(value)}")


def _specified(key: str, value: object) -> str:
    """`value` under ``%<key>``; floats pass through float32, as in PyTorch."""
    if key == "s":
        return text_of(value)
    if key in "di":
        return str(int(_number(key, value)))
    if key in "eEfF":
        return f"{float(np.float32(_number(key, value))):{key}}"
    if key != "c":
        raise Error(f"The specifier %{key} is not supported in TorchScript format strings")
    if isinstance(value, int):
        return chr_(value & 255)
    raise Error(f"%c requires an int or char for formatting, but got {_kind(value)}")


@FAMILY.op("aten::percentFormat", kind="python")
def percent_format(self: str, values: object) -> str:
    """The string with each ``%d %i %e %f %c %s`` replaced; no widths or precisions.

    Raises:
        Error: an unknown specifier, or a number of values that does not fit.
    """
    given: list[Any] = list(values) if isinstance(values, tuple) else [values]  # pyright: ignore[reportUnknownArgumentType]
    pieces: list[str] = []
    rest = self
    while "%" in rest:
        before, _, rest = rest.partition("%")
        if not rest:
            raise Error("Incomplete format specifier")
        key, rest = rest[0], rest[1:]
        pieces.append(before)
        if key == "%":
            pieces.append("%")
            continue
        if not given:
            raise Error("Too few arguments for format string")
        pieces.append(_specified(key, given.pop(0)))
    if given:
        raise Error("Too many arguments for format string")
    return "".join([*pieces, rest])


@FAMILY.op("prim::Print", kind="python", effect=Effect.ACTS)
def print_(*values: object) -> None:
    """Print the values as TorchScript does, with spaces between them."""
    print(" ".join(text_of(v) for v in values))


@FAMILY.op("aten::warn", kind="python", effect=Effect.ACTS)
def warn(message: str, stacklevel: int) -> None:
    """A Python warning."""
    warnings.warn(message, stacklevel=max(stacklevel, 2))
