"""`Version`: a function ready to be specialized, and its specializations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import has_strict_operators
from tsc.compiler.parts import InParts
from tsc.concurrency import computed_once
from tsc.programs.object_state import AttributeGuard, ObjectState
from tsc.programs.same_arguments import Sames
from tsc.runtime.specializations import Specializations

Run = Callable[..., Any]


@dataclass(eq=False)
class Version:
    """A function ready to be specialized, and its specializations."""

    entry: Entry
    """The function at stage `frozen`."""
    specialized: Entry
    """The same without its object, where it could be lifted out of it."""
    specializations: Specializations
    in_parts: InParts
    """Takes the function apart where it is not native as a whole."""
    state: ObjectState | None = None
    """The attributes that specializations take and give; None where there are none."""
    guard: AttributeGuard | None = None
    """Of a live module: the attributes that the version is for."""
    refusal: str | None = None
    """Why nothing of it is compiled, and the generic tier runs all calls."""
    sames: Sames | None = None
    """The same tensors among the arguments of the calls that it is for; None: it is for all calls."""
    cause: str = "first call"
    """Why its first specialization is made."""
    tensor_calls: dict[type, Any] = field(default_factory=dict[type, Any])
    """The short ways for calls with tensors of a class."""
    ways: dict[Any, Run] = field(default_factory=dict[Any, Run])
    """The shortest way that is known for calls, by what `ShortWays` calls them."""
    inlined: Run | None = None
    """Runs it in the generic tier with its calls inlined, where that makes a difference."""
    halves: dict[Any, Any] = field(default_factory=dict[Any, Any])
    """What there is for calls whose gradients are wanted: see `tsc.programs.recorded_natively`."""

    @computed_once
    def takes(self) -> int:
        """How many values the function takes that is specialized."""
        return len(self.specialized.arguments)

    @computed_once
    def is_strict(self) -> bool:
        """Whether part of it must be native: it has a ``with strict_fusion()`` block."""
        return has_strict_operators(self.entry.function)

    @property
    def depends_on_arguments_alone(self) -> bool:
        """Whether calls need not look at an object, nor which arguments are the same."""
        return self.state is None and self.guard is None and self.sames is None
