"""What a random program is mostly about."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """The mix of a program's statements, and what it may do."""

    length: int
    writes: float
    """The share of statements that write into tensors or containers."""
    control: float
    containers: float
    keeps_arguments: bool
    """Arguments are not written to, and results share no memory with them."""
    is_mixed: bool
    """Several dtypes."""
    has_special_values: bool
    may_raise: bool
    is_module: bool
    returns_early: bool

    @staticmethod
    def draw(chooser: random.Random) -> Profile:
        """Any profile."""
        return Profile(
            length=chooser.choice([2, 3, 4, 5, 6, 8, 10, 12]),
            writes=chooser.choice([0.0, 0.1, 0.3, 0.5]),
            control=chooser.choice([0.0, 0.0, 0.1, 0.2, 0.3]),
            containers=chooser.choice([0.0, 0.0, 0.1, 0.3]),
            keeps_arguments=chooser.random() < 0.4,
            is_mixed=chooser.random() < 0.4,
            has_special_values=chooser.random() < 0.1,
            may_raise=chooser.random() < 0.06,
            is_module=chooser.random() < 0.3,
            returns_early=chooser.random() < 0.15,
        )
