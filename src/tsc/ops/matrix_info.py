"""Operators that tell of each matrix whether something was wrong, and those that raise then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dtypes import Array
from tsc.errors import Error, UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, require_schema
from tsc.ops.kernel_builder import KernelBuilder

SINGULAR = (
    "{name}: {batch}The diagonal element {place} is zero, the inversion could not be completed because the "
    "input matrix is singular."
)
UNSOLVED = "torch.{name}: {batch}The solver failed because the input matrix is singular."
NOT_POSITIVE = (
    "{name}: {batch}The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {place} is not positive-definite)."
)
ZERO_PIVOT = (
    "torch.{name}: {batch}U[{place},{place}] is zero and using it on lu_solve would result in a division by "
    "zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
    "linalg.lu_factor_ex(A, pivot)"
)
SHOWN = {"inverse": "linalg.inv"}
"""Operators that PyTorch's errors call otherwise than they are called."""


def require_success(message: str, name: str, info: Array) -> None:
    """Raise an `Error` that says where the first matrix is wrong that is."""
    flat = info.reshape(-1)
    wrong = np.flatnonzero(flat)
    if wrong.size:
        batch = f"(Batch element {wrong[0]}): " if info.ndim else ""
        raise Error(message.format(name=name, batch=batch, place=int(flat[wrong[0]])))


def require_zeros(aten: Aten, info: AnyTensor) -> None:
    """What a definition gives is right if no matrix is wrong; else the call raises."""
    if aten.shape(info):
        is_wrong = aten("any.dims", aten("ne.Scalar", info, 0), None, False)
        aten.require(aten("logical_not", is_wrong))
    else:
        aten.require(aten("eq.Scalar", info, 0))


@dataclass(frozen=True)
class Telling:
    """What the operators ``<name>_ex``, which tell of each matrix 0 or where it is wrong, and `name`, which
    raises then, have in common. In kernels nothing raises: that no matrix is wrong is required.
    """

    name: str
    message: str
    infer: Callable[..., Any]
    """As `Operator.infer`, of ``<name>_ex`` without its last argument; so are the others."""
    lower: Callable[..., Any]
    takes: Callable[..., bool]
    """Whether there are kernels."""

    @property
    def by(self) -> str:
        """The operator that tells."""
        return f"{self.name}_ex"

    def register(self, family: Family, *others: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """The decorated function is the eager meaning of ``<name>_ex``, but for the last argument, which says
        whether it raises; of `name`, and of `others`, without its last result.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            family.op(
                f"aten::{self.by}", infer=self._infer_all, lower=self._lower, lowers=self._lowers,
                composite=self._all_in_parts, kind="matrices",
            )(partial(self._all, function))  # fmt: skip
            for name in (self.name, *others):
                shown = SHOWN.get(name, name.replace("linalg_", "linalg."))
                parts = {"infer": self._infer, "composite": self._in_parts}
                eager = partial(self._raising, function, shown)
                family.op(f"aten::{name}", kind="matrices", **parts)(eager)
            return function

        return register

    def _all(self, function: Callable[..., Any], *arguments: Any) -> Any:
        made = function(*arguments[:-1])
        if arguments[-1]:
            require_success(self.message, self.by.replace("linalg_", "linalg."), made[-1])
        return made

    def _raising(self, function: Callable[..., Any], shown: str, *arguments: Any) -> Any:
        made = function(*arguments)
        require_success(self.message, shown, made[-1])
        return _but_last(made)

    def _infer_all(self, *arguments: Any) -> Any:
        return self.infer(*arguments[:-1])

    def _infer(self, *arguments: Any) -> Any:
        return _but_last(self.infer(*arguments))

    def _lower(self, kernel: KernelBuilder, arguments: Sequence[Any]) -> Any:
        return self.lower(kernel, *arguments[:-1])

    def _lowers(self, *arguments: Any) -> bool:
        return not arguments[-1] and self.takes(*arguments[:-1])

    def _all_in_parts(self, aten: Aten, *arguments: Any) -> Any:
        if not arguments[-1]:
            raise UnsupportedOperatorError(f"{self.by}: is what others are defined by")
        return self._successful(aten, *arguments[:-1])

    def _in_parts(self, aten: Aten, *arguments: Any) -> Any:
        return _but_last(self._successful(aten, *arguments))

    def _successful(self, aten: Aten, *arguments: Any) -> Any:
        """What ``<name>_ex`` gives, where it is required that no matrix is wrong."""
        formals = require_schema(f"aten::{self.by}").arguments
        pairs = zip(arguments, formals, strict=False)
        specs = [aten.spec(a) if f.type is tt.TENSOR else a for a, f in pairs]
        if not self.takes(*specs):
            raise UnsupportedOperatorError(f"{self.by}: there are no kernels for {specs}")
        made = aten(self.by, *arguments, check_errors=False)
        require_zeros(aten, made[-1])
        return made


def _but_last(made: Sequence[Any]) -> Any:
    return made[0] if len(made) == 2 else tuple(made[:-1])
