"""What ``torch.save`` wrote: a value of tensors, numbers, texts and containers, in a zip file or, as before
PyTorch 1.6, in one stream of pickles.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.archive.container import LEGACY_START, Container
from tsc.archive.pickles import PickleReader, Storage, is_storage_type
from tsc.archive.unpickler import Global, Unpickler
from tsc.dtypes import Array, DType
from tsc.errors import ArchiveError
from tsc.narrowing import is_array, is_dict, is_list, is_tuple


@dataclass(frozen=True)
class SavedParameter:
    """An array that was a parameter."""

    array: Array
    requires_grad: bool


def zipped_value(container: Container) -> Any:
    """The value of a zip file.

    Raises:
        ArchiveError: it is damaged, or has what is none of the values named above.
    """
    if "byteorder" in container and container.read("byteorder").strip() != b"little":
        raise ArchiveError(f"{container.name}: its tensors are in big-endian order")
    try:
        return _ValueReader(container, "data.pkl", "data/").read()
    except ArchiveError as error:
        raise ArchiveError(f"{container.name}: data.pkl is damaged: {error.message}") from None


class _ValueReader(PickleReader):
    """Gives the globals of a value's pickle their meaning."""

    def __init__(self, container: Container | None, member: str, storage_folder: str) -> None:
        super().__init__(container, member, storage_folder)
        self.calls = {name: call for name, call in self.calls.items() if not name.startswith("torch.jit.")}
        self.calls |= {"torch.Size": _size, "torch._utils._rebuild_parameter": _parameter}

    def accept(self, named: Global) -> Any:
        """The globals that values are made of; those of dtypes are the dtypes."""
        if named.full in self.calls or is_storage_type(named):
            return named
        if named.module == "torch" and any(named.name == dtype.name for dtype in dtypes.ALL):
            return dtypes.by_name(named.name)
        raise ArchiveError(
            f"it names {named.full}: only tensors, numbers, texts, tuples, lists and dicts are read"
        )

    def build(self, target: Any, state: Any) -> None:
        """Give an ordered dict what was noted beside its items."""
        if type(target) is not OrderedDict or not is_dict(state) or set(state) != {"_metadata"}:
            raise ArchiveError("a state is given to what has none")
        cast("Any", target)._metadata = state["_metadata"]


def _size(sizes: object) -> Any:
    if not is_tuple(sizes) and not is_list(sizes):
        raise TypeError("requires sizes")
    return tuple(sizes)


def _parameter(data: object, requires_grad: object = True, *_: object) -> SavedParameter:
    if not is_array(data) or not isinstance(requires_grad, bool):
        raise TypeError("requires a tensor")
    return SavedParameter(data, requires_grad)


# --- a stream of pickles ---


def legacy_value(data: Any, name: str) -> Any:
    """The value of a stream of pickles: what system wrote it, the value, the keys of its storages; then, of
    each storage, how many elements it has and those.

    Raises:
        ArchiveError: it is damaged, or has what is no such value.
    """
    try:
        return _LegacyReader(bytes(data)).read()
    except ArchiveError as error:
        raise ArchiveError(f"{name}: damaged: {error.message}") from None


class _LegacyReader(_ValueReader):
    def __init__(self, data: bytes) -> None:
        super().__init__(None, "", "")
        self.data, self.at = data, len(LEGACY_START)
        self.room = len(data)
        """How many bytes storages may still have."""
        self.kinds: dict[str, DType] = {}

    def read(self) -> Any:
        """The value, once its storages are filled."""
        system = self._pickle()
        if not is_dict(system) or system.get("little_endian") is not True:
            raise ArchiveError("its tensors are in big-endian order")
        value, keys = self._pickle(), self._pickle()
        if not is_list(keys) or sorted(map(repr, keys)) != sorted(map(repr, self.kinds)):
            raise ArchiveError("its storages are not those of its tensors")
        for key in keys:
            self._fill(self.storages[key, self.kinds[key]].array)
        return value

    def _pickle(self) -> Any:
        machine = Unpickler(self.data, self.accept, self.reduce, self.build, self.persistent)
        machine.at = self.at
        value = machine.load()
        self.at = machine.at
        return value

    def persistent(self, pid: object) -> Storage:
        """A storage, which is filled later: a tuple as in zip files, and whether it is part of another."""
        if not is_tuple(pid) or len(pid) != 6 or pid[5] is not None:
            raise ArchiveError("it has a storage of an unknown form")
        return super().persistent(pid[:5])

    def _storage(self, dtype: DType, key: str, count: object) -> Array:
        if not isinstance(count, int) or count < 0 or count * dtype.size_bytes > self.room:
            raise ArchiveError(f"storage {key} has the size {count!r}, which is more than the file's")
        if key in self.kinds:
            raise ArchiveError(f"storage {key} is of two types")
        self.room -= count * dtype.size_bytes
        self.kinds[key] = dtype
        return np.empty(count, dtype.numpy)

    def _fill(self, array: Array) -> None:
        begin = self.at + 8
        end = begin + array.nbytes
        if end > len(self.data) or int.from_bytes(self.data[self.at : begin], "little") != array.size:
            raise ArchiveError("a storage does not have as many elements as its tensors say")
        array[...] = np.frombuffer(self.data, array.dtype, array.size, begin)
        self.at = end
