"""The inputs and outputs of a trace: nested containers of tensors, as types and as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from xdsl.ir import SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.runtime.named_tuples import build_named_tuple
from tsc.tracing.backends import Backend
from tsc.tracing.diagnostics import CONTAINER, warn
from tsc.tracing.recorder import Recorder


def type_of(backend: Backend, value: object) -> TorchType | None:
    """The type of an example input; None for what cannot be one."""
    if backend.is_tensor(value):
        return tt.TENSOR
    if isinstance(value, tuple):
        kinds = [type_of(backend, v) for v in cast("tuple[Any, ...]", value)]
        return None if None in kinds else tt.TupleType(tuple(kinds))
    if isinstance(value, list):
        return _element_type(
            backend,
            cast("list[Any]", value),
            "List inputs to traced functions must have consistent element type",
        )
    if isinstance(value, dict):
        return _dict_type(backend, cast("dict[Any, Any]", value))
    return None


def _element_type(backend: Backend, values: Sequence[Any], complaint: str) -> TorchType | None:
    kinds = [type_of(backend, v) for v in values]
    if None in kinds or not kinds:
        return None
    first, other = kinds[0], next((k for k in kinds if k is not kinds[0]), None)
    assert first is not None
    if other is not None:
        raise RuntimeError(f"{complaint}. Found {first.torchscript()} and {other.torchscript()}")
    return tt.ListType(first)


def _dict_type(backend: Backend, value: dict[Any, Any]) -> TorchType | None:
    keys: set[Any] = {type(k) for k in value}
    element = _element_type(
        backend, list(value.values()), "Dictionary inputs to traced functions must have consistent type"
    )
    key = {str: tt.STRING, int: tt.INT}.get(keys.pop()) if len(keys) == 1 else None
    return None if key is None or element is None else tt.DictType((key, cast("tt.ListType", element).data))


def input_types(backend: Backend, inputs: Sequence[Any]) -> list[TorchType]:
    """The types of all inputs.

    Raises:
        RuntimeError: one is no tensor nor made of tensors.
    """
    found = [type_of(backend, v) for v in inputs]
    if None in found:
        names = ", ".join(_python_type(backend, v) for v in inputs)
        raise RuntimeError(
            f"Type 'Tuple[{names}]' cannot be traced. Only Tensors and (possibly nested) Lists, Dicts, and "
            "Tuples of Tensors can be traced"
        )
    return cast("list[TorchType]", found)


def _python_type(backend: Backend, value: object) -> str:
    kind = type_of(backend, value)
    if kind is not None:
        return kind.torchscript()
    if isinstance(value, tuple):
        return f"Tuple[{', '.join(_python_type(backend, v) for v in cast('tuple[Any, ...]', value))}]"
    return "NoneType" if value is None else type(value).__name__


def enter(recorder: Recorder, live: object, value: SSAValue) -> Any:
    """What the traced function gets for an input: `value` stands for it, part by part."""
    if recorder.backend.is_tensor(live):
        given = recorder.backend.alias(live) if recorder.knows(live) else live
        recorder.set_value(given, value)
        return given
    if isinstance(live, dict):
        held = cast("dict[Any, Any]", live)
        kind = cast("tt.DictType", value.type)
        get = "aten::__getitem__.Dict_str" if kind.key is tt.STRING else "aten::__getitem__.Dict_int"
        parts = [
            recorder.builder.aten(get, [value, recorder.builder.constant(k)], [kind.value]).results[0]
            for k in held
        ]
        return {k: enter(recorder, v, p) for (k, v), p in zip(held.items(), parts, strict=True)}
    items = cast("Sequence[Any]", live)
    kind = cast("TorchType", value.type)
    is_list = isinstance(kind, tt.ListType)
    types = [kind.data] * len(items) if is_list else list(kind.data)
    unpack = ops.PrimListUnpackOp if is_list else ops.PrimTupleUnpackOp
    made = recorder.builder.create(unpack, [value], types).results
    entered = [enter(recorder, v, p) for v, p in zip(items, made, strict=True)]
    if is_list:
        return entered
    return build_named_tuple(type(live), entered) if hasattr(live, "_fields") else tuple(entered)


def leave(recorder: Recorder, live: object, strict: bool) -> SSAValue:
    """The value of a traced function's result.

    Raises:
        RuntimeError: it is not made of tensors, or is a dict and the trace is strict.
    """
    if live is None:
        raise RuntimeError(
            "The traced function didn't return any values! Side-effects are not captured in traces, so it "
            "would be a no-op."
        )
    return _output(recorder, live, strict)


def _output(recorder: Recorder, live: object, strict: bool) -> SSAValue:
    backend, builder = recorder.backend, recorder.builder
    if backend.is_tensor(live):
        return recorder.value(live)
    behind = backend.tensor_of_int(live)
    if behind is not None:
        return recorder.value(behind)
    if isinstance(live, tuple) and live:
        return builder.make_tuple([_output(recorder, v, strict) for v in cast("tuple[Any, ...]", live)])
    if isinstance(live, list) and live:
        if strict:
            warn(f"Encountering a list at the output of the tracer{CONTAINER}")
        parts = [_output(recorder, v, strict) for v in cast("list[Any]", live)]
        return builder.list(cast("TorchType", parts[0].type), parts)
    if isinstance(live, dict) and live:
        if strict:
            raise RuntimeError(f"Encountering a dict at the output of the tracer{CONTAINER}")
        return _dict_output(recorder, cast("Mapping[Any, Any]", live), strict)
    raise RuntimeError(
        "Only tensors, lists, tuples of tensors, or dictionary of tensors can be output from traced functions"
    )


def _dict_output(recorder: Recorder, live: Mapping[Any, Any], strict: bool) -> SSAValue:
    values = [_output(recorder, v, strict) for v in live.values()]
    keys = [recorder.builder.constant(k) for k in live]
    kind = tt.DictType((keys[0].type, values[0].type))
    return recorder.builder.create(ops.PrimDictConstructOp, [*keys, *values], [kind]).results[0]


def map_values(value: object, change: Callable[[Any], Any]) -> Any:
    """`value` with everything that is no container replaced by ``change(it)``."""
    if isinstance(value, tuple):
        held = cast("tuple[Any, ...]", value)
        parts = [map_values(v, change) for v in held]
        return build_named_tuple(type(held), parts) if hasattr(held, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [map_values(v, change) for v in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {k: map_values(v, change) for k, v in cast("dict[Any, Any]", value).items()}
    return change(value)
