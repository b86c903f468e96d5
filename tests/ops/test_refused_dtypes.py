"""A pointwise operator refuses bools where PyTorch does: alone, mixed with other tensors, with numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from tsc.ops.registry import operators
from tsc.ops.variants import functional_name

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


def all_bool(call: list[Any]) -> list[Any]:
    """The call with bools in all tensors and for all numbers."""
    return [_as_bool(v) for v in call]


def tensors_bool(call: list[Any]) -> list[Any]:
    """The call with bools in all tensors."""
    return [_as_bool(v) if isinstance(v, torch.Tensor) else v for v in call]


def first_bool(call: list[Any]) -> list[Any]:
    """The call with bools in the first argument."""
    return [_as_bool(call[0]), *call[1:]]


def _as_bool(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.ne(0)
    return bool(value) if isinstance(value, (int, float)) else value


MIXTURES: tuple[Callable[[list[Any]], list[Any]], ...] = (all_bool, tensors_bool, first_bool)


def _calls(name: str) -> Iterator[list[Any]]:
    found = calls_of(operators()[name].schema)
    for origin in ("float32", "int64", "bool", "handpicked"):
        for call in found.get(origin, [])[:PER_ORIGIN]:
            yield from (mixture(cloned(call)) for mixture in MIXTURES)


@pytest.mark.parametrize("name", NAMES)
def test_bools_are_refused_where_pytorch_refuses_them(name: str) -> None:
    operator = operators()[name]
    for call in _calls(name):
        mine = ours(cloned(call))
        refused = [
            _raises(lambda call=call: call_torch(operator.schema, cloned(call))),
            _raises(lambda mine=mine: operator.eager(*mine)),
        ]
        assert refused[0] == refused[1], (call, refused)


def _raises(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ERRORS:
        return True
    return False
