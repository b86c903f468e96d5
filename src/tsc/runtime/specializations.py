"""The specializations of one function, how many there may be, and which one a call gets."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tsc.concurrency import serialized
from tsc.errors import ArgumentError, TscError, VerificationError
from tsc.options import options
from tsc.runtime.values import Inputs, describe, flatten

Strategy = list[tuple[str, int]]
LOG = logging.getLogger("tsc")


class FusionStrategy:
    """How many specializations, and of which kind: PyTorch's ``set_fusion_strategy``."""

    current: Strategy = [("STATIC", 2), ("DYNAMIC", 10)]  # noqa: RUF012 - replaced as a whole, never changed

    @classmethod
    def set(cls, strategy: Sequence[tuple[str, int]]) -> Strategy:
        """Set the strategy of functions from now on; the previous one.

        Raises:
            ValueError: an entry is neither STATIC nor DYNAMIC.
            ArgumentError: an entry is no pair with a count.
        """
        for entry in strategy:
            if len(entry) == 2 and entry[0] not in ("STATIC", "DYNAMIC"):
                raise ValueError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {entry[0]}")
            if (
                len(entry) != 2
                or not isinstance(entry[1], int)  # pyright: ignore[reportUnnecessaryIsInstance]
                or entry[1] < 0
            ):
                raise ArgumentError(
                    f"set_fusion_strategy: requires ('STATIC' or 'DYNAMIC', count >= 0); got {entry!r}"
                )
        previous, cls.current = cls.current, [(k, n) for k, n in strategy]
        return previous


class Specializations:
    """Dispatches calls: to the specialization for the arguments' shapes, to a new one, or to the generic
    tier.
    """

    def __init__(self, compile_for: Callable[..., Any], generic: Callable[..., Any], name: str) -> None:
        self._compile = compile_for
        self._generic = generic
        self.name = name
        self.table: dict[tuple[str, ...], Any] = {}
        self.strategy = FusionStrategy.current
        self._is_warned = False

    @property
    def depth(self) -> int:
        """How many specializations there may be; those of DYNAMIC entries have exact shapes as well."""
        return sum(n for _, n in self.strategy)

    def run(self, values: Sequence[Any], inputs: Inputs) -> Any:
        """Run on converted arguments."""
        found = self.find(values)
        if found is None:
            result = self._generic(*values)
        elif found.is_native:
            return inputs.give_back(found.run(flatten(values), partial(self._generic, *values)))
        else:
            result = found.run(*flatten(values))  # what it writes, it writes into the caller's memory
        inputs.settle()
        return inputs.give_back(result)

    def find(self, values: Sequence[Any]) -> Any:
        """The specialization for these arguments, compiled if there is room; None means the generic tier."""
        if not options().is_native_enabled:
            return None
        described = [describe(v) for v in values]
        if any(d is None for d in described):
            return None
        key = tuple(d for d in described if d is not None)
        if key in self.table:
            return self.table[key]
        return self._added(key, values)

    @serialized
    def _added(self, key: tuple[str, ...], values: Sequence[Any]) -> Any:
        """The specialization of `key`, which another thread may have made by now."""
        if key in self.table:
            return self.table[key]
        if len(self.table) >= self.depth:
            self._say_exhausted()
            return None
        self.table[key] = self._specialize(key, values)
        return self.table[key]

    def _specialize(self, key: tuple[str, ...], values: Sequence[Any]) -> Any:
        try:
            return self._compile(key, [regular(a) for a in flatten(values)])
        except VerificationError:
            raise
        except TscError as error:
            if options().is_strict:
                raise
            warnings.warn(f"{self.name}: not compiled, the generic tier runs: {error}", stacklevel=2)
            return None

    def _say_exhausted(self) -> None:
        if not self._is_warned:
            self._is_warned = True
            kinds = ", ".join(f"{k} {n}" for k, n in self.strategy)
            LOG.warning(
                "%s: all specializations are used (%s); further shapes run in the generic tier",
                self.name,
                kinds,
            )


def regular(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array native code takes: exactly `numpy.ndarray`, C-contiguous, aligned, with NumPy's own dtype
    object.
    """
    if type(array) is not np.ndarray:
        array = np.asarray(array)
    own = np.dtype(array.dtype.type)
    if array.dtype is not own or not (array.flags.c_contiguous and array.flags.aligned):
        fresh = np.empty(array.shape, own)
        fresh[...] = array
        return fresh
    return array
