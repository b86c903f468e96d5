"""What several tests of compiled functions set up."""

from __future__ import annotations

from collections.abc import Generator

import pytest

import tsc
from tsc.options import options


@pytest.fixture
def strategy() -> Generator[None]:
    """One specialization for the first sizes, one for all others; failures of the compiler are errors."""
    before = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    was_strict, options().is_strict = options().is_strict, True
    yield
    tsc.set_fusion_strategy(before)
    options().is_strict = was_strict


@pytest.fixture
def for_all_sizes() -> Generator[None]:
    """Functions are compiled for symbolic sizes from the first call on."""
    before = tsc.set_fusion_strategy([("DYNAMIC", 10)])
    yield
    tsc.set_fusion_strategy(before)
