"""Biases, weights and summands take the shapes that PyTorch takes: what is added to a result makes it no
larger, and what belongs to channels has one element for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tsc.ops.elementwise import specs_of
from tsc.ops.registry import operators

from .matching import ours
from .random_tensors import numbers
from .test_against_torch import ERRORS, disagreement, expected_of

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = [
    (), (0,), (1,), (2,), (3,), (4,), (5,), (1, 1), (1, 3), (1, 5), (4, 1), (5, 1), (8, 1), (4, 3), (4, 5),
    (8, 5), (1, 1, 5), (1, 4, 5), (2, 1, 1), (2, 4, 1), (2, 4, 3), (2, 4, 5), (1, 1, 1, 5),
]  # fmt: skip
Make = Callable[[torch.Tensor], list[list[Any]]]
"""The calls that a parameter is tried in."""


def _sums(*operands: tuple[tuple[int, ...], tuple[int, ...]]) -> Make:
    """Calls of operators that add a product, also where nothing is left of the summand."""
    return lambda p: [
        [p, numbers(*a), numbers(*b, seed=1), beta, 1] for a, b in operands for beta in (1, 0, 2)
    ]


def _linear(p: torch.Tensor) -> list[list[Any]]:
    inputs = [numbers(3), numbers(1, 3), numbers(4, 3), numbers(2, 4, 3), numbers(2, 2, 2, 3), numbers(0, 3)]
    calls = [[x, w, p] for x in inputs for w in (numbers(5, 3), numbers(1, 3), numbers(3), numbers(0, 3))]
    return [*calls, *([x, w, p.to(d)] for x, w, _ in calls for d in (torch.float64, torch.complex64))]


def _convolutions(p: torch.Tensor) -> list[list[Any]]:
    rest = [[1], [0], [1], 1]
    inputs = [numbers(2, 3, 7), numbers(3, 7)]
    return [[x, w, p, *rest] for x in inputs for w in (numbers(5, 3, 2), numbers(4, 3, 2), numbers(1, 3, 2))]


def _transposed(p: torch.Tensor) -> list[list[Any]]:
    rest = [[1], [0], [0], 1, [1]]
    return [[numbers(2, 3, 7), w, p, *rest] for w in (numbers(3, 5, 2), numbers(3, 1, 2))]


def _norms(p: torch.Tensor) -> list[list[Any]]:
    inputs = [numbers(4, 3), numbers(4, 5), numbers(4, 1), numbers(2, 4, 5)]
    return [[x, [x.shape[-1]], w, b, 1e-5, False] for x in inputs for w, b in ((p, None), (None, p), (p, p))]


def _group_norms(p: torch.Tensor) -> list[list[Any]]:
    inputs = [numbers(4, 3), numbers(4, 5, 3), numbers(4, 1)]
    return [[x, 1, w, b, 1e-5, False] for x in inputs for w, b in ((p, None), (None, p))]


def _instance_norms(p: torch.Tensor) -> list[list[Any]]:
    inputs = [numbers(4, 3, 2), numbers(4, 5, 2), numbers(4, 1, 2)]
    return [[x, w, b, None, None, True, 0.1, 1e-5, False] for x in inputs for w, b in ((p, None), (None, p))]


def _batch_norms(p: torch.Tensor) -> list[list[Any]]:
    """Of parameters with one dim: which others PyTorch takes depends on how the input lies in memory."""
    if p.ndim != 1:
        return []
    inputs = [numbers(4, 3), numbers(4, 5), numbers(4, 1), numbers(2, 4, 5)]
    statistics = [(None, None, True), (p, p.abs() + 1, False)]
    return [[x, w, p, *s, 0.1, 1e-5, False] for x in inputs for w in (None, p) for s in statistics]


def _losses(p: torch.Tensor) -> list[list[Any]]:
    pairs = [(numbers(4, 3), numbers(4, 3, seed=1)), (numbers(1), numbers(1, seed=1))]
    return [[x.sigmoid(), y.sigmoid(), p, n] for x, y in pairs for n in (0, 1)]


def _losses_with_logits(p: torch.Tensor) -> list[list[Any]]:
    pairs = [(numbers(4, 3), numbers(4, 3, seed=1)), (numbers(1), numbers(1, seed=1))]
    return [[x, y, *weights, n] for x, y in pairs for weights in ((p, None), (None, p)) for n in (0, 1)]


CALLS: dict[str, Make] = {
    "aten::linear": _linear,
    "aten::addmm": _sums(((4, 3), (3, 5)), ((1, 3), (3, 5)), ((4, 3), (3, 1)), ((3,), (3, 5))),
    "aten::baddbmm": _sums(((2, 4, 3), (2, 3, 5)), ((2, 1, 3), (2, 3, 5)), ((1, 4, 3), (2, 3, 5))),
    "aten::addbmm": _sums(((2, 4, 3), (2, 3, 5)), ((2, 1, 3), (2, 3, 5))),
    "aten::addmv": _sums(((4, 3), (3,)), ((1, 3), (3,)), ((4, 3), (3, 1))),
    "aten::addr": _sums(((4,), (5,)), ((1,), (5,)), ((4,), (1,))),
    "aten::bilinear": lambda p: [[numbers(4, 3), numbers(4, 3), numbers(n, 3, 3), p] for n in (5, 1)],
    "aten::conv1d": _convolutions,
    "aten::conv_transpose1d": _transposed,
    "aten::layer_norm": _norms,
    "aten::rms_norm": lambda p: [[numbers(*s), [s[-1]], p, 1e-5] for s in ((4, 3), (2, 4, 5), (4, 1))],
    "aten::group_norm": _group_norms,
    "aten::instance_norm": _instance_norms,
    "aten::batch_norm": _batch_norms,
    "aten::binary_cross_entropy": _losses,
    "aten::binary_cross_entropy_with_logits": _losses_with_logits,
}


@pytest.mark.parametrize("name", CALLS)
def test_parameters_have_the_shapes_that_pytorch_takes(name: str) -> None:
    operator = operators()[name]
    calls = [call for shape in SHAPES for call in CALLS[name](numbers(*shape))]
    wrong = [(ours(call), found) for call in calls if (found := disagreement(operator, call)) is not None]
    assert not wrong, wrong[0]


@pytest.mark.parametrize("name", CALLS)
def test_shapes_that_pytorch_refuses_are_refused_before_anything_runs(name: str) -> None:
    operator = operators()[name]
    assert operator.infer is not None
    for call in (call for shape in SHAPES for call in CALLS[name](numbers(*shape))):
        if isinstance(expected_of(operator.schema, call), Exception):
            with pytest.raises(ERRORS):
                operator.infer(*specs_of(ours(call)))
