"""`export`: a module, for arguments as given, into an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, Any

from xdsl.dialects.func import FuncOp, ReturnOp

from tsc.ahead.arguments import Axes
from tsc.archive.writer import write_file
from tsc.compiler.entry import Entry
from tsc.compiler.sizes import MOST_RESTARTS, Sizes, SizesFoundError
from tsc.concurrency import COMPILING
from tsc.dialects.tsc import WRITTEN
from tsc.errors import ArgumentError, RefusedError
from tsc.frontend.unit import FunctionParameter
from tsc.modules.script_modules import RecursiveScriptModule, freeze_module
from tsc.onnx.graphs import OLDEST_OPSET, Graph, Model, NoFormError, onnx_package
from tsc.onnx.lowering import lowered
from tsc.onnx.signatures import Signature, signature_of
from tsc.onnx.translation import Refusal, Translation, returned
from tsc.runtime.exceptions import places_of
from tsc.tracebacks import with_short_tracebacks

LARGEST_MODEL = (1 << 31) - (1 << 20)
"""Bytes of weights: protobuf's messages have less than 2 GiB."""
MOST_REFUSALS = 10
"""Operations that an error names."""


@with_short_tracebacks
def export(
    model: Any,
    args: Any,
    f: str | os.PathLike[str] | IO[bytes],
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    opset_version: int | None = None,
    method: str = "forward",
) -> None:
    """Write a method of a script module, frozen, as an ONNX model: to a path, or to an open file.

    `args` are examples of its arguments (a tuple, or one tensor), or what ``python -m tsc compile`` takes:
    ``"?batchx3x224x224xf32"``. Tensors become inputs of the model; other arguments are constants in it. Names
    and `dynamic_axes` are as for ``torch.onnx.export`` (``{"x": {0: "batch"}}`` or ``{"x": [0]}``); the other
    sizes are those of the examples. Weights have their names. `opset_version` is 18 (the default) or later.

    The model is for calls in which the program does not raise; conditions on sizes are in its metadata, as
    ``tsc.conditions``.

    >>> module = tsc.script(tsc.nn.Linear(3, 2).eval())
    >>> tsc.onnx.export(module, (tsc.zeros(5, 3),), io.BytesIO(), dynamic_axes={"input": {0: "batch"}})

    Raises:
        ArgumentError: the package ``onnx`` is not installed, or the arguments do not fit the method.
        RefusedError: ONNX cannot say what the method does: operators and source lines are named.
    """
    onnx = onnx_package()
    opset = OLDEST_OPSET if opset_version is None else opset_version
    newest = int(onnx.defs.onnx_opset_version())
    if not OLDEST_OPSET <= opset <= newest:
        raise ArgumentError(f"export: opset_version: requires {OLDEST_OPSET} to {newest}; got {opset}")
    if not isinstance(model, RecursiveScriptModule):
        raise ArgumentError(f"export: requires a script module; got {type(model).__name__}")
    with COMPILING:
        entry, parameters = _frozen(model, method)
        signature = signature_of(parameters, args, input_names, dynamic_axes, output_names or ())
        proto = _exported(onnx, entry, signature, output_names, opset)
    data = proto.SerializeToString()
    if isinstance(f, (str, os.PathLike)):
        from pathlib import Path

        write_file(Path(f), data)
    else:
        f.write(data)


def _frozen(model: RecursiveScriptModule, method: str) -> tuple[Entry, Sequence[FunctionParameter]]:
    """A method at stage `frozen`, and its parameters."""
    known = model._object.cls.methods  # pyright: ignore[reportPrivateUsage]
    if method not in known:
        raise ArgumentError(f"export: method: requires a method that the module has; got {method}")
    is_frozen = object.__getattribute__(model, "_frozen") is not None
    others = [] if method == "forward" else [method]
    frozen = model if is_frozen else _frozen_in_eval_mode(model, others)
    found = frozen._method(method)  # pyright: ignore[reportPrivateUsage]
    assert found.entry is not None
    if len(found.entry.arguments) > len(found.parameters):
        raise RefusedError(f"export: {method} keeps state in attributes, which a model of ONNX does not have")
    return replace(found.entry, module=found.entry.alone()), found.parameters


def _frozen_in_eval_mode(model: RecursiveScriptModule, preserved: Sequence[str]) -> RecursiveScriptModule:
    """A frozen copy; each module stays in the mode that it is in."""
    training = [module for module in model.modules() if getattr(module, "training", False)]
    try:
        return freeze_module(model.eval(), preserved)
    finally:
        for module in training:
            module.training = True


def _exported(
    onnx: Any, entry: Entry, signature: Signature, output_names: Sequence[str] | None, opset: int
) -> Any:
    """The model. Where equations say what sizes are, it begins anew without those."""
    sizes = signature.axes.sizes()
    for _ in range(MOST_RESTARTS):
        try:
            function = lowered(entry, signature.entries, sizes)
            if sizes is not None:
                sizes.require_free()
            return _written(onnx, entry, function, signature, sizes, output_names, opset)
        except SizesFoundError as found:
            assert sizes is not None
            sizes = sizes.narrowed(found.solved)
            _require_free(sizes, signature.axes)
    raise RefusedError("export: sizes turn out to be equal again and again")


def _require_free(sizes: Sizes, axes: Axes) -> None:
    for symbol, value in sizes.values.items():
        if isinstance(value, int):
            raise RefusedError(
                f"export: dynamic_axes: the program works for {axes.in_words(symbol)} = {value} alone"
            )


def _written(
    onnx: Any, entry: Entry, function: FuncOp, signature: Signature, sizes: Sizes | None,
    output_names: Sequence[str] | None, opset: int,
) -> Any:  # fmt: skip
    if WRITTEN in function.attributes:
        raise RefusedError(f"export: {entry.name.rpartition('.')[2]} writes to an argument")
    block = function.body.block
    tensors = [(arg, name) for arg, name in zip(block.args, signature.names, strict=True)]
    symbols = signature.places(block.args)
    model = Model(onnx, symbols)
    translation = Translation(model, entry.pool, opset, in_words=signature.axes.in_words)
    model.reserve([*signature.names, *(output_names or ())])
    inputs = [translation.input(arg, name) for arg, name in tensors]
    graph = Graph(model)
    end = block.last_op
    assert isinstance(end, ReturnOp)
    translation.block(block, graph)
    outputs = _outputs(translation, graph, end, output_names)
    if translation.refusals:
        raise _refusal(entry.name, translation.refusals)
    size = sum(len(weight.raw_data) for weight in model.weights)
    if size > LARGEST_MODEL:
        raise RefusedError(f"export: weights take {size} bytes; a file of ONNX holds at most {LARGEST_MODEL}")
    helper = onnx.helper
    name = entry.name.rpartition(".")[0].rpartition(".")[2] or "model"
    nodes = [*model.size_nodes, *graph.nodes]
    made = helper.make_graph(nodes, name, inputs, outputs, initializer=model.weights)
    imports = [helper.make_opsetid("", opset)]
    proto = helper.make_model(
        made, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports),
        producer_name="tsc", producer_version=_version(),
    )  # fmt: skip
    if sizes is not None and sizes.environment.guards:
        texts = [signature.axes.in_words(guard) for guard in sizes.environment.guards.values()]
        helper.set_model_props(proto, {"tsc.conditions": "; ".join(texts)})
    return proto


def _version() -> str:
    import tsc

    return tsc.__version__


def _outputs(
    translation: Translation, graph: Graph, end: ReturnOp, output_names: Sequence[str] | None
) -> list[Any]:
    try:
        values = returned(end)
        if output_names is not None and len(output_names) != len(values):
            raise ArgumentError(
                f"export: output_names: requires a name for each of {len(values)} results; got "
                f"{len(output_names)}"
            )
        if translation.refusals:
            return []
        names = output_names or [translation.model.unique(hint) for _, hint in values]
        return [translation.result(graph, v, n) for (v, _), n in zip(values, names, strict=True)]
    except NoFormError as error:
        translation.refusals.append(Refusal(end, error.message))
        return []


def _refusal(function: str, refusals: Sequence[Refusal]) -> RefusedError:
    """All that ONNX cannot say, with the lines of the program where that is."""
    lines = [f"export: {function.removeprefix('__torch__.')} has no form in ONNX:"]
    for refusal in refusals:
        places = (place.highlight() for place in places_of(refusal.op.location, function))
        schema = getattr(refusal.op, "schema", None)
        name = refusal.op.name if schema is None else schema.full_name
        entry = "\n".join([f"  {name}: {refusal.reason}", *places])
        if entry not in lines:
            lines.append(entry)
    shown = lines[: 1 + MOST_REFUSALS]
    if len(lines) > len(shown):
        shown.append(f"  and {len(lines) - len(shown)} more")
    return RefusedError("\n".join(shown))
