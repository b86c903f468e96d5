"""``x[key]`` and ``x[key] = value`` as the operators a trace records: select, slice, unsqueeze, index.

PyTorch's eager mode leaves out slices that take everything; a trace must not: other inputs may be longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

Apply = Callable[..., Any]
"""``apply("select", "int", x, 0, 1)`` calls an operator on live tensors."""
END = 2**63 - 1


class Indexing:
    """Indexing with one kind of tensor."""

    def __init__(
        self,
        apply: Apply,
        is_tensor: Callable[[Any], bool],
        is_int: Callable[[Any], bool],
        as_int: Callable[[Any], Any],
    ) -> None:
        self.apply = apply
        self.is_tensor = is_tensor
        self.is_int = is_int
        self.as_int = as_int

    def read(self, tensor: object, key: object) -> Any:
        """``tensor[key]``; NotImplemented for keys of another form."""
        parts = self._parts(key)
        if parts is None:
            return NotImplemented
        view, indices = self._views(tensor, parts)
        if indices:
            return self.apply("index", "Tensor", view, indices)
        return self.apply("alias", "", tensor) if view is tensor else view

    def write(self, tensor: object, key: object, value: object, as_tensor: Callable[[Any, Any], Any]) -> bool:
        """``tensor[key] = value``; False for keys of another form."""
        parts = self._parts(key)
        if parts is None:
            return False
        view, indices = self._views(tensor, parts)
        if indices:
            ndim = self._indexed_dims(view, indices)
            held = self._without_ones(value, ndim) if self.is_tensor(value) else as_tensor(value, tensor)
            self.apply("index_put_", "", view, indices, held, False)
        elif self.is_tensor(value):
            self.apply("copy_", "", view, self._without_ones(value, view.ndim), False)
        else:
            self.apply("fill_", "Scalar", view, value)
        return True

    def _without_ones(self, value: Any, ndim: int) -> Any:
        """`value` without the dims of size 1 that it has in front of `ndim` others."""
        while value.ndim > ndim:
            fewer = self.apply("squeeze", "dim", value, 0)
            if fewer.ndim == value.ndim:
                break  # it does not fit: what writes it says so
            value = fewer
        return value

    def _indexed_dims(self, view: Any, indices: Sequence[Any]) -> int:
        """How many dims ``view[indices]`` has."""
        given = [index for index in indices if index is not None]
        replaced = sum(map(self._dims_of, given))
        return view.ndim - replaced + max(1 if self._is_mask(index) else index.ndim for index in given)

    def _parts(self, key: object) -> Sequence[Any] | None:
        parts = cast("tuple[Any, ...]", key) if isinstance(key, tuple) else (key,)
        known = all(p is None or p is Ellipsis or isinstance(p, slice) or self._is_index(p) for p in parts)
        return parts if known else None

    def _is_index(self, part: object) -> bool:
        return self.is_tensor(part) or (self.is_int(part) and not isinstance(part, bool))

    def _views(self, tensor: Any, parts: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The view that ints, slices and None select, and the tensors that index its dims."""
        taken = sum(self._dims_of(p) for p in parts)
        view, dim = tensor, 0
        indices: list[Any] = []
        for part in parts:
            if part is Ellipsis:
                dim += tensor.ndim - taken
            elif part is None:
                view = self.apply("unsqueeze", "", view, dim)
                dim += 1
            elif isinstance(part, slice):
                view = self._slice(view, dim, cast("slice[Any, Any, Any]", part))
                dim += 1
            elif self.is_tensor(part):
                indices += [None] * (dim - len(indices)) + [part]
                dim += self._dims_of(part)
            else:
                view = self.apply("select", "int", view, dim, part)
        return view, indices

    def _slice(self, view: object, dim: int, part: slice[Any, Any, Any]) -> Any:
        start, stop, step = (
            self.as_int(bound) if self.is_tensor(bound) else default if bound is None else bound
            for bound, default in ((part.start, 0), (part.stop, END), (part.step, 1))
        )
        return self.apply("slice", "Tensor", view, dim, start, stop, step)

    def _dims_of(self, part: Any) -> int:
        if part is None or part is Ellipsis:
            return 0
        return part.ndim if self._is_mask(part) else 1

    def _is_mask(self, part: Any) -> bool:
        return self.is_tensor(part) and str(part.dtype).rpartition(".")[2] in ("bool", "uint8")
