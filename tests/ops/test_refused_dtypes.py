"""A pointwise operator refuses a dtype where PyTorch does: alone, mixed with others, with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tsc.ops.registry import operators
from tsc.ops.variants import functional_name

from .expected_failures import EXPECTED
from .matching import call_torch, cloned, ours
from .samples import calls_of
from .test_against_torch import ERRORS

pytestmark = pytest.mark.filterwarnings("ignore")
PER_ORIGIN = 2


def _is_pointwise(name: str) -> bool:
    operator = operators()[name]
    functional = operators().get(functional_name(operator.schema) or name)
    return functional is not None and functional.scalar is not None


NAMES = sorted(name for name in operators() if _is_pointwise(name))


DTYPES = (torch.bool, torch.int64, torch.complex64)


def tensors_as(dtype: torch.dtype, call: list[Any]) -> list[Any]:
    """The call with all tensors of a dtype."""
    return [v.to(dtype) if isinstance(v, torch.Tensor) else v for v in call]


def first_as(dtype: torch.dtype, call: list[Any]) -> list[Any]:
    """The call with the first tensor of a dtype."""
    return [*tensors_as(dtype, call[:1]), *call[1:]]


def all_bool(call: list[Any]) -> list[Any]:
    """The call with bools for numbers too."""
    return [bool(v) if isinstance(v, (int, float)) else v for v in tensors_as(torch.bool, call)]


def _mixtures(call: list[Any]) -> Iterator[list[Any]]:
    yield all_bool(cloned(call))
    for dtype in DTYPES:
        yield tensors_as(dtype, cloned(call))
        yield first_as(dtype, cloned(call))


def _calls(name: str) -> Iterator[list[Any]]:
    found = calls_of(operators()[name].schema)
    for origin in ("float32", "int64", "bool", "handpicked"):
        for call in found.get(origin, [])[:PER_ORIGIN]:
            yield from _mixtures(call)


@pytest.mark.parametrize("name", [n for n in NAMES if (n, "complex64") not in EXPECTED])
def test_dtypes_are_refused_where_pytorch_refuses_them(name: str) -> None:
    operator = operators()[name]
    for call in _calls(name):
        mine = ours(cloned(call))
        want = _raises(lambda call=call: call_torch(operator.schema, cloned(call)))
        assert _raises(lambda mine=mine: operator.eager(*mine)) == want, call


ORDERING = sorted(
    name
    for name, operator in operators().items()
    if operator.kind in ("reduction", "scan", "sort") and name.startswith("aten::")
)


@pytest.mark.parametrize("name", ORDERING)
def test_complex_numbers_are_refused_where_pytorch_refuses_them(name: str) -> None:
    operator = operators()[name]
    for call in calls_of(operator.schema).get("float32", [])[:PER_ORIGIN]:
        given = tensors_as(torch.complex64, cloned(call))
        want = _raises(lambda given=given: call_torch(operator.schema, cloned(given)))
        assert _raises(lambda given=given: operator.eager(*ours(cloned(given)))) >= want


def _raises(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ERRORS:
        return True
    return False


@pytest.mark.parametrize("name", ["aten::argmax", "aten::argmin"])
@pytest.mark.parametrize("dim", [None, 0])
def test_places_of_extrema_are_not_those_of_bools(name: str, dim: int | None) -> None:
    operator, call = operators()[name], [torch.tensor([True, False]), dim, False]
    assert _raises(lambda: call_torch(operator.schema, cloned(call)))
    assert _raises(lambda: operator.eager(*ours(cloned(call))))
