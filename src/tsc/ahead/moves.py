"""The parts of a function's result, and what it writes and assigns, as moves of a `MethodPlan`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.ahead.plan import (
    Cell,
    Computed,
    Constant,
    Given,
    Move,
    Size,
    Source,
    TensorSpec,
    ToCell,
    ToInput,
    ToResult,
    View,
)
from tsc.errors import RefusedError
from tsc.runtime.result_forms import PARTS, ResultForm, leaves

KINDS = {"int": dtypes.Category.INTEGRAL, "float": dtypes.Category.FLOATING, "bool": dtypes.Category.BOOL}


@dataclass
class Moves:
    """Reads a `ResultForm`."""

    method: str
    form: ResultForm
    inputs: Sequence[TensorSpec]
    cells: Sequence[Cell]
    """What the function takes after the inputs."""
    computed: Sequence[TensorSpec]
    assigned: Sequence[tuple[str, Sequence[Cell] | None]]
    """The attributes that the last parts of the result are assigned to: paths and cells; None, where nobody
    reads one.
    """
    is_lifted: bool
    """Whether the program's result is the first of those parts."""
    moves: list[Move] = field(default_factory=list[Move])
    constants: list[str] = field(default_factory=list[str])

    def read(self) -> None:
        """Find all moves.

        Raises:
            RefusedError: a part of the result has no form outside Python.
        """
        structure = self.form.structure
        assert structure is not None
        if self.is_lifted:
            structure, *parts = structure[1]
            for (path, cells), part in zip(self.assigned, parts, strict=True):
                if cells is not None:
                    self._assign(path, cells, part)
        number = 0
        for name, leaf in named_leaves("result", structure):
            if leaf[0] == "constant":
                self.constants.append(f"{name} is always {leaf[1]!r}")
                continue
            source, spec = self._source(name, leaf), self._spec(name, leaf)
            self.moves.append(Move(source, ToResult(number), spec))
            number += 1
        self._write()

    def _refuse(self, text: str) -> RefusedError:
        return RefusedError(f"{self.method}: {text}")

    def _assign(self, path: str, cells: Sequence[Cell], part: list[Any]) -> None:
        found = [leaf for leaf in leaves(part) if leaf[0] != "constant" or leaf[1] is not None]
        if len(found) != len(cells):
            raise self._refuse(
                f"attribute '{path}': requires a state of one form; got {_words(cells)} first, and "
                f"{len(found)} tensors or numbers later"
            )
        for cell, leaf in zip(cells, found, strict=True):
            self._to_cell(cell, leaf)

    def _to_cell(self, cell: Cell, leaf: list[Any]) -> None:
        initial = cell.initial
        if leaf[0] == "constant":
            if isinstance(leaf[1], str):
                raise self._refuse(f"attribute '{cell.path}': requires a tensor or number; got a string")
            data = np.asarray(leaf[1], initial.dtype).tobytes()
            self.moves.append(Move(Source(Constant(data)), ToCell(cell.number), _spec_of(cell)))
            return
        source = self._source(cell.path, leaf)
        spec = self._spec(cell.path, leaf)
        if spec.dtype.numpy != initial.dtype or spec.shape != initial.shape:
            raise self._refuse(
                f"attribute '{cell.path}': requires a state of one shape and dtype; got "
                f"{_shape(initial.shape, dtypes.by_numpy(initial.dtype).name)} first, and "
                f"{_shape(spec.shape, spec.dtype.name)} later"
            )
        self.moves.append(Move(source, ToCell(cell.number), spec))

    def _write(self) -> None:
        """What is written to inputs; to attributes, where they are not assigned as well."""
        replaced = {move.place.cell for move in self.moves if isinstance(move.place, ToCell)}
        for number, content in zip(self.form.written, self.form.contents, strict=True):
            if number < len(self.inputs):
                spec = self.inputs[number]
                self.moves.append(Move(self._source(spec.name, content), ToInput(number), spec))
                continue
            cell = self.cells[number - len(self.inputs)]
            if cell.number not in replaced:
                source = self._source(cell.path, content)
                self.moves.append(Move(source, ToCell(cell.number), _spec_of(cell)))

    # --- one part ---

    def _given(self, number: int) -> TensorSpec:
        count = len(self.inputs)
        return self.inputs[number] if number < count else _spec_of(self.cells[number - count])

    def _source(self, name: str, leaf: list[Any], within: tuple[int, ...] = ()) -> Source:
        kind: str = leaf[0]
        if kind in ("argument", "alias"):
            number: int = leaf[1]
            if number not in self.form.written:
                return Source(Given(number))
            if number in within:
                raise self._refuse(f"{name}: arguments are written to one another in a circle")
            content = self.form.contents[self.form.written.index(number)]
            return self._source(name, content, (*within, number))
        if kind == "tensor":
            return Source(Computed(leaf[1]))
        if kind == "number":
            which: int = leaf[1]
            dtype = self.computed[which].dtype
            if KINDS[leaf[2]] is not dtype.category:
                raise self._refuse(
                    f"{name}: requires a number of its tensor's kind; got {leaf[2]} of {dtype.name}"
                )
            return Source(Computed(leaf[1]))
        if kind == "size":
            return Source(Size(leaf[1]))
        if kind == "view":
            return self._view(name, leaf, within)
        raise self._refuse(f"{name}: {_NOT_IN_MEMORY[kind]}")

    def _view(self, name: str, leaf: list[Any], within: tuple[int, ...]) -> Source:
        _, of, shape, strides, offset, _ = leaf
        numbers = [*(shape or ()), *(strides or ()), offset]
        if shape is None or not all(isinstance(n, int) for n in numbers):
            raise self._refuse(f"{name}: it is a view whose sizes differ from call to call")
        base = self._source(name, of, within)
        if base.view is not None:
            raise self._refuse(f"{name}: it is a view of a view that is written to")
        return Source(base.base, View(tuple(shape), tuple(strides), offset))

    def _spec(self, name: str, leaf: list[Any]) -> TensorSpec:
        """The dtype and shape of a part."""
        kind: str = leaf[0]
        if kind in ("tensor", "number"):
            number: int = leaf[1]
            made = self.computed[number]
            return TensorSpec(name, made.dtype, made.shape)
        if kind in ("argument", "alias"):
            made = self._given(leaf[1])
            return TensorSpec(name, made.dtype, made.shape)
        if kind == "size":
            return TensorSpec(name, dtypes.I64, ())
        if kind == "view":
            return TensorSpec(name, self._spec(name, leaf[1]).dtype, tuple(leaf[2]))
        raise self._refuse(f"{name}: {_NOT_IN_MEMORY[kind]}")


_NOT_IN_MEMORY = {
    "prefix": "how long it is depends on data",
    "constant": "it is written to an argument, and the same in every call",
}
"""Why parts of a result are none that a caller has memory for."""


def _spec_of(cell: Cell) -> TensorSpec:
    return TensorSpec(cell.path, dtypes.by_numpy(cell.initial.dtype), cell.initial.shape)


def _words(cells: Sequence[Cell]) -> str:
    return f"{len(cells)} tensors or numbers" if cells else "none"


def _shape(sizes: Sequence[object], dtype: str) -> str:
    return f"{dtype}[{', '.join(map(str, sizes))}]"


def named_leaves(name: str, structure: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The parts of a result, with names: ``result[0]``, ``result['loss']``, ``result.loss``."""
    kind: str = structure[0]
    if kind not in PARTS:
        yield name, structure
        return
    parts = structure[PARTS[kind]]
    if kind == "dict":
        names = [f"{name}[{key!r}]" for key in structure[1]]
    elif kind == "namedtuple":
        names = [f"{name}.{field}" for field in structure[2]]
    else:
        names = [f"{name}[{number}]" for number in range(len(parts))]
    for inner, part in zip(names, parts, strict=True):
        yield from named_leaves(inner, part)
