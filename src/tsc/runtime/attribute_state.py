"""What `Specializations` asks of the attributes that a function reads and assigns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class State(Protocol):
    """Attributes of an object, which a lifted function takes as its last arguments, and gives back."""

    draws: bool
    """Whether one of them is the stream of random bits, which nobody else may draw from meanwhile."""

    def read(self) -> list[Any]:
        """Their values."""
        ...

    def assign(self, values: Sequence[Any]) -> None:
        """Set those that the function assigns."""
        ...

    def is_apart(self) -> bool:
        """Whether what is assigned under one name cannot be read under another."""
        ...

    def is_filling(self) -> bool:
        """Whether a call may assign what was not there, so that the next call finds other attributes."""
        ...
