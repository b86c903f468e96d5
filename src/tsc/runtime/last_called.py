"""Which function was called last, for those who ask for its graph."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import ref


class HasOptimizedGraph(Protocol):
    """What can be asked for the graph that runs."""

    def optimized_graph(self) -> Any:
        """The graph."""
        ...


class LastCalled:
    """The function whose arguments were last checked in Python (calls that go straight to native code are not
    seen), as long as it is there.
    """

    _reference: ref[HasOptimizedGraph] | None = None

    @classmethod
    def note(cls, called: HasOptimizedGraph) -> None:
        """It is `called` now."""
        cls._reference = ref(called)

    @classmethod
    def get(cls) -> HasOptimizedGraph | None:
        """The function; None where there was none, or it is gone."""
        return None if cls._reference is None else cls._reference()
