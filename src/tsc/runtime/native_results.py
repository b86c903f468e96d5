"""What native code gives, as the program's result: nested as it says, and lying in memory as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.frontend.unit import Unit
from tsc.narrowing import is_array
from tsc.runtime.named_tuples import named_tuple_class
from tsc.runtime.specializations import regular

Array = np.ndarray[Any, Any]
Run = Callable[..., Any]
Order = tuple[tuple[int, ...], ...]
"""Of each argument, which dims are faster than which."""
Strides = tuple[int, ...]

SINGLE = ["tensor", 0]
MOST_ORDERS = 16
"""Orders of dims that are learned for one specialization; results of further ones are row-major."""


def nest(structure: list[Any], tensors: Sequence[Any], unit: Unit) -> Any:
    """Put a result together from its tensors, as `FlattenResults` described it."""
    kind = structure[0]
    if kind == "tensor":
        return tensors[structure[1]]
    if kind == "view":
        _, index, shape, strides, offset = structure
        base = tensors[index]
        return np.ndarray(
            shape, base.dtype, base if base.size else None, offset, strides if base.size else None
        )
    if kind == "constant":
        return structure[1]
    if kind == "list":
        return [nest(p, tensors, unit) for p in structure[1]]
    if kind == "tuple":
        return tuple(nest(p, tensors, unit) for p in structure[1])
    if kind == "dict":
        return {k: nest(p, tensors, unit) for k, p in zip(structure[1], structure[2], strict=True)}
    _, name, fields, parts = structure
    types = tuple(tt.TENSOR for _ in fields)
    cls = named_tuple_class(unit, tt.NamedTupleType((name, tuple(fields), types)))
    return cls(*(nest(p, tensors, unit) for p in parts))


def bases(structure: Any) -> set[int]:
    """The tensors of a result that others in it are views of."""
    if not isinstance(structure, list) or not structure:
        return set()
    parts = cast("list[Any]", structure)
    if parts[0] == "view":
        return {parts[1]}
    return set[int]().union(*map(bases, parts))


def _placed(structure: list[Any], result: Any) -> Iterator[tuple[int, Array]]:
    """The tensors of `result` with their numbers in `structure`."""
    kind = structure[0]
    if kind == "tensor":
        yield structure[1], result
    elif kind == "dict":
        for key, part in zip(structure[1], structure[2], strict=True):
            yield from _placed(part, result[key])
    elif kind in ("list", "tuple", "namedtuple"):
        for part, held in zip(structure[-1], result, strict=True):
            yield from _placed(part, held)


@dataclass(eq=False)
class NativeResults:
    """Calls native code, whose results are row-major, and gives them the strides that PyTorch gives them.

    Those depend on the order of the arguments' dims alone. Each new order runs once in the generic tier as
    well, which keeps strides as PyTorch does, to see how the results lie. Expanded results stay row-major.
    """

    native: Run
    structure: list[Any]
    unit: Unit
    explain: Run | None = None
    """Raises the error of an index out of range, when the last result of `native` says that there is one."""
    is_row_major: bool = True
    """Whether results are row-major when all arguments are."""
    _known: dict[Order, dict[int, Strides]] = field(default_factory=dict[Order, dict[int, Strides]])

    @property
    def is_direct(self) -> bool:
        """Whether for row-major arguments `native` itself gives the result."""
        kind, parts = self.structure[0], self.structure[1]
        is_flat = kind == "tuple" and len(parts) > 1 and parts == [["tensor", i] for i in range(len(parts))]
        return self.explain is None and self.is_row_major and (self.structure == SINGLE or is_flat)

    def __call__(self, arrays: Sequence[Array], generic: Callable[[], Any]) -> Any:
        """The result for `arrays`; `generic` gives it in the generic tier."""
        flat = self.native(*map(regular, arrays))
        tensors = list(cast("tuple[Array, ...]", flat)) if isinstance(flat, tuple) else [flat]
        if self.explain is not None and tensors[-1]:
            self.explain(*map(regular, arrays))
        for index, strides in self._strides(arrays, generic).items():
            tensors[index] = _laid_out(tensors[index], strides)
        return nest(self.structure, tensors, self.unit)

    def _strides(self, arrays: Sequence[Array], generic: Callable[[], Any]) -> dict[int, Strides]:
        """The strides of the results that are not row-major."""
        if self.is_row_major and all(map(_descends, arrays)):
            return {}
        order = tuple(map(_order, arrays))
        known = self._known.get(order)
        if known is None:
            known = self._learned(generic()) if len(self._known) < MOST_ORDERS else {}
            self._known[order] = known
            self.is_row_major |= not known and all(map(_descends, arrays))
        return known

    def _learned(self, result: Any) -> dict[int, Strides]:
        shared = bases(self.structure)
        placed = {i: a for i, a in _placed(self.structure, result) if is_array(a) and i not in shared}
        return {i: a.strides for i, a in placed.items() if not a.flags.c_contiguous and 0 not in a.strides}


def _descends(array: Array) -> bool:
    """Whether each dim is slower than the next, as in row-major memory, gaps aside."""
    if array.flags.c_contiguous:
        return True
    return all(s > t for s, t in zip(array.strides, (*array.strides[1:], 0), strict=True))


def _order(array: Array) -> tuple[int, ...]:
    if array.flags.c_contiguous:
        return ()
    ranks = {stride: rank for rank, stride in enumerate(sorted({0, *array.strides}))}
    return tuple(ranks[s] for s in array.strides)


def _laid_out(array: Array, strides: Strides) -> Array:
    """A copy of `array` with `strides`, which may leave gaps."""
    if min(strides) < 0 or not array.size:
        return array
    extent = sum((n - 1) * s for n, s in zip(array.shape, strides, strict=True)) + array.itemsize
    memory = np.empty(extent, np.uint8)
    made = np.ndarray(array.shape, array.dtype, memory, 0, strides)
    made[...] = array
    return made
