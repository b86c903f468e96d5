"""Tracing PyTorch's own tensors: a dispatch mode that sees every operator above its decomposition, and the
members of ``torch.Tensor`` that leave the tensors (sizes, conversions, indexing).

Sizes come back as symbolic ints, which PyTorch's dispatcher carries through any operator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from tsc.concurrency import interned
from tsc.interop.patching import changed, patched
from tsc.interop.torch import REPLACED, from_numpy, is_tensor, to_numpy, torch
from tsc.interop.torch_ints import int_class

UNRECORDED = frozenset(("aten::lift_fresh",))
"""Operators that only mark a tensor PyTorch made from Python data."""
RESIZING = frozenset(("aten::resize_", "aten::resize_as_"))
"""Operators a trace cannot follow."""
CONVERSIONS = {
    "__bool__": "Python boolean", "__int__": "Python integer", "__float__": "Python float",
    "__complex__": "Python complex", "item": "Python number",
    "tolist": "Python list", "numpy": "NumPy array", "__array__": "NumPy array",
}  # fmt: skip
UNSEEN = ("__repr__", "__format__")
"""Members that read a tensor's elements only to show them."""
CONSTRUCTORS = ("tensor", "as_tensor", "from_numpy")


class TorchRecorder(Protocol):
    """What this file needs of a recorder; see `tsc.tracing.recorder`."""

    def is_running(self) -> bool: ...  # noqa: D102
    def paused(self) -> Any: ...  # noqa: D102
    def converted(self, kind: str) -> None: ...  # noqa: D102
    def constructed(self, name: str, tensor: Any) -> None: ...  # noqa: D102
    def concrete(self, tensor: Any, value: int) -> None: ...  # noqa: D102
    def resized(self, name: str, tensor: Any) -> None: ...  # noqa: D102
    def length(self) -> None: ...  # noqa: D102
    def iterated(self) -> None: ...  # noqa: D102
    def dispatched(self, name: str, arguments: Any, keywords: Any, result: Any) -> None: ...  # noqa: D102
    def size(self, tensor: Any, dim: int, value: int) -> Any: ...  # noqa: D102
    def element_count(self, tensor: Any, value: int) -> Any: ...  # noqa: D102
    def knows(self, tensor: Any) -> bool: ...  # noqa: D102
    def read(self, tensor: Any, key: Any) -> Any: ...  # noqa: D102
    def write(self, tensor: Any, key: Any, value: Any) -> bool: ...  # noqa: D102
    def call_module(self, module: Any, run: Callable[..., Any], *a: Any, **k: Any) -> Any: ...  # noqa: D102


class TorchBackend:
    """PyTorch's tensors, as the recorder handles them."""

    def is_tensor(self, value: Any) -> bool:
        """Whether `value` is a tensor of PyTorch."""
        return is_tensor(value)

    def array(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Its memory; no copy."""
        return to_numpy(tensor)

    def identity(self, tensor: Any) -> Any:
        """Address, form and dtype."""
        if tensor.layout is not torch().strided:
            return id(tensor)
        form: Any = torch()._C.TensorBase.shape.__get__(tensor)
        return tensor.data_ptr(), tuple(form), tensor.stride(), tensor.dtype

    def requires_grad(self, tensor: Any) -> bool:
        """Whether gradients flow to it."""
        return bool(tensor.requires_grad)

    def scalar(self, value: int) -> Any:
        """A 0-dim int64 tensor."""
        return torch().scalar_tensor(value, dtype=torch().int64)

    def like(self, value: Any, tensor: Any) -> Any:
        """A 0-dim tensor with the dtype of `tensor`."""
        return torch().scalar_tensor(value, dtype=tensor.dtype)

    def traced_int(self, recorder: Any, tensor: Any, value: int) -> Any:
        """A symbolic int."""
        return int_class()(tensor, value, recorder)

    def tensor_of_int(self, value: Any) -> Any:
        """The tensor behind a symbolic int."""
        if not isinstance(value, torch().SymInt):
            return None
        return getattr(value.node, "traced_tensor", None)

    def alias(self, tensor: Any) -> Any:
        """A view of everything."""
        return tensor.view(tensor.shape)

    def wrap(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor over an array."""
        return from_numpy(array)

    def clone(self, tensor: Any) -> Any:
        """A copy that takes gradients if the original does."""
        return tensor.detach().clone().requires_grad_(tensor.requires_grad)

    def apply(self, name: str, overload: str, *arguments: Any) -> Any:
        """Call an operator."""
        return getattr(getattr(torch().ops.aten, name), overload or "default")(*arguments)

    @contextmanager
    def without_gradients(self) -> Generator[None]:
        """Nothing inside is differentiated."""
        with torch().no_grad():
            yield

    @contextmanager
    def recording(self, recorder: TorchRecorder) -> Generator[None]:
        """Inside, `recorder` is told of everything that happens to tensors in this thread."""
        module = torch()
        guards = import_module("torch._dispatch.python")
        with ExitStack() as stack:
            stack.enter_context(patched(module.Tensor, _tensor_members(recorder)))
            stack.enter_context(patched(module, _constructors(recorder)))
            stack.enter_context(patched(module._C, {"_is_tracing": _is_tracing(recorder)}))
            stack.enter_context(patched(module.nn.Module, {"__call__": _module_call(recorder)}))
            stack.enter_context(guards.enable_python_dispatcher())
            stack.enter_context(module._C._EnablePreDispatch())
            stack.enter_context(_mode_on(recorder))
            yield


def _mode_on(recorder: TorchRecorder) -> Any:
    """The dispatch mode; PyTorch keeps those of the PreDispatch key for the whole process."""
    modes = import_module("torch.utils._python_dispatch")
    mode = _mode_class()(recorder)

    def leave() -> None:
        if torch()._ops._get_current_dispatch_mode_pre_dispatch() is not mode:
            modes._push_mode(mode)  # forked while it handled an operator: it is off the stack meanwhile
        mode.__exit__(None, None, None)

    def enter() -> Callable[[], None]:
        mode.__enter__()
        return leave

    return changed(enter)


@interned
def _mode_class() -> type[Any]:
    modes = import_module("torch.utils._python_dispatch")
    checks = import_module("torch._subclasses.schema_check_mode")  # PreDispatch admits its subclasses

    class RecordingMode(checks.SchemaCheckMode):
        """Tells the recorder of every operator, then of its result."""

        def __init__(self, recorder: TorchRecorder) -> None:
            modes.TorchDispatchMode.__init__(self, _dispatch_key=torch()._C.DispatchKey.PreDispatch)
            self.recorder = recorder

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # there is no compiler to keep out, and loading it takes a second

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            keywords: dict[str, Any] = kwargs or {}
            recorder = self.recorder
            plain = [_concrete(a) for a in args]
            plain_keywords = {k: _concrete(v) for k, v in keywords.items()}
            watched = recorder.is_running() and hasattr(func, "_schema")
            with recorder.paused(), torch()._C._DisablePythonDispatcher():
                result = func(*plain, **plain_keywords)
            if watched and func._schema.name == "aten::item" and type(result) is int:
                return int_class()(args[0], result, recorder)  # a tensor was given where an int is wanted
            if watched and func._schema.name in RESIZING:
                recorder.resized(func._schema.name.removeprefix("aten::"), args[0])
            elif watched and not _is_bookkeeping(recorder, func, args):
                recorder.dispatched(_full_name(func), args, keywords, result)
            return result

    return RecordingMode


def _full_name(func: Any) -> str:
    overload = func._schema.overload_name
    return func._schema.name + (f".{overload}" if overload else "")


def _is_bookkeeping(recorder: TorchRecorder, func: Any, arguments: Any) -> bool:
    name = func._schema.name
    return name in UNRECORDED or (name == "aten::detach_" and not recorder.knows(arguments[0]))


def _concrete(value: Any) -> Any:
    """`value` with plain ints for symbolic ones."""
    if isinstance(value, torch().SymInt):
        return value.node.traced_value
    if isinstance(value, (list, tuple)):
        return [_concrete(v) for v in cast("Sequence[Any]", value)]
    return value


def _tensor_members(recorder: TorchRecorder) -> dict[str, Any]:
    """The members of ``torch.Tensor`` while a trace runs."""
    members = {name: _conversion(recorder, name, kind) for name, kind in CONVERSIONS.items()}
    members |= {name: _unseen(recorder, name) for name in UNSEEN}
    return members | _size_members(recorder) | _index_members(recorder) | _identity_members(recorder)


def _conversion(recorder: TorchRecorder, name: str, kind: str) -> Callable[..., Any]:
    original = getattr(torch().Tensor, name)

    def convert(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if not recorder.is_running():
            return original(self, *arguments, **keywords)
        recorder.converted(kind)
        with recorder.paused():
            return original(self, *arguments, **keywords)

    return convert


def _unseen(recorder: TorchRecorder, name: str) -> Callable[..., Any]:
    original = getattr(torch().Tensor, name)

    def show(self: Any, *arguments: Any, **keywords: Any) -> Any:
        with recorder.paused():
            return original(self, *arguments, **keywords)

    return show


def _plain_dim(recorder: TorchRecorder, dim: Any) -> Any:
    """The argument of ``size``: an int for a tensor."""
    with recorder.paused():
        return int(dim) if is_tensor(dim) else dim


def _size_members(recorder: TorchRecorder) -> dict[str, Any]:
    cls = torch().Tensor
    plain_shape, plain_size, plain_numel = cls.shape.__get__, cls.size, cls.numel
    plain_length, plain_iterator = cls.__len__, cls.__iter__

    def shape(self: Any) -> Any:
        sizes = plain_shape(self)
        if not recorder.is_running():
            return sizes
        return torch().Size([recorder.size(self, i, n) for i, n in enumerate(sizes)])

    def size(self: Any, dim: Any = None) -> Any:
        dim = _plain_dim(recorder, dim)
        if not recorder.is_running() or not (dim is None or isinstance(dim, int)):
            return plain_size(self) if dim is None else plain_size(self, dim)
        return shape(self) if dim is None else recorder.size(self, dim, plain_size(self, dim))

    def numel(self: Any) -> Any:
        count = plain_numel(self)
        return recorder.element_count(self, count) if recorder.is_running() else count

    def length(self: Any) -> int:
        if recorder.is_running():
            recorder.length()
        with recorder.paused():
            return plain_length(self)

    def iterate(self: Any) -> Any:
        if recorder.is_running():
            recorder.iterated()
        return plain_iterator(self)

    return {
        "shape": property(shape), "size": size, "numel": numel, "nelement": numel, "__len__": length,
        "__iter__": iterate,
    }  # fmt: skip


def _index_members(recorder: TorchRecorder) -> dict[str, Any]:
    cls = torch().Tensor
    plain_read, plain_write = cls.__getitem__, cls.__setitem__

    def read(self: Any, key: Any) -> Any:
        found = recorder.read(self, key) if recorder.is_running() else NotImplemented
        return plain_read(self, key) if found is NotImplemented else found

    def write(self: Any, key: Any, value: Any) -> None:
        if not (recorder.is_running() and recorder.write(self, key, value)):
            plain_write(self, key, value)

    return {"__getitem__": read, "__setitem__": write}


def _identity_members(recorder: TorchRecorder) -> dict[str, Any]:
    """Members that give a tensor without calling an operator."""
    cls = torch().Tensor
    data, plain_contiguous = cls.data, cls.contiguous
    contiguous_operator = torch().ops.aten.contiguous.default

    def get_data(self: Any) -> Any:
        return self.detach() if recorder.is_running() else data.__get__(self)

    def contiguous(self: Any, memory_format: Any = None) -> Any:
        memory_format = memory_format or torch().contiguous_format
        if not recorder.is_running():
            return plain_contiguous(self, memory_format=memory_format)
        return contiguous_operator(self, memory_format=memory_format)

    return {"data": property(get_data, data.__set__), "contiguous": contiguous}


def _constructors(recorder: TorchRecorder) -> dict[str, Any]:
    def replacement(name: str) -> Callable[..., Any]:
        original = getattr(torch(), name)

        def construct(*arguments: Any, **keywords: Any) -> Any:
            if not recorder.is_running():
                return original(*arguments, **keywords)
            with recorder.paused():
                made = original(*arguments, **keywords)
            behind = getattr(arguments[0], "traced_tensor", None) if arguments else None
            recorder.constructed(f"torch.{name}", made if behind is None else None)
            return made if behind is None else behind.detach().to(made.dtype)

        construct.__dict__[REPLACED] = original
        return construct

    return {name: replacement(name) for name in CONSTRUCTORS}


def _is_tracing(recorder: TorchRecorder) -> Callable[[], bool]:
    original = torch()._C._is_tracing
    return lambda: recorder.is_running() or original()


def _module_call(recorder: TorchRecorder) -> Callable[..., Any]:
    original = torch().nn.Module.__call__

    def call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return recorder.call_module(self, original, *arguments, **keywords)

    return call
