"""A function whose gradients are wanted as two native functions: what calls them, array by array."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np

from tsc.concurrency import computed_once
from tsc.errors import UnsuitedError
from tsc.frontend.unit import Unit
from tsc.runtime.descriptions import flatten, regular
from tsc.runtime.memory_layouts import Layout
from tsc.runtime.native import MISS
from tsc.runtime.native_results import descends
from tsc.runtime.result_forms import ResultForm, leaves, nest

Array: TypeAlias = np.ndarray[Any, Any]
Run: TypeAlias = Callable[..., Any]
Given: TypeAlias = tuple[bool, ...]
"""Of each result that gradients flow from, whether there is a gradient of it."""


@dataclass(frozen=True)
class NativeHalf:
    """One half: `strict` takes arrays and gives one, or several."""

    strict: Run
    is_flagged: bool
    """Whether the last of what it gives says that it could not do the call."""
    form: ResultForm
    unit: Unit
    reads: tuple[int, ...] = ()
    """Of a backward half: see `tsc.dialects.tsc.READS`."""
    sought: tuple[int, ...] = ()
    """Of a backward half: the arguments whose gradients it gives, by number."""

    def tensors(self, arrays: Sequence[Array]) -> Sequence[Array]:
        """What native code gives.

        Raises:
            UnsuitedError: it could not do the call.
        """
        flat: Any = self.strict(*map(regular, arrays))
        if flat is MISS:
            raise UnsuitedError("the sizes are others")
        tensors = cast("tuple[Array, ...]", flat) if isinstance(flat, tuple) else (flat,)
        if self.is_flagged and tensors[-1]:
            raise UnsuitedError("the generic tier is needed")
        return tensors

    def part(self, structure: list[Any], tensors: Sequence[Array], arrays: Sequence[Array]) -> Any:
        """A part of the result."""
        if structure[0] == "tensor":
            return tensors[cast("int", structure[1])]
        return nest(structure, tensors, arrays, self.unit)


@dataclass(frozen=True)
class Forwarded:
    """What a forward half has given."""

    arrays: Sequence[Array]
    """What it was given: copies of what was written."""
    result: Any
    """That of the function, nested as it says."""
    flowing: Sequence[Array]
    """The tensors in it that gradients flow from."""
    saved: Sequence[Array]


@dataclass(eq=False)
class NativeHalves:
    """Both halves of a function for arguments of certain shapes."""

    forward: NativeHalf
    suits: Callable[[Sequence[Array]], bool]
    """Whether the memory of arguments is as the forward half takes it to be."""
    saves: int
    """How many tensors the forward half saves."""
    compile_backward: Callable[[Given], NativeHalf | None]
    is_row_major: bool
    """Whether results certainly lie in memory as native code gives them, where arguments are row-major."""
    kernels: int
    """Of both."""
    _backward: dict[Given, NativeHalf | None] = field(default_factory=dict[Given, "NativeHalf | None"])
    calls: int = 0

    def backward_half(self, given: Given) -> NativeHalf:
        """The backward half for gradients of some results.

        Raises:
            UnsuitedError: there is none.
        """
        if given not in self._backward:
            self._backward[given] = self.compile_backward(given)
        half = self._backward[given]
        if half is None:
            raise UnsuitedError("there is no backward half")
        return half

    @computed_once
    def _parts(self) -> tuple[list[Any], list[list[Any]], list[list[Any]]]:
        """How result, flowing tensors, and saved ones are made of what native code gives."""
        structure = self.forward.form.structure
        assert structure is not None
        whole, *rest = structure[1]
        flowing, saved = rest[: len(rest) - self.saves], rest[len(rest) - self.saves :]
        return whole, flowing or [whole], saved

    @computed_once
    def places(self) -> tuple[int, ...]:
        """Where the flowing tensors are among those of the result."""
        whole, flowing, _ = self._parts
        tensors = [leaf for leaf in leaves(whole) if leaf[0] in ("tensor", "view")]
        return tuple(tensors.index(leaf) for leaf in flowing)

    @computed_once
    def shared(self) -> tuple[int, ...]:
        """Which flowing tensors perhaps have memory of saved ones, by number."""
        _, flowing, saved = self._parts
        kept = {_computed(leaf) for leaf in saved}
        return tuple(number for number, leaf in enumerate(flowing) if _computed(leaf) in kept)

    def takes(self, arrays: Sequence[Array]) -> bool:
        """Whether results for these arguments lie in memory as native code gives them, and what is written
        can be.
        """
        return all(map(descends, arrays)) and self.suits(arrays)

    def lies_as(self, result: Any, arrays: Sequence[Array]) -> bool:
        """Whether results for such arguments lie as those in `result` do, which the generic tier gave."""
        whole, _, _ = self._parts
        tensors = self.forward.tensors(arrays)
        made = flatten([self.forward.part(whole, tensors, arrays)])
        return Layout.of(made) == Layout.of(flatten([result]))

    def run_forward(self, arrays: Sequence[Array], before_write: Callable[[Array], object]) -> Forwarded:
        """Call the forward half; what the function writes to arguments is written, of which `before_write` is
        told.

        Raises:
            UnsuitedError: it could not do the call; then nothing is written.
        """
        half, (whole, flowing, saved) = self.forward, self._parts
        tensors = half.tensors(arrays)
        read = arrays
        if half.form.written:
            read = [a.copy(order="K") if n in half.form.written else a for n, a in enumerate(arrays)]
            for number in half.form.written:
                before_write(arrays[number])
            half.form.write(tensors, arrays, half.unit)
        self.calls += 1
        result = half.part(whole, tensors, arrays)
        held = [result] if flowing == [whole] else flatten([result])
        kept = [half.part(leaf, tensors, arrays) for leaf in saved]
        return Forwarded(read, result, [held[place] for place in self.places], kept)

    def run_backward(
        self, arrays: Sequence[Array | None], gradients: Sequence[Array | None], saved: Sequence[Array]
    ) -> Iterable[tuple[int, Array]]:
        """The gradients of arguments, with their numbers, of those of the flowing results.

        Raises:
            UnsuitedError: native code could not do the call.
        """
        half = self.backward_half(tuple(gradient is not None for gradient in gradients))
        there: Sequence[Any] = [*arrays, *gradients, *saved]
        taken = [there[number] for number in half.reads]
        tensors = half.tensors(taken)
        structure = half.form.structure
        assert structure is not None
        made: Any = half.part(structure, tensors, taken)
        gradients = cast("tuple[Array, ...]", made) if isinstance(made, tuple) else (made,)
        return zip(half.sought, gradients, strict=True)


def _computed(leaf: list[Any]) -> int | None:
    """The computed tensor that a part of a result is, or is a view of."""
    while leaf[0] == "view":
        leaf = leaf[1]
    return leaf[1] if leaf[0] == "tensor" else None
