"""Whether a call belongs to PyTorch's operators: because gradients are wanted, or because something of
PyTorch watches operators or changes what they do (``torch.autocast``, ``torch.func``, dispatch modes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, cast

from tsc.interop.torch import torch


@cache
def watching_test() -> Callable[[], bool]:
    """Whether PyTorch watches operators in this thread, or changes what they do: a test for every call."""
    module = torch()
    internal, forward = module._C, module.autograd.forward_ad
    tracing, transforms = internal._get_tracing_state, internal._are_functorch_transforms_active
    modes, autocast = internal._len_torch_dispatch_stack, internal._is_any_autocast_enabled

    def is_watching() -> bool:
        return (
            tracing() is not None or transforms() or modes() > 0 or autocast() or forward._current_level >= 0
        )

    return is_watching


@cache
def wanting_test() -> Callable[[Any, bool], bool]:
    """Whether a value, or a tensor in it, must be computed with by PyTorch: it asks for gradients (where
    those are wanted), or is of a class of its own (``FakeTensor``, a user's).
    """
    tensor, parameter = torch().Tensor, torch().nn.Parameter

    def wants(value: Any, is_grad_enabled: bool) -> bool:
        kind = cast("type[Any]", type(value))
        if kind is tensor or kind is parameter:
            return is_grad_enabled and value.requires_grad
        if isinstance(value, (list, tuple)):
            return any(wants(v, is_grad_enabled) for v in cast("Sequence[Any]", value))
        if isinstance(value, dict):
            return any(wants(v, is_grad_enabled) for v in cast("dict[Any, Any]", value).values())
        return isinstance(value, tensor)

    return wants


def outside_transforms() -> AbstractContextManager[Any]:
    """Inside, tensors are what they are without the transforms of ``torch.func`` around."""
    module = torch()
    return nullcontext() if module is None else module._C._DisableFuncTorch()


def is_watched_tensor(value: Any) -> bool:
    """Whether `value` is a tensor without memory to look at: a wrapper of ``torch.func``, or of a class
    of its own (``FakeTensor``).
    """
    module = torch()
    if module is None or not isinstance(value, module.Tensor):
        return False
    is_plain = type(value) in (module.Tensor, module.nn.Parameter)
    return not is_plain or module._C._functorch.is_functorch_wrapped_tensor(value)
