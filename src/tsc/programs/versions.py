"""`Versions`: what a function is compiled as. A frozen method or a function has one version; a method of a
live module has one for each state of the numbers and objects that it was compiled for.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any

from tsc import pipeline
from tsc.analysis.operator_effects import changes_shapes, draws
from tsc.analysis.python_values import takes_no_tensors
from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import require_nothing_strict
from tsc.compiler.parts import InParts
from tsc.concurrency import serialized
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.dialects.walking import walk
from tsc.errors import TscError
from tsc.frontend.object_graph import assemble
from tsc.frontend.unit import Function, ScriptObject
from tsc.options import options
from tsc.passes.freeze import Freeze
from tsc.passes.lift_draws import drop_unread_draws, lift_draws
from tsc.passes.lift_state import lift_state
from tsc.passes.split_containers import split_containers
from tsc.programs.frozen_runs import run_frozen
from tsc.programs.hints import hint_at_freezing
from tsc.programs.live_tensors import objects_below
from tsc.programs.making import PYTHON_ALONE, Making, trials
from tsc.programs.object_state import AttributeGuard, ObjectState
from tsc.programs.same_arguments import Sames, asks_for_sames
from tsc.programs.version import Version
from tsc.runtime.descriptions import describe
from tsc.runtime.number_code import NumberCalls
from tsc.runtime.specializations import Specializations

if TYPE_CHECKING:
    from tsc.programs.interpreter import Interpreter

LOG = logging.getLogger("tsc")
Run = Callable[..., Any]
MOST_VERSIONS = 4
"""Versions of one method of a live module; in further states it runs in the generic tier."""
MOST_PROFILED = 1000
"""Kinds of arguments that are remembered before a module is compiled for them."""


OTHER_SAMES = "other arguments are the same tensor"
"""Why a further version is made of a function that asks for that."""
RESIZES = "it gives a tensor other sizes in place: those it is called with do not hold throughout"
HELD_TWICE = "an attribute that it assigns goes by two paths: an object is held twice"


@dataclass(frozen=True)
class _Refusal:
    """Why there is no version for an object as it is."""

    reason: str
    is_final: bool = False
    """Whether there will never be one."""


class Versions:
    """The versions of one function, made when they are needed."""

    def __init__(
        self, interpreter: Interpreter, function: Function, receiver: ScriptObject | None, slow: Run
    ) -> None:
        """`slow` is where native code sends calls whose arguments are others."""
        self._interpreter = interpreter
        self._function = function
        self._receiver = receiver
        self.making = Making(interpreter.call, slow)
        """What compiles them."""
        self._made: list[Version] = []
        self._is_refused = False
        """Whether it cannot be compiled at all."""
        self._varying: set[str] = set()
        """Numbers among the attributes that were seen to change."""
        self._profiled: Counter[tuple[str | None, ...]] = Counter()

    @property
    def newest(self) -> Version | None:
        """The version made last."""
        return self._made[-1] if self._made else None

    @property
    def made(self) -> Sequence[Version]:
        """All of them, the oldest first."""
        return tuple(self._made)

    # --- functions and frozen methods ---

    @serialized
    def only(self, entry: Entry, values: Sequence[Any] | None = None) -> Version:
        """The version of a function or frozen method: there is only one, but for functions that ask which of
        the `values` are the same tensors.
        """
        found = self._for(self._made, values)
        if found is not None:
            return found
        if not self._made:
            drop_unread_draws(entry.function)
        entry, sames = self._settled(entry, values)
        generic = run_frozen(entry, self._receiver, self._interpreter.call)
        made = self._version(entry, self._lifted(entry), generic, sames=sames)
        if self._made:
            made.cause = OTHER_SAMES
        self._made.append(made)
        return made

    def frozen(self, values: Sequence[Any]) -> Version | None:
        """The version for a call, if it was made."""
        return self._for(self._made, values)

    def _for(self, versions: Iterable[Version], values: Sequence[Any] | None) -> Version | None:
        """The first version that is for such values, among the same of them as among these."""
        for version in versions:
            if version.sames is None or version.sames == Sames.of(self._function, values):
                return version
        return None

    def _settled(self, entry: Entry, values: Sequence[Any] | None) -> tuple[Entry, Sames | None]:
        """`entry` for calls with the same of the values as these; for all calls, where it does not ask."""
        if len(self._made) >= MOST_VERSIONS - 1 or not asks_for_sames(entry.function):
            return entry, None
        sames = Sames.of(self._function, values)
        return sames.settled(entry), sames

    # --- methods of live modules ---

    def live(self, values: Sequence[Any]) -> Version | None:
        """The version for the object as it is; None where there is none, or arguments like `values` were not
        seen often enough.
        """
        if self._receiver is None or self._receiver.cls.kind != "module" or not options().is_native_enabled:
            return None
        if self._is_refused:
            return None
        wanted = options().profiled_runs
        if wanted:
            key = tuple(_profiled(value) for value in values)
            if self._profiled[key] < wanted:
                if len(self._profiled) > MOST_PROFILED:
                    self._profiled.clear()
                self._profiled[key] += 1
                return None
        return self._find_or_add(values)

    def inlined(self, values: Sequence[Any]) -> Run | None:
        """What runs a method of a live module in the generic tier with its calls inlined, where it might draw
        random numbers for nothing: PyTorch drops such draws even in the first calls, and of functions that
        run one after the other nobody sees that. None where it is the same, or there is no version.
        """
        is_module = self._receiver is not None and self._receiver.cls.kind == "module"
        if not is_module or self._is_refused or not self._wastes_draws():
            return None
        found = self._find_or_add(values)
        return None if found is None else found.inlined

    def _wastes_draws(self) -> bool:
        return self._interpreter.known.may_draw_for_nothing(self._function)

    def _find_or_add(self, values: Sequence[Any]) -> Version | None:
        found = self._find(values)
        return self._add_live(values) if found is None and not self._must_stay() else found

    def _must_stay(self) -> bool:
        """Whether there is no version for a further state of the object."""
        return self._is_refused or len(self._made) >= MOST_VERSIONS

    def _find(self, values: Sequence[Any]) -> Version | None:
        return self._for((v for v in self._made if v.guard is not None and v.guard.holds()), values)

    @serialized
    def _add_live(self, values: Sequence[Any]) -> Version | None:
        """A version for the object as it is now."""
        found = self._find(values)  # by another thread
        if found is not None or self._must_stay():
            return found
        self._varying |= self._changed_numbers()
        made = self._live_version(self._varying, values)
        if isinstance(made, Version):
            self._made.append(made)
            hint_at_freezing(self._object)
            return made
        if self._function.op is not None:
            require_nothing_strict(self._function.op, made.reason)
        LOG.info("%s: runs in the generic tier: %s", self._function.name, made.reason)
        self._is_refused |= made.is_final
        return None

    @serialized
    def apart(self, values: Sequence[Any]) -> Version | str:
        """The version for the object as it is now, which is not kept if there was none; or why there can be
        none.
        """
        found = self._find(values)
        if found is not None:
            return found
        if len(self._made) >= MOST_VERSIONS:
            return f"it was compiled for {MOST_VERSIONS} other states of its object, and is for no more"
        made = self._live_version(self._varying | self._changed_numbers(), values)
        return made if isinstance(made, Version) else made.reason

    def _changed_numbers(self) -> set[str]:
        guards = [version.guard for version in self._made if version.guard is not None]
        return {path for guard in guards for path in guard.changed_numbers()}

    def _live_version(self, varying: set[str], values: Sequence[Any]) -> Version | _Refusal:
        """A version for the object as it is now, in which these numbers are arguments."""
        before = self._attributes()
        try:
            entry = self._live_entry(varying)
        except TscError as error:
            return _Refusal(error.message, is_final=True)
        if takes_no_tensors(entry.function):
            return _Refusal(PYTHON_ALONE, is_final=True)
        drop_unread_draws(entry.function)
        entry, sames = self._settled(entry, values)
        lifted = self._lifted(entry)
        is_lifted = isinstance(lifted, Entry)
        guard = AttributeGuard(self._object, (lifted if is_lifted else entry).function)
        after = self._attributes()
        if len(before) != len(after) or not all(map(is_, before, after)):
            return _Refusal("another thread changes its object")  # a later call tries again
        entry.pool.drop_attributes()
        call = self._interpreter.call
        inlined = run_frozen(entry, self._object, call) if self._wastes_draws() else None
        generic = inlined or partial(call, self._function, self._object)
        made = self._version(entry, lifted, generic, guard, varying, sames)
        made.cause, made.inlined = self._cause(), inlined
        return made

    def _cause(self) -> str:
        """Why a further version is made."""
        guards = [version.guard for version in self._made if version.guard is not None]
        changed = sorted(guards[-1].changed()) if guards else []
        if changed:
            return f"changed: {', '.join(f'self.{path}' for path in changed)}"
        return OTHER_SAMES if guards else "called again"

    def _attributes(self) -> list[Any]:
        """All that the object and those below it hold now."""
        return [value for held in objects_below(self._object) for value in held.attributes.values()]

    def _live_entry(self, varying: set[str]) -> Entry:
        pool, unit = ConstantPool(), self._interpreter.compiler.unit
        module = assemble(unit, pool, [self._function], self._object)
        freeze = Freeze(keep_tensors=True, varying=tuple(varying))
        pipeline.lower(make_context(pool), module, stop_after="frozen", freeze=freeze)
        return Entry(module, self._function.name, pool, unit)

    # --- both ---

    @property
    def _object(self) -> ScriptObject:
        assert self._receiver is not None
        return self._receiver

    def _takes_object(self, entry: Entry) -> bool:
        return len(entry.function.body.block.args) > len(self._function.parameters)

    def _lifted(self, entry: Entry) -> Entry | str | None:
        """`entry` with the attributes it still reads, and the stream of random bits, as arguments; None where
        there are none, or why it must stay as it is.
        """
        if not self._takes_object(entry) and not any(map(draws, walk(entry.function))):
            return None
        lifted = replace(entry, module=entry.alone())
        if not lift_draws(lifted.function) and not self._takes_object(entry):
            return None
        split_containers(lifted.function, lifted.pool)
        reason = lift_state(lifted.function)
        if reason is not None:
            LOG.info("%s: keeps its object: %s", self._function.name, reason)
        return lifted if reason is None else f"it keeps its object: {reason}"

    def _version(
        self, entry: Entry, lifted: Entry | str | None, generic: Run, guard: AttributeGuard | None = None,
        varying: set[str] | None = None, sames: Sames | None = None,
    ) -> Version:  # fmt: skip
        name = self._function.name
        resizes = RESIZES if changes_shapes(entry.function) else None
        receiver = self._receiver if self._takes_object(entry) else None
        in_parts = InParts(entry, self._interpreter.call, receiver)
        if not isinstance(lifted, Entry):
            refusal = lifted or resizes
            words = tuple(parameter.type.torchscript() for parameter in self._function.parameters)
            is_python = takes_no_tensors(entry.function)
            run = NumberCalls(entry.function, generic) if is_python else generic
            table = Specializations(*self.making.makers(entry, refusal, in_parts), run, name, words=words)
            table.native_trials = trials(entry, refusal)
            if isinstance(run, NumberCalls):
                refusal = PYTHON_ALONE
                self.making.numbers(run, table, entry)
            return Version(entry, entry, table, in_parts, guard=guard, refusal=refusal, sames=sames)
        if sames is not None:
            sames.mark(lifted.function)
        state = ObjectState(self._receiver, lifted.function, varying or ())
        refusal = resizes if state.is_distinct else HELD_TWICE
        run_lifted = run_frozen(lifted, None, self._interpreter.call)
        table = Specializations(
            *self.making.makers(lifted, refusal, in_parts), generic, name, state, run_lifted
        )
        table.native_trials = trials(lifted, refusal)
        return Version(entry, lifted, table, in_parts, state, guard, refusal, sames)


def _profiled(value: Any) -> str | None:
    """An argument in words, whatever number it is."""
    return type(value).__name__ if type(value) in (int, float) else describe(value)
