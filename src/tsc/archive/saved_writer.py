"""Writes values of tensors, numbers, texts and containers as ``torch.load`` reads them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from tsc.archive.pickle_writer import PickleWriter
from tsc.archive.saved_values import SavedParameter
from tsc.archive.storages import Storages
from tsc.archive.writer import Record, Target, write_archive
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.dtypes import Array, DType
from tsc.errors import NotSupportedError
from tsc.narrowing import is_array, is_dict, is_list, is_tuple

FORMAT_VERSION = b"3\n"


def write_value(value: object, target: Target) -> None:
    """Write a value of arrays, parameters, numbers, texts, tuples, lists and dicts.

    Raises:
        NotSupportedError: it has something else; its place is named.
        ArchiveError: the file cannot be written; what was there before is untouched.
    """
    storages = Storages(_arrays(value))
    pickled = _ValueWriter(storages).dump(value, tt.ANY, "")
    records = [Record("data.pkl", pickled), Record("byteorder", b"little")]
    records += [Record(f"data/{key}", data) for key, data in storages.contents()]
    write_archive(target, [*records, Record("version", FORMAT_VERSION)])


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, SavedParameter):
        yield value.array
    elif is_array(value):
        yield value
    elif is_dict(value):
        for held in value.values():
            yield from _arrays(held)
    elif is_list(value) or is_tuple(value):
        for held in value:
            yield from _arrays(held)


class _ValueWriter(PickleWriter):
    """Containers are Python's own, without the types that TorchScript notes."""

    def __init__(self, storages: Storages) -> None:
        super().__init__(storages, lambda value, kind: None, str)

    def _container(self, value: Any, kind: TorchType, path: str) -> None:
        if is_list(value):
            self._elements(value, tt.ANY, path)
        elif isinstance(value, OrderedDict):
            self._ordered(value, path)
        else:
            self._out += b"}"
            self._items(value, path)

    def _ordered(self, value: Any, path: str) -> None:
        self._global("collections", "OrderedDict")
        self._out += b")R"
        self._items(value, path)
        noted = getattr(value, "_metadata", None)
        if noted is not None:
            self._out += b"}"
            self._items({"_metadata": noted}, path)
            self._out += b"b"

    def _items(self, value: dict[Any, Any], path: str) -> None:
        self._out += b"("
        for key, held in value.items():
            if not isinstance(key, (str, int, float)):
                raise NotSupportedError(f"save: {path}: requires keys that are texts or numbers; got {key!r}")
            self.push(key, tt.ANY, path)
            self.push(held, tt.ANY, f"{path}[{key!r}]")
        self._out += b"u"

    def _object(self, value: object, kind: TorchType, path: str) -> None:
        if isinstance(value, DType):
            self._global("torch", value.name)
        elif isinstance(value, SavedParameter):
            self._global("torch._utils", "_rebuild_parameter")
            self._out += b"("
            self._tensor(value.array, path, False)
            self._scalar(value.requires_grad)
            self._global("collections", "OrderedDict")
            self._out += b")RtR"
        else:
            kinds = "tensors, numbers, texts, tuples, lists and dicts"
            raise NotSupportedError(f"save: value{path}: requires {kinds}; got {type(value).__name__}")
