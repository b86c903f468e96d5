"""`LoadedModule`: a module of an archive that was only loaded, frozen and called so far.

Such a module is what its archive says, so code that an earlier process has compiled of that archive is its
code. Whoever looks further, or changes anything, gets the module itself: this object becomes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from tsc.concurrency import serialized
from tsc.errors import CompileError, TscError
from tsc.modules.origin import RESTORES, Origin, opened_origin
from tsc.modules.pickling import Reference, loaded_again
from tsc.modules.stored_calls import StoredCalls
from tsc.tracebacks import shorten

if TYPE_CHECKING:
    from tsc.modules.script_modules import RecursiveScriptModule

LOADED = "loaded"
"""The step of loading, as notes name it."""
STATE = "_tsc_loaded"
"""The attribute that holds a `_State`; no program has one of that name."""


IN_TRAINING = (
    "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
    "before freezing."
)


class _State:
    """What a `LoadedModule` is: a module of its origin, or a frozen one, whose calls it has."""

    def __init__(self, origin: Origin, is_training: bool, calls: StoredCalls | None = None) -> None:
        self.origin = origin
        self.is_training = is_training
        self.calls = calls


def _of_the_module(name: str) -> Callable[..., Any]:
    """A special method that asks the module itself: Python looks for those in the class alone."""

    def method(self: LoadedModule, *arguments: Any) -> Any:
        return getattr(type(itself(self)), name)(self, *arguments)

    method.__name__ = name
    return method


class LoadedModule:
    """A module that was only loaded, frozen and called."""

    def __init__(self, state: _State) -> None:
        self.__dict__[STATE] = state

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Run ``forward``. What is not frozen may change as it runs."""
        calls = self.__dict__[STATE].calls
        try:
            if calls is None or keywords:
                return itself(self)(*arguments, **keywords)
            return calls.run(*arguments)
        except TscError as error:
            shorten(error)
            raise

    def eval(self) -> Any:
        """Leave training mode."""
        state: _State = self.__dict__[STATE]
        if state.calls is not None:
            return itself(self).eval()
        state.origin.evaluate()
        state.is_training = False
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(itself(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(itself(self), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(itself(self), name)

    def __reduce__(self) -> Any:
        """Pickled as a reference to its archive, as long as that is the file it was loaded from."""
        state: _State = self.__dict__[STATE]
        origin = state.origin
        if origin.is_touched or not origin.is_unchanged:
            return itself(self).__reduce__()
        is_evaluated = origin.is_evaluated if state.calls is None else state.calls.is_evaluated
        reference = Reference(os.path.abspath(origin.path), origin.digest)
        return loaded_again, (reference, is_evaluated, state.calls is not None)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """`__reduce__`, whatever the protocol."""
        return self.__reduce__()

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - it is set by `itself` alone
        """What `isinstance` is to see."""
        from tsc.modules.script_modules import RecursiveScriptModule

        return RecursiveScriptModule

    __bool__ = _of_the_module("__bool__")
    __contains__ = _of_the_module("__contains__")
    __copy__ = _of_the_module("__copy__")
    __deepcopy__ = _of_the_module("__deepcopy__")
    __dir__ = _of_the_module("__dir__")
    __getitem__ = _of_the_module("__getitem__")
    __iter__ = _of_the_module("__iter__")
    __len__ = _of_the_module("__len__")
    __repr__ = _of_the_module("__repr__")


_CLASS = object.__dict__["__class__"]


@serialized
def itself(module: Any) -> RecursiveScriptModule:
    """The module itself; a `LoadedModule` becomes it."""
    if type(module) is LoadedModule:
        state: _State = vars(module)[STATE]
        state.origin.touch()
        own = state.origin.module() if state.calls is None else state.calls.module()
        vars(module).update(vars(own))
        vars(module)["_wrappers"][id(vars(own)["_object"])] = module
        _CLASS.__set__(module, type(own))
        del vars(module)[STATE]
    return cast("RecursiveScriptModule", module)


def load_remembered(path: object) -> RecursiveScriptModule | None:
    """The module in the archive at `path`; None where nothing is remembered of archives, or of such ones.

    Raises:
        ArchiveError: the archive is damaged, hostile, or not a TorchScript archive.
    """
    origin = opened_origin(path)
    if origin is None:
        return None
    facts = origin.known(LOADED)
    if facts is None:
        held = origin.module()._object  # pyright: ignore[reportPrivateUsage]
        if any(RESTORES in cls.methods for cls in held_classes(origin)):
            return origin.module()
        facts = {"is_training": bool(held.attributes.get("training", False))}
        origin.note(LOADED, facts)
    return cast("RecursiveScriptModule", LoadedModule(_State(origin, facts["is_training"])))


def held_classes(origin: Origin) -> Any:
    """The classes of the program of an origin."""
    return origin.module()._interpreter.compiler.unit.classes.values()  # pyright: ignore[reportPrivateUsage]


def frozen_of(module: object) -> RecursiveScriptModule | None:
    """A `LoadedModule`, which is not frozen, frozen; None for any other module.

    Raises:
        CompileError: it is in training mode, or cannot be frozen.
    """
    if type(module) is not LoadedModule:
        return None
    state: _State = vars(module)[STATE]
    if state.calls is not None:
        return None
    if state.is_training:
        raise CompileError(IN_TRAINING)
    made = LoadedModule(_State(state.origin, False, StoredCalls(state.origin)))
    return cast("RecursiveScriptModule", made)


def optimized_of(module: object) -> RecursiveScriptModule | None:
    """A `LoadedModule` in eval mode, frozen unless it is; None for any other module."""
    if type(module) is LoadedModule and vars(module)[STATE].calls is not None:
        return cast("RecursiveScriptModule", module)
    return frozen_of(module.eval()) if type(module) is LoadedModule else None
