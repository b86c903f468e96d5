"""Values as the pickles of a TorchScript archive: protocol 2, by hand, so that every byte is decided here."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsc.archive.storages import Storages
from tsc.archive.text import encoded
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.narrowing import is_dict, is_list


@dataclass(frozen=True)
class Instance:
    """An object of one of the archive's classes: its attributes with their types, in order."""

    qualified_name: str
    attributes: list[tuple[str, TorchType, Any, bool]]
    """Name, type, value, and whether gradients are wanted."""


@dataclass(frozen=True)
class Member:
    """A member of one of the archive's enums."""

    qualified_name: str
    value: Any


Describe = Callable[[Any, TorchType], "Instance | Member | None"]
"""What a value is, where it is neither a tensor nor a plain Python value."""
TypeText = Callable[[TorchType], str]
_LISTS: dict[TorchType, str] = {
    tt.INT: "build_intlist", tt.FLOAT: "build_doublelist", tt.BOOL: "build_boollist",
    tt.TENSOR: "build_tensorlist",
}  # fmt: skip


class PickleWriter:
    """Writes one pickle. Objects, lists and dicts met twice are written once."""

    def __init__(self, storages: Storages, describe: Describe, type_text: TypeText) -> None:
        self.storages = storages
        self.describe = describe
        self.type_text = type_text
        self._out = bytearray(b"\x80\x02")
        self._memo: dict[Any, int] = {}
        self._alive: list[Any] = []
        """What the memo knows by address must not be freed."""

    def dump(self, value: object, kind: TorchType, path: str) -> bytes:
        """The pickle of `value`; `path` is what messages call it.

        Raises:
            NotSupportedError: an archive cannot hold it.
        """
        self.push(value, kind, path)
        return bytes(self._out + b".")

    def push(self, value: Any, kind: TorchType, path: str, requires_grad: bool = False) -> None:
        """One value of type `kind`."""
        if isinstance(kind, tt.OptionalType) and value is not None:
            kind = kind.data
        if isinstance(value, np.ndarray):
            self._tensor(value, path, requires_grad)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, str) and kind is tt.DEVICE:
            self._device(value)
        elif value is None or isinstance(value, (bool, int, float, complex, str)):
            self._scalar(float(value) if kind is tt.FLOAT and type(value) is int else value)
        elif is_list(value) or is_dict(value):
            self._shared(value, lambda: self._container(value, kind, path))
        elif isinstance(value, tuple):
            self._tuple(value, kind, path)  # pyright: ignore[reportUnknownArgumentType]
        else:
            self._object(value, kind, path)

    # --- plain values ---

    def _scalar(self, value: Any) -> None:
        if isinstance(value, bool) or value is None:
            self._out += {True: b"\x88", False: b"\x89", None: b"N"}[value]
        elif isinstance(value, int):
            self._int(value)
        elif isinstance(value, float):
            self._out += b"G" + struct.pack(">d", value)
        elif isinstance(value, complex):
            self._global("builtins", "complex")
            self._scalar(value.real)
            self._scalar(value.imag)
            self._out += b"\x86R"
        else:
            self._string(value)

    def _int(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self._out += b"K" + struct.pack("<B", value)
        elif 0 <= value < 1 << 16:
            self._out += b"M" + struct.pack("<H", value)
        elif -(1 << 31) <= value < 1 << 31:
            self._out += b"J" + struct.pack("<i", value)
        else:
            self._out += b"\x8a\x08" + struct.pack("<q", value)

    def _string(self, value: str) -> None:
        if not self._recall(("str", value)):
            text = encoded(value)
            self._out += b"X" + struct.pack("<I", len(text)) + text
            self._remember(("str", value))

    def _device(self, value: str) -> None:
        if not self._recall(("device", value)):
            self._global("torch", "device")
            self._string(value)
            self._out += b"\x85R"
            self._remember(("device", value))

    def _global(self, module: str, name: str) -> None:
        if not self._recall(("global", module, name)):
            self._out += f"c{module}\n{name}\n".encode()
            self._remember(("global", module, name))

    # --- the memo ---

    def _recall(self, key: object) -> bool:
        position = self._memo.get(key)
        if position is None:
            return False
        self._out += b"h" + bytes([position]) if position < 256 else b"j" + struct.pack("<I", position)
        return True

    def _remember(self, key: object) -> None:
        position = self._memo[key] = len(self._memo)
        self._out += b"q" + bytes([position]) if position < 256 else b"r" + struct.pack("<I", position)

    def _shared(self, value: object, write: Callable[[], None]) -> None:
        if not self._recall(("id", id(value))):
            write()
            self._alive.append(value)
            self._remember(("id", id(value)))

    # --- containers ---

    def _container(self, value: Any, kind: TorchType, path: str) -> None:
        if not isinstance(kind, (tt.ListType, tt.DictType)):
            kind = self._infer(value, path)
        if isinstance(kind, tt.ListType) and kind.data in _LISTS:
            self._global("torch.jit._pickle", _LISTS[kind.data])
            self._out += b"("
            self._elements(value, kind.data, path)
            self._out += b"tR"
            return
        self._global("torch.jit._pickle", "restore_type_tag")
        if isinstance(kind, tt.ListType):
            self._elements(value, kind.data, path)
        else:
            assert isinstance(kind, tt.DictType)
            self._out += b"}("
            for key, held in value.items():
                self.push(key, kind.key, path)
                self.push(held, kind.value, f"{path}[{key!r}]")
            self._out += b"u"
        self._string(self.type_text(kind))
        self._out += b"\x86R"

    def _elements(self, values: list[Any], kind: TorchType, path: str) -> None:
        self._out += b"]("
        for i, value in enumerate(values):
            self.push(value, kind, f"{path}[{i}]")
        self._out += b"e"

    def _tuple(self, value: tuple[Any, ...], kind: TorchType, path: str) -> None:
        if isinstance(kind, tt.NamedTupleType):
            kinds = kind.elements
        elif isinstance(kind, tt.TupleType):
            kinds = kind.data
        else:
            kinds = [tt.ANY] * len(value)
        if not value:
            self._out += b")"
            return
        self._out += b"("
        for i, (held, inner) in enumerate(zip(value, kinds, strict=True)):
            self.push(held, inner, f"{path}[{i}]")
        self._out += b"t"

    def _infer(self, value: object, path: str) -> TorchType:
        """The type of a list or dict that is held as ``Any`` or ``Union``: its elements tell."""
        kinds: dict[type, TorchType] = {
            bool: tt.BOOL, int: tt.INT, float: tt.FLOAT, complex: tt.COMPLEX, str: tt.STRING,
            np.ndarray: tt.TENSOR,
        }  # fmt: skip
        if not value:
            return tt.DictType((tt.STRING, tt.TENSOR)) if isinstance(value, dict) else tt.ListType(tt.INT)
        groups: list[set[type]] = [{type(v) for v in g} for g in _groups(value)]
        if any(len(g) != 1 or next(iter(g)) not in kinds for g in groups):
            raise NotSupportedError(
                f"save: attribute {path}: requires elements of one type that tell the container's type; got "
                f"{value!r}"
            )
        found = [kinds[next(iter(g))] for g in groups]
        return tt.DictType((found[0], found[1])) if isinstance(value, dict) else tt.ListType(found[0])

    # --- tensors and objects ---

    def _tensor(self, array: np.ndarray[Any, Any], path: str, requires_grad: bool) -> None:
        same = ("tensor", *_identity(array), requires_grad)
        if self._recall(same):
            return
        piece = self.storages.place(array, path)
        self._global("torch._utils", "_rebuild_tensor_v2")
        self._out += b"("
        if not self._recall(("storage", piece.key)):
            self._out += b"("
            self._string("storage")
            self._global("torch", piece.storage_name)
            self._string(piece.key)
            self._string("cpu")
            self._int(piece.count)
            self._out += b"tQ"
            self._remember(("storage", piece.key))
        self._int(piece.offset)
        for numbers in (array.shape, piece.strides):
            self._out += b"("
            for number in numbers:
                self._int(number)
            self._out += b"t"
        self._scalar(requires_grad)
        self._global("collections", "OrderedDict")
        self._out += b")RtR"
        self._remember(same)

    def _object(self, value: object, kind: TorchType, path: str) -> None:
        described = self.describe(value, kind)
        if isinstance(described, Member):
            self._global(*_split(described.qualified_name))
            self.push(described.value, tt.ANY, path)
            self._out += b"R"
        elif isinstance(described, Instance):
            self._shared(value, lambda: self._instance(described, path))
        else:
            raise NotSupportedError(
                f"save: attribute {path}: requires a TorchScript value; got {type(value).__name__}"
            )

    def _instance(self, described: Instance, path: str) -> None:
        self._global(*_split(described.qualified_name))
        self._out += b")\x81}("
        for name, kind, value, requires_grad in described.attributes:
            self._string(name)
            self.push(value, kind, f"{path}.{name}" if path else name, requires_grad)
        self._out += b"ub"


def _identity(array: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """Equal for arrays that are the same elements of the same memory."""
    address = array.__array_interface__["data"][0] if array.size else id(array)
    return address, array.dtype.name, array.shape, array.strides


def _groups(value: Any) -> list[list[Any]]:
    return [list(value.keys()), list(value.values())] if isinstance(value, dict) else [value]  # pyright: ignore[reportUnknownArgumentType]


def _split(qualified_name: str) -> tuple[str, str]:
    prefix, _, name = qualified_name.rpartition(".")
    return prefix, name
