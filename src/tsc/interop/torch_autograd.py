"""Calls of native code as one step of PyTorch's autograd."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol, cast

import numpy as np

from tsc.errors import OperatorError, UnsuitedError
from tsc.interop.torch import from_numpy, to_numpy, torch

Array = np.ndarray[Any, Any]
CHANGED = (
    "a tensor that the function was given has been modified by an inplace operation since: gradients of "
    "gradients are computed of what it was given"
)


class Step(Protocol):
    """A call of native code, for which tensors are given as arrays."""

    def forward(self) -> tuple[Sequence[Array], Sequence[Array]]:
        """Compute: the results that gradients flow from, and what is saved.

        Raises:
            UnsuitedError: that cannot be.
        """
        ...

    def reads(self, given: Sequence[bool] | None = None) -> frozenset[int]:
        """The tensors that `backward` reads, by number, where gradients of some results are given, or of all.

        Raises:
            UnsuitedError: it cannot be for these.
        """
        ...

    @property
    def shared(self) -> Sequence[int]:
        """The results that have memory of what is saved, by number."""
        ...

    def backward(
        self, arrays: Sequence[Array | None], gradients: Sequence[Array | None], saved: Sequence[Array]
    ) -> Sequence[tuple[int, Array]]:
        """The gradients of the tensors, with their numbers; None stands for an array of the call itself.

        Raises:
            UnsuitedError: that cannot be.
        """
        ...

    def run_again(self, tensors: Sequence[Any]) -> Sequence[Any]:
        """The results that gradients flow from, computed by PyTorch's operators."""
        ...


@cache
def _own_classes() -> tuple[type, ...]:
    return torch().Tensor, torch().nn.Parameter


def has_own_class(tensor: Any) -> bool:
    """Whether a tensor is of no class that does something else in the place of operators."""
    return type(tensor) in _own_classes()


def is_plain(tensor: Any) -> bool:
    """Whether a tensor is one of PyTorch's own, and its memory an array as it is."""
    return (
        has_own_class(tensor)
        and tensor.layout is torch().strided
        and tensor.is_cpu
        and not tensor.is_conj()
        and not tensor.is_neg()
        and not tensor.is_inference()
    )


def are_saves_watched() -> bool:
    """Whether hooks see what autograd saves, and may compute it anew (checkpoints): what that is must not
    differ from call to call.
    """
    return torch()._C._autograd._top_saved_tensors_default_hooks(True) is not None


def increment_version(tensor: Any) -> None:
    """Tell PyTorch that a tensor was written."""
    torch().autograd.graph.increment_version(tensor)


def apply_step(step: Step, tensors: Sequence[Any]) -> Sequence[Any]:
    """The results of a step that gradients flow from, of the tensors that require gradients and others."""
    return _function().apply(step, *tensors)


@cache
def _function() -> Any:
    module = torch()

    def forward(ctx: Any, step: Step, *tensors: Any) -> Any:
        flowing, saved = step.forward()
        results = [from_numpy(array) for array in flowing]
        ctx.set_materialize_grads(False)
        ctx.step, ctx.tensors = step, tensors
        ctx.versions = [tensor._version for tensor in tensors]
        ctx.read = read = sorted(step.reads())
        ctx.save_for_backward(
            *(tensors[number] for number in read),
            *(results[number] for number in step.shared),
            *map(from_numpy, saved),
        )
        return tuple(results)

    def backward(ctx: Any, *gradients: Any) -> Any:
        if all(gradient is None for gradient in gradients):
            return None, *(None for _ in ctx.tensors)
        kept, tensors = ctx.saved_tensors, list(ctx.tensors)
        for number, tensor in zip(ctx.read, kept, strict=False):
            tensors[number] = tensor
        try:
            if module.is_grad_enabled():
                raise UnsuitedError("what it computes is to be recorded")
            found = _found_natively(ctx, tensors, gradients, kept)
        except UnsuitedError:
            found = _found_again(ctx, tensors, gradients)
        results: list[Any] = [None] * len(tensors)
        for number, gradient in found:
            results[number] = gradient
        return None, *results

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("DifferentiableGraph", (module.autograd.Function,), members)


def _found_natively(
    ctx: Any, tensors: Sequence[Any], gradients: Sequence[Any], kept: Sequence[Any]
) -> list[tuple[int, Any]]:
    """The gradients by native code.

    Raises:
        UnsuitedError: that cannot be.
    """
    step = cast("Step", ctx.step)
    reads = step.reads([gradient is not None for gradient in gradients])
    if not reads.issubset(ctx.read):  # those are as they were: whoever writes to the others is told
        _require_unchanged(ctx)
    arrays = [
        to_numpy(tensor) if number in reads and tensor is not ctx.tensors[number] else None
        for number, tensor in enumerate(tensors)
    ]
    given = [None if gradient is None else to_numpy(gradient) for gradient in gradients]
    saved = [to_numpy(tensor) for tensor in kept[len(ctx.read) + len(step.shared) :]]
    return [(number, from_numpy(gradient)) for number, gradient in step.backward(arrays, given, saved)]


def _require_unchanged(ctx: Any) -> None:
    """
    Raises:
        OperatorError: a tensor was written since.
    """
    if any(t._version != version for t, version in zip(ctx.tensors, ctx.versions, strict=True)):
        raise OperatorError(CHANGED)


def _found_again(ctx: Any, tensors: Sequence[Any], gradients: Sequence[Any]) -> list[tuple[int, Any]]:
    """The gradients by PyTorch's operators, with what they were computed of behind them if that is wanted.

    Raises:
        OperatorError: a tensor was written since.
    """
    module = torch()
    _require_unchanged(ctx)
    step, keeps = cast("Step", ctx.step), module.is_grad_enabled()
    wanted = [n for n, needed in enumerate(ctx.needs_input_grad[1:]) if needed]
    with module.enable_grad():
        fresh = list(tensors)
        for number in wanted:
            tensor = tensors[number]
            fresh[number] = tensor.view_as(tensor) if keeps else tensor.detach().requires_grad_()
        results = step.run_again(fresh)
        pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if g is not None]
        found = module.autograd.grad(
            [r for r, _ in pairs], [fresh[n] for n in wanted], [g for _, g in pairs],
            create_graph=keeps, allow_unused=True,
        )  # fmt: skip
    return [(number, g) for number, g in zip(wanted, found, strict=True) if g is not None]
