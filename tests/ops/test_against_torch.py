"""Every operator does what PyTorch's does, on PyTorch's own samples and on hand-picked calls."""

from __future__ import annotations

import warnings
from typing import Any, cast

import numpy as np
import pytest
import torch

from tsc.dialects.schema import Schema
from tsc.errors import TscError, UnsupportedOperatorError
from tsc.memory.conjugates import show_one_memory
from tsc.narrowing import is_sequence
from tsc.ops.definition import Operator
from tsc.ops.elementwise import spec_of, specs_of
from tsc.ops.random_source import default_source
from tsc.ops.registry import operators

from .comparing import difference
from .expected_failures import EXPECTED, FIRST_ONLY, NO_ERROR, UNDEFINED, UNSTABLE
from .matching import call_torch, cloned, ours, tensors_of
from .samples import calls_of, refused

pytestmark = pytest.mark.filterwarnings("ignore")
ERRORS = (
    TscError,
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    ZeroDivisionError,
    NotImplementedError,
    OverflowError,
)
SEED = 1234
"""What both generators of random numbers begin with before each call."""
SAMPLED = sorted(name for name, op in operators().items() if op.schema.name.startswith(("aten::", "prim::")))


def base_name(schema: Schema) -> str:
    return schema.name.partition("::")[2]


def is_random(schema: Schema, call: list[Any]) -> bool:
    """Whether the values of the result are random, or not defined."""
    named = dict(zip((a.name for a in schema.arguments), call, strict=True))
    draws = operators()[schema.full_name].draws and named.get("dropout_p", 1) > 0
    training = bool(named.get("train", named.get("training", True)))
    return (draws and training) or base_name(schema) in UNDEFINED


def expected_of(schema: Schema, call: list[Any]) -> Any:
    """PyTorch's result, or the exception it raises; None where PyTorch itself fails."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call_torch(schema, call)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError) as error:
        return error


def disagreement(operator: Operator, call: list[Any]) -> str | None:
    """What is wrong with one call, or None."""
    schema = operator.schema
    theirs, mine = cloned(call), ours(cloned(call))
    torch.manual_seed(SEED)  # pyright: ignore[reportUnknownMemberType]
    want = expected_of(schema, theirs)
    default_source().restart(SEED)
    if isinstance(want, Exception) and "INTERNAL ASSERT" in str(want):
        return None
    try:
        got = operator.eager(*mine)
    except ERRORS as error:
        return None if isinstance(want, Exception) else f"raised {error!r}"
    if isinstance(want, Exception):
        return None if schema.full_name in NO_ERROR else f"did not raise {want!r:.200}"
    if base_name(schema) in UNDEFINED:
        return shape_difference(got, want)
    if base_name(schema) in UNSTABLE and not operator.schema.mutates:
        return selection_difference(schema, got, want, mine)
    if base_name(schema) in FIRST_ONLY:
        got, want = got[0], want[0]
    return difference(got, want) or aliasing_difference(schema, got, want, mine, theirs)


def shape_difference(got: Any, want: Any) -> str | None:
    """Whether shapes and dtypes are the same, whatever the values."""
    for g, w in zip(tensors_of(got), tensors_of(want), strict=True):
        if g.shape != tuple(w.shape) or ours(w).dtype != g.dtype:
            return f"got {g.dtype}{g.shape}, want {w.dtype}{tuple(w.shape)}"
    return None


def selection_difference(schema: Schema, got: Any, want: Any, call: list[Any]) -> str | None:
    """Whether the same values were selected, and the indices point at them."""
    if base_name(schema) == "msort":
        return difference(got, want)
    values: Any = got[0] if is_sequence(got) else None
    places: Any = got[1] if is_sequence(got) else got
    x: Any = call[0]
    if values is not None and (wrong := difference(values, want[0])):
        return wrong
    dim = next((call[i] for i, a in enumerate(schema.arguments) if a.name == "dim"), -1)
    if not x.ndim:
        return None
    keepdim = schema.name == "aten::kthvalue" and not call[3]
    places = np.expand_dims(places, dim) if keepdim else places
    selected: Any = np.take_along_axis(x, places, dim)
    target: Any = values if values is not None else np.take_along_axis(x, ours(want), dim)
    target = np.expand_dims(target, dim) if keepdim else target
    return (
        None
        if np.array_equal(selected, target, equal_nan=x.dtype.kind in "fc")
        else "indices do not point at the values"
    )


def aliasing_difference(
    schema: Schema, got: Any, want: Any, mine: list[Any], theirs: list[Any]
) -> str | None:
    """Whether views share memory with their argument exactly where PyTorch's do."""
    if not tensors_of(got):
        return None
    position = next((i for i, given in enumerate(theirs) if isinstance(given, torch.Tensor)), None)
    if position is None or not theirs[position].numel():
        return None
    source, result = tensors_of(got)[0], tensors_of(want)[0]
    if not source.size:
        return None
    shares = show_one_memory(source, mine[position])
    expected = result.untyped_storage().data_ptr() == theirs[position].untyped_storage().data_ptr()
    return None if shares == expected else f"shares memory: got {shares}, want {expected}"


@pytest.mark.parametrize("name", SAMPLED)
def test_operator_agrees_with_torch(name: str) -> None:
    operator = operators()[name]
    found: dict[str, str] = {}
    for origin, calls in calls_of(operator.schema).items():
        for call in calls:
            wrong = disagreement(operator, call)
            if wrong is not None:
                found[origin] = f"{wrong}; arguments {ours(call)!r:.300}"
    expected = {origin for full_name, origin in EXPECTED if full_name == name}
    assert found.keys() == expected, found


FREE = {bool: True, int: 0, float: 1.0}
"""What inference takes for numbers that are not known."""


def _free(operator: Operator, call: list[Any]) -> list[Any]:
    """The call with other numbers where only elements depend on them."""
    return [
        FREE.get(cast("type[Any]", type(value)), value) if operator.decides_elements_only(i) else value
        for i, value in enumerate(call)
    ]


@pytest.mark.parametrize("name", sorted(n for n in SAMPLED if operators()[n].infer is not None))
def test_shapes_depend_on_no_number_that_decides_elements_only(name: str) -> None:
    operator = operators()[name]
    assert operator.infer is not None
    for calls in calls_of(operator.schema).values():
        for call in calls:
            specs = list(specs_of(ours(cloned(call))))
            other = _free(operator, specs)
            if other == specs:
                continue
            try:
                inferred = operator.infer(*specs)
            except ERRORS:
                continue
            assert operator.infer(*other) == inferred


@pytest.mark.parametrize("name", sorted(n for n in SAMPLED if operators()[n].infer is not None))
def test_inference_agrees_with_running(name: str) -> None:
    operator = operators()[name]
    assert operator.infer is not None
    for origin, calls in calls_of(operator.schema).items():
        for call in calls[:3]:
            mine = ours(cloned(call))
            specs = specs_of(ours(cloned(call)))
            try:
                result = operator.eager(*mine)
            except ERRORS:
                continue  # inference sees no values, so it cannot refuse whatever running refuses
            try:
                inferred = operator.infer(*specs)
            except UnsupportedOperatorError:
                continue
            listed = inferred if is_sequence(inferred) else [inferred]
            assert list(listed) == [spec_of(t) for t in tensors_of(result)], (origin, mine)


@pytest.mark.parametrize("name", sorted(refused()))
def test_call_that_torch_refuses_raises(name: str) -> None:
    operator = operators().get(name)
    if operator is None:
        pytest.skip("not defined")
    accepted: list[Any] = []
    for call in refused()[name]:
        if isinstance(expected_of(operator.schema, cloned(call)), Exception):
            try:
                operator.eager(*ours(cloned(call)))
            except ERRORS:
                continue
            accepted.append(ours(call))
    assert bool(accepted) == (name in NO_ERROR), accepted
