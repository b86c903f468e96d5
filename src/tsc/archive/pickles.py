"""The pickles of an archive: only tensors, containers, numbers and the archive's own classes."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.archive.container import Container
from tsc.archive.unpickler import Global, Unpickler
from tsc.dtypes import DType
from tsc.errors import ArchiveError, UnsupportedValueError
from tsc.narrowing import is_dict

STORAGES: dict[str, DType] = {
    "FloatStorage": dtypes.F32, "DoubleStorage": dtypes.F64, "HalfStorage": dtypes.F16,
    "BFloat16Storage": dtypes.BF16,
    "LongStorage": dtypes.I64, "IntStorage": dtypes.I32, "ShortStorage": dtypes.I16, "CharStorage": dtypes.I8,
    "ByteStorage": dtypes.U8, "BoolStorage": dtypes.BOOL, "ComplexFloatStorage": dtypes.C64,
    "ComplexDoubleStorage": dtypes.C128,
}  # fmt: skip


class ArchiveObject:
    """An instance of one of the archive's classes: its qualified name and its attributes."""

    def __init__(self, qualified_name: str) -> None:
        self.qualified_name = qualified_name
        self.attributes: dict[str, Any] = {}
        self.state: Any = None

    def set_state(self, state: object) -> None:
        """Take in what the pickle says of it."""
        self.state = state
        self.attributes = cast("dict[str, Any]", state) if isinstance(state, dict) else {}

    def __repr__(self) -> str:
        return f"<{self.qualified_name}>"


@dataclass(frozen=True)
class Storage:
    """Memory for tensors; only a persistent id makes one."""

    array: np.ndarray[Any, Any]


class PickleReader:
    """Gives globals and persistent ids of one pickle their meaning; storages are members of `container`."""

    def __init__(self, container: Container | None, member: str, storage_folder: str) -> None:
        self.container = container
        self.trained: dict[int, Any] = {} if container is None else container.trained
        self.member = member
        self.storage_folder = storage_folder
        self.storages: dict[tuple[str, DType], Storage] = {}
        self.calls: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor_v2": self.rebuild_tensor,
            "torch._utils._rebuild_tensor": self.rebuild_tensor,
            "torch._utils._rebuild_parameter": _first,
            "torch._utils._rebuild_qtensor": _refuse_quantized,
            "collections.OrderedDict": _ordered, "torch.jit._pickle.build_intlist": _as_list,
            "torch.jit._pickle.build_doublelist": _as_list, "torch.jit._pickle.build_boollist": _as_list,
            "torch.jit._pickle.build_tensorlist": _as_list,
            "torch.jit._pickle.build_complexlist": _as_list,
            "torch.jit._pickle.restore_type_tag": _first, "torch.device": _device,
            "builtins.complex": _complex,
        }  # fmt: skip

    def read(self) -> Any:
        """The value of the pickle."""
        assert self.container is not None
        data = self.container.read(self.member)
        return Unpickler(data, self.accept, self.reduce, self.build, self.persistent).load()

    def accept(self, named: Global) -> Global:
        """The few globals that TorchScript writes; anything else is refused."""
        if _is_own_class(named) or named.full in self.calls or is_storage_type(named):
            return named
        if named.module == "torch" and _QUANTIZED.fullmatch(named.name):
            _refuse_quantized()
        raise ArchiveError(f"it names {named.full}, which a TorchScript archive has no use for")

    def reduce(self, callee: Global, arguments: object) -> Any:
        """What calling a global gives. An enum's member is its class called with its value, no tuple."""
        if _is_own_class(callee):
            made = ArchiveObject(callee.full)
            if arguments != ():
                made.state = arguments
            return made
        call = self.calls.get(callee.full)
        if call is None or not isinstance(arguments, tuple):
            raise ArchiveError(f"{callee.full} cannot be called like that")
        try:
            return call(*cast("tuple[Any, ...]", arguments))
        except (TypeError, ValueError, OverflowError) as error:
            raise ArchiveError(f"{callee.full} cannot be called like that: {error}") from None

    def build(self, target: Any, state: Any) -> None:
        """Give an object of the archive's classes its state."""
        if not isinstance(target, ArchiveObject):
            raise ArchiveError(f"a state is given to a {type(target).__name__}")
        if is_dict(state) and not all(isinstance(k, str) for k in state):
            raise ArchiveError("the attributes of an object are named by texts")
        target.set_state(state)

    def persistent(self, pid: object) -> Storage:
        """A storage: ``("storage", dtype, key, device, element count)``."""
        parts = cast("tuple[Any, ...]", pid) if isinstance(pid, tuple) else ()
        if len(parts) != 5 or parts[0] != "storage" or not is_storage_type(parts[1]):
            raise ArchiveError("it has a storage of an unknown form")
        _, kind, key, _, count = parts
        dtype = STORAGES[kind.name]
        if not isinstance(key, (str, int)):
            raise ArchiveError("it has a storage of an unknown form")
        found = self.storages.get((str(key), dtype))
        if found is None:
            found = self.storages[str(key), dtype] = Storage(self._storage(dtype, str(key), count))
        return found

    def _storage(self, dtype: DType, key: str, count: object) -> np.ndarray[Any, Any]:
        name = f"{self.storage_folder}{key}"
        assert self.container is not None
        if not isinstance(count, int) or count < 0:
            raise ArchiveError(f"storage {name} has the size {count!r}")
        if count == 0:
            return np.empty(0, dtype.numpy)
        have = self.container.size_bytes(name)
        if have < count * dtype.size_bytes:
            raise ArchiveError(f"storage {name} has {have} bytes; {count} elements of {dtype.name} need more")
        return np.frombuffer(self.container.view(name), dtype=dtype.numpy, count=count)

    def rebuild_tensor(
        self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *_: Any
    ) -> np.ndarray[Any, Any]:
        """A tensor: a strided view of its storage, which it must not leave."""
        if not isinstance(storage, Storage) or not _are_places(offset, size, stride):
            raise ArchiveError("it has a tensor of an unknown form")
        array = storage.array
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else -1
        if last >= array.size:
            raise ArchiveError(
                f"it has a tensor of sizes {size} and strides {stride} at {offset}, which leaves its storage "
                f"of {array.size} elements"
            )
        if any(n > MOST_BYTES for n in (*size, *stride, offset)):
            raise ArchiveError(f"it has a tensor of sizes {size} and strides {stride}, which no memory holds")
        strides = [s * array.itemsize for s in stride]
        start = min(offset, array.size)
        made: Any = np.lib.stride_tricks.as_strided(array[start:], size, strides)
        if requires_grad is True:
            self.trained[id(made)] = made
        return made


MOST_BYTES = 1 << 56
"""More than any sizes and strides of a tensor are."""
MOST_DIMS = 64
"""The most dims a tensor has. Source: PyTorch's and NumPy's own limit."""


def _are_places(offset: object, size: object, stride: object) -> bool:
    """Whether the numbers of a tensor are numbers."""
    if not isinstance(size, tuple) or not isinstance(stride, tuple):
        return False
    numbers = [offset, *cast("tuple[Any, ...]", size), *cast("tuple[Any, ...]", stride)]
    is_plain = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
    return is_plain and len(numbers) % 2 == 1 and len(size) == len(stride) <= MOST_DIMS  # pyright: ignore[reportUnknownArgumentType]


def _is_own_class(named: object) -> bool:
    return isinstance(named, Global) and (
        named.module == "__torch__" or named.module.startswith("__torch__.")
    )


def is_storage_type(named: object) -> bool:
    """Whether a global is the name of a storage with elements of one type."""
    return isinstance(named, Global) and named.module == "torch" and named.name in STORAGES


def _first(value: object, *_: object) -> Any:
    return value


_QUANTIZED = re.compile(r"Q(UI|I)nt\w*Storage|(per|quint|qint)\w*")
"""Names in `torch` of storages, dtypes and schemes that only quantized tensors have."""


def _refuse_quantized(*_: object) -> Any:
    raise UnsupportedValueError("quantized tensors are not supported in this version of tsc")


def _ordered(*arguments: object) -> OrderedDict[Any, Any]:
    if arguments:
        raise TypeError("requires no arguments")
    return OrderedDict()


def _as_list(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError(f"requires a list; got a {type(data).__name__}")
    return list(cast("list[Any]", data))


def _device(*parts: object) -> str:
    if not parts or not isinstance(parts[0], str):
        raise TypeError("requires the name of a device")
    return parts[0]


def _complex(real: object, imaginary: object) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imaginary, (int, float)):
        raise TypeError("requires two numbers")
    return complex(real, imaginary)


def load_pickle(container: Container, member: str, storage_folder: str) -> Any:
    """The object a pickle of the archive holds.

    Raises:
        ArchiveError: the pickle is damaged, or asks for anything outside the allow-list.
    """
    try:
        return PickleReader(container, member, storage_folder).read()
    except UnsupportedValueError as error:
        raise UnsupportedValueError(f"{container.name}: {member}: {error.message}") from None
    except ArchiveError as error:
        raise ArchiveError(f"{container.name}: {member} is damaged: {error.message}") from None
