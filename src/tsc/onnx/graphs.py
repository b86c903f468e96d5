"""`Model` and `Graph`: an ONNX model in the making, with its nodes, weights, and sizes that are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dims import Dim
from tsc.dtypes import Array, DType
from tsc.errors import ArgumentError, TscError

OLDEST_OPSET = 18
"""The first one in which reductions take their axes as an input, as nodes here give them."""
TYPE_CODES = {
    dtypes.F32: 1, dtypes.U8: 2, dtypes.I8: 3, dtypes.I16: 5, dtypes.I32: 6, dtypes.I64: 7, dtypes.BOOL: 9,
    dtypes.F16: 10, dtypes.F64: 11, dtypes.BF16: 16,
}  # fmt: skip
"""ONNX's numbers of element types. Source: onnx.proto, ``TensorProto.DataType``."""
LONGEST_NUMBER_LIST = 1 << 16
"""Elements of a constant that a rule may make of numbers."""


class NoFormError(TscError, NotImplementedError):
    """An operator, or this call of it, has no form in ONNX."""


@dataclass(frozen=True)
class Tensor:
    """A value of the model: its name, and what is known of it."""

    name: str
    dtype: DType
    known_shape: tuple[Any, ...] | None

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes; those that differ from call to call are `Dim`.

        Raises:
            NoFormError: they are not known.
        """
        if self.known_shape is None:
            raise NoFormError("requires operands whose shapes are known")
        return self.known_shape

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.shape)


Rule = Callable[..., Any]
"""Writes the nodes of an operator. It is called with an `Emitter` and the operator's arguments: tensors,
Python's constants (sizes may be `Dim`), and lists of those. It gives names of results, or the one of one.
"""
Rules = dict[str, Rule]
"""Rules by the operator's name."""
Input = Tensor | str | None
"""What a node reads: a tensor, the name of one that a rule has made, or nothing."""


def onnx_package() -> Any:
    """The package ``onnx``, which writes models.

    Raises:
        ArgumentError: it is not installed.
    """
    try:
        return import_module("onnx")
    except ImportError as error:
        raise ArgumentError(
            "export: requires the package onnx: pip install 'torchscript-compiler[onnx]'"
        ) from error


def type_code(dtype: DType) -> int:
    """ONNX's number of an element type.

    Raises:
        NoFormError: it has none that its operators take.
    """
    if dtype not in TYPE_CODES:
        raise NoFormError(f"requires elements that ONNX has; got {dtype.name}")
    return TYPE_CODES[dtype]


@dataclass
class Model:
    """What all graphs of a model share: names, weights, and sizes."""

    onnx: Any
    symbols: Mapping[Any, tuple[str, int]]
    """Symbols of sizes, and the input and the dim where each is."""
    names: dict[str, int] = field(default_factory=dict[str, int])
    weights: list[Any] = field(default_factory=list[Any])
    size_nodes: list[Any] = field(default_factory=list[Any])
    """Nodes that compute sizes of the inputs' sizes; they stand before all others."""
    _constants: dict[Any, str] = field(default_factory=dict[Any, str])
    _sizes: dict[Any, str] = field(default_factory=dict[Any, str])

    def unique(self, name: str) -> str:
        """`name`, or it with a number, if it is taken."""
        count = self.names.get(name)
        self.names[name] = 0 if count is None else count + 1
        return name if count is None else self.unique(f"{name}_{count + 1}")

    def reserve(self, names: Sequence[str]) -> None:
        """Take names that a user gives.

        Raises:
            ArgumentError: one is there twice.
        """
        for name in names:
            if name in self.names:
                raise ArgumentError(
                    f"export: requires distinct names of inputs and results; got {name!r} twice"
                )
            self.names[name] = 0

    def weight(self, array: Array, name: str) -> str:
        """A constant of the model by its own name."""
        dtype = dtypes.by_numpy(array.dtype)
        found = self.unique(name)
        proto = self.onnx.TensorProto()
        proto.name, proto.data_type = found, type_code(dtype)
        proto.dims.extend(array.shape)
        proto.raw_data = np.ascontiguousarray(array).tobytes()
        self.weights.append(proto)
        return found

    def constant(self, array: Array) -> str:
        """A constant that a rule needs; equal ones are one."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.weight(array, "constant")
        return self._constants[key]

    # --- sizes ---

    def size(self, size: Any) -> str:
        """A size as a tensor of one element."""
        if not isinstance(size, Dim):
            return self.constant(np.array([int(size)], np.int64))
        if size not in self._sizes:
            terms = [self._term(monomial, factor) for monomial, factor in size.terms.items()]
            self._sizes[size] = self._folded("Add", terms)
        return self._sizes[size]

    def _term(self, monomial: Sequence[Any], factor: int) -> str:
        parts = [self._atom(atom) for atom in monomial]
        return self._folded("Mul", parts if factor == 1 and parts else [*parts, self.size(factor)])

    def _atom(self, atom: Any) -> str:
        if atom not in self._sizes:
            if atom.is_symbol:
                name, dim = self.symbols[atom]
                self._sizes[atom] = self._size_node("Shape", [name], start=dim, end=dim + 1)
            else:
                self._sizes[atom] = self._operation(atom.name, [self.size(o) for o in atom.operands])
        return self._sizes[atom]

    def _operation(self, name: str, operands: list[str]) -> str:
        if name in ("min", "max"):
            return self._size_node(name.capitalize(), operands)
        rest = self._size_node("Mod", operands)
        if name == "mod":
            return rest
        whole = self._size_node("Sub", [operands[0], rest])  # which ONNX's division, towards zero, divides
        return self._size_node("Div", [whole, operands[1]])

    def _folded(self, operation: str, parts: list[str]) -> str:
        found = parts[0]
        for part in parts[1:]:
            found = self._size_node(operation, [found, part])
        return found

    def _size_node(self, operation: str, inputs: list[str], **attributes: Any) -> str:
        name = self.unique("size")
        self.size_nodes.append(self.onnx.helper.make_node(operation, inputs, [name], name, **attributes))
        return name

    def sizes(self, sizes: Sequence[Any]) -> str:
        """Sizes as a vector."""
        if not any(isinstance(size, Dim) for size in sizes):
            return self.constant(np.array([int(s) for s in sizes], np.int64))
        key = tuple(sizes)
        if key not in self._sizes:
            self._sizes[key] = self._size_node("Concat", [self.size(s) for s in sizes], axis=0)
        return self._sizes[key]


@dataclass
class Graph:
    """The nodes of the model's graph, or of a branch or loop in it."""

    model: Model
    nodes: list[Any] = field(default_factory=list[Any])

    def add(
        self,
        operation: str,
        inputs: Sequence[Input],
        count: int = 1,
        names: Sequence[str] = (),
        **attributes: Any,
    ) -> list[str]:
        """Append a node; the names of its results: `names`, which nothing else has, or new ones."""
        given = ["" if i is None else i if isinstance(i, str) else i.name for i in inputs]
        while given and not given[-1]:
            given.pop()
        results = list(names) or [self.model.unique(operation.lower()) for _ in range(count)]
        made = self.model.onnx.helper.make_node(operation, given, results, results[0], **attributes)
        self.nodes.append(made)
        return results


@dataclass
class Emitter:
    """What a rule writes with: nodes, constants and sizes for one call of an operator, whose results are
    `results`.
    """

    graph: Graph
    results: Sequence[Tensor]
    """Dtypes and shapes; the names do not matter yet."""
    opset: int

    @property
    def result(self) -> Tensor:
        """The first result."""
        return self.results[0]

    def __call__(self, operation: str, *inputs: Input, **attributes: Any) -> str:
        """A node with one result."""
        return self.graph.add(operation, inputs, **attributes)[0]

    def many(self, operation: str, count: int, *inputs: Input, **attributes: Any) -> list[str]:
        """A node with several results."""
        return self.graph.add(operation, inputs, count, **attributes)

    def sizes(self, sizes: Sequence[Any]) -> str:
        """Sizes, or other whole numbers, as a vector."""
        return self.graph.model.sizes(sizes)

    def constant(self, array: Any) -> str:
        """An array."""
        return self.graph.model.constant(np.asarray(array))

    def number(self, value: Any, dtype: DType) -> str:
        """A number as a tensor without dims."""
        if isinstance(value, Tensor):
            return self.cast(value, dtype)
        if isinstance(value, Dim):
            scalar = Tensor(self("Reshape", self.sizes([value]), self.sizes([])), dtypes.I64, ())
            return self.cast(scalar, dtype)
        if isinstance(value, complex):
            raise NoFormError(f"requires real numbers; got {value}")
        with np.errstate(over="ignore"):
            return self.constant(np.array(value).astype(dtype.numpy))

    def cast(self, x: Tensor, dtype: DType) -> str:
        """`x` in another dtype."""
        return x.name if x.dtype is dtype else self.casted(x.name, dtype)

    def casted(self, name: str, dtype: DType) -> str:
        """The tensor called `name` in another dtype than it has."""
        return self("Cast", name, to=type_code(dtype))

    def operands(self, *values: Any, dtype: DType | None = None) -> Iterator[str]:
        """Tensors and numbers in one dtype; by default that of the result."""
        wanted = self.result.dtype if dtype is None else dtype
        for value in values:
            yield self.cast(value, wanted) if isinstance(value, Tensor) else self.number(value, wanted)

    def shaped(self, x: Input) -> str:
        """`x` in the shape of the result."""
        return self("Reshape", x, self.sizes(self.reshaping(self.result.shape)), allowzero=1)

    @staticmethod
    def reshaping(shape: Sequence[Any]) -> list[Any]:
        """A shape as ``Reshape`` wants it: one size that is computed is what is left of the elements."""
        computed = [i for i, size in enumerate(shape) if isinstance(size, Dim)]
        is_plain = len(computed) == 1 and 0 not in shape
        return [-1 if is_plain and i in computed else size for i, size in enumerate(shape)]
