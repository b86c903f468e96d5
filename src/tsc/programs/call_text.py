"""The Python text of a call: arguments matched to what code was compiled for, the code called, the
result put together: straight-line code, as the patterns and forms that it is made of are known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dtypes import BF16
from tsc.frontend.unit import Unit
from tsc.runtime.descriptions import TENSOR, Varying, is_sequence_class
from tsc.runtime.named_tuples import named_tuple_class
from tsc.runtime.native import ArraySpec
from tsc.runtime.result_forms import CONVERSIONS, PARTS, leaves, view_of

Run = Callable[..., Any]
DIRECT = frozenset(("tensor", "argument", "number", "constant"))
"""The descriptions of parts of a result that are written as text."""
SCALARS = (type(None), bool, int, str)
NATIVE_NUMBERS = {"int": np.int64, "float": np.float64, "bool": np.bool_}
"""The dtypes of which ``item`` gives the very type of number."""


class CallText:
    """Lines of Python, and what their names stand for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.scope: dict[str, Any] = {}
        self._held: dict[int, str] = {}
        self._variables = 0

    def write(self, line: str, indent: int = 1) -> None:
        """One line of the function's body."""
        self.lines.append("    " * indent + line)

    def hold(self, value: object) -> str:
        """The global that holds `value`."""
        if id(value) not in self._held:
            self._held[id(value)] = name = f"k{len(self._held)}"
            self.scope[name] = value
        return self._held[id(value)]

    def variable(self) -> str:
        """A new variable."""
        self._variables += 1
        return f"v{self._variables}"

    def function(self, name: str) -> Run:
        """What the lines do, as a function of ``*arguments``."""
        text = "\n".join([f"def {name}(*arguments):", *self.lines])
        exec(compile(text, f"<tsc call: {name}>", "exec"), self.scope)
        return self.scope[name]


@dataclass
class Matching:
    """Writes the tests that values are what a pattern says (see `pattern_of`), and takes them apart."""

    text: CallText
    miss: str
    """The line for values that are not."""
    tensor: type
    """The class of tensors."""
    tensors: list[str] = field(default_factory=list[str])
    """The variables of the tensors and varying numbers, in order."""
    numbers: list[str] = field(default_factory=list[str])
    """The variables of the varying numbers."""
    _tests: list[str] = field(default_factory=list[str])

    @property
    def tensors_alone(self) -> list[str]:
        """The variables of the tensors."""
        return [name for name in self.tensors if name not in self.numbers]

    def match(self, pattern: Any, name: str) -> str:
        """Match the value of a variable; the expression that makes it again, of fresh containers, with the
        arrays (see `array_name`) of its tensors.
        """
        if pattern is TENSOR:
            self._tests.append(f"type({name}) is not {self.text.hold(self.tensor)}")
            self.tensors.append(name)
            return array_name(name)
        kind: type = pattern[0]
        if kind is Varying:
            self._tests.append(f"type({name}) is not {pattern[1].__name__}")
            self.tensors.append(name)
            self.numbers.append(name)
            return name
        if kind is dict:
            return self._match_dict(pattern, name)
        if is_sequence_class(kind):
            return self._match_sequence(pattern, name)
        return self._match_constant(kind, pattern[1], name)

    def match_all(self, patterns: Sequence[Any], name: str) -> list[str]:
        """Match the values in a tuple; the expressions that make each again."""
        self.require(f"len({name}) != {len(patterns)}")
        return self._match_parts(patterns, name)

    def _match_dict(self, pattern: Any, name: str) -> str:
        keys = self.text.hold(pattern[1])
        self._tests.append(f"type({name}) is not dict or tuple({name}) != {keys}")
        parts = self._match_parts(pattern[2:], f"{name}.values()")
        return f"dict(zip({keys}, ({''.join(f'{p}, ' for p in parts)})))"

    def _match_sequence(self, pattern: Any, name: str) -> str:
        kind, parts = pattern[0], pattern[1:]
        self._tests.append(f"type({name}) is not {self.text.hold(kind)} or len({name}) != {len(parts)}")
        made = "".join(f"{part}, " for part in self._match_parts(parts, name))
        if kind is list:
            return f"[{made}]"
        return f"({made})" if kind is tuple else f"{self.text.hold(kind)}._make(({made}))"

    def _match_parts(self, patterns: Sequence[Any], of: str) -> list[str]:
        self.flush()
        names = [self.text.variable() for _ in patterns]
        if names:
            self.text.write(f"{', '.join(names)}, = {of}")
        return [self.match(p, n) for p, n in zip(patterns, names, strict=True)]

    def _match_constant(self, kind: type, value: Any, name: str) -> str:
        if value is None:
            self._tests.append(f"{name} is not None")
            return "None"
        held = self.text.hold(value)
        test = f"type({name}) is not {kind.__name__} or {name} != {held}"
        if kind is float and value == 0:  # there are two
            test += f" or {self.text.hold(math.copysign)}(1.0, {name}) != {math.copysign(1.0, value)}"
        self._tests.append(test)
        return name

    def require(self, test: str) -> None:
        """Values for which `test` is true are others too."""
        self._tests.append(test)

    def flush(self) -> None:
        """Write the tests that are not written yet."""
        if self._tests:
            self.text.write(f"if {' or '.join(self._tests)}:")
            self.text.write(self.miss, 2)
            self._tests.clear()


def array_name(tensor: str) -> str:
    """The variable of a tensor's array, by that of the tensor."""
    return f"{tensor}_array"


@dataclass(frozen=True)
class ResultText:
    """Writes what a description of a result (see `ResultForm`) makes of results and arguments."""

    text: CallText
    unit: Unit
    outputs: Sequence[ArraySpec]
    arrays: Sequence[str]
    """The variables of the arguments' arrays."""
    given: Sequence[str]
    """Those of the tensors that are arguments: the first of `arrays` are theirs."""
    found: Collection[int] = ()
    """The results that may have no elements: the program finds how many they have."""

    @staticmethod
    def is_direct(structure: list[Any]) -> bool:
        """Whether all in a description can be written."""
        found = list(leaves(structure))
        return all(leaf[0] in DIRECT or _is_static_view(leaf) for leaf in found) and all(
            isinstance(leaf[1], SCALARS) or (isinstance(leaf[1], float) and math.isfinite(leaf[1]))
            for leaf in found
            if leaf[0] == "constant"
        )

    def array(self, structure: list[Any]) -> str:
        """The expression for what is described, with arrays."""
        return self._expression(structure, lambda text, _: text)

    def tensor(self, structure: list[Any], wrap: Run, plain_wrap: Run) -> str:
        """The expression for what is described, with tensors that `wrap` makes, and `plain_wrap` of arrays
        that have elements, of dtypes that NumPy has too; arguments are the tensors that were given.
        """
        held, plain = self.text.hold(wrap), self.text.hold(plain_wrap)

        def wrapped(text: str, leaf: list[Any]) -> str:
            base = leaf[1] if leaf[0] == "view" else leaf
            number: int = base[1]
            if leaf[0] == "argument" and number < len(self.given):
                return self.given[number]
            is_plain = base[0] == "tensor" and number not in self.found and _is_plain(self.outputs[number])
            return f"{plain if is_plain else held}({text})"

        return self._expression(structure, wrapped)

    def _expression(self, structure: list[Any], tensor: Callable[[str, list[Any]], str]) -> str:
        kind: str = structure[0]
        if kind == "tensor":
            return tensor(f"r{structure[1]}", structure)
        if kind == "argument":
            number: int = structure[1]
            return tensor(self.arrays[number], structure)
        if kind == "view":
            _, base, shape, strides, offset, _ = structure
            place = f"{tuple(shape)}, {tuple(strides)}, {offset}"
            return tensor(f"{self.text.hold(view_of)}(r{base[1]}, {place})", structure)
        if kind == "number":
            return self._number(structure)
        if kind == "constant":
            return repr(structure[1])
        parts = [self._expression(part, tensor) for part in structure[PARTS[kind]]]
        if kind == "dict":
            return f"{{{', '.join(f'{k!r}: {p}' for k, p in zip(structure[1], parts, strict=True))}}}"
        if kind == "list":
            return f"[{', '.join(parts)}]"
        made = f"({''.join(f'{part}, ' for part in parts)})"
        if kind == "tuple":
            return made
        types = tuple(tt.TENSOR for _ in structure[2])
        cls = named_tuple_class(self.unit, tt.NamedTupleType((structure[1], tuple(structure[2]), types)))
        return f"{self.text.hold(cls)}._make({made})"

    def _number(self, structure: list[Any]) -> str:
        place: int = structure[1]
        kind: str = structure[2]
        if self.outputs[place].dtype == NATIVE_NUMBERS[kind]:
            return f"r{place}.item()"
        return f"{self.text.hold(CONVERSIONS[kind])}(r{place}.item())"


def _is_static_view(leaf: list[Any]) -> bool:
    """Whether a part of a result is a view of what is computed, and numbers say of which part."""
    return leaf[0] == "view" and leaf[1][0] == "tensor" and leaf[2] is not None


def _is_plain(spec: ArraySpec) -> bool:
    """Whether arrays of a spec have elements, and a dtype that NumPy has too."""
    return spec.dtype != np.dtype(BF16.numpy) and all(size > 0 for size in spec.shape)


def signature(pattern: Sequence[Any]) -> str:
    """A pattern in words: equal for equal patterns alone, whatever numbers think of one another."""
    return json.dumps([_signed(part) for part in pattern])


def _signed(part: Any) -> Any:
    if part is TENSOR:
        return "tensor"
    kind = cast("type[Any]", part[0])
    if kind is dict:
        return ["dict", repr(part[1]), [_signed(p) for p in part[2:]]]
    if is_sequence_class(kind):
        return [kind.__name__, id(kind), [_signed(p) for p in part[1:]]]
    return [kind.__name__, repr(part[1])]
