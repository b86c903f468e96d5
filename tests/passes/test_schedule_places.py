"""`places` kernels against NumPy: where masks hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.passes.kernel_runner import assert_computes, lower
from tests.passes.linalg_text import Kernel, Value, module
from tsc.errors import CodegenError
from tsc.passes.schedule import TARGETS


def places(kernel: Kernel, mask: Value, count: int) -> Value:
    """The first places at which a mask holds."""
    made = Value(kernel.fresh(), (count,), "i64")
    kernel.lines.append(f'  {made.name} = "tsc.places"({mask.name}) : ({mask.type}) -> {made.type}')
    return made


def masks() -> list[Any]:
    random = np.random.default_rng(0)
    made = [random.random(n) < share for n in (1, 7, 64, 1000) for share in (0.0, 0.02, 0.5, 1.0)]
    return [*made, np.eye(1, 100, 99, dtype=bool)[0]]


@pytest.mark.parametrize("number", range(len(masks())))
def test_places_are_those_where_the_mask_holds(number: int) -> None:
    mask = masks()[number]
    kernel = Kernel("k")
    wanted = np.flatnonzero(mask)
    made = places(kernel, kernel.argument(mask.shape, "i1"), len(wanted))
    run = assert_computes(module(kernel, [made]), [mask], [wanted], tolerance=0)
    assert run.kinds() == ["places"]


def test_no_more_places_are_written_than_are_wanted() -> None:
    mask = np.ones(9, bool)
    kernel = Kernel("k")
    made = places(kernel, kernel.argument(mask.shape, "i1"), 4)
    assert_computes(module(kernel, [made]), [mask], [np.arange(4)], tolerance=0)


def test_a_gpu_has_no_places_yet() -> None:
    kernel = Kernel("k")
    made = places(kernel, kernel.argument((9,), "i1"), 4)
    with pytest.raises(CodegenError, match=r"tsc\.kind"):
        lower(module(kernel, [made]), TARGETS["gpu"])
