"""`Signature`: the arguments of a method as a user gives them, and the inputs of the model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.ir import SSAValue

from tsc.ahead.arguments import FIRST_SIZE, STEP, Axes, require_count, tensor_names
from tsc.analysis.known_values import spec_of_type
from tsc.dialects import torch_types as tt
from tsc.dims import Dim
from tsc.errors import ArgumentError
from tsc.frontend.unit import REQUIRED, FunctionParameter
from tsc.narrowing import is_sequence
from tsc.runtime.descriptions import describe
from tsc.runtime.values import Inputs

DynamicAxes = Mapping[str, Mapping[int, str] | Sequence[int]]
_TENSOR = re.compile(r"((?:\d+x)*)([a-z]\w*(?:<\w+>)?)")


@dataclass
class Signature:
    """What a method is exported for."""

    entries: list[str] = field(default_factory=list[str])
    """Its arguments as the pass `specialize` takes them."""
    names: list[str] = field(default_factory=list[str])
    """The inputs of the model."""
    axes: Axes = field(default_factory=Axes)
    """The sizes that may be any."""

    def places(self, arguments: Sequence[SSAValue]) -> dict[Any, tuple[str, int]]:
        """Symbols of sizes, and the first input and dim where each is."""
        found: dict[Any, tuple[str, int]] = {}
        for argument, name in zip(arguments, self.names, strict=True):
            kind = argument.type
            spec = spec_of_type(kind) if isinstance(kind, tt.TensorType) else None
            for dim, size in enumerate(() if spec is None else spec.shape):
                if isinstance(size, Dim) and size.is_symbol:
                    found.setdefault(next(size.atoms), (name, dim))
        return found


def signature_of(
    parameters: Sequence[FunctionParameter], args: Any, input_names: Sequence[str] | None,
    dynamic_axes: DynamicAxes | None, output_names: Collection[str] = (),
) -> Signature:  # fmt: skip
    """The signature that a user asks for.

    Raises:
        ArgumentError: the arguments, or the names, do not fit the parameters.
    """
    given: list[Any] = list(args) if is_sequence(args) else [args]
    for parameter in parameters[len(given) :]:
        if parameter.default is REQUIRED:
            break
        given.append(parameter.default)
    require_count("export", [p.name for p in parameters], given)
    made = Signature()
    for parameter, value in zip(parameters, given, strict=True):
        text = made.axes.named(value) if _is_spec(value, parameter) else _described(parameter, value)
        made.entries.append(text)
        made.names += tensor_names(parameter.name, text)
    own = list(made.names)
    for number, name in enumerate(input_names or ()):
        if number >= len(own):
            raise ArgumentError(f"export: input_names: requires at most {len(own)} names ({', '.join(own)})")
        made.names[number] = name
    _name_axes(made, dynamic_axes or {}, output_names)
    return made


def _is_spec(value: Any, parameter: FunctionParameter) -> bool:
    return isinstance(value, str) and parameter.type is not tt.STRING


def _described(parameter: FunctionParameter, value: Any) -> str:
    """An example as `specialize` spells it."""
    text = describe(Inputs().convert(value, parameter.type, parameter.name))
    if text is None:
        raise ArgumentError(f"export: {parameter.name}: requires tensors, numbers, texts, and lists of them")
    return text


def _name_axes(made: Signature, dynamic_axes: DynamicAxes, output_names: Collection[str]) -> None:
    """Give names to sizes of the inputs, as `dynamic_axes` says."""
    tensors = dict(zip(made.names, _tensor_entries(made.entries), strict=False))
    for name, wanted in dynamic_axes.items():
        if name in output_names:
            continue  # what sizes results have follows
        if name not in tensors:
            known = ", ".join(tensors)
            raise ArgumentError(f"export: dynamic_axes: requires names of inputs ({known}); got {name!r}")
        number = tensors[name]
        labels = wanted if isinstance(wanted, Mapping) else {dim: f"{name}_dim{dim}" for dim in wanted}
        made.entries[number] = _with_names(made, made.entries[number], labels, name)


def _tensor_entries(entries: Sequence[str]) -> Iterator[int]:
    """The number of the entry in which each input is, for inputs that are arguments by themselves."""
    for number, text in enumerate(entries):
        if tensor_names("", text) == [""]:
            yield number
        elif tensor_names("", text):
            return  # inputs in lists have sizes that are known


def _with_names(made: Signature, text: str, labels: Mapping[int, str], name: str) -> str:
    found = _TENSOR.fullmatch(text)
    if found is None:
        raise ArgumentError(f"export: dynamic_axes: requires sizes that have no names yet; got {text}")
    sizes = found[1].split("x")[:-1]
    for dim, label in labels.items():
        if not -len(sizes) <= dim < len(sizes):
            raise ArgumentError(f"export: dynamic_axes: {name} has {len(sizes)} dims; got {dim}")
        sizes[dim] = f"s{_number_of(made, label, int(sizes[dim]))}"
    return "".join(f"{size}x" for size in sizes) + found[2]


def _number_of(made: Signature, label: str, example: int) -> int:
    """The number of a size by its label. What is equal in the example may be taken to be equal in every call,
    so sizes that are in it elsewhere, too, or are small, are taken for others.
    """
    axes = made.axes
    if label not in axes.labels:
        others = {int(n) for text in made.entries for n in re.findall(r"(\d+)(?=x)", text)}
        count = sum(f"{example}x" in text for text in made.entries)
        is_telling = example > 2 and example not in axes.examples and count < 2
        free = (n for n in range(FIRST_SIZE, 1 << 20, STEP) if n not in axes.examples and n not in others)
        axes.labels.append(label)
        axes.examples.append(example if is_telling else next(free))
    return axes.labels.index(label)
