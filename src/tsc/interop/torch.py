"""PyTorch's objects as `tsc` sees them. PyTorch is never imported here: it is used when the user's program
already has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.memory.conjugates import conjugate_view, negative_view

REPLACED = "__tsc_replaced__"
"""Where a function that stands for one of PyTorch's while a trace runs holds that."""


def torch() -> Any:
    """The imported PyTorch, or None."""
    return sys.modules.get("torch")


def is_torch_module(module: Any) -> bool:
    """Whether a Python module belongs to PyTorch or is `tsc` standing in for it."""
    return getattr(module, "__name__", "").split(".")[0] in ("torch", "tsc")


def is_tensor(value: Any) -> bool:
    """Whether `value` is a PyTorch tensor."""
    module = torch()
    return module is not None and isinstance(value, module.Tensor)


def is_module(value: Any) -> bool:
    """Whether `value` is a PyTorch ``nn.Module``."""
    module = torch()
    return module is not None and isinstance(value, module.nn.Module)


def is_script_module(value: Any) -> bool:
    """Whether `value` is a module that PyTorch compiled."""
    module = torch()
    return module is not None and isinstance(value, module.jit.RecursiveScriptModule)


def is_script_function(value: Any) -> bool:
    """Whether `value` is a function that PyTorch compiled."""
    module = torch()
    return module is not None and isinstance(value, module.jit.ScriptFunction)


def is_module_class(value: type) -> bool:
    """Whether `value` is a class of PyTorch's modules."""
    module = torch()
    return module is not None and issubclass(value, module.nn.Module)


def registered_operator(value: Any) -> str | None:
    """``fieldtest::twice`` of an operator in ``torch.ops``; None for anything else."""
    module = torch()
    if module is None:
        return None
    if isinstance(value, module._ops.OpOverload):
        value = value.overloadpacket
    return value._qualified_op_name if isinstance(value, module._ops.OpOverloadPacket) else None


def is_autograd_function(value: type) -> bool:
    """Whether `value` is a ``torch.autograd.Function``."""
    module = torch()
    return module is not None and issubclass(value, module.autograd.Function)


def apply_of(autograd: Any) -> Callable[..., Any]:
    """``autograd.apply`` as a plain function."""
    return lambda *arguments: autograd.apply(*arguments)


def is_attribute(value: Any) -> bool:
    """Whether `value` is a ``torch.jit.Attribute``."""
    module = torch()
    return module is not None and isinstance(value, module.jit.Attribute)


def is_tensor_type(value: Any) -> bool:
    """Whether `value` is PyTorch's class ``Tensor`` or one of its typed aliases."""
    module = torch()
    return module is not None and isinstance(value, type) and issubclass(value, module.Tensor)


def is_device_type(value: Any) -> bool:
    """Whether `value` is the class ``torch.device``."""
    module = torch()
    return module is not None and value is module.device


def is_generator(value: Any) -> bool:
    """Whether `value` is one of PyTorch's random generators."""
    module = torch()
    return module is not None and isinstance(value, module.Generator)


def is_generator_type(value: Any) -> bool:
    """Whether `value` is the class ``torch.Generator``."""
    module = torch()
    return module is not None and value is module.Generator


def new_generator() -> Any:
    """A random generator of PyTorch."""
    return torch().Generator()


def seed_default_generator(seed: int) -> None:
    """Begin PyTorch's default generator again, if there is one."""
    module = torch()
    if module is not None:
        module.default_generator.manual_seed(seed)


def is_cpu(device: object) -> bool:
    """Whether a device, or the name of one, is the CPU."""
    return str(device).startswith("cpu")


def device_of(name: str) -> Any:
    """The ``torch.device`` of that name."""
    module = torch()
    return name if module is None else module.device(name)


def constant_of(value: Any) -> tuple[str, Any] | None:
    """``(kind, constant)`` for a dtype, layout, memory format or device; None for anything else."""
    if isinstance(value, dtypes.DType):
        return "dtype", value.code
    module = torch()
    if module is None:
        return None
    if isinstance(value, module.dtype):
        return "dtype", dtype_code(value)
    if isinstance(value, module.memory_format):
        order = (
            module.contiguous_format,
            module.preserve_format,
            module.channels_last,
            module.channels_last_3d,
        )
        return "memory_format", order.index(value)
    if isinstance(value, module.layout):
        return "layout", 0
    return ("device", str(value)) if isinstance(value, module.device) else None


def dtype_code(dtype: Any) -> int:
    """PyTorch's number of a ``torch.dtype``."""
    return dtypes.by_name(str(dtype).removeprefix("torch.")).code


def lies_as(tensor: Any, array: np.ndarray[Any, Any]) -> bool:
    """Whether a PyTorch tensor has the sizes and strides of an array over the same memory."""
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return tensor.shape == array.shape and (tensor.stride() == strides or not array.size)


def is_over(tensor: Any, array: np.ndarray[Any, Any]) -> bool:
    """Whether an array shows the elements of a PyTorch tensor, as they lie."""
    address = array.__array_interface__["data"][0]
    return tensor.data_ptr() == address and lies_as(tensor, array) and tensor.itemsize == array.itemsize


def lay_out(tensor: Any, array: np.ndarray[Any, Any]) -> None:
    """Give a PyTorch tensor the sizes and strides of an array over the same memory."""
    tensor.as_strided_(array.shape, [stride // array.itemsize for stride in array.strides])


def uses_torch(function: Any) -> bool:
    """Whether a Python function's module uses PyTorch: then its tensors are PyTorch's."""
    module = torch()
    return module is not None and any(
        v is module or getattr(v, "__name__", "").startswith("torch")
        for v in getattr(function, "__globals__", {}).values()
    )


def form_of(value: Any) -> str | None:
    """The special form a PyTorch function stands for."""
    module = torch()
    if module is None or not callable(value):
        return None
    jit, internal = module.jit, module._jit_internal
    forms: dict[Any, str] = {
        jit.annotate: "annotate", jit.is_scripting: "is_scripting", jit.is_tracing: "is_tracing",
        internal.is_scripting: "is_scripting", module.compiler.is_compiling: "always_false",
        jit.isinstance: "isinstance", module.no_grad: "no_grad", module.inference_mode: "inference_mode",
        module.jit._unwrap_optional: "unwrap_optional",
        module.autograd.profiler.record_function: "record_function",
        module.enable_grad: "enable_grad", module.jit.Attribute: "attribute",
        jit.fork: "fork", jit.wait: "wait", jit.strict_fusion: "strict_fusion", jit.fuser: "fuser",
        jit.optimized_execution: "optimized_execution",
    }  # fmt: skip
    try:
        return forms.get(value)
    except TypeError:
        return None


def operator_of(value: Any) -> str | None:
    """``aten::relu`` for ``torch.relu``; None for what is no operator."""
    module = torch()
    if module is None or not callable(value) or isinstance(value, type):
        return None
    return module.jit._builtins._find_builtin(getattr(value, REPLACED, value))


def boolean_dispatch_of(value: Any) -> tuple[Any, Any, str, int, bool] | None:
    """The parts of a function PyTorch dispatches by a constant bool."""
    module = torch()
    if module is None or not callable(value):
        return None
    found = module._jit_internal.boolean_dispatched.get(value) if _hashable(value) else None
    if found is None:
        return None
    return found["if_true"], found["if_false"], found["arg_name"], found["index"], bool(found["default"])


def _hashable(value: Any) -> bool:
    return getattr(cast("type[Any]", type(value)), "__hash__", None) is not None


def wrapper() -> Any:
    """What gives arrays to users as tensors where nothing says which kind: PyTorch's if it is imported."""
    return from_numpy if torch() is not None else None


def overload(full_name: str) -> Any:
    """PyTorch's own operator ``aten::add.Tensor``; None where it has none."""
    space, _, rest = full_name.partition("::")
    name, _, variant = rest.partition(".")
    packet = getattr(getattr(torch().ops, space), name, None)
    return None if packet is None else getattr(packet, variant or "default", None)


_GRAD_MODE: ContextVar[bool] = ContextVar("tsc_grad_mode", default=True)
"""Whether gradients are recorded where PyTorch is not there."""


def is_grad_enabled() -> bool:
    """Whether gradients are recorded: by PyTorch, where it is there."""
    module = torch()
    return _GRAD_MODE.get() if module is None else module.is_grad_enabled()


def set_grad_enabled(mode: bool) -> None:
    """From now on gradients are recorded, or not: by PyTorch, where it is there."""
    module = torch()
    if module is None:
        _GRAD_MODE.set(mode)
    else:
        module.set_grad_enabled(mode)


def requires_grad(value: Any) -> bool:
    """Whether a value, or a tensor in it, asks for gradients."""
    if isinstance(value, (list, tuple)):
        return any(requires_grad(v) for v in cast("list[Any]", value))
    if isinstance(value, dict):
        return any(requires_grad(v) for v in cast("dict[Any, Any]", value).values())
    return is_tensor(value) and value.requires_grad


def to_numpy(tensor: Any) -> np.ndarray[Any, Any]:
    """The memory of a PyTorch CPU tensor as an array; no copy, but of one that PyTorch conjugates or negates
    when it is read: it and the copy follow what is written to the other.

    The base of the array is one too: NumPy changes the strides of no other in place (``t_``).
    """
    module = torch()
    plain = tensor.detach() if tensor.requires_grad else tensor
    dtype = plain.dtype
    if dtype is module.bfloat16:
        return to_numpy(plain.view(module.int16)).view(dtypes.BF16.numpy)
    try:
        array = plain.numpy()
    except RuntimeError:
        if plain.is_neg():
            return negative_view(to_numpy(plain._neg_view()))
        if plain.is_conj():
            return conjugate_view(to_numpy(plain.conj()))
        raise
    is_whole = array.flags.c_contiguous and not plain.storage_offset()
    return array[...] if is_whole or not array.size else _part_of_storage(plain)


def _part_of_storage(tensor: Any) -> np.ndarray[Any, Any]:
    """A tensor as a view of an array over all its memory, which ``as_strided`` may reach into."""
    size = tensor.itemsize
    count = tensor.untyped_storage().nbytes() // size
    whole = to_numpy(tensor.as_strided((count,), (1,), 0))
    strides = [stride * size for stride in tensor.stride()]
    return np.ndarray(tensor.shape, whole.dtype, whole, tensor.storage_offset() * size, strides)


def from_numpy(array: np.ndarray[Any, Any]) -> Any:
    """A PyTorch tensor over the memory of an array; no copy."""
    module = torch()
    if not array.flags.writeable:
        array = array.copy()
    is_bf16 = array.dtype == dtypes.BF16.numpy
    tensor = module.from_numpy(array.view(np.int16) if is_bf16 else array)
    if not array.size:  # of which NumPy keeps no strides
        tensor = tensor.new_empty(array.shape)
    return tensor.view(module.bfloat16) if is_bf16 else tensor


def plain_from_numpy() -> Any:
    """PyTorch's own ``from_numpy``, which a trace does not replace: for arrays that can be written, and have
    elements, of a dtype that NumPy has too.
    """
    return torch()._C._VariableFunctions.from_numpy
