# pyright: reportUnknownMemberType=false
"""Elements at equal distances in memory: they are loaded with what is between them, and nothing after."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc


def every(step: int) -> Callable[[Tensor], Tensor]:
    return {2: every_second, 3: every_third, 5: every_fifth, 8: every_eighth, 9: every_ninth}[step]


def every_second(x: Tensor) -> Tensor:
    return x[..., ::2] + 1


def every_third(x: Tensor) -> Tensor:
    return x[..., ::3] + 1


def every_fifth(x: Tensor) -> Tensor:
    return x[..., 4::5] + 1


def every_eighth(x: Tensor) -> Tensor:
    return x[..., 7::8] + 1


def every_ninth(x: Tensor) -> Tensor:
    return x[..., ::9] + 1


STEPS = (2, 3, 5, 8, 9)
DTYPES = (torch.float32, torch.float64, torch.float16, torch.uint8, torch.int64)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("step", STEPS)
def test_elements_are_those_at_the_distances(step: int, dtype: torch.dtype) -> None:
    function = tsc.script(every(step))
    for length in (step, 70, 331):
        x = torch.arange(3 * length).reshape(3, length).to(dtype)
        torch.testing.assert_close(function(x), every(step)(x))
        assert function.last.is_native


def guarded(count: int) -> tuple[np.ndarray[Any, Any], mmap.mmap]:
    """`count` numbers, after which there is a page that nobody may read; and what holds both."""
    page = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * page)
    last = ctypes.addressof(ctypes.c_char.from_buffer(pages, page))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(last), ctypes.c_size_t(page), 0) == 0
    return np.frombuffer(pages, np.float32, count, page - 4 * count), pages


@pytest.mark.skipif(sys.platform != "linux", reason="mprotect is Linux's here")
@pytest.mark.parametrize("step", STEPS)
def test_nothing_after_the_last_element_is_read(step: int) -> None:
    function = tsc.script(every(step))
    for length in (64 + step, 500):
        memory, pages = guarded(length)
        memory[...] = np.arange(length)
        np.testing.assert_array_equal(function(memory), every(step)(torch.from_numpy(memory.copy())).numpy())
        assert function.last.is_native
        del pages
