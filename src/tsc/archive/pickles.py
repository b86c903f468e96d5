"""The pickles of an archive, through an allow-list: only tensors, containers, numbers and the archive's own
classes.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np

from tsc import dtypes
from tsc.archive.container import Container
from tsc.dtypes import DType
from tsc.errors import ArchiveError

STORAGES: dict[str, DType] = {
    "FloatStorage": dtypes.F32, "DoubleStorage": dtypes.F64, "HalfStorage": dtypes.F16,
    "BFloat16Storage": dtypes.BF16,
    "LongStorage": dtypes.I64, "IntStorage": dtypes.I32, "ShortStorage": dtypes.I16, "CharStorage": dtypes.I8,
    "ByteStorage": dtypes.U8, "BoolStorage": dtypes.BOOL, "ComplexFloatStorage": dtypes.C64,
    "ComplexDoubleStorage": dtypes.C128,
}  # fmt: skip


class ArchiveObject:
    """An instance of one of the archive's classes: its qualified name and its attributes."""

    qualified_name = ""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state
        self.attributes = state if isinstance(state, dict) else {}

    def __repr__(self) -> str:
        return f"<{self.qualified_name}>"


def _tag(value: Any, type_text: str) -> Any:
    return value


def _rebuild_qtensor(*_: Any) -> Any:
    raise ArchiveError("quantized tensors are not supported in this version of tsc")


def _rebuild_parameter(data: Any, requires_grad: bool, hooks: Any) -> Any:
    return data


def _as_list(data: Any) -> list[Any]:
    return list(data)


class _AllowList:
    """What a pickle may name: the rules of both unpicklers below."""

    def __init__(self, container: Container, member: str, storage_folder: str) -> None:
        super().__init__(io.BytesIO(container.read(member)))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        self.container = container
        self.member = member
        self.storage_folder = storage_folder
        self.classes: dict[str, type[ArchiveObject]] = {}
        self.storages: dict[str, np.ndarray[Any, Any]] = {}

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The few globals that TorchScript writes; anything else is refused."""
        full = f"{module_name}.{global_name}"
        if module_name == "__torch__" or module_name.startswith("__torch__."):
            if full not in self.classes:
                self.classes[full] = type(global_name, (ArchiveObject,), {"qualified_name": full})
            return self.classes[full]
        if module_name == "torch" and global_name in STORAGES:
            return STORAGES[global_name]
        allowed: dict[str, Callable[..., Any]] = {
            "torch._utils._rebuild_tensor_v2": self.rebuild_tensor,
            "torch._utils._rebuild_tensor": self.rebuild_tensor,
            "torch._utils._rebuild_parameter": _rebuild_parameter,
            "torch._utils._rebuild_qtensor": _rebuild_qtensor,
            "collections.OrderedDict": OrderedDict, "torch.jit._pickle.build_intlist": _as_list,
            "torch.jit._pickle.build_doublelist": _as_list, "torch.jit._pickle.build_boollist": _as_list,
            "torch.jit._pickle.build_tensorlist": _as_list, "torch.jit._pickle.restore_type_tag": _tag,
            "torch.jit._pickle.build_complexlist": _as_list, "torch.device": str, "builtins.complex": complex,
        }  # fmt: skip
        if full not in allowed:
            raise ArchiveError(
                f"{self.container.name}: {self.member} names {full}, which a TorchScript archive has no use "
                "for"
            )
        return allowed[full]

    def persistent_load(self, pid: Any) -> Any:
        """A storage: ``("storage", dtype, key, device, element count)``."""
        parts = cast("tuple[Any, ...]", pid) if isinstance(pid, tuple) else ()
        if len(parts) != 5 or parts[0] != "storage" or not isinstance(parts[1], DType):
            raise ArchiveError(f"{self.container.name}: {self.member} has a storage of an unknown form")
        _, dtype, key, _, count = parts
        if str(key) not in self.storages:
            self.storages[str(key)] = self._storage(dtype, str(key), count)
        return self.storages[str(key)]

    def _storage(self, dtype: DType, key: str, count: Any) -> np.ndarray[Any, Any]:
        name = f"{self.storage_folder}{key}"
        if not isinstance(count, int) or count < 0:
            raise ArchiveError(f"{self.container.name}: storage {name} has the size {count!r}")
        if count == 0:
            return np.empty(0, dtype.numpy)
        have = self.container.size_bytes(name)
        if have < count * dtype.size_bytes:
            raise ArchiveError(
                f"{self.container.name}: storage {name} has {have} bytes; {count} elements of {dtype.name} "
                "need more"
            )
        return np.frombuffer(self.container.view(name), dtype=dtype.numpy, count=count)

    def rebuild_tensor(
        self, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, *_: Any
    ) -> np.ndarray[Any, Any]:
        """A tensor: a strided view of its storage, which it must not leave."""
        numbers = [offset, *size, *stride]
        if (
            not isinstance(storage, np.ndarray)
            or len(size) != len(stride)
            or any(not isinstance(n, int) or n < 0 for n in numbers)
        ):
            raise ArchiveError(f"{self.container.name}: {self.member} has a tensor of an unknown form")
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else -1
        if last >= storage.size:  # pyright: ignore
            raise ArchiveError(
                f"{self.container.name}: {self.member} has a tensor of sizes {tuple(size)} and strides "
                f"{tuple(stride)} at {offset}, which "
                f"leaves its storage of {storage.size} elements"  # pyright: ignore
            )
        strides = [s * storage.itemsize for s in stride]  # pyright: ignore
        made: Any = np.lib.stride_tricks.as_strided(storage[offset:], size, strides)  # pyright: ignore
        if requires_grad is True:
            self.container.trained[id(made)] = made
        return made


class ArchiveUnpickler(_AllowList, pickle.Unpickler):
    """Reads one pickle of `container`; tensors are views of the members in the folder `storage_folder`."""


class _EnumUnpickler(_AllowList, pickle._Unpickler):  # type: ignore[name-defined, misc]  # pyright: ignore
    """The same in Python, for pickles with enum members: PyTorch reduces them with a value where Python wants
    a tuple of arguments.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]  # pyright: ignore

    def load_reduce(self) -> None:
        """Call what lies below the arguments; an enum member's argument is its value."""
        arguments = self.stack.pop()  # pyright: ignore
        callee: Any = self.stack[-1]  # pyright: ignore
        if isinstance(arguments, tuple):
            self.stack[-1] = callee(*arguments)  # pyright: ignore
            return
        member = cast("Any", callee())
        member.state = arguments
        self.stack[-1] = member  # pyright: ignore

    dispatch[pickle.REDUCE[0]] = load_reduce


def load_pickle(container: Container, member: str, storage_folder: str) -> Any:
    """The object a pickle of the archive holds.

    Raises:
        ArchiveError: the pickle is damaged, or asks for anything outside the allow-list.
    """
    try:
        try:
            return ArchiveUnpickler(container, member, storage_folder).load()
        except TypeError:
            return _EnumUnpickler(container, member, storage_folder).load()
    except ArchiveError:
        raise
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError,
    ValueError,
            MemoryError, OverflowError, UnicodeDecodeError, RecursionError) as error:  # fmt: skip
        raise ArchiveError(
            f"{container.name}: {member} is damaged: {type(error).__name__}: {error}"
        ) from None
