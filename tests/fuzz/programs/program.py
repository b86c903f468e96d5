"""A random program as text, and the text as something to call."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch

PRELUDE = '''\
import math
from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor


def values(shape, dtype, seed):
    """Numbers that are exact in 16 bits and distinct up to 101 elements; small ones for integers."""
    numbers = (torch.arange(math.prod(shape)) * 37 + seed * 17) % 101 - 50
    if dtype == torch.bool:
        return (numbers % 2 == 0).reshape(shape)
    if dtype == torch.uint8:
        return (numbers.abs() // 4).to(dtype).reshape(shape)
    if not dtype.is_floating_point and not dtype.is_complex:
        return (numbers // 8).to(dtype).reshape(shape)
    return (numbers / 16).to(dtype).reshape(shape)


def indices(shape, below, seed):
    """Numbers from 0 up to but without `below`."""
    return ((torch.arange(math.prod(shape)) * 5 + seed) % max(below, 1)).reshape(shape)


def special(tensor, value):
    """`tensor` with one element replaced by `value`."""
    if tensor.numel():
        tensor.view(-1)[tensor.numel() // 2] = value
    return tensor


'''
"""What every program begins with; a failure's file holds it too, so that it runs alone."""


@dataclass(frozen=True)
class Program:
    """`body` defines ``make()``, which gives the function or module; ``arguments(sizes)``; and ``SIZES``."""

    body: str

    @property
    def source(self) -> str:
        """The whole text."""
        return PRELUDE + self.body

    def load(self) -> Loaded:
        """Run the text, so that the source of its functions can be read back."""
        filename = f"<fuzz {abs(hash(self.body))}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)
        namespace: dict[str, Any] = {"__name__": "tests.fuzz.program"}
        exec(compile(self.source, filename, "exec"), namespace)
        return Loaded(namespace["make"], namespace["arguments"], namespace["SIZES"])


@dataclass(frozen=True)
class Loaded:
    """A program to call: `subject()` makes the function or module anew."""

    subject: Callable[[], Any]
    arguments: Callable[[Sequence[int]], list[Any]]
    sizes: Sequence[Sequence[int]]
    count: int = 3
    """How many of the calls are made."""
    body: str = ""
    """The program's text."""

    def calls(self) -> list[list[Any]]:
        """Fresh arguments of three calls: the same twice, then of other sizes."""
        first, other = self.sizes[0], self.sizes[-1]
        made = [self.arguments(sizes) for sizes in (first, first, other)[: self.count]]
        if not all(isinstance(a, list) and _is_given(a) for a in cast("list[Any]", made)):
            raise TypeError("arguments() returns no arguments")  # the reducer has taken too much away
        return made


def _is_given(value: Any) -> bool:
    """Whether a program can be called with it."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_given, cast("Sequence[Any]", value)))
    return value is None or isinstance(value, (torch.Tensor, int, float, complex, str))
