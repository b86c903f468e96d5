"""Ints that remember the 0-dim tensor they were read from: sizes, while a trace is recorded."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class TracedArithmetic:
    """Arithmetic of an int on the tensor behind it, so that a trace sees it; mixed into a class of ints.

    As in PyTorch, a comparison gives a tensor, and so does what leaves the integers.
    """

    traced_tensor: Any
    traced_value: int
    traced_recorder: Any

    def __int__(self) -> int:
        return self._python("integer")

    def __index__(self) -> int:
        return self.traced_value  # PyTorch does not warn of these

    def __float__(self) -> float:
        return float(self._python("float"))

    def __bool__(self) -> bool:
        return bool(self._python("boolean"))

    def __hash__(self) -> int:
        return hash(self.traced_value)

    def __repr__(self) -> str:
        return repr(self.traced_value)

    def __str__(self) -> str:
        return str(self.traced_value)

    def __format__(self, spec: str) -> str:
        return format(self.traced_value, spec)

    def _python(self, kind: str) -> int:
        self.traced_recorder.converted(kind)
        return self.traced_value

    def _again(self, tensor: Any, value: Any) -> Any:
        recorder = self.traced_recorder
        return recorder.backend.traced_int(recorder, tensor, value) if type(value) is int else tensor


def _method(compute: Callable[..., Any], reflected: bool, stays: bool) -> Callable[..., Any]:
    def method(self: TracedArithmetic, *others: Any) -> Any:
        value = [getattr(o, "traced_value", o) for o in others]
        tensors = [getattr(o, "traced_tensor", o) for o in others]
        is_number = all(isinstance(v, (int, float)) for v in value)
        numbers = [*value, self.traced_value] if reflected else [self.traced_value, *value]
        if is_number and not self.traced_recorder.is_running():
            return compute(*numbers)
        operands = [*tensors, self.traced_tensor] if reflected else [self.traced_tensor, *tensors]
        result = compute(*operands)
        return self._again(result, compute(*numbers)) if stays and is_number else result  # pyright: ignore[reportPrivateUsage]

    return method


for _name in ("add", "sub", "mul", "floordiv", "mod", "pow", "truediv"):
    _compute = getattr(operator, _name)
    setattr(TracedArithmetic, f"__{_name}__", _method(_compute, reflected=False, stays=_name != "truediv"))
    setattr(TracedArithmetic, f"__r{_name}__", _method(_compute, reflected=True, stays=_name != "truediv"))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(TracedArithmetic, f"__{_name}__", _method(getattr(operator, _name), reflected=False, stays=False))
for _name in ("neg", "abs"):
    setattr(TracedArithmetic, f"__{_name}__", _method(getattr(operator, _name), reflected=False, stays=True))


class TracedInt(TracedArithmetic, int):
    """A size of a `tsc.Tensor`."""

    def __new__(cls, tensor: Any, value: int, recorder: Any) -> TracedInt:
        """The int `value`, which is what the 0-dim `tensor` holds."""
        made = int.__new__(cls, value)
        made.traced_tensor, made.traced_value, made.traced_recorder = tensor, value, recorder
        return made
