"""The runtimes that are compared: each entry prepares a model and returns a call without arguments."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch

_TORCH = cast("Any", torch)
"""PyTorch without its annotations, which are partial."""
Call = Callable[[], object]
Inputs = tuple[torch.Tensor, ...]


class Unavailable(Exception):  # noqa: N818 - it is no error: the peer is optional
    """Why a peer is left out."""


def prepare_tsc(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """`tsc.load` and `optimize_for_inference` of the archive PyTorch saves; NumPy arrays in and out."""
    import tsc

    stream = io.BytesIO()
    _TORCH.jit.save(_TORCH.jit.script(model), stream)
    stream.seek(0)
    tsc.set_num_threads(threads)
    compiled = tsc.optimize_for_inference(tsc.load(stream))
    arrays = [t.numpy() for t in inputs]
    return lambda: compiled(*arrays)


def prepare_eager(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """PyTorch as it is."""
    return _inference(model, inputs, threads)


def prepare_torch_jit(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """``torch.jit.optimize_for_inference`` of the scripted model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = _TORCH.jit.script(model)
        optimized = _TORCH.jit.optimize_for_inference(_TORCH.jit.freeze(scripted))
    return _inference(optimized, inputs, threads)


def prepare_torch_compile(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """``torch.compile`` (Inductor) with freezing."""
    import torch._inductor.config as config

    torch.set_num_threads(threads)
    _TORCH._dynamo.reset()
    config.freezing = True
    compiled = _TORCH.compile(model)
    try:
        return _inference(compiled, inputs, threads)
    except Exception as error:  # a peer that cannot compile the model is left out, whatever it raises
        raise Unavailable(f"{type(error).__name__}: {str(error).splitlines()[0][:100]}") from None


def _inference(model: Any, inputs: Inputs, threads: int) -> Call:
    torch.set_num_threads(threads)

    def call() -> object:
        with torch.inference_mode():
            return model(*inputs)

    for _ in range(3):
        call()
    return call


def _optional(name: str) -> Any:
    """A package that only comparing needs.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise Unavailable(f"{error.name} is not installed") from None


def _export(model: torch.nn.Module, inputs: Inputs) -> Path:
    for name in ("onnx", "onnxscript"):  # which the exporter imports
        _optional(name)
    file = Path(tempfile.mkdtemp()) / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _TORCH.onnx.export(model, inputs, str(file), dynamo=True, verbose=False)
    return file


def prepare_onnxruntime(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """ONNX Runtime, CPU provider, all graph optimizations."""
    runtime = _optional("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(str(_export(model, inputs)), options, ["CPUExecutionProvider"])
    feed = {meta.name: tensor.numpy() for meta, tensor in zip(session.get_inputs(), inputs, strict=True)}
    return lambda: session.run(None, feed)


def prepare_openvino(model: torch.nn.Module, inputs: Inputs, threads: int) -> Call:
    """OpenVINO on the CPU, in float32 (its own default may be bfloat16)."""
    core = _optional("openvino").Core()
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(str(_export(model, inputs))), "CPU", settings)
    request = compiled.create_infer_request()
    arrays = [t.numpy() for t in inputs]
    return lambda: request.infer(arrays)


PEERS: dict[str, Callable[[torch.nn.Module, Inputs, int], Call]] = {
    "tsc": prepare_tsc,
    "torch eager": prepare_eager,
    "torch.jit": prepare_torch_jit,
    "torch.compile": prepare_torch_compile,
    "onnxruntime": prepare_onnxruntime,
    "openvino": prepare_openvino,
}
"""Name to preparation."""
