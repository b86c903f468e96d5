# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""Whether a difference only shows that a program is ill-conditioned.

The program runs in PyTorch again while every operator's result is off by a rounding error or two: what that
changes, no implementation needs to agree on. Operators whose result PyTorch leaves open are noticed as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .comparing import Difference, differences, distance
from .ill_conditioned import CANCELLING, EXACT, OF_ZEROS, UNDEFINED
from .observing import Observation

RUNS = 4
VARIANCES = (
    "native_batch_norm", "native_group_norm", "native_layer_norm", "std", "std_mean", "var", "var_mean",
)  # fmt: skip
SLACK = 16
"""How much larger a difference may be than what noise of one rounding error makes."""


class Noise(TorchDispatchMode):
    """Makes the result of every operator off by up to two rounding errors."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.generator = np.random.default_rng(seed)
        self.cancels_wholly = seed % 2 == 0
        """Whether sums that are nearly zero are."""
        self.undefined: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self._notice(func, args)
        result = func(*args, **(kwargs or {}))
        name = func._schema.name.removeprefix("aten::")
        if name in OF_ZEROS and any(isinstance(a, torch.Tensor) for a in args):
            for value in _tuple(result):
                self._turn_zeros(value)
        elif name not in EXACT and any(isinstance(a, torch.Tensor) for a in args):
            for value, declared in zip(_tuple(result), func._schema.returns, strict=False):
                writes = declared.alias_info is not None and declared.alias_info.is_write
                if isinstance(value, torch.Tensor) and (declared.alias_info is None or writes):
                    self._disturb(value, args[0] if name in CANCELLING else None)
        return result

    def _turn_zeros(self, value: torch.Tensor) -> None:
        """Give zeros any sign: an extremum of zeros may be any of them."""
        if value.is_floating_point() and not any(s == 0 for s in value.stride()):
            signs = torch.from_numpy(self.generator.choice([-1.0, 1.0], tuple(value.shape)))
            value.copy_(torch.where(value == 0, value * signs.to(value.dtype), value))

    def _disturb(self, value: torch.Tensor, first: torch.Tensor | None) -> None:
        """Add noise to a result; that of a sum, of terms as large as `first`, is as large as theirs."""
        if not value.is_floating_point() or any(s == 0 for s in value.stride()):
            return
        size = torch.finfo(value.dtype).eps
        factors = 1 + size * self.generator.uniform(-2, 2, tuple(value.shape))
        exact = value.double()
        noisy = exact * torch.from_numpy(np.asarray(factors))
        if first is not None and value.numel():
            terms = self.generator.uniform(-1, 1, tuple(value.shape))
            largest = max(_largest(exact), _largest(first))
            noisy += size * largest * torch.from_numpy(np.asarray(terms))
            if self.cancels_wholly:
                noisy[exact.abs() <= SLACK * size * largest] = 0.0
        value.copy_(noisy.to(value.dtype))

    def _notice(self, func, args) -> None:
        name = func._schema.name.removeprefix("aten::")
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        if name in ("_to_copy", "copy_") and tensors and _has_no_integer(tensors[-1]):
            self.undefined.add("cast")
        if func._schema.is_mutable and len(tensors) > 1 and any(_partly(tensors[0], t) for t in tensors[1:]):
            self.undefined.add("overlap")
        if func._schema.is_mutable and len(tensors) > 1 and _holds_itself(tensors[0]):
            self.undefined.add("overlap")
        if name.startswith("_scaled_dot_product") and any(bool(t.isnan().any()) for t in tensors[:2]):
            self.undefined.add("attention")
        if name == "convolution" and not bool(args[1].isfinite().all()) and any(args[4]):
            self.undefined.add("padding")
        if name == "gelu" and bool(args[0].isinf().any()):
            self.undefined.add("gelu")
        if name in VARIANCES and tensors and _has_large_squares(tensors[0]):
            self.undefined.add("squares")
        if name in ("sort", "topk", "argsort") and tensors and _has_ties(tensors[0]):
            self.undefined.add("ties")


def reason(
    difference: Difference,
    want: Observation,
    again: Callable[[], Callable[[], Observation]],
) -> str | None:
    """Why a difference says nothing; None if it does say something. `again` makes arguments, which are exact,
    and gives what runs the oracle with them once more.
    """
    noisy: list[Observation] = []
    for seed in range(RUNS):
        noise, run = Noise(seed), again()
        with noise:
            noisy.append(run())
        if difference.aspect.endswith(("values", "shape", "structure")):
            for name in sorted(noise.undefined):
                return UNDEFINED[name]
    if any(_covers(difference, want, seen, noisy) for seen in noisy):
        return "rounding errors change the result as much"
    return None


def _covers(
    difference: Difference, want: Observation, seen: Observation, noisy: Sequence[Observation]
) -> bool:
    changed = differences(seen, want)
    if any(
        d.aspect == difference.aspect and d.path == difference.path and math.isinf(d.gap) for d in changed
    ):
        return True
    if not difference.aspect.endswith("values"):
        return any(d.aspect == difference.aspect for d in changed)
    return difference.gap <= SLACK * _spread(difference.path, want, noisy)


def _spread(path: str, want: Observation, noisy: Sequence[Observation]) -> float:
    wanted = next(leaf.value for leaf in want.results + want.arguments if leaf.path == path)
    found = [leaf.value for seen in noisy for leaf in seen.results + seen.arguments if leaf.path == path]
    if any(np.shape(value) != np.shape(wanted) for value in found):
        return math.inf  # how many elements there are is rounding's doing (`unique`), and so which is where
    return max((distance(np.asarray(value), np.asarray(wanted)) for value in found), default=0.0)


def _largest(value: torch.Tensor) -> float:
    """The largest finite element."""
    return float(value.double().abs().nan_to_num(0.0, 0.0, 0.0).max()) if value.numel() else 0.0


def _tuple(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _has_no_integer(value: torch.Tensor) -> bool:
    if not value.is_floating_point() or not value.numel():
        return False
    return not bool(((value > -129) & (value < 128)).all())


def _holds_itself(tensor: torch.Tensor) -> bool:
    """Whether two elements are the same memory."""
    reach = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) + 1
    places = torch.arange(max(reach, 0)).as_strided(tensor.shape, tensor.stride())
    return places.unique().numel() < tensor.numel()


def _partly(target: torch.Tensor, other: torch.Tensor) -> bool:
    if target.untyped_storage().data_ptr() != other.untyped_storage().data_ptr() or not target.numel():
        return False
    places = [(t.data_ptr(), tuple(t.shape), t.stride()) for t in (target, other)]
    return places[0] != places[1]


def _has_large_squares(value: torch.Tensor) -> bool:
    """Whether squares of finite elements overflow."""
    return value.is_floating_point() and _largest(value) ** 2 > torch.finfo(value.dtype).max


def _has_ties(value: torch.Tensor) -> bool:
    return value.reshape(-1).unique().numel() < value.numel()
