"""What native code gives, as the program's result: nested as it says, and lying in memory as PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np

from tsc.concurrency import computed_once
from tsc.errors import UnsuitedError
from tsc.frontend.unit import Unit
from tsc.runtime.descriptions import regular
from tsc.runtime.memory_layouts import DimOrders, Layout
from tsc.runtime.native import MISS
from tsc.runtime.result_forms import ResultForm, is_computed, leaves, nest, placed, renamed

Array = np.ndarray[Any, Any]
Run = Callable[..., Any]
Order = tuple[tuple[int, ...], ...]
"""Of each argument, which dims are faster than which; where sizes are symbolic, its sizes too."""

SINGLE = ResultForm(["tensor", 0])
MOST_ORDERS = 16
"""Orders of dims (of symbolic sizes, perhaps each with its sizes) that one specialization remembers: a new
one takes the place of the oldest.
"""


@dataclass(eq=False)
class NativeResults:
    """Calls native code, whose results are row-major, and lets them lie in memory as PyTorch's do: with their
    strides, and as views of one another.

    That depends on the order of the arguments' dims alone. Each new order runs once in the generic tier as
    well, where results lie as PyTorch's, to see how.
    """

    native: Run | None
    """None where nothing is computed: the result is made of arguments."""
    form: ResultForm
    unit: Unit
    is_flagged: bool = False
    """Whether the last result of `native` says that it could not do the call: an index was out of range, say.
    """
    is_symbolic: bool = False
    """Whether `native` is for arguments of several sizes."""
    is_row_major: bool = True
    """Whether results lie as `form` says when all arguments are row-major."""
    is_ordered_by_sizes: bool = False
    """Whether the order of dims may depend on their sizes, where that of the arguments' dims is one."""
    _known: dict[Order, Layout | None] = field(default_factory=dict[Order, "Layout | None"])
    _of_all_sizes: dict[Order, DimOrders | None] = field(default_factory=dict[Order, "DimOrders | None"])
    """Where sizes are symbolic: what was learned from one call for all others of an order."""

    @property
    def is_direct(self) -> bool:
        """Whether for row-major arguments `native` itself gives the result."""
        return not self.is_flagged and self.is_flat

    @property
    def is_flat(self) -> bool:
        """Whether for row-major arguments the result is what `native` gives, but for its flag."""
        structure = self.form.structure
        assert structure is not None
        kind, parts = structure[0], structure[1]
        if self.form.found:
            return False
        is_flat = kind == "tuple" and len(parts) > 1 and parts == [["tensor", i] for i in range(len(parts))]
        return self.is_row_major and (self.form == SINGLE or (is_flat and not self.form.written))

    def __call__(self, arrays: Sequence[Array], generic: Callable[[], Any]) -> Any:
        """The result for `arrays`; `generic` gives it in the generic tier.

        Raises:
            UnsuitedError: native code could not do the call.
        """
        flat = () if self.native is None else self.native(*map(regular, arrays))
        if flat is MISS:
            raise UnsuitedError("the sizes are others")
        tensors = list(cast("tuple[Array, ...]", flat)) if isinstance(flat, tuple) else [flat]
        if self.is_flagged and tensors[-1]:
            raise UnsuitedError("the generic tier is needed")
        if self.form.found:
            tensors = self.form.cut(tensors, arrays)
        layout = self._layout(tensors, arrays, generic)
        if layout is None:
            return self.form.complete(tensors, arrays, self.unit)
        self.form.write(tensors, arrays, self.unit)
        laid_out = layout.filled(self._described(tensors, arrays))
        names = (["tensor", i] for i in range(len(tensors), len(tensors) + len(laid_out)))
        assert self.form.structure is not None
        return nest(renamed(self.form.structure, names), [*tensors, *laid_out], arrays, self.unit)

    def _layout(
        self, tensors: Sequence[Array], arrays: Sequence[Array], generic: Callable[[], Any]
    ) -> Layout | DimOrders | None:
        """How results lie in memory; None where as `form` says."""
        if self.is_row_major and all(map(descends, arrays)):
            return None
        order = tuple(map(_order, arrays))
        if self._has_other_sizes:
            return self._symbolic_layout(order, tensors, arrays, generic)
        with suppress(KeyError):
            return self._known[order]
        layout = self._learned(order, tensors, arrays, generic())
        self.is_row_major |= layout is None and all(map(descends, arrays))
        return layout

    def _symbolic_layout(
        self, order: Order, tensors: Sequence[Array], arrays: Sequence[Array], generic: Callable[[], Any]
    ) -> Layout | DimOrders | None:
        """The same for arguments of any sizes: of all alike, where results have memory of their own, all of
        it, and no dim of one element, which may make a view of what is a copy otherwise.
        """
        if order in self._of_all_sizes and not any(1 in tensor.shape for tensor in tensors):
            return self._of_all_sizes[order]
        results = [tensor.shape for tensor in tensors] if self.form.found else ()
        sized = (*order, *(array.shape for array in arrays), *results)
        with suppress(KeyError):
            return self._known[sized]
        layout = self._learned(sized, tensors, arrays, generic())
        described = self._described(tensors, arrays)
        orders = DimOrders.of(layout or Layout.of(described), described)
        is_ordered_by_sizes = self.is_ordered_by_sizes or any(map(_steps_alike, order))
        if orders is not None and self._has_no_views and not is_ordered_by_sizes:
            self._of_all_sizes[order] = None if layout is None else orders
        return layout

    @computed_once
    def _has_no_views(self) -> bool:
        """Whether all that is computed is given as it is; a view has gaps for some sizes, perhaps."""
        return not any(leaf[0] == "view" and is_computed(leaf) for leaf in self.form.leaves)

    def _learned(
        self, key: Order, tensors: Sequence[Array], arrays: Sequence[Array], result: object
    ) -> Layout | None:
        """How the result of the generic tier lies, which is remembered; None where as `form` says."""
        assert self.form.structure is not None
        described = self._described(tensors, arrays)
        parts = zip(placed(self.form.structure, result), described, strict=True)
        # where no gradient has flowed, the generic tier gives none: native code, zeros
        found = Layout.of([mine if part is None else part for part, mine in parts])
        layout = None if found == Layout.of(described) else found
        self._known[key] = layout
        if len(self._known) > MOST_ORDERS:
            oldest, *_ = list(self._known)  # at once: other threads may do the same
            self._known.pop(oldest, None)
        return layout

    def laid_out(self) -> Run | None:
        """What lays out what `native` gives for row-major arguments (and what is cut of it, where sizes are
        found), or gives `MISS`; None where it lies as it should.

        Raises:
            UnsuitedError: how it should lie is not known, or is no matter of single results.
        """
        if self.is_row_major:
            return None
        known = [layout for order, layout in list(self._of_any_sizes.items()) if not any(order)]
        if len(known) != 1 or self._places is None:
            raise UnsuitedError("results lie otherwise")
        return None if known[0] is None else partial(self._lay_out, known[0])

    def in_other_orders(self, native: Run, *arrays: Array) -> Any:
        """What strict `native` code gives for arguments that are not row-major, laid out; `MISS` where they
        are, or it is not known how results lie.
        """
        order = tuple(map(_order, arrays))
        if not any(order) or self.form.found:
            return MISS
        layout = self._of_any_sizes.get(order, MISS)
        if layout is MISS or (layout is not None and self._places is None):
            return MISS
        flat = native(*map(regular, arrays))
        return flat if flat is MISS else self._lay_out(layout, flat)

    @property
    def _of_any_sizes(self) -> dict[Order, Any]:
        """What is known of orders, whatever the sizes are."""
        return self._of_all_sizes if self._has_other_sizes else self._known

    @property
    def _has_other_sizes(self) -> bool:
        """Whether results are of other sizes from call to call."""
        return self.is_symbolic or bool(self.form.found)

    @computed_once
    def _places(self) -> tuple[int, ...] | None:
        """Which of what `native` gives are parts of the result, each its own; None where others are."""
        assert self.form.structure is not None
        parts = [leaf for leaf in leaves(self.form.structure) if is_computed(leaf)]
        numbers = tuple(leaf[1] for leaf in parts)
        are_tensors = all(leaf[0] == "tensor" for leaf in parts)
        return numbers if are_tensors and len(set(numbers)) == len(numbers) else None

    def _lay_out(self, layout: Layout | DimOrders | None, flat: Array | tuple[Array, ...]) -> Any:
        """What native code gave, in new memory where it is seen; `MISS`: the layout is for others."""
        made = list(flat) if isinstance(flat, tuple) else [flat]
        if self._has_other_sizes and any(1 in array.shape for array in made):
            return MISS
        if layout is None:
            return flat
        places = self._places or ()
        for place, array in zip(places, layout.filled([made[place] for place in places]), strict=True):
            made[place] = array
        return tuple(made) if isinstance(flat, tuple) else made[0]

    def _described(self, tensors: Sequence[Array], arrays: Sequence[Array]) -> list[Array]:
        """The computed parts of the result as `form` says that they lie."""
        assert self.form.structure is not None
        parts = filter(is_computed, leaves(self.form.structure))
        return [nest(part, tensors, arrays, self.unit) for part in parts]


def descends(array: Array) -> bool:
    """Whether each dim is slower than the next, as in row-major memory, gaps aside."""
    if array.flags.c_contiguous:
        return True
    return all(s > t for s, t in zip(array.strides, (*array.strides[1:], 0), strict=True))


def _steps_alike(order: Sequence[int]) -> bool:
    """Whether two dims of an argument have one stride: PyTorch goes by their sizes, which is the faster."""
    ranks = [rank for rank in order if rank]
    return len(set(ranks)) < len(ranks)


def _order(array: Array) -> tuple[int, ...]:
    if array.flags.c_contiguous:
        return ()
    ranks = {stride: rank for rank, stride in enumerate(sorted({0, *array.strides}))}
    return tuple(ranks[s] for s in array.strides)
