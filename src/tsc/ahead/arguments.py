"""Arguments as users write them, ``?x3x224x224xf32``, into those that the pass `specialize` takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tsc.compiler.sizes import Sizes
from tsc.errors import ArgumentError
from tsc.passes.specialize import CONSTANTS, NUMBERS, split_entries

_AXIS = re.compile(r"(?:(?<=^)|(?<=[\[{;=x]))\?([a-wyz_][a-wyz0-9_]*)?(?:=(\d+))?(?=x)")
_LABEL = re.compile(r"\bs(\d+)\b")
FIRST_SIZE, STEP = 40, 8
"""What sizes without an example are taken for: 40, 48, 56, ... What is equal in the example may be
taken to be equal in every call, so they are distinct.
"""


@dataclass
class Axes:
    """The sizes of a method's arguments that may be any."""

    labels: list[str] = field(default_factory=list[str])
    """As the user names them, or ``s0``, by number."""
    examples: list[int] = field(default_factory=list[int])
    """What each is taken for where speed is a matter of sizes."""

    def named(self, text: str) -> str:
        """An argument in which ``s0``, ``s1``, ... stand for the sizes that may be any.

        Raises:
            ArgumentError: a name has two example sizes, or a question mark is where no size is.
        """
        named = _AXIS.sub(self._name, text)
        if "?" in named:
            raise ArgumentError(
                f"input: requires sizes like 3, ?, ?batch or ?batch=8 (names without x); got {text!r}"
            )
        return named

    def _name(self, found: re.Match[str]) -> str:
        label, example = found.groups()
        if label is None or label not in self.labels:
            self.labels.append(label or f"s{len(self.labels)}")
            self.examples.append(int(example or FIRST_SIZE + STEP * (len(self.labels) - 1)))
            return f"s{len(self.labels) - 1}"
        number = self.labels.index(label)
        if example is not None and self.examples[number] != int(example):
            raise ArgumentError(f"input: ?{label} is {self.examples[number]} and {example} in the example")
        return f"s{number}"

    def sizes(self) -> Sizes | None:
        """For a compilation; None where all sizes are known."""
        hints = {f"s{number}": example for number, example in enumerate(self.examples)}
        if any(example < 2 for example in self.examples):
            raise ArgumentError("input: requires example sizes of at least 2: little holds for a size of 1")
        return Sizes.of(hints) if hints else None

    def in_words(self, expression: object) -> str:
        """A size, or a condition on sizes, with the user's names."""
        return _LABEL.sub(lambda found: self.labels[int(found[1])], str(expression))


def tensor_names(name: str, text: str) -> list[str]:
    """The names of the tensors in an argument as `specialize` takes it: ``x``, ``xs[0]``."""
    if text.startswith("["):
        entries = split_entries(text[1:-1])
        return [n for i, entry in enumerate(entries) for n in tensor_names(f"{name}[{i}]", entry)]
    if text.startswith("{"):
        pairs = [entry.partition("=") for entry in split_entries(text[1:-1])]
        return [n for key, _, value in pairs for n in tensor_names(f"{name}[{key}]", value)]
    is_constant = text in CONSTANTS or (text not in NUMBERS and ":" in text)
    return [] if is_constant else [name]


def require_count(method: str, names: Sequence[str], given: Sequence[str]) -> None:
    """Check that there is an input for each parameter.

    Raises:
        ArgumentError: there are others.
    """
    if len(names) != len(given):
        wanted = f"{len(names)} ({', '.join(names)})" if names else "none"
        raise ArgumentError(f"{method}: requires one --input for each argument: {wanted}; got {len(given)}")


def require_method(known: Collection[str], name: str) -> None:
    """Check that a module has a method.

    Raises:
        ArgumentError: it has others.
    """
    if name not in known:
        listed = f"one of {', '.join(known)}" if known else "a module that has methods"
        raise ArgumentError(f"method: requires {listed}; got {name}")
