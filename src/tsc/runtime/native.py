"""A compiled function as a Python builtin: arguments are checked and results allocated in native code."""

import ctypes
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.concurrency import interned, once
from tsc.errors import CodegenError
from tsc.runtime.arena import ArenaPool
from tsc.runtime.entry_ir import ADDRESSES, C_NAMES, HEADER_WORDS, SIZES_WORDS, entry_ir
from tsc.runtime.machine_code import CompiledObject, ProcessModule
from tsc.runtime.threads import thread_pool

_METH_FASTCALL = 0x80
_ARRAY_TYPE, _NEW_FROM_DESCR = 2, 94  # places in NumPy's C table
_FREE_ARENAS, _CALLS = 5, 10


@dataclass(frozen=True)
class ArraySpec:
    """What an argument must be, or a result is: a C-contiguous aligned array of this dtype and shape; `ANY`
    where the shape is symbolic.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


MISS: Any = object()
"""What strict native code gives for arguments that are others than it was compiled for."""
POOL_NAME = "tsc_pool"
"""Where code with parallel kernels has the address of the pool."""
ANY = -1
"""A size that the code itself checks, or says."""


@dataclass(frozen=True)
class SizesFunction:
    """What symbolic sizes are in a call: the compiled function `name` says it, as
    ``void(ptr inputs, ptr outputs, ptr arena)`` with one input, the sizes of all arguments, and one output:
    whether the code is for them, the bytes of the arena, the symbols, the sizes of all results.
    """

    name: str
    symbols: int
    """How many symbols there are: one more input of the code."""


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Record(ctypes.Structure):
    """The entry's `self`. Its attributes keep alive whatever the words point to."""

    _fields_ = (("address", ctypes.c_void_p),)


class _Owner:
    """Everything one native function holds; freed with it."""

    def __init__(self, words: "ctypes.Array[ctypes.c_int64]", alive: tuple[Any, ...]):
        self.words = words
        self.alive = alive
        self.arenas = ArenaPool(ctypes.addressof(words) + 8 * _FREE_ARENAS)

    def __del__(self) -> None:
        self.arenas.close()


def _addresses() -> list[int]:
    """The addresses of what the entry calls. They are constants of this process."""
    capsule = importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype = ctypes.c_void_p
    pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    table = (ctypes.c_int64 * (_NEW_FROM_DESCR + 1)).from_address(pointer(capsule, None))
    numpys = {"PyArray_Type": table[_ARRAY_TYPE], "PyArray_NewFromDescr": table[_NEW_FROM_DESCR]}
    return [numpys.get(name) or _address(getattr(ctypes.pythonapi, name)) for name in C_NAMES]


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


ENTRY = ProcessModule(entry_ir)
"""The code of all builtins, which is the same whatever they run."""


@once
def _entry() -> CompiledObject:
    compiled = ENTRY.load()
    table = (ctypes.c_int64 * len(C_NAMES)).from_address(compiled.address(ADDRESSES))
    table[:] = _addresses()
    return compiled


@interned
def _method(name: bytes) -> _MethodDef:
    """The definition of builtins called `name`: one, which stays. A builtin reads it when it goes, and in a
    cycle what it owns is freed before it.
    """
    return _MethodDef(name, _entry().address("entry"), _METH_FASTCALL, None)


def _spec_words(specs: Sequence[ArraySpec]) -> list[int]:
    return [word for spec in specs for word in (id(spec.dtype), len(spec.shape), *spec.shape)]


def native_function(
    compiled: CompiledObject,
    name: str,
    inputs: Sequence[ArraySpec],
    outputs: Sequence[ArraySpec],
    arena_bytes: int,
    slow: Callable[..., Any],
    *,
    release_gil: bool = False,
    sizes: SizesFunction | None = None,
) -> Callable[..., Any]:
    """`compiled`'s function `name` (``void(ptr inputs, ptr outputs, ptr arena)``) as a builtin of
    ``len(inputs)`` arrays.

    It returns a new array, or a tuple of them. A call whose arguments do not fit `inputs` exactly goes to
    ``slow(*args)``. Calls may overlap: each has its own arena. `release_gil` is for bodies longer than a few
    microseconds. If the code has parallel kernels, they are connected to the thread pool here.

    The builtin owns the code: when it goes, the code and the arenas are freed.
    """
    pending, start = _connect_pool(compiled)
    header = [compiled.address(name), id(slow), len(inputs), len(outputs), arena_bytes, 0, int(release_gil)]
    header += [pending, id(start), HEADER_WORDS + len(_spec_words(inputs)), 0]
    header += _sizes_words(compiled, inputs, outputs, sizes)
    all_words = [*header, *_spec_words(inputs), *_spec_words(outputs)]
    words = (ctypes.c_int64 * len(all_words))(*all_words)
    owner = _Owner(words, (compiled, slow, start, tuple(inputs), tuple(outputs)))
    # The entry finds the words through the structure's own memory, which a ctypes object points to.
    record = _record_over(words)
    record.owner = owner
    create = ctypes.pythonapi.PyCFunction_NewEx
    create.restype = ctypes.py_object
    create.argtypes = [ctypes.POINTER(_MethodDef), ctypes.py_object, ctypes.c_void_p]
    return create(ctypes.byref(_method(name.encode())), record, None)


def _sizes_words(
    compiled: CompiledObject,
    inputs: Sequence[ArraySpec],
    outputs: Sequence[ArraySpec],
    sizes: SizesFunction | None,
) -> list[int]:
    """The words of an entry that say how symbolic sizes become known."""
    if sizes is None:
        return [0, 0, 0, 0]
    given, made = (sum(len(s.shape) for s in specs) for specs in (inputs, outputs))
    first = SIZES_WORDS + sizes.symbols
    return [compiled.address(sizes.name), given, first + made, first]


def _record_over(words: "ctypes.Array[ctypes.c_int64]") -> _Record:
    record = _Record.from_buffer(words)
    if ctypes.c_void_p.from_address(id(record) + 16).value != ctypes.addressof(words):
        raise CodegenError("native_function: requires CPython's layout of ctypes objects; got another")
    return record


def _connect_pool(compiled: CompiledObject) -> tuple[int, Callable[[], None] | None]:
    if POOL_NAME not in compiled.symbols:
        return 0, None
    pool = thread_pool()
    ctypes.c_int64.from_address(compiled.address(POOL_NAME)).value = pool.address
    return pool.pending_address, pool.start


def arenas_of(function: Callable[..., Any]) -> ArenaPool:
    """The arenas of a native function (for tests and reports)."""
    record: Any = getattr(function, "__self__")  # noqa: B009  (a builtin's type does not declare it)
    return record.owner.arenas


def calls_of(function: Callable[..., Any]) -> int:
    """How many calls of a native function have computed; those that went to ``slow`` do not count."""
    record: Any = getattr(function, "__self__")  # noqa: B009  (a builtin's type does not declare it)
    return record.owner.words[_CALLS]
