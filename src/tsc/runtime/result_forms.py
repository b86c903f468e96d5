"""How what a compiled function returns, tensor by tensor, becomes the result of the program, and what of it
goes into the memory of its arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, StringAttr
from xdsl.dialects.func import FuncOp

from tsc.concurrency import computed_once
from tsc.dialects import torch_types as tt
from tsc.dialects.tsc import CONTENTS, DRAWS, FOUND, RESULT, WRITTEN
from tsc.dims import from_words
from tsc.frontend.unit import Unit
from tsc.memory.conjugates import follow_writes, show_one_memory
from tsc.narrowing import is_dict, is_list
from tsc.ops.registry import require
from tsc.runtime.named_tuples import build_named_tuple, named_tuple_class

Array = np.ndarray[Any, Any]
PARTS = {"tuple": 1, "list": 1, "dict": 2, "namedtuple": 3}
"""Containers, and where in their descriptions those of their parts stand."""
CONVERSIONS: dict[str, type[int | float]] = {"int": int, "float": float, "bool": bool}


@dataclass(frozen=True)
class ResultForm:
    """What the results of a function at stage `value` are to the program."""

    structure: list[Any] | None
    """How the result is nested, as `FlattenResults` describes it; None: it is the function's first result."""
    written: tuple[int, ...] = ()
    """The arguments that the program writes to."""
    contents: tuple[list[Any], ...] = ()
    """What is in each of them afterwards, described in the same way; without a structure, the results after
    the first."""
    found: tuple[tuple[int, list[Any]], ...] = ()
    """The results whose sizes the function finds, and their shapes in words: native code gives memory that is
    large enough in any case, which `cut` takes them from."""
    is_drawn: bool = False
    """Whether random numbers go into memory in the order of row-major arguments."""

    @classmethod
    def of(cls, function: FuncOp) -> ResultForm:
        """The form that the attributes of a function say."""
        written = function.attributes.get(WRITTEN)
        numbers = written.iter_values() if isinstance(written, DenseArrayBase) else ()
        return cls(
            _described(function, RESULT),
            tuple(int(n) for n in numbers),
            tuple(_described(function, CONTENTS) or ()),
            tuple((number, shape) for number, shape in _described(function, FOUND) or ()),
            DRAWS in function.attributes,
        )

    @computed_once
    def leaves(self) -> list[list[Any]]:
        """What result and contents are made of: descriptions of tensors, arguments, views and constants."""
        whole = [] if self.structure is None else [self.structure]
        return [leaf for part in (*whole, *self.contents) for leaf in leaves(part)]

    @computed_once
    def shown(self) -> frozenset[int]:
        """The arguments of which the result has views that were described for row-major ones."""
        viewed = (leaf[1] for leaf in self.leaves if leaf[0] == "view")
        return frozenset(base[1] for base in viewed if base[0] == "argument")

    def suits(self, arrays: Sequence[Array]) -> bool:
        """Whether the memory of the arguments is as the description takes it to be: no memory that is written
        is another argument's, or shown twice in one; views, and random numbers, are of row-major ones.
        """
        if self.is_drawn and not all(array.flags.c_contiguous for array in arrays):
            return False
        if not all(arrays[i].flags.c_contiguous for i in self.shown):
            return False
        return all(_is_written_alone(i, arrays) for i in self.written)

    def cut(self, results: Sequence[Any], arrays: Sequence[Array]) -> list[Any]:
        """What native code gives, as large as the sizes are that the function has found."""
        made = list(results)
        for number, words in self.found:
            made[number] = beginning(made[number], [_size(w, arrays, results) for w in words])
        return made

    def complete(self, results: Sequence[Any], arrays: Sequence[Array], unit: Unit) -> Any:
        """Write to the arguments, and put the result together."""
        self.write(results, arrays, unit)
        return results[0] if self.structure is None else nest(self.structure, results, arrays, unit)

    def write(self, results: Sequence[Any], arrays: Sequence[Array], unit: Unit) -> None:
        """Write to the arguments."""
        if not self.written:
            return
        if self.structure is None:
            contents = [[(..., result)] for result in results[1 : 1 + len(self.written)]]
        else:
            contents = [_content(c, results, arrays, unit) for c in self.contents]
        targets = [arrays[number] for number in self.written]
        if len(targets) > 1:  # Python gives some as they lie: where another is written first, perhaps
            contents = [_apart(c, targets) for c in contents]
        for target, content in zip(targets, contents, strict=True):
            for place, part in content:
                target[place] = part
            follow_writes(target)


def _described(function: FuncOp, name: str) -> Any:
    attribute = function.attributes.get(name)
    return json.loads(attribute.data) if isinstance(attribute, StringAttr) else None


Content: TypeAlias = list[tuple[Any, Any]]
"""What is put into an array: where, and what."""


def _content(described: list[Any], results: Sequence[Any], arrays: Sequence[Array], unit: Unit) -> Content:
    if described[0] != "parts":
        return [(..., nest(described, results, arrays, unit))]
    return [(place_of(dim, at, results), results[part]) for dim, at, part in described[1]]


def place_of(dim: int, at: int | list[int], results: Sequence[Any]) -> tuple[Any, ...]:
    """The places of a dim, as an index: a range, or what a result says."""
    place = results[at] if isinstance(at, int) else slice(*at)
    return (*[slice(None)] * dim, place)


def _apart(content: Content, others: Sequence[Array]) -> Content:
    return [(place, part.copy() if _is_in(part, others) else part) for place, part in content]


def _is_in(array: Array, others: Sequence[Array]) -> bool:
    return any(show_one_memory(array, other) for other in others)


def _is_written_alone(number: int, arrays: Sequence[Array]) -> bool:
    """Whether an argument can be written, shows no memory twice, and no other argument shows it."""
    array = arrays[number]
    if not array.flags.writeable or not (array.flags.c_contiguous or _is_injective(array)):
        return False
    return not _is_in(array, [other for i, other in enumerate(arrays) if i != number])


def _is_injective(array: Array) -> bool:
    """Whether no two elements surely lie at one place: each stride steps over all that faster ones reach."""
    reach = array.itemsize
    for stride, size in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True)):
        if size > 1 and stride < reach:
            return False
        reach += (size - 1) * stride
    return True


def beginning(memory: Array, shape: Sequence[int]) -> Array:
    """The elements at the beginning of memory as a tensor of a shape, which holds not much more memory than
    it needs.
    """
    count = prod(shape)
    part = memory[:count]
    return (part.copy() if 2 * count < memory.size else part).reshape(shape)


def prefix_of(array: Array, count: int, dim: int) -> Array:
    """The first `count` places of a dim, in memory of their own."""
    return array[(slice(None),) * dim + (slice(count),)].copy()


def nest(
    structure: list[Any],
    tensors: Sequence[Any],
    arrays: Sequence[Array],
    unit: Unit,
    shown: dict[int, Array] | None = None,
) -> Any:
    """Put a result together from its tensors and the arguments, as `FlattenResults` described it. `shown` is
    what operators show of tensors that are not row-major, by their numbers.
    """
    shown = {} if shown is None else shown
    kind: str = structure[0]
    if kind in ("tensor", "argument"):
        among: Sequence[Any] = tensors if kind == "tensor" else arrays
        return among[structure[1]]
    if kind == "number":
        return CONVERSIONS[structure[2]](tensors[structure[1]].item())
    if kind == "prefix":
        _, whole, count, dim = structure
        return prefix_of(tensors[whole], int(tensors[count]), dim)
    if kind == "alias":
        return arrays[cast("int", structure[1])].view()
    if kind == "view":
        _, of, shape, strides, offset, steps = structure
        base = nest(of, tensors, arrays, unit)
        if base.flags.c_contiguous and shape is not None:
            return view_of(base, shape, strides, offset)
        return _taken(base, steps, Given(arrays, tensors), shown)
    if kind in ("constant", "size"):
        return structure[1] if kind == "constant" else _size(structure[1], arrays, tensors)
    parts = [nest(p, tensors, arrays, unit, shown) for p in structure[PARTS[kind]]]
    if kind == "dict":
        return dict(zip(cast("list[Any]", structure[1]), parts, strict=True))
    if kind != "namedtuple":
        return parts if kind == "list" else tuple(parts)
    _, name, fields, _ = structure
    types = tuple(tt.TENSOR for _ in fields)
    cls = named_tuple_class(unit, tt.NamedTupleType((name, tuple(fields), types)))
    return build_named_tuple(cls, parts)


@dataclass(frozen=True)
class Given:
    """What sizes are read from."""

    arrays: Sequence[Array]
    tensors: Sequence[Array]


def _size(words: object, arrays: Sequence[Array], tensors: Sequence[Array]) -> int:
    """A symbolic size, in words, in this call."""

    def named(place: list[int]) -> int:
        number, dim = place
        if number < 0:  # what the function has found
            return tensors[dim].item()
        shape: tuple[int, ...] = arrays[number].shape
        return shape[dim]

    return from_words(words, named)


def _numbers(value: object, given: Given) -> Any:
    """An argument of an operator with numbers for symbolic sizes."""
    if is_list(value):
        return [_numbers(v, given) for v in value]
    return _size(value["size"], given.arrays, given.tensors) if is_dict(value) else value


def _taken(base: Array, steps: list[Any], given: Given, shown: dict[int, Array]) -> Array:
    """What the operators of `steps` show of `base`, each run once for all parts: it may make a copy."""
    array = base
    for number, name, arguments in steps:
        if number not in shown:
            shown[number] = require(name).eager(array, *_numbers(arguments, given))
        array = shown[number]
    return array


def view_of(base: Array, shape: Sequence[int], strides: Sequence[int], offset: int) -> Array:
    """The part of a row-major array that begins `offset` bytes after its beginning."""
    if not base.size:
        return np.ndarray(shape, base.dtype)
    made = np.ndarray(shape, base.dtype, base, offset, strides)
    made.flags.writeable = base.flags.writeable
    return made


def is_computed(leaf: list[Any]) -> bool:
    """Whether what a description without parts describes is memory that the function made."""
    return leaf[0] == "tensor" or (leaf[0] == "view" and leaf[1][0] == "tensor")


def renamed(structure: list[Any], names: Iterator[list[Any]]) -> list[Any]:
    """A description with the next of `names` in the place of each computed leaf."""
    if structure[0] not in PARTS:
        return next(names) if is_computed(structure) else structure
    place = PARTS[structure[0]]
    parts = [renamed(part, names) for part in structure[place]]
    return [*structure[:place], parts, *structure[place + 1 :]]


def leaves(structure: list[Any]) -> Iterator[list[Any]]:
    """The descriptions in a description that are no containers."""
    if structure[0] in PARTS:
        for part in structure[PARTS[structure[0]]]:
            yield from leaves(part)
    else:
        yield structure


def placed(structure: list[Any], result: Any) -> Iterator[Any]:
    """The computed parts of `result`, which is nested as `structure` says."""
    kind = structure[0]
    if kind not in PARTS:
        if is_computed(structure):
            yield result
        return
    held = [result[key] for key in structure[1]] if kind == "dict" else result
    for part, value in zip(structure[PARTS[kind]], held, strict=True):
        yield from placed(part, value)
