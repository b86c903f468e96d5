# pyright: reportUnknownMemberType=false
"""Programs for the storms of threads and forks: each can be made anew, as often as wanted, as something never
compiled before.
"""

import io
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

import tsc

Array = np.ndarray[Any, Any]
SHAPES = ((1, 12), (3, 12), (5, 12), (64, 12))
"""The shapes of arguments; the last is large enough for parallel kernels."""


class Dense(torch.nn.Module):
    """Two layers, with a constant made in the code and a list among the attributes."""

    parts: list[torch.Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(12, 24)
        self.second = torch.nn.Linear(24, 12)
        self.parts = [torch.ones(12), torch.full((12,), 0.5)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.softmax(self.second(torch.relu(self.first(x))), -1) + torch.tensor(0.25)
        return y * self.parts[0] + self.parts[1]


class Small(torch.nn.Module):
    """One layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(12, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.layer(x))


class Looping(torch.nn.Module):
    """Control flow that depends on data: it stays in the generic tier."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.linspace(0.5, 1.5, 12))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * self.scale
        while float(y.abs().max()) > 1.0:
            y = y * 0.5
        return y.cumsum(-1)


def combined(x: torch.Tensor, n: int = 2) -> torch.Tensor:
    """A function that calls another."""
    return torch.sigmoid(doubled(x) - n).sum(-1)


def doubled(x: torch.Tensor) -> torch.Tensor:
    """What `combined` calls."""
    return x + x.roll(1, -1)


def argument(shape: tuple[int, ...]) -> Array:
    """The argument of a shape: always the same."""
    numbers = np.random.default_rng(sum(shape))
    return numbers.standard_normal(shape).astype(np.float32)


@cache
def _live(kind: type[torch.nn.Module]) -> torch.nn.Module:
    torch.manual_seed(0)
    return kind().eval()


@cache
def _archive(kind: type[torch.nn.Module]) -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(_live(kind)), buffer)
    return buffer.getvalue()


def fresh_module(kind: type[torch.nn.Module]) -> torch.nn.Module:
    """A module of a class of its own, which nobody has compiled."""
    made = type(kind.__name__, (kind,), {"__module__": kind.__module__})().eval()
    made.load_state_dict(_live(kind).state_dict())
    return made


def fresh_function() -> Any:
    """A function that nobody has compiled."""
    return types.FunctionType(combined.__code__, combined.__globals__, "combined", (2,))


def scripted() -> Any:
    """A scripted module, not frozen."""
    return tsc.script(fresh_module(Dense))


def looping() -> Any:
    """A scripted module with a loop."""
    return tsc.script(fresh_module(Looping))


def frozen() -> Any:
    """A scripted module, frozen."""
    return tsc.freeze(scripted())


def loaded() -> Any:
    """A loaded and optimized module."""
    return tsc.optimize_for_inference(tsc.load(io.BytesIO(_archive(Dense))))


def small() -> Any:
    """A small module, loaded and optimized."""
    return tsc.optimize_for_inference(tsc.load(io.BytesIO(_archive(Small))))


def function() -> Any:
    """A scripted function."""
    return tsc.script(fresh_function())


def traced() -> Any:
    """A traced module."""
    return tsc.trace(fresh_module(Dense), torch.from_numpy(argument(SHAPES[1])), check_trace=False)


def traced_function() -> Any:
    """A traced function on `tsc`'s own tensors."""
    return tsc.trace(_fresh_eager(), tsc.Tensor(argument(SHAPES[1])), check_trace=False)


def eager(x: Any) -> Any:
    """Operators of `tsc`."""
    return tsc.relu(x)[:, 1:] * x.size(0)


def _fresh_eager() -> Any:
    return types.FunctionType(eager.__code__, eager.__globals__, "eager")


SUBJECTS: dict[str, Callable[[], Any]] = {
    "scripted": scripted, "looping": looping, "frozen": frozen, "loaded": loaded, "function": function,
    "traced": traced, "traced_function": traced_function,
}  # fmt: skip


@cache
def expected(name: str, shape: tuple[int, ...]) -> frozenset[bytes]:
    """The bytes that a subject's result may have, computed alone: a module that is not frozen runs in the
    generic tier at first, and is native code then; after calls with other shapes, code for symbolic sizes.
    """
    subject, later = SUBJECTS[name](), SUBJECTS[name]()
    for other in (s for s in SHAPES if s != shape):
        for _ in range(3):
            later(argument(other))
    return frozenset(result(s, shape) for s in (subject, later) for _ in range(3))


def result(subject: Any, shape: tuple[int, ...]) -> bytes:
    """The bytes of a subject's result."""
    return np.ascontiguousarray(subject(argument(shape))).tobytes()


def gradient(subject: Any, shape: tuple[int, ...]) -> bytes:
    """The bytes of the gradient of a subject's argument."""
    x = torch.from_numpy(argument(shape)).requires_grad_(True)
    subject(x).square().sum().backward()
    assert x.grad is not None
    return x.grad.numpy().tobytes()


@cache
def expected_gradient(name: str, shape: tuple[int, ...]) -> bytes:
    """The bytes of a gradient, computed alone."""
    return gradient(SUBJECTS[name](), shape)
