"""Arguments as users write them, ``1x3x224x224xf32`` or ``image.npy``, into values to call a method with."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.ahead.arguments import Axes, require_count
from tsc.dialects import torch_types as tt
from tsc.dtypes import Array, DType
from tsc.errors import ArgumentError
from tsc.frontend.unit import REQUIRED, FunctionParameter
from tsc.narrowing import is_array
from tsc.passes.specialize import CONSTANTS, NUMBERS, parse_spec, split_entries

CONSTRUCTORS = {"int": int, "float": float, "str": str, "complex": complex, "device": str}


def argument_values(method: Any, given: Sequence[str], seed: int) -> list[Any]:
    """The arguments for a `ScriptMethod` that ``--input`` options ask for. Parameters with a default may be
    left out at the end.

    Elements are random: floats and complex numbers normal, bytes (u8) from 0 to 255, other integers 0 or 1
    (which are indices into any table). A size that may be any is its example, or 40, 48, ...

    Raises:
        ArgumentError: they are too few or too many, an entry makes no sense, or a file holds no arrays.
        OSError: a file cannot be read.
    """
    parameters: Sequence[FunctionParameter] = method.parameters
    if len(given) == 1 and given[0].endswith(".npz"):
        return _of_archive(method.name, given[0], parameters)
    required = sum(parameter.default is REQUIRED for parameter in parameters)
    if not required <= len(given) <= len(parameters):
        require_count(method.name, [parameter.declaration() for parameter in parameters], given)
    values = _Values(seed)
    return [values.value(text, parameter.type) for text, parameter in zip(given, parameters, strict=False)]


class _Values:
    """Makes the values of one call."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(_checked(seed))
        self.axes = Axes()

    def value(self, text: str, kind: object) -> Any:
        """The value of one ``--input``."""
        if text.endswith(".npy") and not text.startswith("str:"):
            return _as_kind(_loaded(text), kind)
        named = self.axes.named(text)
        try:
            return self._value(named, kind)
        except ArgumentError as error:
            raise ArgumentError(f"--input {text}: {error.message.removeprefix('specialize: ')}") from None
        except (ValueError, MemoryError) as error:
            raise ArgumentError(f"--input {text}: {error}") from None

    def _value(self, text: str, kind: object) -> Any:
        kind = kind.data if isinstance(kind, tt.OptionalType) else kind
        if text.startswith("["):
            return self._container(split_entries(_inside(text, "]")), kind)
        if text.startswith("{"):
            pairs = [entry.partition("=") for entry in split_entries(_inside(text, "}"))]
            wanted = (kind.key, kind.value) if isinstance(kind, tt.DictType) else (None, None)
            return {self._value(k, wanted[0]): self._value(v, wanted[1]) for k, _, v in pairs}
        if text in CONSTANTS:
            return CONSTANTS[text]
        constructor, separator, constant = text.partition(":")
        if separator:
            return _constant(constructor, constant)
        if text in NUMBERS:
            return self._elements((), NUMBERS[text]).item()
        sizes = {f"s{number}": example for number, example in enumerate(self.axes.examples)}
        tensor = parse_spec(text, sizes)
        if tensor.sizes is None or tensor.dtype is None:
            raise ArgumentError(f"requires a tensor whose sizes and dtype are known; got {text!r}")
        return self._elements([int(n) for n in tensor.sizes], tensor.dtype)

    def _container(self, texts: Sequence[str], kind: object) -> Any:
        if isinstance(kind, tt.ListType):
            return [self._value(text, kind.data) for text in texts]
        kinds: Sequence[object] = [None] * len(texts)
        if isinstance(kind, (tt.TupleType, tt.NamedTupleType)):
            kinds = kind.data if isinstance(kind, tt.TupleType) else kind.elements
            if len(kinds) != len(texts):
                raise ArgumentError(f"requires {len(kinds)} entries in a tuple; got {len(texts)}")
        return tuple(self._value(text, inner) for text, inner in zip(texts, kinds, strict=True))

    def _elements(self, shape: Sequence[int], dtype: DType) -> Array:
        if dtype is dtypes.BOOL:
            return self.random.integers(0, 2, shape).astype(np.bool_)
        if dtype.is_integral:
            return self.random.integers(0, 256 if dtype is dtypes.U8 else 2, shape).astype(dtype.numpy)
        real = self.random.standard_normal(shape)
        if dtype.is_complex:
            return np.asarray(real + 1j * self.random.standard_normal(shape)).astype(dtype.numpy)
        return np.asarray(real).astype(dtype.numpy)


def _checked(seed: int) -> int:
    if seed < 0:
        raise ArgumentError(f"--seed: requires a number of at least 0; got {seed}")
    return seed


def _inside(text: str, end: str) -> str:
    if not text.endswith(end):
        raise ArgumentError(f"requires {end} at the end; got {text!r}")
    return text[1:-1]


def _constant(constructor: str, text: str) -> Any:
    if constructor not in CONSTRUCTORS:
        listed = ", ".join(f"{name}:" for name in CONSTRUCTORS)
        raise ArgumentError(f"requires {listed} or a shape like 1x3xf32; got {constructor}:")
    try:
        return CONSTRUCTORS[constructor](text)
    except ValueError:
        raise ArgumentError(f"{text!r} is no {constructor}") from None


# --- files ---


def _of_archive(name: str, path: str, parameters: Sequence[FunctionParameter]) -> list[Any]:
    """The arrays of a ``.npz`` file: by the names of parameters, if it has those, else in their order."""
    arrays: dict[str, Any] = _loaded(path)
    known = [parameter.name for parameter in parameters]
    if not arrays.keys() & set(known):
        if len(arrays) > len(parameters):
            require_count(name, known, list(arrays))
        arrays = dict(zip(known, arrays.values(), strict=False))
    unknown = [key for key in arrays if key not in known]
    missing = [p.name for p in parameters if p.name not in arrays and p.default is REQUIRED]
    if unknown or missing:
        raise ArgumentError(f"{path}: requires arrays called {', '.join(known)}; got {', '.join(arrays)}")
    return [_as_kind(arrays[p.name], p.type) if p.name in arrays else p.default for p in parameters]


def _loaded(path: str) -> Any:
    """The array of a ``.npy`` file, or the arrays of a ``.npz`` file by name."""
    try:
        with Path(path).open("rb") as file:
            found: Any = np.load(file, allow_pickle=False)
            held = found if is_array(found) else {key: found[key] for key in found.files}
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ArgumentError(f"{path}: requires a file of NumPy's with numbers: {error}") from None
    if is_array(held) != path.endswith(".npy"):
        raise ArgumentError(f"{path}: requires an array in a .npy file, several in a .npz file")
    return held


def _as_kind(array: Array, kind: object) -> Any:
    """An array as an argument; one without dims is the number that a parameter wants which is no tensor."""
    return array if array.ndim or isinstance(kind, tt.TensorType) else array.item()
