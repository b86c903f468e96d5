"""Values crossing the border of a compiled function: checked and converted on the way in, given back in the
caller's kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tsc import dtypes
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import ArgumentError, DTypeError
from tsc.frontend.unit import Class, EnumValue, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array, is_dict, is_list, is_sequence, is_tuple
from tsc.ops.random_source import RandomSource
from tsc.runtime.array_likes import array_like
from tsc.runtime.futures import Future
from tsc.runtime.generators import generator_of, source_of
from tsc.runtime.instances import has_type
from tsc.runtime.named_tuples import build_named_tuple
from tsc.runtime.plain_values import GREATEST, LEAST, UNLIKE, Copier
from tsc.runtime.tensor import Tensor

Wrap = Callable[[np.ndarray[Any, Any]], Any]


class SharedContainer:
    """A list or dict of a program that Python holds too."""

    def __init__(self, held: Any, kind: TorchType) -> None:
        self.held = held
        """The list or dict as programs see it."""
        self.kind = kind
        """Its type in TorchScript."""


class Inputs:
    """Converts the arguments of one call, and remembers which kind of tensor they were."""

    def __init__(self, default: Wrap | None = None) -> None:
        self.wrap: Wrap | None = default
        self.wrap_object: Callable[[ScriptObject], Any] | None = None
        """What objects of the program are given back as; None: as they are."""
        self.given: list[tuple[Any, np.ndarray[Any, Any]]] = []
        """The tensors among the arguments, each once, with the array that shows its memory."""
        self.plain_result: Copier | None = None
        """What copies results that hold nothing to convert; None where they may."""
        self.class_named: Callable[[str], Class] | None = None
        """The classes of the program, where its objects may be made of live ones."""
        self.is_noted = False
        """Whether a tape notes what is computed: gradients are wanted of tensors of ours."""
        self.is_sharing = False
        """Whether an argument is a container that Python holds too: what is written to it must stay."""

    def convert(self, value: object, kind: TorchType, name: str) -> Any:
        """`value` as the runtime holds it: arrays, Python values, copies of lists and dicts.

        Raises:
            ArgumentError: it is not of type `kind`.
        """
        if isinstance(kind, tt.TensorType):
            return self._tensor(value, kind, name)
        if isinstance(kind, tt.OptionalType):
            return None if value is None else self.convert(value, kind.data, name)
        scalar = _SCALARS.get(kind)
        if scalar is not None:
            return scalar(self, value, kind, name)
        return self._container(value, kind, name)

    def _tensor(self, value: Any, kind: TorchType, name: str) -> np.ndarray[Any, Any]:
        if is_array(value):
            self.wrap = None
            dtypes.by_numpy(value.dtype)
            return value
        if isinstance(value, Tensor):
            self.wrap = Tensor
            self.given.append((value, value.array))
            return value.array
        if torch_interop.is_tensor(value):
            if value.device.type != "cpu":
                raise ArgumentError(f"argument '{name}': requires a CPU tensor; got one on {value.device}")
            self.wrap = torch_interop.from_numpy
            return self._shown(value, name)
        if isinstance(value, np.generic):
            dtypes.by_numpy(np.asarray(value).dtype)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
            return np.asarray(value)  # pyright: ignore[reportUnknownArgumentType]
        if value is None:
            return cast("Any", None)  # an undefined tensor: operators refuse it when they meet it
        found = array_like(value, name)
        if found is None:
            raise _mismatch(value, kind, name)
        dtypes.by_numpy(found.dtype)
        if not self.given:  # where there are tensors among the arguments, results are tensors
            self.wrap = None
        return found

    def _shown(self, tensor: object, name: str) -> np.ndarray[Any, Any]:
        """The array that shows the memory of one of PyTorch's tensors: one, however often it is given."""
        for given, array in self.given:
            if given is tensor:
                return array
        array = _array_of(tensor, name)
        self.given.append((tensor, array))
        return array

    def _container(self, value: Any, kind: TorchType, name: str) -> Any:
        if isinstance(value, SharedContainer):
            return self._shared(value, kind, name)
        if isinstance(kind, tt.ListType) and is_sequence(value):
            return [self.convert(v, kind.data, name) for v in value]
        if isinstance(kind, tt.TupleType) and is_sequence(value) and len(value) == len(kind.data):
            return tuple(self.convert(v, k, name) for v, k in zip(value, kind.data, strict=True))
        if isinstance(kind, tt.NamedTupleType) and is_tuple(value) and len(value) == len(kind.elements):
            parts = [self.convert(v, k, name) for v, k in zip(value, kind.elements, strict=True)]
            return build_named_tuple(type(value), parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(kind, tt.DictType) and is_dict(value):
            return {
                self.convert(k, kind.key, name): self.convert(v, kind.value, name) for k, v in value.items()
            }
        if isinstance(kind, tt.UnionType):
            return self._union(value, kind, name)
        if kind is tt.ANY:
            return self._anything(value)
        if isinstance(kind, (tt.ClassType, tt.ModuleType, tt.InterfaceType)):
            return self._object(value, kind, name)
        if isinstance(kind, tt.EnumType) and has_type(value, kind):
            return value
        raise _mismatch(value, kind, name)

    def _shared(self, value: SharedContainer, kind: TorchType, name: str) -> Any:
        """The program's own list or dict, not a copy."""
        if isinstance(kind, tt.UnionType) and value.kind in kind.data:
            kind = value.kind
        if kind is not value.kind and kind is not tt.ANY:
            raise _mismatch(value, kind, name)
        self.is_sharing = True
        return value.held

    def _object(self, value: object, kind: TorchType, name: str) -> ScriptObject:
        """An object of the program; one of a live class is copied, attribute by attribute."""
        held = getattr(value, "_object", value)
        if isinstance(held, ScriptObject):
            return held
        cls = None if self.class_named is None else self.class_named(kind.data)
        if cls is None or cls.kind != "class" or cls.python is not type(value):
            raise _mismatch(value, kind, name)
        parts = {n: self.convert(getattr(value, n), k, name) for n, k in cls.attributes.items()}
        return ScriptObject(cls, parts)

    def _union(self, value: object, kind: tt.UnionType, name: str) -> Any:
        for member in sorted(kind.data, key=lambda member: not has_type(value, member)):
            if member in _SCALARS and not has_type(value, member):
                continue  # what is one type of several is not converted to another
            try:
                return self.convert(value, member, name)
            except (ArgumentError, DTypeError):
                continue
        raise _mismatch(value, kind, name)

    def _anything(self, value: object) -> Any:
        return mapped(value, self._any_leaf)

    def _any_leaf(self, value: Any) -> Any:
        if isinstance(value, (Tensor, np.ndarray)) or torch_interop.is_tensor(value):
            return self._tensor(value, tt.TENSOR, "")
        return source_of(value) or getattr(value, "_object", value)

    def give_back(self, value: object, kind: TorchType | None = None) -> Any:
        """A result in the caller's kind of tensor; devices too, where `kind` tells which strings are some."""
        copied = UNLIKE if self.plain_result is None else self.plain_result(value)
        if copied is not UNLIKE:
            return copied
        is_torch = self.wrap is torch_interop.from_numpy
        back = mapped(self._writable(value) if is_torch else value, self._leaf_back)
        return _with_devices(back, kind) if kind is not None and is_torch and holds_device(kind) else back

    def _writable(self, value: object) -> Any:
        """A result with copies of the constants in it, which share memory where those do."""
        constants: dict[int, np.ndarray[Any, Any]] = {}

        def note(leaf: Any) -> None:
            is_constant = is_array(leaf) and not leaf.flags.writeable
            if is_constant and all(given is not leaf for _, given in self.given):
                constants[id(leaf)] = leaf

        mapped(value, note)
        if not constants:
            return value
        copies = _copied_together(list(constants.values()))
        return mapped(value, lambda leaf: copies.get(id(leaf), leaf))

    def settle(self) -> None:
        """Give arguments the shape that the program gave them in place (``unsqueeze_``)."""
        for tensor, array in self.given:
            if torch_interop.is_tensor(tensor) and not torch_interop.lies_as(tensor, array):
                torch_interop.lay_out(tensor, array)

    def _leaf_back(self, value: object) -> Any:
        if is_array(value):
            return value if self.wrap is None else self._tensor_back(value, self.wrap)
        if isinstance(value, RandomSource):
            return generator_of(value, is_torch=self.wrap is torch_interop.from_numpy)
        if isinstance(value, Future):
            return value.seen_as(self.give_back)
        if isinstance(value, ScriptObject) and self.wrap_object is not None:
            return self.wrap_object(value)
        if isinstance(value, EnumValue) and value.cls.python is not None:
            return value.cls.python[value.name]
        return value

    def _tensor_back(self, array: np.ndarray[Any, Any], wrap: Wrap) -> Any:
        """A result as a tensor: the argument itself where it is that."""
        for tensor, given in self.given:
            if given is array:
                return tensor
        return wrap(array)


def _copied_together(arrays: Sequence[np.ndarray[Any, Any]]) -> dict[int, np.ndarray[Any, Any]]:
    """A writable copy of each array, by its identity; arrays that overlap have copies that do."""
    copies = {id(a): a.copy() for a in arrays if not a.size}
    bounds = sorted((*byte_bounds(a), i) for i, a in enumerate(arrays) if a.size)
    while bounds:
        low, high, _ = bounds[0]
        together: list[int] = []
        while bounds and bounds[0][0] < high:
            _, end, i = bounds.pop(0)
            high = max(high, end)
            together.append(i)
        memory = np.empty(high - low, np.uint8)
        for i in together:
            array = arrays[i]
            offset = array.__array_interface__["data"][0] - low
            made = np.ndarray(array.shape, array.dtype, memory, offset, array.strides)
            _once(made)[...] = _once(array)
            copies[id(array)] = made
    return copies


def _once(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array without the repetitions of its expanded dims."""
    return array[(*(slice(1) if s == 0 else slice(None) for s in array.strides), ...)]


def mapped(value: object, convert: Callable[[Any], Any]) -> Any:
    """`value` with everything in its lists, tuples and dicts (keys excepted) converted, or itself."""
    if is_list(value):
        return [mapped(v, convert) for v in value]
    if is_tuple(value):
        parts = tuple(mapped(v, convert) for v in value)
        return build_named_tuple(type(value), parts) if hasattr(value, "_fields") else parts
    if is_dict(value):
        return {k: mapped(v, convert) for k, v in value.items()}
    return convert(value)


def holds_device(kind: object) -> bool:
    """Whether values of a type (or of one of several) are or hold devices."""
    if isinstance(kind, TorchType):
        return kind is tt.DEVICE or holds_device(kind.data)
    return isinstance(kind, tuple) and any(map(holds_device, cast("tuple[object, ...]", kind)))


def _with_devices(value: Any, kind: TorchType) -> Any:
    """`value` with the device names that it holds as PyTorch's devices."""
    if value is None or not holds_device(kind):
        return value
    if kind is tt.DEVICE:
        return torch_interop.device_of(value)
    if isinstance(kind, tt.OptionalType):
        return _with_devices(value, kind.data)
    if isinstance(kind, tt.ListType):
        return [_with_devices(v, kind.data) for v in value]
    if isinstance(kind, tt.DictType):
        return {_with_devices(k, kind.key): _with_devices(v, kind.value) for k, v in value.items()}
    if isinstance(kind, tt.TupleType):
        return tuple(_with_devices(v, k) for v, k in zip(value, kind.data, strict=True))
    return value


def _array_of(tensor: Any, name: str) -> np.ndarray[Any, Any]:
    """The memory of a PyTorch tensor that an argument is.

    Raises:
        DTypeError: it has none that is an array: it is sparse, quantized, nested, of an unknown dtype.
    """
    try:
        array = torch_interop.to_numpy(tensor)
        dtypes.by_numpy(array.dtype)
    except (TypeError, RuntimeError):  # NotImplementedError and DTypeError are such
        raise DTypeError(
            f"argument '{name}': requires a dense tensor of a known dtype; got {tensor.dtype}, "
            f"{tensor.layout}{', nested' if tensor.is_nested else ''}"
        ) from None
    return array


class ArgumentMismatchError(ArgumentError):
    """A value that is not of the type wanted."""


def _mismatch(value: object, kind: TorchType, name: str) -> ArgumentError:
    return ArgumentMismatchError(
        f"Expected a value of type '{kind.torchscript()}' for argument '{name}' but instead found type "
        f"'{type(value).__name__}'."
    )


def _number(self: Inputs, value: object, kind: TorchType, name: str) -> Any:
    if isinstance(value, np.generic):
        value = cast("Any", value.item())
    if not isinstance(value, (int, float, complex)):
        raise _mismatch(value, kind, name)
    return value


def _int(self: Inputs, value: object, kind: TorchType, name: str) -> int:
    """As PyTorch: anything but a Python float that says which int it is."""
    if isinstance(value, int):
        if not LEAST <= value <= GREATEST:
            raise _mismatch(value, kind, name)
        return int(value)
    code = torch_interop.constant_of(value)
    if code is not None and code[0] != "device":
        return code[1]
    if isinstance(value, float):
        raise _mismatch(value, kind, name)
    return _by_protocol(int, ("__index__", "__int__"), value, kind, name)


def _float(self: Inputs, value: object, kind: TorchType, name: str) -> float:
    return _by_protocol(float, ("__float__", "__index__"), value, kind, name)


def _complex(self: Inputs, value: object, kind: TorchType, name: str) -> complex:
    return _by_protocol(complex, ("__complex__", "__float__", "__index__"), value, kind, name)


def _bool(self: Inputs, value: object, kind: TorchType, name: str) -> bool:
    """As PyTorch: whatever has a truth value of its own, and None."""
    return _by_protocol(bool, ("__bool__",), value, kind, name)


def _by_protocol(
    cls: Callable[[Any], Any], methods: Sequence[str], value: object, kind: TorchType, name: str
) -> Any:
    """`value` converted by its own methods, if it has one of them."""
    if not any(hasattr(cast("type[Any]", type(value)), method) for method in methods):
        raise _mismatch(value, kind, name)
    try:
        return cls(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise _mismatch(value, kind, name) from None


def _exact(cls: type) -> Callable[..., Any]:
    def convert(self: Inputs, value: object, kind: TorchType, name: str) -> Any:
        if not isinstance(value, cls):
            raise _mismatch(value, kind, name)
        return value

    return convert


def _device(self: Inputs, value: object, kind: TorchType, name: str) -> Any:
    if type(value).__name__ != "device" and not isinstance(value, str):
        raise _mismatch(value, kind, name)
    return str(value)


def _generator(self: Inputs, value: object, kind: TorchType, name: str) -> RandomSource:
    source = source_of(value)
    if source is None:
        raise _mismatch(value, kind, name)
    return source


_SCALARS: dict[Any, Callable[..., Any]] = {
    tt.INT: _int, tt.FLOAT: _float, tt.COMPLEX: _complex, tt.NUMBER: _number, tt.BOOL: _bool,
    tt.STRING: _exact(str),
    tt.NONE: _exact(type(None)), tt.DEVICE: _device, tt.GENERATOR: _generator,
}  # fmt: skip
