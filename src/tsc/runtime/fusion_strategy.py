"""`FusionStrategy`: how many specializations functions get, and of which kind."""

from __future__ import annotations

from collections.abc import Sequence

from tsc.errors import ArgumentError

Strategy = list[tuple[str, int]]


class FusionStrategy:
    """How many specializations, and of which kind: PyTorch's ``set_fusion_strategy``."""

    current: Strategy = [("STATIC", 2), ("DYNAMIC", 10)]  # noqa: RUF012 - replaced as a whole, never changed

    @classmethod
    def set(cls, strategy: Sequence[tuple[str, int]]) -> Strategy:
        """Set the strategy of functions from now on; the previous one.

        Raises:
            ValueError: an entry is neither STATIC nor DYNAMIC.
            ArgumentError: an entry is no pair with a count.
        """
        for entry in strategy:
            if len(entry) == 2 and entry[0] not in ("STATIC", "DYNAMIC"):
                raise ValueError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {entry[0]}")
            if (
                len(entry) != 2
                or not isinstance(entry[1], int)  # pyright: ignore[reportUnnecessaryIsInstance]
                or entry[1] < 0
            ):
                raise ArgumentError(
                    f"set_fusion_strategy: requires ('STATIC' or 'DYNAMIC', count >= 0); got {entry!r}"
                )
        previous, cls.current = cls.current, [(k, n) for k, n in strategy]
        return previous


def kinds_of(strategy: Strategy) -> list[str]:
    """The kind of each specialization that there may be, in order."""
    return [kind for kind, count in strategy for _ in range(count)]
