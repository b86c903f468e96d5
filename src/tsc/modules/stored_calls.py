"""`StoredCalls`: calls of a frozen module by code of the cache, until something needs the module itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tsc import dtypes
from tsc.cache.keys import key_of, options_key
from tsc.concurrency import serialized
from tsc.errors import DTypeError
from tsc.modules.origin import Origin
from tsc.runtime.descriptions import describe
from tsc.runtime.fusion_strategy import FusionStrategy, Strategy, kinds_of
from tsc.runtime.host import host_key
from tsc.runtime.last_called import LastCalled
from tsc.runtime.native import MISS
from tsc.runtime.native_code import NativeCode
from tsc.runtime.stored_code import Notes, load_code, store_code

if TYPE_CHECKING:
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptMethod

Array = np.ndarray[Any, Any]
Key = tuple[str, ...]
"""Arrays in words: dtypes and shapes."""
FROZEN = "frozen"
"""The step of freezing, as notes name it."""


class StoredCalls:
    """Calls of ``forward`` of a frozen module. `run` is what runs one.

    A call whose code an earlier process has stored runs that. The first call that needs more makes the module
    itself, which takes that code over; what it then compiles is stored.
    """

    def __init__(self, origin: Origin) -> None:
        """The module of `origin`, frozen as it is now.

        Raises:
            CompileError: it cannot be frozen.
        """
        self.origin = origin
        self.run: Callable[..., Any] = self._dispatch
        self.is_evaluated = origin.is_evaluated
        """Whether `eval` had been called."""
        self._strategy: Strategy | None = None
        self._found: dict[Key, NativeCode] = {}
        """By calls that were seen."""
        self._made: list[tuple[Sequence[Array], NativeCode, Notes]] = []
        """The code that was loaded, in that order, with arguments like those it was loaded for."""
        self._module: RecursiveScriptModule | None = None
        origin.followers.add(self)
        if origin.is_touched or origin.known(FROZEN) is None:
            self.module()
            origin.note(FROZEN, {})

    # --- calls ---

    def _dispatch(self, *arguments: object) -> Any:
        LastCalled.note(self)
        key = self._key(arguments)
        if key is not None:
            result = self._by_stored_code(key, arguments)
            if result is not MISS:
                return result
        return self._by_module(key, arguments)

    def _key(self, arguments: Sequence[object]) -> Key | None:
        """The arguments in words; None for some that native code does not take as they are."""
        if not self.origin.is_remembered:
            return None
        return tuple(map(str, map(describe, arguments))) if all(map(_is_plain, arguments)) else None

    def _by_stored_code(self, key: Key, arguments: Sequence[object]) -> Any:
        """The result of a call; `MISS` where there is no code for it."""
        known = self._found.get(key)
        for code in self._candidates(key) if known is None else (known,):
            result = code.strict(*arguments)
            result = _unflagged(result) if code.is_flagged and result is not MISS else result
            if result is not MISS:
                self._found[key] = code
                self.run = partial(self._by_flagged_code, code) if code.is_flagged else code.entry
                return result
        return MISS

    def _by_flagged_code(self, code: NativeCode, *arguments: object) -> Any:
        """The result of a call of code that may say that it could not do it."""
        result = code.strict(*arguments)
        result = result if result is MISS else _unflagged(result)
        return self._dispatch(*arguments) if result is MISS else result

    def _candidates(self, key: Key) -> Iterable[NativeCode]:
        """Code that may be for calls of a key: of symbolic sizes, then what is stored for it."""
        yield from [code for _, code, notes in list(self._made) if notes["is_symbolic"]]
        loaded = self._loaded(key)
        if loaded is not None:
            yield loaded

    @serialized
    def _loaded(self, key: Key) -> NativeCode | None:
        if key in self._found:  # another thread was first
            return self._found[key]
        if self._strategy is None:
            self._strategy = FusionStrategy.current
        name = self._code_key(key, self._strategy, len(self._made), self._found)
        loaded = None if name is None else load_code(name, self.origin.memory, self._dispatch)
        if loaded is None:
            return None
        code, notes = loaded
        self._made.append((_arrays_of(key), code, notes))
        self._found[key] = code
        if self._module is not None:
            self._hand_over(self._module, *self._made[-1])
        return code

    def _code_key(self, key: Key, strategy: Strategy, made: int, seen: Iterable[Key]) -> str | None:
        """The key of the code that a call would be compiled to, as one more after `made`; None: there may be
        no more. What was `seen` before decides which sizes are symbolic.
        """
        kinds = kinds_of(strategy)
        if made >= len(kinds):
            return None
        fields: dict[str, Any] = {}
        if kinds[made] == "DYNAMIC":
            before = sorted(" ".join(other) for other in seen)
            fields = {"seen": before, "first": "STATIC" not in kinds, "last": made + 1 == len(kinds)}
        return key_of(
            archive=self.origin.digest,
            method="forward",
            is_evaluated=self.is_evaluated,
            arguments=" ".join(key),
            kind=kinds[made],
            **fields,
            host=host_key(),
            options=options_key(),
        )

    # --- the module itself ---

    def settle(self) -> None:
        """Be the module that it is now, whatever its origin becomes."""
        self.module()

    @serialized
    def module(self) -> RecursiveScriptModule:
        """The module itself, which takes over the code that was loaded."""
        if self._module is None:
            from tsc.modules.script_modules import freeze_module

            made = freeze_module(self.origin.module(), ())
            for loaded in self._made:
                self._hand_over(made, *loaded)
            made.forward.on_specialized = self._store
            self._module = made
        return self._module

    def _hand_over(
        self, module: RecursiveScriptModule, arrays: Sequence[Array], code: NativeCode, notes: Notes
    ) -> None:
        """Let code that was loaded be a specialization of the module."""
        from tsc.programs.stored_specializations import adopt

        adopt(module.forward, arrays, code, notes, self._strategy)

    def optimized_graph(self) -> Any:
        """The graph that runs."""
        return self.module().forward.optimized_graph()

    def _by_module(self, key: Key | None, arguments: Sequence[object]) -> Any:
        method = self.module().forward
        try:
            return method.call_slowly(*arguments)
        finally:
            if key is None or not _is_pristine(method):
                self.origin.touch()
            self.run = method

    def _store(self, arguments: Sequence[object]) -> None:
        """Store what was compiled for a call with such arguments, if that code and the archive say all."""
        from tsc.programs.stored_specializations import newest

        method, key = self.module().forward, self._key(arguments)
        found = newest(method)
        if key is None or found is None or not self.origin.is_unchanged:
            return
        code, notes, table = found
        seen = [_tensors_of(other) for other in table.seen]
        name = self._code_key(key, table.strategy, table.made - 1, [other for other in seen if other != key])
        if name is not None:
            store_code(name, code, self.origin.memory, notes)


def _unflagged(results: tuple[Array, ...]) -> Any:
    """What code gives, without its flag; `MISS` where that says that it could not do the call."""
    *tensors, flag = results
    if flag:
        return MISS
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


def _is_pristine(method: ScriptMethod) -> bool:
    """Whether calls so far can have changed nothing that others see."""
    from tsc.programs.stored_specializations import newest

    return newest(method) is not None


def _is_plain(value: object) -> bool:
    """Whether native code takes `value` as it is; also unpickled arrays, whose dtype object is their own."""
    if type(value) is not np.ndarray:
        return False
    try:
        dtypes.by_numpy(value.dtype)
    except DTypeError:
        return False
    return value.flags.c_contiguous and value.flags.aligned


_TENSOR = re.compile(r"((?:\d+x)*)([us]i\d+|i1|b?f\d+|complex<f\d+>)")


def _arrays_of(key: Key) -> list[Array]:
    """Arrays that a key describes; zeros, which take no memory."""
    found = [_TENSOR.fullmatch(text) for text in key]
    return [
        np.zeros([int(n) for n in match[1].split("x")[:-1]], dtypes.by_mlir(match[2]).numpy)
        for match in found
        if match is not None
    ]


def _tensors_of(key: Key) -> Key:
    """The arguments of a key that are tensors: the others are defaults, the same in each call."""
    return tuple(text for text in key if _TENSOR.fullmatch(text))
