"""State dicts, and other values of tensors, in files: those of ``torch.save``, and safetensors."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from tsc.archive.container import Container, is_legacy, mapped
from tsc.archive.safetensors import read_tensors, tensor_bytes
from tsc.archive.saved_values import SavedParameter, legacy_value, zipped_value
from tsc.archive.saved_writer import write_value
from tsc.archive.writer import write_file
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array, is_dict, is_list, is_tuple
from tsc.nn.parameters import Parameter, array_of, require_cpu
from tsc.runtime.tensor import Tensor

File = str | os.PathLike[str] | IO[bytes]


def saved_value(f: File) -> Any:
    """The value that ``torch.save`` wrote.

    Raises:
        ArchiveError: it is damaged, or has what is neither a tensor nor a plain value.
    """
    data, name = _opened(f)
    return _converted(
        legacy_value(data, name) if is_legacy(data) else zipped_value(Container(f, name)), _as_tensor
    )


def _opened(f: File) -> tuple[Any, str]:
    """The memory of a file, and what messages call it."""
    if isinstance(f, (str, os.PathLike)):
        return mapped(f, str(f)), str(f)
    f.seek(0)
    data = mapped(f, "<stream>")
    f.seek(0)
    return data, "<stream>"


def save_value(value: object, f: File) -> None:
    """Write a value of tensors, numbers, texts, tuples, lists and dicts, which ``torch.load`` reads.

    Raises:
        NotSupportedError: it has something else; its place is named.
        ArchiveError: the file cannot be written; what was there before is untouched.
    """
    write_value(_converted(value, _as_saved), f)


def _as_tensor(leaf: Any) -> Any:
    if isinstance(leaf, SavedParameter):
        return Parameter(leaf.array, leaf.requires_grad)
    return Tensor(leaf) if is_array(leaf) else leaf


def _as_saved(leaf: Any) -> Any:
    if isinstance(leaf, Parameter):
        return SavedParameter(leaf.array, leaf.requires_grad)
    return array_of(leaf) if isinstance(leaf, Tensor) or torch_interop.is_tensor(leaf) else leaf


def _converted(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """A value with each tensor in it turned into something else; what ordered dicts note stays."""
    if is_dict(value):
        made: Any = OrderedDict[Any, Any]() if isinstance(value, OrderedDict) else {}
        made.update((key, _converted(held, leaf)) for key, held in value.items())
        noted = getattr(value, "_metadata", None)
        if noted is not None:
            made._metadata = noted
        return made
    if is_list(value):
        return [_converted(held, leaf) for held in value]
    return tuple(_converted(held, leaf) for held in value) if is_tuple(value) else leaf(value)


# --- safetensors: the names of that library's own functions ---


def load_file(filename: str | os.PathLike[str], device: object = "cpu") -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    Raises:
        ArchiveError: it is damaged, or no such file.
        ArgumentError: `device` is not the CPU.
    """
    require_cpu(device)
    data, name = _opened(filename)
    arrays, _ = read_tensors(data, name)
    return {key: Tensor(array) for key, array in arrays.items()}


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors of the bytes of a safetensors file, by name."""
    arrays, _ = read_tensors(bytearray(data), "<bytes>")
    return {key: Tensor(array) for key, array in arrays.items()}


def save(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file of tensors, by name, and of texts about them.

    Raises:
        ArchiveError: such a file cannot hold one of them.
    """
    return tensor_bytes({key: array_of(tensor) for key, tensor in tensors.items()}, metadata)


def save_file(
    tensors: Mapping[str, Any], filename: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file.

    Raises:
        ArchiveError: it cannot hold one of the tensors, or cannot be written.
    """
    write_file(Path(filename), save(tensors, metadata))
