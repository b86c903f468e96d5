"""Operators on what is no tensor and no container: optional values, enums, devices, futures."""

from __future__ import annotations

from typing import Any

from tsc.errors import BoundsError, OperatorError
from tsc.ops.definition import Effect, Family
from tsc.ops.python_forms import python_form

FAMILY = Family()


@FAMILY.op(
    "aten::is_grad_enabled", "aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled", kind="python",
    effect=Effect.READS,
)  # fmt: skip
def is_off() -> bool:
    """Never: `tsc` computes no gradients, and casts only where the program says so."""
    return False


@FAMILY.op("aten::has_torch_function", kind="python")
def has_torch_function(*_: object) -> bool:
    """Never: operators are not overridden."""
    return False


@FAMILY.op(
    "prim::unchecked_cast", "prim::unchecked_unwrap_optional", kind="python", python=python_form("{0}")
)
def identity(value: object) -> Any:
    """The value itself, under a more precise type."""
    return value


@FAMILY.op(
    "aten::_unwrap_optional", kind="python",
    python=python_form("{0} if {0} is not None else {eager}({0})"),
)  # fmt: skip
def unwrap_optional(optional: object) -> Any:
    """The value itself.

    Raises:
        OperatorError: it is None.
    """
    if optional is None:
        raise OperatorError("Unwrapping null optional")
    return optional


@FAMILY.op("aten::wait", kind="python", effect=Effect.ACTS)
def wait(self: Any) -> Any:
    """The value of a future; raises what the forked call raised."""
    return self.wait()


@FAMILY.op("prim::EnumName", kind="python")
def enum_name(enum: Any) -> str:
    """The name of an enum's member."""
    return enum.name


@FAMILY.op(
    "prim::EnumValue.int",
    "prim::EnumValue.float",
    "prim::EnumValue.str",
    kind="python",
    python=python_form("{0}.value"),
)
def enum_value(enum: Any) -> Any:
    """The value of an enum's member."""
    return enum.value


@FAMILY.op("prim::index", kind="python")
def device_index(self: str) -> int | None:
    """The number of a device; None where it has none (``cpu``)."""
    _, _, number = self.partition(":")
    return int(number) if number else None


@FAMILY.op("prim::TupleIndex", kind="python", python=python_form("{0}[{1}]"))
def tuple_index(tup: tuple[Any, ...], i: int) -> Any:
    """Element `i`.

    Raises:
        BoundsError: there is no such element.
    """
    if not -len(tup) <= i < len(tup):
        raise BoundsError("Tuple index out of range")
    return tup[i]


@FAMILY.op("aten::device", kind="python")
def device(a: str) -> str:
    """The device a string names."""
    return a


@FAMILY.op("aten::device.with_index", kind="python")
def device_with_index(type: str, index: int) -> str:
    """``cuda:0``."""
    return f"{type}:{index}"


@FAMILY.op("prim::type", kind="python")
def device_type(self: str) -> str:
    """The kind of device: ``cpu`` of ``cpu:0``."""
    return self.partition(":")[0]
