# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Every rule of the table against PyTorch: ONNX Runtime runs its nodes on the operator's samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.ops.comparing import difference
from tests.ops.matching import TORCH_DTYPES, call_torch, cloned, ours
from tests.ops.samples import REFUSALS, calls_of
from tsc.dialects import schema as schemas
from tsc.narrowing import is_sequence
from tsc.onnx.graphs import OLDEST_OPSET, Emitter, Graph, Model, NoFormError, Tensor, type_code
from tsc.onnx.rules.table import RULES

onnx: Any = pytest.importorskip("onnx", reason="requires onnx: the extra `onnx`")
runtime: Any = pytest.importorskip("onnxruntime", reason="requires ONNX Runtime: the extra `test`")
pytestmark = pytest.mark.filterwarnings("ignore")

ORIGINS = ("float32", "int64", "bool", "handpicked")
PER_ORIGIN = 6
LACKS_KERNELS = (
    "NOT_IMPLEMENTED",
    "Could not find an implementation",
    "Type Error: Type",
    "No corresponding Numpy",
)
"""What ONNX Runtime says of dtypes that its kernels do not take, though ONNX does."""
REFUSED = "refused"
NOT_VALUES = {"aten::empty_like", "aten::new_empty", "aten::empty.memory_format"}
"""Of these only shape and dtype are said."""
FINITE = {"aten::scaled_dot_product_attention"}
"""Its docstring says what it does with infinities."""
LIKE = {
    **{f"aten::__{name}__.{kind}": f"aten::bitwise_{name}.{kind}" for name in ("and", "or", "xor")
       for kind in ("Tensor", "Scalar")},
    "aten::_unsafe_view": "aten::view",
}  # fmt: skip
"""Operators that no sample calls, and others whose calls are theirs."""
PLACES_OF_EQUALS = {"aten::topk"}
"""Of equal elements these may take any: the places are right where the elements are."""


class Call:
    """One call of an operator as a model: its inputs are the tensors among the arguments."""

    def __init__(self, name: str, values: list[Any], results: list[torch.Tensor]) -> None:
        self.model = Model(onnx, {})
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.arguments = [self._argument(value) for value in values]
        self.graph = Graph(self.model)
        described = [Tensor("", TORCH_DTYPES[r.dtype], tuple(r.shape)) for r in results]
        found = RULES[name](Emitter(self.graph, described, OLDEST_OPSET), *self.arguments)
        names = [found] if isinstance(found, str) else found
        self.outputs = [self.graph.add("Identity", [n])[0] for n in names]
        self.results = described

    def _argument(self, value: Any) -> Any:
        if is_sequence(value):
            return [self._argument(v) for v in value]
        if not isinstance(value, np.ndarray):
            return value
        name = self.model.unique("input")
        self.arrays[name] = value
        dtype = next(d for d in TORCH_DTYPES.values() if d.numpy == value.dtype)
        return Tensor(name, dtype, value.shape)

    def run(self) -> list[np.ndarray[Any, Any]]:
        """The results that ONNX Runtime computes."""
        info = onnx.helper.make_tensor_value_info
        inputs = [info(a.name, type_code(a.dtype), a.shape) for a in tensors_in(self.arguments)]
        outputs = [
            info(n, type_code(r.dtype), r.shape) for n, r in zip(self.outputs, self.results, strict=True)
        ]
        nodes = [*self.model.size_nodes, *self.graph.nodes]
        graph = onnx.helper.make_graph(nodes, "call", inputs, outputs, self.model.weights)
        imports = [onnx.helper.make_opsetid("", OLDEST_OPSET)]
        version = onnx.helper.find_min_ir_version_for(imports)
        proto = onnx.helper.make_model(graph, opset_imports=imports, ir_version=version)
        onnx.checker.check_model(proto)
        session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, self.arrays)


def tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [t for v in value for t in tensors_in(v)] if is_sequence(value) else []


def results_of(schema: Any, values: list[Any]) -> list[torch.Tensor] | None:
    """What PyTorch gives; None for calls that it refuses, and for numbers."""
    try:
        found = call_torch(schema, cloned(values))
    except REFUSALS:
        return None
    results = list(found) if is_sequence(found) else [found]
    return results if all(isinstance(r, torch.Tensor) for r in results) else None


def has_infinity(values: list[Any]) -> bool:
    return any(isinstance(v, torch.Tensor) and bool(torch.isinf(v).any()) for v in values)


def is_finite_int(values: list[Any]) -> bool:
    """Whether no number is too large for what the kernels compute in."""
    return all(not isinstance(v, (int, float)) or abs(v) < 2**62 for v in values)


def outcome(name: str, values: list[Any], results: list[torch.Tensor]) -> str | None:
    """What is wrong with what a rule's nodes compute, or None; `refused` where there is no such call in ONNX,
    or in ONNX Runtime.
    """
    try:
        got = Call(name, ours(cloned(values)), results).run()
    except NoFormError:
        return REFUSED
    except Exception as error:
        return REFUSED if any(text in str(error) for text in LACKS_KERNELS) else f"{error!s:.300}"
    if name in NOT_VALUES:
        assert [g.shape for g in got] == [tuple(r.shape) for r in results]
        return None
    if name in PLACES_OF_EQUALS and values[0].ndim:
        got[1], results[1] = np.take_along_axis(values[0].numpy(), got[1], values[2]), results[0]
    pairs = zip(got, results, strict=True)
    return next((text for g, r in pairs if (text := difference(np.asarray(g), r)) is not None), None)


def samples(name: str) -> Iterator[tuple[list[Any], list[torch.Tensor]]]:
    """Calls of an operator, and PyTorch's results."""
    schema = schemas.lookup(name)
    assert schema is not None
    like = schemas.lookup(LIKE.get(name, name))
    assert like is not None
    for origin, calls in calls_of(like).items():
        for values in calls[:PER_ORIGIN] if origin in ORIGINS else []:
            results = results_of(schema, values)
            is_tried = is_finite_int(values) and not (name in FINITE and has_infinity(values))
            if results is not None and is_tried:
                yield values, results


@pytest.mark.parametrize("name", sorted(n for n in RULES if n.startswith("aten::")))
def test_a_rule_computes_what_pytorch_does(name: str) -> None:
    outcomes: list[str | None] = []
    for values, results in samples(name):
        found = outcome(name, values, results)
        assert found in (None, REFUSED), f"{name}: {found}: {values!r:.500}"
        outcomes.append(found)
    if None not in outcomes:
        pytest.skip(f"no sample gives tensors, or can run ({len(outcomes)} refused)")
