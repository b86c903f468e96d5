# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnnecessaryComparison=false
"""Every derivative gives PyTorch's gradients, on PyTorch's own samples and hand-picked calls, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import Aten, eager_aten, in_turn
from tsc.ops.definition import Operator
from tsc.ops.derivatives.reverse import Record, flow, places_of, tensors_of
from tsc.ops.elementwise import spec_of
from tsc.ops.registry import operators

from .matching import call_torch, cloned, ours
from .samples import calls_of

pytestmark = pytest.mark.filterwarnings("ignore")
REFUSED = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError)
UNDEFINED = {
    "eigenvalues that may be complex": ("linalg_eig", "linalg_eigvals"),
    "exponentials of complex numbers, running": ("logcumsumexp",),
    "what lies in memory": ("as_strided_scatter",),
}  # fmt: skip
"""Operators of which gradients are refused, for some arguments or all."""
NAMES = {f"aten::{name}" for group in UNDEFINED.values() for name in group}
NARROW = {torch.bfloat16, torch.float16, torch.float32, torch.complex64}
GAUGE = ("aten::linalg_eigh", "aten::_linalg_eigh")
"""Eigenvectors may have either sign, and gradients with them."""


@dataclass(frozen=True)
class Case:
    """A call, what gradients of its results are taken, and PyTorch's gradients of its arguments."""

    arguments: list[Any]
    cotangents: list[Any]
    """One per result tensor; None where PyTorch has no gradient through it."""
    want: list[Any]


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a value, one by one."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from tensors_in(inner)


def doubled(value: Any) -> Any:
    """Floats in double precision."""
    if isinstance(value, torch.Tensor):
        if value.is_complex():
            return value.resolve_conj().to(torch.complex128)
        return value.double() if value.is_floating_point() else value
    return [doubled(v) for v in value] if isinstance(value, (list, tuple)) else value


def _case(operator: Operator, call: list[Any]) -> Case | None:
    """What PyTorch says of a call; None where it has no gradients, refuses, or computes in other floats."""
    if NARROW.intersection(c for c in call if isinstance(c, torch.dtype)):
        return None
    given = doubled(cloned(call))
    inputs = [t.requires_grad_() for t in tensors_in(given) if t.is_floating_point() or t.is_complex()]
    if not inputs or any(t.is_complex() and not t.isfinite().all() for t in inputs):
        return None  # of infinite complex numbers parts are NaN by the order of products
    try:
        results = list(tensors_in(call_torch(operator.schema, given)))
        outputs = [r for r in results if r.requires_grad]
        if not outputs or any(o is i for o in outputs for i in inputs):
            return None
        generator = torch.Generator().manual_seed(0)
        cotangents = [
            torch.randn(r.shape, generator=generator, dtype=r.dtype) if r.requires_grad else None
            for r in results
        ]
        seeds = [c for c in cotangents if c is not None]
        found = torch.autograd.grad(outputs, inputs, seeds, allow_unused=True)
    except REFUSED:
        return None
    arrays = [None if c is None else c.numpy() for c in cotangents]
    filled = [torch.zeros_like(i) if g is None else g for g, i in zip(found, inputs, strict=True)]
    want = [g.resolve_conj().resolve_neg().numpy(force=True) for g in filled]
    return Case(ours(doubled(cloned(call))), arrays, want)


def cases_of(operator: Operator) -> Iterator[Case]:
    """The calls of an operator that PyTorch differentiates."""
    for origin in ("float32", "handpicked", "complex64"):
        for call in calls_of(operator.schema).get(origin, ()):
            case = _case(operator, call)
            if case is not None:
                yield case


def _differentiable(operator: Operator) -> bool:
    schema = operator.schema
    return not (schema.mutates or operator.draws or operator.asks_gradients) and schema.name.startswith(
        "aten"
    )


SAMPLED = sorted(name for name, operator in operators().items() if _differentiable(operator))


def gradients_of(operator: Operator, case: Case, aten: Aten) -> list[Any]:
    """The arrays that a call is given, each with its gradient."""
    results: Sequence[Any] = tensors_of(operator.eager(*case.arguments))
    seeds = [(r, c) for r, c in zip(results, case.cotangents, strict=True) if c is not None]
    inputs = floats_in(case.arguments)
    with np.errstate(all="ignore"):
        return list(
            zip(inputs, flow(aten, [Record(operator, case.arguments, results)], seeds, inputs), strict=True)
        )


def floats_in(values: Sequence[Any]) -> list[Any]:
    """The arrays of floats and complex numbers in a call's arguments, or among its results."""
    found: list[Any] = [value for _, value in places_of(values)]
    return [value for value in found if value.dtype.kind in "fc"]


@pytest.mark.parametrize("name", SAMPLED)
def test_gradients_are_pytorchs(name: str) -> None:
    operator = operators()[name]
    refused = False
    for case in cases_of(operator):
        try:
            found = gradients_of(operator, case, eager_aten())
        except UnsupportedOperatorError:
            refused = True
            continue
        for (value, gradient), want in zip(found, case.want, strict=True):
            got = np.zeros(value.shape, value.dtype) if gradient is None else gradient
            assert (got.shape, got.dtype) == (want.shape, want.dtype)
            if name not in GAUGE:
                np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8, equal_nan=True)
    assert refused == (name in NAMES), f"gradients of {name} are {'refused' if refused else 'computed'}"


def test_what_is_refused_exists() -> None:
    assert operators().keys() >= NAMES


TWICE = [
    "sin", "exp", "tanh", "sigmoid", "silu", "gelu", "softplus", "log_softmax.int", "softmax.int",
    "mm", "linear", "pow.Tensor_Scalar", "div.Tensor", "sqrt", "linalg_vector_norm", "index_select",
    "index_add", "cumsum", "layer_norm", "acos", "where.self", "prod.dim_int", "logsumexp",
    "linalg_det", "linalg_inv", "einsum", "scatter_add", "conv2d", "bmm", "cumprod",
    "var.correction", "amax", "gather", "cat", "atan2",
]  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_gradients_of_gradients_are_pytorchs(name: str) -> None:
    operator = operators()[f"aten::{name}"]
    count = 0
    for call in calls_of(operator.schema)["float32"][:4]:
        given = doubled(cloned(call))
        inputs = [t.requires_grad_() for t in tensors_in(given) if t.is_floating_point()]
        if torch.float32 in call:
            continue
        try:
            outputs = [r for r in tensors_in(call_torch(operator.schema, given)) if r.requires_grad]
            first = torch.autograd.grad([(o.sin()).sum() for o in outputs], inputs, create_graph=True)
            want = torch.autograd.grad([(f * f.cos()).sum() for f in first], inputs, allow_unused=True)
        except REFUSED:
            continue
        count += 1
        records: list[Record] = []
        noted = _noting(records)
        arguments = ours(doubled(cloned(call)))
        arrays = floats_in(arguments)
        with np.errstate(all="ignore"):
            results = floats_in([noted.call(operator, arguments)])
            sums = [noted("sum", noted.sin(r)) for r in results]
            mine = flow(noted, list(records), [(s, np.ones(())) for s in sums], arrays)
            ends = [noted("sum", noted("mul.Tensor", f, noted.cos(f))) for f in mine if f is not None]
            got = flow(eager_aten(), list(records), [(e, np.ones(())) for e in ends], arrays)
        for theirs, gradient in zip(want, got, strict=True):
            mine: Any = 0.0 if gradient is None else gradient
            np.testing.assert_allclose(mine, 0.0 if theirs is None else theirs.numpy(), rtol=1e-6, atol=1e-8)
    assert count


def _noting(records: list[Record]) -> Aten:
    """Operators on arrays, of which each call is noted."""

    def call(operator: Operator, arguments: Sequence[Any]) -> Any:
        result = operator.eager(*arguments)
        records.append(Record(operator, arguments, tensors_of(result)))
        return result

    return Aten(call, spec_of, in_turn)
