"""Tracing `tsc.Tensor`: its operators tell the recorder themselves; here is what leaves the tensors."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tsc.interop.patching import patched
from tsc.interop.traced_ints import TracedInt
from tsc.nn.module import Module
from tsc.nn.parameters import Parameter
from tsc.runtime.dispatch import operator_function
from tsc.runtime.recording import paused
from tsc.runtime.tensor import Tensor
from tsc.tracing.recorder import Recorder

CONVERSIONS = {
    "__bool__": "Python boolean", "__int__": "Python integer", "__float__": "Python float",
    "tolist": "Python list", "numpy": "NumPy array",
}  # fmt: skip


class EagerBackend:
    """`tsc`'s own tensors, as the recorder handles them."""

    def is_tensor(self, value: object) -> bool:
        """Whether `value` is a `Tensor`."""
        return isinstance(value, Tensor)

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Its memory; no copy."""
        return tensor.array

    def identity(self, tensor: Any) -> Any:
        """The array itself."""
        return id(tensor.array)

    def requires_grad(self, tensor: object) -> bool:
        """Whether it is a parameter that asks for gradients, though none are computed here."""
        return isinstance(tensor, Parameter) and tensor.requires_grad

    def scalar(self, value: int) -> Any:
        """A 0-dim int64 tensor."""
        return Tensor(np.asarray(value, np.int64))

    def like(self, value: Any, tensor: Any) -> Any:
        """A 0-dim tensor with the dtype of `tensor`."""
        return Tensor(np.asarray(value, tensor.array.dtype))

    def traced_int(self, recorder: Recorder, tensor: object, value: int) -> Any:
        """An int that knows `tensor`."""
        return TracedInt(tensor, value, recorder)

    def tensor_of_int(self, value: object) -> Any:
        """The tensor behind a traced int."""
        return value.traced_tensor if isinstance(value, TracedInt) else None

    def alias(self, tensor: Any) -> Any:
        """Another tensor over the same array."""
        return Tensor(tensor.array.view())

    def wrap(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor over an array."""
        return Tensor(array)

    def clone(self, tensor: Any) -> Any:
        """A copy."""
        return Tensor(tensor.array.copy())

    def apply(self, name: str, overload: str, *arguments: object) -> Any:
        """Call an operator."""
        return operator_function(name)(*arguments)

    @contextmanager
    def without_gradients(self) -> Generator[None]:
        """There are none."""
        yield

    @contextmanager
    def recording(self, recorder: Recorder) -> Generator[None]:
        """Inside, `recorder` is told of everything that happens to tensors in this thread."""
        with ExitStack() as stack:
            stack.enter_context(patched(Tensor, _members(recorder)))
            stack.enter_context(patched(Module, {"__call__": _module_call(recorder)}))
            yield


def _members(recorder: Recorder) -> dict[str, Any]:
    conversions = {name: _conversion(recorder, name, kind) for name, kind in CONVERSIONS.items()}
    return conversions | _size_members(recorder) | _index_members(recorder)


def _conversion(recorder: Recorder, name: str, kind: str) -> Callable[..., Any]:
    original = getattr(Tensor, name)

    def convert(self: Tensor) -> Any:
        if recorder.is_running():
            recorder.converted(kind)
        return original(self)

    return convert


def _size_members(recorder: Recorder) -> dict[str, Any]:
    def shape(self: Tensor) -> tuple[int, ...]:
        sizes = self.array.shape
        if not recorder.is_running():
            return sizes
        return tuple(recorder.size(self, i, n) for i, n in enumerate(sizes))

    def size(self: Tensor, dim: int | None = None) -> Any:
        if dim is None:
            return list(shape(self))
        count = self.array.shape[dim]
        return recorder.size(self, dim, count) if recorder.is_running() else count

    def numel(self: Tensor) -> int:
        count = self.array.size
        return recorder.element_count(self, count) if recorder.is_running() else count

    def length(self: Tensor) -> int:
        if recorder.is_running():
            recorder.length()
        return len(self.array)

    def iterate(self: Tensor) -> Iterator[Tensor]:
        if not recorder.is_running():
            return (Tensor(row) for row in self.array)
        recorder.iterated()
        return iter(operator_function("unbind")(self, 0))

    return {
        "shape": property(shape), "size": size, "numel": numel, "__len__": length, "__iter__": iterate,
    }  # fmt: skip


def _index_members(recorder: Recorder) -> dict[str, Any]:
    plain_read, plain_write = Tensor.__getitem__, Tensor.__setitem__

    def read(self: Tensor, key: object) -> Any:
        found = recorder.read(self, key) if recorder.is_running() else NotImplemented
        if found is not NotImplemented:
            return found
        with paused():
            return plain_read(self, key)

    def write(self: Tensor, key: object, value: object) -> None:
        if not (recorder.is_running() and recorder.write(self, key, value)):
            plain_write(self, key, value)

    return {"__getitem__": read, "__setitem__": write}


def _module_call(recorder: Recorder) -> Callable[..., Any]:
    original = Module.__call__

    def call(self: Module, *arguments: object, **keywords: object) -> Any:
        return recorder.call_module(self, original, *arguments, **keywords)

    return call
