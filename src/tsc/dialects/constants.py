"""The arrays of a module's tensor constants, by resource key: weights never enter the IR itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    IntegerType,
    Signedness,
    TensorType,
    bf16,
    f16,
    f32,
    f64,
)
from xdsl.ir import Attribute

from tsc import dtypes
from tsc.concurrency import serialized
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import NonValueTensorLiteralOp, ValueTensorLiteralOp
from tsc.dtypes import DType
from tsc.errors import IRError

INLINE_LIMIT = 64
"""Tensors of up to this many elements stand in the text."""

_NO_KEY = re.compile(r"[^A-Za-z0-9_.$]")
_FLOATS: dict[DType, Attribute] = {dtypes.F16: f16, dtypes.F32: f32, dtypes.F64: f64, dtypes.BF16: bf16}


def resource_key(hint: str) -> str:
    """`hint` as MLIR reads a key: letters, digits, ``_``, ``.`` and ``$``, of which no digit comes first. So
    ``0.weight``, of a ``Sequential``, becomes ``_0.weight``.
    """
    key = _NO_KEY.sub("_", hint)
    return key if key[:1].isalpha() or key[:1] == "_" else f"_{key}"


class ConstantPool:
    """Arrays by key. Keys are readable (``layer1.conv.weight``) and unique; the same array, the same key."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._keys: dict[tuple[Any, ...], str] = {}
        self.attributes: set[str] = set()
        """The keys of module attributes: tensors that exist outside the program, which others may change."""
        self._derived: dict[tuple[str, Hashable], str] = {}

    @serialized
    def add(self, hint: str, array: np.ndarray[Any, Any]) -> str:
        """Store `array` under `hint`, as `resource_key` writes it, or under ``hint_1`` ... when another
        array has that name; return the key.
        """
        hint = resource_key(hint)
        address = array.__array_interface__["data"][0]
        identity = (
            address,
            array.shape,
            array.strides,
            array.dtype.str if array.dtype.kind != "V" else array.dtype.name,
        )
        if identity in self._keys:
            return self._keys[identity]
        key, n = hint, 0
        while key in self._arrays:
            n += 1
            key = f"{hint}_{n}"
        self._arrays[key] = array
        self._keys[identity] = key
        return key

    @serialized
    def derived(
        self,
        key: str,
        form: Hashable,
        make: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
        hint: str,
    ) -> str:
        """The key of the array that `make` makes of another one, stored under a name like `hint`: made once
        for each `form`.
        """
        if (key, form) not in self._derived:
            self._derived[key, form] = self.add(hint, make(self[key]))
        return self._derived[key, form]

    @serialized
    def forget_derived(self, key: str) -> None:
        """Drop an array if it was made of another one: it is made again where it is wanted again."""
        if key not in self._derived.values():
            return
        del self._arrays[key]
        self._derived = {source: made for source, made in self._derived.items() if made != key}
        self._keys = {identity: made for identity, made in self._keys.items() if made != key}

    def __getitem__(self, key: str) -> np.ndarray[Any, Any]:
        if key not in self._arrays:
            raise IRError(
                f"constant '{key}': requires its array (a dump keeps them in weights.npz); there is none"
            )
        return self._arrays[key]

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self._arrays.values())

    def items(self) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
        """Keys and arrays."""
        return iter(self._arrays.items())

    def __contains__(self, key: str) -> bool:
        return key in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    @serialized
    def drop_attributes(self) -> None:
        """Forget the arrays of module attributes, which a program takes as arguments."""
        for key in self.attributes:
            del self._arrays[key]
        self._keys = {identity: key for identity, key in self._keys.items() if key not in self.attributes}
        self.attributes.clear()

    def set(self, key: str, array: np.ndarray[Any, Any]) -> None:
        """Store `array` under exactly `key` (as a dump names it)."""
        self._arrays[key] = array


def element_attribute(dtype: DType) -> Attribute:
    """The builtin type with the signedness torch-mlir uses: ``si64``, ``ui8``, ``i1``, ``f32``."""
    if dtype in _FLOATS:
        return _FLOATS[dtype]
    if dtype is dtypes.BOOL:
        return IntegerType(1)
    if dtype.is_complex:
        from xdsl.dialects.builtin import ComplexType

        return ComplexType(f32 if dtype is dtypes.C64 else f64)
    return IntegerType(dtype.bits, Signedness.SIGNED if dtype.is_signed else Signedness.UNSIGNED)


def literal(
    pool: ConstantPool, hint: str, array: np.ndarray[Any, Any], *, mutable: bool = False
) -> ValueTensorLiteralOp | NonValueTensorLiteralOp:
    """A literal operation for `array`: inline when it is small and row-major, otherwise through the pool."""
    dtype = dtypes.by_numpy(array.dtype)
    element = element_attribute(dtype)
    shaped: TensorType[Any] = TensorType(element, array.shape)
    value: Attribute
    inline = 0 < array.size <= INLINE_LIMIT and array.flags.c_contiguous and not mutable
    if inline and dtype not in dtypes.REDUCED and not dtype.is_complex:
        value = DenseIntOrFPElementsAttr(shaped, _packed(array))
    else:
        value = DenseResourceAttr.from_params(pool.add(hint, array), shaped)
    kind = tt.TensorType if mutable else tt.ValueTensorType
    cls = NonValueTensorLiteralOp if mutable else ValueTensorLiteralOp
    return cls.create(result_types=[kind.of(array.shape, dtype)], attributes={"value": value})


def _packed(array: np.ndarray[Any, Any]) -> Any:
    from xdsl.dialects.builtin import BytesAttr

    return BytesAttr(np.ascontiguousarray(array).tobytes())


def literal_array(
    pool: ConstantPool, op: ValueTensorLiteralOp | NonValueTensorLiteralOp
) -> np.ndarray[Any, Any]:
    """The elements of a literal operation."""
    key = op.resource_key
    if key is not None:
        return pool[key]
    value = op.value
    assert isinstance(value, DenseIntOrFPElementsAttr)
    result_type = op.results[0].type
    assert isinstance(result_type, tt.TensorType)
    dtype, sizes = result_type.dtype, result_type.sizes
    assert dtype is not None
    assert sizes is not None
    if dtype is dtypes.BOOL:
        return np.array([bool(v) for v in value.get_values()], dtype=np.bool_).reshape(sizes)
    elements = np.frombuffer(value.data.data, dtype=dtype.numpy)
    return np.full(sizes, elements[0]) if elements.size == 1 else elements.reshape(sizes)


def dense_array(attribute: DenseIntOrFPElementsAttr[Any]) -> np.ndarray[Any, Any]:
    """The elements of a dense attribute of a builtin type as an array."""
    shape = attribute.type.get_shape()
    dtype = dtypes.by_mlir(str(attribute.type.element_type)).numpy
    if attribute.is_splat():
        return np.full(shape, next(iter(attribute.get_values())), dtype)
    return np.array(list(attribute.get_values()), dtype).reshape(shape)
