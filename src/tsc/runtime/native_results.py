"""What native code gives, as the program's result: nested as it says, and lying in memory as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from tsc.errors import UnsuitedError
from tsc.frontend.unit import Unit
from tsc.narrowing import is_array
from tsc.runtime.result_forms import ResultForm, placed
from tsc.runtime.specializations import regular

Array = np.ndarray[Any, Any]
Run = Callable[..., Any]
Order = tuple[tuple[int, ...], ...]
"""Of each argument, which dims are faster than which."""
Strides = tuple[int, ...]

SINGLE = ResultForm(["tensor", 0])
MOST_ORDERS = 16
"""Orders of dims that are learned for one specialization; results of further ones are row-major."""


@dataclass(eq=False)
class NativeResults:
    """Calls native code, whose results are row-major, and gives them the strides that PyTorch gives them.

    Those depend on the order of the arguments' dims alone. Each new order runs once in the generic tier as
    well, which keeps strides as PyTorch does, to see how the results lie. Expanded results stay row-major.
    """

    native: Run | None
    """None where nothing is computed: the result is made of arguments."""
    form: ResultForm
    unit: Unit
    is_flagged: bool = False
    """Whether the last result of `native` says that it could not do the call: an index was out of range, say.
    """
    is_row_major: bool = True
    """Whether results are row-major when all arguments are."""
    _known: dict[Order, dict[int, Strides]] = field(default_factory=dict[Order, dict[int, Strides]])

    @property
    def is_direct(self) -> bool:
        """Whether for row-major arguments `native` itself gives the result."""
        structure = self.form.structure
        assert structure is not None
        kind, parts = structure[0], structure[1]
        is_flat = kind == "tuple" and len(parts) > 1 and parts == [["tensor", i] for i in range(len(parts))]
        is_result = self.form == SINGLE or (is_flat and not self.form.written)
        return not self.is_flagged and self.is_row_major and is_result

    def __call__(self, arrays: Sequence[Array], generic: Callable[[], Any]) -> Any:
        """The result for `arrays`; `generic` gives it in the generic tier.

        Raises:
            UnsuitedError: native code could not do the call.
        """
        flat = () if self.native is None else self.native(*map(regular, arrays))
        tensors = list(cast("tuple[Array, ...]", flat)) if isinstance(flat, tuple) else [flat]
        if self.is_flagged and tensors[-1]:
            raise UnsuitedError("the generic tier is needed")
        for index, strides in self._strides(arrays, generic).items():
            tensors[index] = _laid_out(tensors[index], strides)
        return self.form.complete(tensors, arrays, self.unit)

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
        assert self.form.structure is not None
        shared = self.form.bases
        found = {i: a for i, a in placed(self.form.structure, result) if is_array(a) and i not in shared}
        return {i: a.strides for i, a in found.items() if not a.flags.c_contiguous and 0 not in a.strides}


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
