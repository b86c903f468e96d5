"""Exports a module, and runs it in ONNX Runtime and in PyTorch."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

import tsc
from tsc.narrowing import is_sequence

onnx: Any = pytest.importorskip("onnx", reason="requires onnx: the extra `onnx`")
runtime: Any = pytest.importorskip("onnxruntime", reason="requires ONNX Runtime: the extra `test`")


def exported(module: torch.nn.Module, args: Any, **options: Any) -> Any:
    """The model of a module, checked by ONNX."""
    stream = io.BytesIO()
    tsc.onnx.export(tsc.script(module.eval()), args, stream, **options)
    proto = onnx.load_from_string(stream.getvalue())
    onnx.checker.check_model(proto, full_check=True)
    return proto


def session_of(proto: Any) -> Any:
    """ONNX Runtime, ready to run a model."""
    return runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def assert_same(
    session: Any, module: torch.nn.Module, *tensors: torch.Tensor, others: tuple[Any, ...] = ()
) -> None:
    """Both compute the same of these inputs; `others` are arguments that are constants in the model."""
    with torch.no_grad():
        expected = flat(module(*[t.clone() for t in tensors], *others))
    given = {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors, strict=True)}
    found = session.run(None, given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.tensor(ours), theirs, rtol=1e-4, atol=1e-5)


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors of a result."""
    if isinstance(value, torch.Tensor):
        return [value]
    parts = list(value.values()) if isinstance(value, dict) else list(value) if is_sequence(value) else []
    return [t for part in parts for t in flat(part)]


def operations(proto: Any) -> list[str]:
    """The kinds of nodes of a model, those in branches and loops aside."""
    return [node.op_type for node in proto.graph.node]


def sizes(info: Any) -> list[Any]:
    """The sizes of an input or result: numbers, or names."""
    return [d.dim_param or d.dim_value for d in info.type.tensor_type.shape.dim]
