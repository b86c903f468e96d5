"""A small share of the differentiated programs, the same in every run."""

from collections import Counter

import pytest

from tests.fuzz import gradients
from tests.fuzz.task import Task


def test_random_programs_have_pytorchs_gradients() -> None:
    report = gradients.run(Task(seed=7, seconds=600, count=25))
    assert report.failures == 0, str(report)
    assert report.tried == 25


FOUND = (
    31_000_000_488,
    31_000_000_641,
    31_000_000_777,
    31_000_001_180,
    31_000_001_197,
    32_000_000_417,
    33_000_000_149,
    34_000_000_432,
    34_000_000_882,
    35_000_000_866,
    35_000_001_095,
    38_000_000_033,
    38_000_000_050,
    38_000_000_535,
    39_000_002_053,
    39_000_006_986,
    39_000_007_171,
    39_000_008_157,
    40_000_005_039,
    43_000_003_147,
    43_000_008_392,
    43_000_009_222,
)
"""Programs that went wrong: whose gradients are none of a compilation in parts; with a gradient that flows
through neither way of a branch; that write to a view of what they read; that assign a parameter which asks
for no gradients; that write through a view of all; whose whole quotients have slopes that are no numbers;
that perhaps write to a leaf; that choose by what is known; that keep elements of an unknown dtype between
numbers; that are given what they gave; whose kernels read what they write over; that read zeros at computed
places; whose products have other dims; that write to one of several views; that read a view again after it
was written and what it shows was; whose dead reads are out of range; whose biases are matrices
that are added to several; that write to what has a gradient by way of `detach`.
"""


@pytest.mark.parametrize("seed", FOUND)
def test_programs_that_went_wrong_have_pytorchs_gradients(seed: int) -> None:
    case = gradients.case_of(seed)
    assert case is not None
    for way in gradients.WAYS:
        assert gradients.difference(case, way, Counter()) is None
