# pyright: reportUnknownMemberType=false
"""Holds what tsc gives to what PyTorch gives: values, dtypes, strides, and which tensors are one memory."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

import tsc


def tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, (list, tuple)):
        for part in value:  # pyright: ignore[reportUnknownVariableType]
            yield from tensors(part)


def steps(tensor: Tensor) -> list[int]:
    """The strides that matter."""
    return [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1 and tensor.numel()]


def assert_same(got: Any, want: Any) -> None:
    """Equal in values, types, dtypes and strides (of dims that are steps)."""
    if isinstance(want, Tensor):
        torch.testing.assert_close(got, want)
        assert steps(got) == steps(want)
    elif isinstance(want, (list, tuple)):
        assert type(got) is type(want) and len(got) == len(want)  # pyright: ignore[reportUnknownArgumentType]  # noqa: PT018
        for g, w in zip(got, want, strict=True):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            assert_same(g, w)
    elif isinstance(want, dict):
        assert got.keys() == want.keys()
        assert_same(list(got.values()), list(want.values()))  # pyright: ignore[reportUnknownArgumentType]
    else:
        assert (type(got), got) == (type(want), want)


def sharing(value: Any) -> list[tuple[bool, bool]]:
    """Of each two tensors, whether they are one object, and whether they overlap in memory."""
    held = list(tensors(value))
    bare = [t.detach() for t in held]
    arrays = [t.view(torch.int16).numpy() if t.dtype is torch.bfloat16 else t.numpy() for t in bare]
    pairs = [(i, j) for i in range(len(held)) for j in range(i)]
    return [(held[i] is held[j], np.shares_memory(arrays[i], arrays[j])) for i, j in pairs]


def again(value: Any) -> Any:
    """Arguments of their own, in the same layout; a tensor that is given twice stays one."""
    return copy.deepcopy(value)


def outcome(call: Callable[..., Any], arguments: Any) -> Any:
    try:
        return call(*arguments)
    except Exception:  # of whatever classes the two raise
        return "raised"


def loaded(module: torch.nn.Module) -> Any:
    """What is loaded of an archive that PyTorch makes of a module."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    buffer.seek(0)
    return tsc.load(buffer)


def frozen(module: torch.nn.Module) -> Any:
    """A module scripted and frozen."""
    return tsc.freeze(tsc.script(module))
