"""The specializations of one function, how many there may be, and which one a call gets."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tsc.concurrency import DRAWING, serialized
from tsc.errors import StrictFusionError, TscError, UnsuitedError, VerificationError
from tsc.options import options
from tsc.runtime.attribute_state import State
from tsc.runtime.background import background
from tsc.runtime.descriptions import describe, flatten, patterns_of, regular
from tsc.runtime.fusion_strategy import FusionStrategy, kinds_of
from tsc.runtime.values import Inputs
from tsc.runtime.varying_numbers import VaryingNumbers, as_program_has
from tsc.tracebacks import warn_user

Key = tuple[str, ...]
"""Arguments in words."""
MOST_FOUND = 4_096
"""Calls of which it is remembered what they get."""
LOG = logging.getLogger("tsc")


class ForAll(str):
    """Why there is no specialization, of a function for which there will be none for any arguments."""


@dataclass(frozen=True)
class _Ready:
    """What there is for calls of a key: a specialization under its name in the table (None runs them in the
    generic tier); no name where there is no room.
    """

    name: Key | None = None
    made: Any = None
    error: Exception | None = None


class Specializations:
    """Dispatches calls: to the specialization for the arguments' shapes, to a new one, or to the generic
    tier.

    With a `state`, what is specialized is the function lifted out of its object: its result is a tuple of the
    program's result and the new values of attributes. Nothing has been assigned, nor written to arguments,
    when it raises, so that the generic tier can run the call again and raise what the program raises, with
    its effects.
    """

    def __init__(
        self,
        compile_for: Callable[..., Any],
        compile_symbolic: Callable[..., Any],
        generic: Callable[..., Any],
        name: str,
        state: State | None = None,
        lifted: Callable[..., Any] | None = None,
        words: Key = (),
    ) -> None:
        """`compile_for` gives a specialization for a key and arrays, or says why there is none. `generic`
        runs a call in the generic tier; `lifted` does the same for the function that is specialized, where
        that is another. `words` are the types of its arguments.
        """
        self._compile = compile_for
        self._compile_symbolic = compile_symbolic
        self._generic = generic
        self._lifted = generic if lifted is None else lifted
        self._state = state
        self.varying = VaryingNumbers()
        self.name = name
        self.table: dict[Key, Any] = {}
        """By arguments in words; of symbolic ones, with names for sizes."""
        self._found: dict[Key, Key] = {}
        """The key in the table by that of a call."""
        self.refused: dict[Key, str] = {}
        """Why the generic tier runs calls of a key."""
        self.calls: Counter[Key] = Counter()
        """How many calls of a key in the table came here (those that go straight to native code do not);
        several threads at once may lose some.
        """
        self._wanted: dict[Key, Sequence[Any]] = {}
        """The keys of calls that are running in the generic tier, for which the background is to compile."""
        self._ready: dict[Key, _Ready] = {}
        """What was made there, for the next call of a key."""
        self.native_trials = 0
        """How often native code as a whole is tried for other sizes than those for which it was refused."""
        self._filling: set[Key] = set()
        """The keys of calls that put into dicts what was not in them."""
        self.strategy = FusionStrategy.current
        self._is_warned = False
        self._words = words
        self.is_for_all = False
        """Whether no call is compiled for, and `table` has one entry for them, of the types of arguments."""

    @property
    def depth(self) -> int:
        """How many specializations there may be; those of DYNAMIC entries have exact shapes as well."""
        return sum(n for _, n in self.strategy)

    def run(self, values: Sequence[Any], inputs: Inputs) -> Any:
        """Run on converted arguments."""
        result = self.run_values(values)
        inputs.settle()
        return inputs.give_back(result)

    def run_values(self, values: Sequence[Any]) -> Any:
        """Run on values of the program, and give one."""
        return self._run_best(values, may_write=True)

    def _run_or_again(
        self, found: Any, arrays: Sequence[Any], given: Sequence[Any], values: Sequence[Any]
    ) -> Any:
        """Run compiled code, or where it cannot do the call, the generic tier."""
        try:
            if self._state is None or not self._state.draws:
                return self._run_found(found, arrays, given, values)
            with DRAWING:  # somebody may have drawn by now
                now = self.given(values)
                return self._run_found(found, flatten(now), now, values)
        except UnsuitedError:
            return self._generic(*values)

    def run_beside_others(self, values: Sequence[Any]) -> Any:
        """Run on values of the program, and give one, while other threads may use the same tensors: what
        writes to them runs in the generic tier, which writes what the program writes and nothing else.
        """
        return self._run_best(values, may_write=False)

    def _run_best(self, values: Sequence[Any], *, may_write: bool) -> Any:
        given, found = self._find_for(values)
        if found is not None and found.outlined is not None:
            return found.run(*values)
        arrays = flatten(given)
        if found is None or not found.suits(arrays) or not self._is_apart:
            return self._run_generic(values)
        if found.form.written and not may_write:
            return self._run_generic(values)
        return self._run_or_again(found, arrays, given, values)

    def _run_generic(self, values: Sequence[Any]) -> Any:
        result = self._generic(*values)
        wanted, self._wanted = self._wanted, {}  # another thread may take the same: jobs are there once
        for key, given in wanted.items():  # from now on: compiling beside this call would have slowed it down
            background().begin((self, key), partial(self._compile_beside, key, given))
        return result

    @property
    def _is_apart(self) -> bool:
        return self._state is None or self._state.is_apart()

    def _run_found(
        self, found: Any, arrays: Sequence[Any], given: Sequence[Any], values: Sequence[Any]
    ) -> Any:
        if self._state is not None or found.form.written:
            return self._run_with_effects(found, arrays, given, values)
        return self._run_specialized(found, arrays, given)

    def _run_specialized(self, found: Any, arrays: Sequence[Any], given: Sequence[Any]) -> Any:
        if found.is_native:
            return found.run(arrays, partial(self._generic_apart, given, found.form.written))
        return found.run(*arrays)  # what it writes, it writes into the caller's memory

    def _run_with_effects(
        self, found: Any, arrays: Sequence[Any], given: Sequence[Any], values: Sequence[Any]
    ) -> Any:
        """Run what writes to arguments or assigns attributes: at its end, when nothing raises any more."""
        try:
            result = self._run_specialized(found, arrays, given)
        except UnsuitedError:
            raise
        except Exception as error:  # of whatever class the program raises: the generic tier raises it again
            result = self._generic(*values)
            text = (
                f"{self.name}: compiled code raised {error!r}, and the generic tier did not: please report it"
            )
            warn_user(text)
            return result
        if self._state is None:
            return result
        result, *assigned = result
        self._state.assign(assigned)
        return result

    def _generic_apart(self, given: Sequence[Any], written: Sequence[int]) -> Any:
        """What the generic tier gives for these arguments; those that it writes to are copied before."""
        return self._lifted(*as_program_has(given, written))

    def _find_for(self, values: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """Arguments and attributes as code is made for them, and the specialization for these."""
        places = self.varying.places
        given = self.given(values)
        found = self.find(given)
        if self.varying.places is not places:  # there is code for all numbers now
            given = self.given(values)
            found = self.find(given)
        return given, found

    def given(self, values: Sequence[Any]) -> Sequence[Any]:
        """Arguments as code is made for them, and attributes."""
        given = self.varying.given(values)
        return given if self._state is None else [*given, *self._state.read()]

    def find(self, values: Sequence[Any]) -> Any:
        """The specialization for these arguments, compiled if there is room; None means the generic tier."""
        if not options().is_native_enabled:
            return None
        if self.is_for_all:
            self.calls[self._words] += 1
            return None
        described = [describe(v) for v in values]
        if any(d is None for d in described):
            return None
        key = tuple(d for d in described if d is not None)
        if self._is_passing(key):
            return None
        name = self._found.get(key) or self._found_anew(key, values)
        if name is None:
            return None
        self.calls[name] += 1
        return self.table[name]

    def _found_anew(self, key: Key, values: Sequence[Any]) -> Key | None:
        """The key in the table of the specialization for `key`, if there is one by now."""
        ready = self._ready.pop(key, None)
        if ready is not None:
            return self._take(key, ready)
        if not options().is_background:
            return self._added(key, values)
        if len(self.table) >= self.depth:
            name = _fitting(self.table, key)
            if name is None:
                self._say_exhausted()
            return self._take(key, _Ready() if name is None else _Ready(name, self.table[name]))
        if not background().holds((self, key)):
            self._wanted[key] = values
        return None

    def _take(self, key: Key, ready: _Ready) -> Key | None:
        """Have calls of `key` use what is ready for them."""
        if ready.error is not None:
            raise ready.error
        if ready.name is not None:
            if len(self._found) >= MOST_FOUND:
                self._found.clear()
            self.table.setdefault(ready.name, ready.made)
            self._found[key] = ready.name
        return ready.name

    @serialized
    def _compile_beside(self, key: Key, values: Sequence[Any]) -> None:
        """Make what calls of `key` need, and have it ready for the next."""
        try:
            self._ready[key] = self._make_ready(key, values)
        except Exception as error:  # that call raises it
            self._ready[key] = _Ready(error=error)

    def _is_passing(self, key: Key) -> bool:
        """Whether calls of a key perhaps come no second time: one fills what the attributes lack, and nothing
        is compiled for it until there is another.
        """
        if self._state is None or key in self._filling or not options().profiled_runs:
            return False
        if not self._state.is_filling():
            return False
        self._filling.add(key)
        return True

    @serialized
    def _added(self, key: Key, values: Sequence[Any]) -> Key | None:
        """The key in the table of the specialization for `key`, which another thread may have made by now."""
        return self._found.get(key) or self._take(key, self._make_ready(key, values))

    def _make_ready(self, key: Key, values: Sequence[Any]) -> _Ready:
        """The specialization for calls of `key`: one there is, or if there is room a new one."""
        ready = {r.name: r.made for r in list(self._ready.values()) if r.name is not None}
        there = {**self.table, **ready}
        name = key if key in there else _fitting(there, key)
        if name is not None:
            made = None if name == key else self._native_instead(there[name], key, values, len(there))
            return _Ready(name, there[name]) if made is None else _Ready(key, made)
        if len(there) >= self.depth:
            if not self._made_for_all_numbers(key, values, self.depth - 1, only_native=False):
                self._say_exhausted()
            return _Ready()
        if self._made_for_all_numbers(key, values, len(there), only_native=True):
            return _Ready()
        return self._made(key, values, len(there))

    def _made_for_all_numbers(
        self, key: Key, values: Sequence[Any], number: int, *, only_native: bool
    ) -> bool:
        """Whether there is code now for arguments as `values` with other numbers in the places where they
        have differed; it is ready for calls that ask for it from now on.
        """
        places = self.varying.newly(key, values, self._found, only_native=only_native)
        if places is None:
            return False
        given = self.varying.given_at(places, values)
        name = tuple(str(describe(value)) for value in given)
        ready = self._made(name, given, number, only_native=only_native)
        if ready.made is None or not (ready.made.is_native or ready.made.compilation.kernels):
            self.refused.pop(name, None)
            self.varying.refuse(places, only_native=only_native)
            return False
        self._ready[name] = ready
        self.varying.places |= places
        return True

    def _made(self, key: Key, values: Sequence[Any], number: int, *, only_native: bool = False) -> _Ready:
        """A new specialization, of the kind that the strategy has for the one with this number."""
        kinds = kinds_of(self.strategy)
        made = None
        if kinds[number] == "DYNAMIC":
            # With STATIC entries the first call of a kind gets code of its own; the last one must do for all.
            is_last = number + 1 == len(kinds)
            compile_ = partial(self._compile_symbolic, key, self._found, "STATIC" not in kinds, is_last)
            made = self._specialize(key, compile_)
        if made is not None and made.symbolic.fits(key):
            name = made.symbolic.words
        else:
            name, arrays = key, [regular(a) for a in flatten(values)]
            made = self._specialize(key, partial(self._compile, key, arrays, only_native=only_native))
        if made is not None:
            made.pattern = patterns_of(values)
            self.refused.pop(key, None)
        reason = self.refused.get(key)
        return _Ready(self.refuse_all(reason) if isinstance(reason, ForAll) else name, made)

    def _native_instead(self, there: Any, key: Key, values: Sequence[Any], number: int) -> Any:
        """Native code for calls of `key` alone, where what is `there` for them is Python with native parts:
        sizes decide branches, and another way may be native as a whole (one step after a first text, say).
        """
        if there.outlined is None or not self.native_trials or number >= self.depth:
            return None
        self.native_trials -= 1
        arrays = [regular(a) for a in flatten(values)]
        made = self._specialize(key, partial(self._compile, key, arrays, only_native=True))
        self.refused.pop(key, None)
        if made is not None:
            made.pattern = patterns_of(values)
        return made

    def refuse_all(self, reason: str) -> Key:
        """Have the generic tier run all calls from now on, and say why; their key in the table."""
        self.run_all(None)
        self.refused = {self._words: reason}
        return self._words

    def run_all(self, made: Any) -> None:
        """Have `generic` run all calls from now on, which is `made` now."""
        self.table, self._found, self.refused = {self._words: made}, {}, {}
        self.is_for_all = True

    @property
    def seen(self) -> list[Key]:
        """The calls that were seen, in words."""
        return list(self._found)

    @serialized
    def adopt(self, key: Key, values: Sequence[Any], made: Any) -> None:
        """Take a specialization for calls of a key, which was made elsewhere for such values."""
        made.pattern = patterns_of(values)
        self.table[key] = made
        self._found[key] = key

    def _specialize(self, key: Key, compile_: Callable[[], Any]) -> Any:
        try:
            made = compile_()
        except (VerificationError, StrictFusionError):
            raise
        except TscError as error:
            if options().is_strict:
                raise
            warn_user(f"{self.name}: not compiled, the generic tier runs: {error}")
            made = error.message
        if isinstance(made, str):
            self.refused[key] = made
            return None
        return made

    def _say_exhausted(self) -> None:
        if not self._is_warned:
            self._is_warned = True
            kinds = ", ".join(f"{k} {n}" for k, n in self.strategy)
            LOG.warning(
                "%s: all specializations are used (%s); further shapes run in the generic tier",
                self.name,
                kinds,
            )


def _fitting(table: Mapping[Key, Any], key: Key) -> Key | None:
    """The key of a specialization for calls of several sizes that is for such a one."""
    return next((k for k, made in list(table.items()) if made is not None and made.fits(key)), None)
