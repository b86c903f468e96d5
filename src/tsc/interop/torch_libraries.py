# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
"""Operators that libraries have registered with PyTorch: their schemas, and their calls on arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tsc.interop.torch import from_numpy, is_tensor, overload, to_numpy, torch


def schemas_of(name: str) -> list[str]:
    """The schemas of ``mine::twice``, an operator that a library has registered with PyTorch; none without
    PyTorch.
    """
    module = torch()
    return [] if module is None else list(map(str, module._C._jit_get_schemas_for_operator(name)))


def function_of(full_name: str, keywords: Sequence[str | None]) -> Callable[..., Any] | None:
    """An operator that a library has registered with PyTorch, on arrays; `keywords` are the names of the
    arguments that are given by name. None where there is no such.
    """
    module = torch()
    run = None if module is None else overload(full_name)
    if run is None:
        return None
    names = [name for name in keywords if name is not None]
    first = len(keywords) - len(names)

    def on_arrays(*arguments: object) -> Any:
        given: dict[int, Any] = {}
        values = [a if type(a) in _PLAIN else _tensors(a, given) for a in arguments]
        named = dict(zip(names, values[first:], strict=True))
        if not torch().is_grad_enabled():
            return _arrays(run(*values[:first], **named), given)
        with torch().no_grad():
            return _arrays(run(*values[:first], **named), given)

    return on_arrays


_PLAIN = (int, float, bool, str, type(None))
"""What is the same for PyTorch."""


def _tensors(value: Any, given: dict[int, Any]) -> Any:
    """PyTorch's tensors over the arrays in a value; `given` is to have the array of each."""
    if isinstance(value, np.ndarray):
        made = from_numpy(cast("np.ndarray[Any, Any]", value))
        given[id(made)] = value, made
        return made
    if isinstance(value, (list, tuple)):
        return type(value)(_tensors(v, given) for v in cast("list[Any]", value))
    if isinstance(value, dict):
        return {k: _tensors(v, given) for k, v in cast("dict[Any, Any]", value).items()}
    return value


def _arrays(value: Any, given: Mapping[int, Any]) -> Any:
    """Arrays over the tensors in a value: those that were given, where it is their tensors."""
    if is_tensor(value):
        return given[id(value)][0] if id(value) in given else to_numpy(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_arrays(v, given) for v in cast("list[Any]", value))
    return value
