"""Changes of an archive's code: tokens, literals, lines, nesting."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.archives.zips import Draft

TOKEN = re.compile(r"\w+|\n *|[^\S\n]+|\"(?:[^\"\\\n]|\\.)*\"|->|[-+*/]{2}|.", re.DOTALL)
LITERALS = (
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e999", "1e308", "9" * 400,
    "9" * 6000,
    "0x" + "f" * 40, "1j", "1e999j", "'\\ud800'", "'\\x00'", "b'a'", "f'{1}'", "...", "None", "True", "[]",
    "{}",
    "()", "[1, 'a']", "{1: 'a', 'b': 2}", "'" + "a" * 100_000 + "'", "-0.0", "not 1", "lambda: 1", "*a",
    "CONSTANTS.c0",
    "CONSTANTS.c999", "CONSTANTS.x", "torch", "ops", "ops.aten", "__torch__", "inf", "self",
)  # fmt: skip
TYPES = (
    "int", "float", "bool", "str", "Tensor", "complex", "Any", "None", "Optional[int]", "List[int]",
    "List[Tensor]",
    "Dict[str, int]", "Dict[Tensor, int]", "Tuple[()]", "Tuple[int, Tensor]", "Union[int, str]",
    "Future[int]",
    "Device", "Generator", "NoneType", "List", "Dict[int]", "List[int, int]", "Optional[None]",
    "Callable[[int], int]",
    "__torch__.Missing", "Final[int]", "number", "Scalar", "Optional", "RRef[int]", "Await[int]", "Stream",
    "'int'",
    "1", "[int]", "Tensor[1]", "List[...]", "__torch__.torch.classes.a.B", "Set[int]",
)  # fmt: skip
WORDS = (
    "if", "else", "for", "while", "return", "def", "class", "in", "is", "not", "and", "or", "with", "try",
    "except",
    "raise", "assert", "lambda", "yield", "await", "async", "global", "del", "import", "pass", "break",
    "continue",
    "annotate", "unchecked_cast", "uninitialized", "fork", "torch", "ops", "prim", "aten", "self",
    "NoneType", ".",
    "(", ")", "[", "]", "{", "}", ",", ":", "=", "==", "*", "**", "@", ";", "\\", "#", "'", '"""', "\t",
    "\0", "\ufeff",
)  # fmt: skip
STATEMENTS = (
    "import os", "from os import *", "exec('1')", "x = __import__('os')", "global x", "nonlocal x",
    "del self",
    "yield 1", "return", "return self", "raise 1", "raise ValueError", "assert self", "pass", "break",
    "continue",
    "while True: pass", "for i in self: pass", "for i in range(9223372036854775807): pass", "with self: pass",
    "try: pass\nexcept: pass", "def inner(): pass", "class Inner: pass", "x: int = 'a'",
    "x: List[int] = [None]",
    "x = [a for a in [1]]", "x = (yield)", "a, *b = 1, 2", "a, b = 1", "(a, b), c = (1, 2), 3",
    "a = b = c = 1",
    "self.x = 1", "self.training = None", "self.__class__ = 1", "a.b.c = 1", "a[0] = 1", "x += 1", "x @= 1",
    "x: int",
    "match 1:\n case 1: pass", "async def f(): pass", "print(self)", "x = self.forward", "x = self",
    "x = torch.load('a')",
    "x = ops.prim.RaiseException('a')", "x = ops.a.b(1)", "x = torch.zeros([1 << 40])",
    "x = torch.device('cpu')",
    "x = fork(self.forward)", "x = annotate(List[int], [])", "x = unchecked_cast(int, 'a')",
    "x = uninitialized(int)",
    "x = annotate(1, 2)", "x = unchecked_cast(self)", "x = uninitialized()", "x = torch.ones(n=1)",
    "x = (1).__class__",
    "x = 1 << 9223372036854775807", "x = 2 ** 9223372036854775807", "x = 'a' * 9223372036854775807",
    "x = [0] * 9223372036854775807", "x = torch.add(1, 2, 3, 4, 5, 6)", "x = 1 // 0", "x = 1 % 0",
    "x = 5 ** -5",
    "x = float('a')", "x = int('9999999999999999999999')", "x = chr(-1)", "x = 'a'[5]", "x = [][0]",
    "x = {}['a']",
    "x = 10 ** 400", "x = 1e308 * 10", "x = round(1e999)", "x = '%d' % 'a'", "x = '{}'.format()",
    "x = ''.join([1])",
    "x = torch.add", "x = torch", "x = self.missing", "x = self(self)", "x = self.forward(self)", "x = 1()",
    "x = -self",
    "x = self if self else self", "x = 1 if 2 else 'a'", "x = not self", "x = self == self", "x = self < 1",
    "x = 1 < 2 < 3",
    "x = isinstance(1, int)", "x = isinstance(self, (int, 5))", "x = hasattr(self, 'a')",
    "x = getattr(self, 5)",
    "x = len(1)", "x = range(0, 10, 0)", "x = zip()", "x = enumerate(1)", "x = sorted(1)", "x = min()",
    "x = sum([])",
)  # fmt: skip
DEPTHS = (20, 90, 150, 300, 1200, 6000)


def tokens_of(text: str) -> list[str]:
    """The tokens of a text, which joined are the text."""
    return TOKEN.findall(text)


def _words(tokens: list[str]) -> list[int]:
    return [i for i, token in enumerate(tokens) if not token.isspace()]


def removed(text: str, numbers: Random) -> str:
    """Without a token."""
    tokens = tokens_of(text)
    if tokens:
        del tokens[numbers.randrange(len(tokens))]
    return "".join(tokens)


def doubled(text: str, numbers: Random) -> str:
    """With a few tokens twice."""
    tokens = tokens_of(text)
    place, count = numbers.randrange(len(tokens) + 1), numbers.choice((1, 2, 5, 40))
    tokens[place:place] = tokens[place : place + count]
    return "".join(tokens)


def swapped(text: str, numbers: Random) -> str:
    """With two tokens exchanged."""
    tokens = tokens_of(text)
    words = _words(tokens)
    if words:
        one, two = numbers.choice(words), numbers.choice(words)
        tokens[one], tokens[two] = tokens[two], tokens[one]
    return "".join(tokens)


def _put(text: str, numbers: Random, made: str, pattern: str = r"\w+") -> str:
    """With `made` in place of something of that pattern."""
    found = list(re.finditer(pattern, text))
    if not found:
        return text + made
    where = numbers.choice(found)
    return text[: where.start()] + made + text[where.end() :]


def worded(text: str, numbers: Random) -> str:
    """With a word in place of another."""
    tokens = tokens_of(text)
    words = [tokens[i] for i in _words(tokens)] or ["a"]
    return _put(text, numbers, numbers.choice((numbers.choice(WORDS), numbers.choice(words))))


def counted(text: str, numbers: Random) -> str:
    """With another literal."""
    return _put(
        text, numbers, numbers.choice(LITERALS), r"\b\d[\w.]*|\"[^\"\n]*\"|\bNone\b|\bTrue\b|\bFalse\b"
    )


def valued(text: str, numbers: Random) -> str:
    """With a literal in place of an expression's name."""
    return _put(text, numbers, numbers.choice(LITERALS), r"(?<=[(=,] )\w+|(?<=[(\[])\w+")


def typed(text: str, numbers: Random) -> str:
    """With another type."""
    return _put(
        text, numbers, numbers.choice(TYPES), r"(?<=: )[\w.]+(\[[\w., ]*\])?|(?<=-> )[\w.]+(\[[\w., ]*\])?"
    )


def named(text: str, numbers: Random) -> str:
    """With another attribute, all over."""
    names = sorted(set(re.findall(r"(?<=\.)\w+|(?<=def )\w+|(?<=class )\w+", text)))
    if not names:
        return text
    old, new = numbers.choice(names), numbers.choice((*names, "__class__", "__dict__", "missing"))
    return re.sub(rf"\b{old}\b", new, text)


def lined(text: str, numbers: Random) -> str:
    """With lines removed, doubled, exchanged, or of another indentation."""
    lines = text.split("\n")
    one, two = numbers.randrange(len(lines)), numbers.randrange(len(lines))
    match numbers.randrange(4):
        case 0:
            del lines[one]
        case 1:
            lines.insert(two, lines[one])
        case 2:
            lines[one], lines[two] = lines[two], lines[one]
        case _:
            lines[one] = numbers.choice((f"  {lines[one]}", lines[one].strip(), f"\t{lines[one]}"))
    return "\n".join(lines)


def stated(text: str, numbers: Random) -> str:
    """With a statement that an archive has no use for."""
    lines = text.split("\n")
    place = numbers.randrange(len(lines))
    indent = re.match(r" *", lines[place])
    spaces = indent.group() if indent else ""
    lines[place:place] = [spaces + line for line in numbers.choice(STATEMENTS).split("\n")]
    return "\n".join(lines)


def deep(text: str, numbers: Random) -> str:
    """With an expression or a type that nests deeply."""
    n = numbers.choice(DEPTHS)
    made = numbers.choice(
        (
            "(" * n + "1" + ")" * n, "[" * n + "1" + "]" * n, "-" * n + "1", "not " * n + "True",
            "1" + " + 1" * n,
            "1" + " if True else 1" * n, "x" + ".a" * n, "x" + "[0]" * n, "torch.neg(" * n + "x" + ")" * n,
            "x" + "()" * n, "(" + "1," * n + ")", "{1: " * n + "1" + "}" * n, "1" + " < 1" * n,
            "True" + " and True" * n,
            "(" * n + "1" + ",)" * n, "lambda: " * n + "1", "1" + " ** 1" * n, "[" + "1, " * n + "]",
            "torch.neg(" + "1, " * n + "1)", "'a' " * n, "1 if (" * n + "True" + ") else 1" * n,
        )
    )  # fmt: skip
    return _put(text, numbers, made, r"\w+|(?<== )[^\n]+")


def deep_type(text: str, numbers: Random) -> str:
    """With a type that nests deeply, or is very wide."""
    n = numbers.choice(DEPTHS)
    made = numbers.choice(
        (
            "List[" * n + "int" + "]" * n, "Optional[" * n + "int" + "]" * n, "Tuple[" * n + "int" + "]" * n,
            "Dict[str, " * n + "int" + "]" * n, "Union[" * n + "int" + ", str]" * n,
            "Tuple[" + "int, " * n + "int]",
            "Union[" + "int, " * n + "str]", "int" + " | int" * n, "a" + ".b" * n,
            "Future[" * n + "int" + "]" * n,
        )
    )  # fmt: skip
    return _put(text, numbers, made, r"(?<=: )[\w.]+(\[[\w., ]*\])?|(?<=-> )[\w.]+(\[[\w., ]*\])?")


def deep_block(text: str, numbers: Random) -> str:
    """With blocks that nest deeply, or very many statements."""
    n = numbers.choice((20, 60, 95, 150))
    lines = text.split("\n")
    place = numbers.randrange(len(lines))
    indent = re.match(r" *", lines[place])
    spaces = indent.group() if indent else ""
    head = numbers.choice(
        ("if True:", "for i in range(2):", "while False:", "with self:", "def f():", "class C:")
    )
    nest = [spaces + " " * i + head for i in range(n)] + [spaces + " " * n + "x = 1"]
    chain = [f"{spaces}if False:", f"{spaces}  pass", *[f"{spaces}elif False:", f"{spaces}  pass"] * n]
    plain = [spaces + numbers.choice(("x = 1", "x: int = 1", "1", "pass"))] * (n * 2)
    lines[place:place] = numbers.choice((nest, nest, chain, plain))
    return "\n".join(lines)


def itself(text: str, numbers: Random) -> str:
    """With a class or function that needs itself."""
    names = re.findall(r"(?:class|def) (\w+)", text)
    if not names:
        return text
    name = numbers.choice(names)
    made = numbers.choice(
        (f"__torch__.{name}", f"self.{name}()", f"__torch__.{name}(1)", f"List[__torch__.{name}]")
    )
    return _put(text, numbers, made, r"(?<=[=:] )[\w.]+|(?<=\()\w+(?=\):)")


CHANGES: tuple[Callable[[str, Random], str], ...] = (
    removed, removed, doubled, swapped, swapped, worded, worded, counted, counted, valued, typed, typed,
    named, lined,
    stated, stated, stated, deep, deep, deep_type, deep_block, itself,
)  # fmt: skip


def code(draft: Draft, numbers: Random) -> str:
    """Change a file of code in a few places."""
    found = draft.code()
    if not found:
        return ""
    entry = numbers.choice(found)
    text = entry.data.decode("utf-8", "replace")
    told: list[str] = []
    for _ in range(numbers.choice((1, 1, 1, 2, 4))):
        change = numbers.choice(CHANGES)
        text = change(text, numbers)
        told.append(change.__name__)
    entry.data = text.encode("utf-8", "surrogatepass")
    return f"{entry.path}: {', '.join(told)}"
