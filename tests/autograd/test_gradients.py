# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Gradients in Python without PyTorch: the same programs with `torch` and with `tsc` see the same."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tests.autograd.programs import OPERATORS, PROGRAMS, REFUSED, leaf, weighted
from tsc.errors import NotSupportedError, OperatorError
from tsc.runtime.graph import TABLE, live_nodes


def assert_same(got: Any, want: Any) -> None:
    """Values, and of tensors what they know of gradients."""
    if isinstance(want, torch.Tensor):
        assert isinstance(got, tsc.Tensor)
        assert (got.requires_grad, got.is_leaf) == (want.requires_grad, want.is_leaf)
        np.testing.assert_allclose(got.tolist(), want.tolist(), rtol=1e-4, atol=1e-6)
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want)
        for mine, theirs in zip(got, want, strict=True):
            assert_same(mine, theirs)
    else:
        assert got == want


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_see_the_same(name: str) -> None:
    assert_same(PROGRAMS[name](tsc), PROGRAMS[name](torch))


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_pytorchs(name: str) -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError)) as theirs:
        REFUSED[name](torch)
    with pytest.raises(type(theirs.value)) as ours:
        REFUSED[name](tsc)
    assert str(ours.value).splitlines()[0] == str(theirs.value).splitlines()[0]


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_pass_gradients_on(name: str) -> None:
    found: list[Any] = []
    for library in (tsc, torch):
        x = leaf(library)
        weighted(library, OPERATORS[name](library, x)).backward()
        found.append(x.grad)
    assert_same(*found)


BIASES = (
    [(shape, bias) for shape in ((4,), (2, 3, 4), (2, 2, 2, 4)) for bias in ((), (1,), (4,))]
    + [((4, 4), bias) for bias in ((1, 4), (4, 1), (4, 4))]
    + [((2, 3, 4), bias) for bias in ((1, 4), (6, 1), (3, 4), (1, 1), (2, 3, 4), (2, 1, 4))]
)


@pytest.mark.parametrize(("shape", "bias"), BIASES, ids=str)
def test_biases_of_any_shape_have_gradients(shape: tuple[int, ...], bias: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    values = [generator.standard_normal(s).tolist() for s in (shape, (4, 4), bias)]
    found: list[Any] = []
    for library in (tsc, torch):
        leaves = [library.tensor(v, requires_grad=True) for v in values]
        y = library.nn.functional.linear(*leaves)
        (y * y).sum().backward()
        found.append([leaf.grad for leaf in leaves])
    assert_same(*found)


def test_results_that_are_not_leaves_warn_where_their_gradient_is_read() -> None:
    for library in (torch, tsc):
        with pytest.warns(UserWarning, match="of a Tensor that is not a leaf Tensor is being accessed"):
            assert (leaf(library) * 2).grad is None


def test_what_was_written_since_keeps_its_gradient() -> None:
    x = leaf(tsc)
    y = x * 1
    z = y.exp()  # PyTorch refuses: its gradient needs `z`, which is written
    z.mul_(2)
    (y * z).sum().backward()
    want = 2 * np.exp([1, 2, 3]) * (1 + np.array([1, 2, 3]))
    np.testing.assert_allclose(x.grad.tolist(), want, rtol=1e-5)


def test_leaves_are_written_between_forward_and_backward() -> None:
    w = leaf(tsc)
    loss = (w * w).sum()
    with tsc.no_grad():
        w.zero_()
    loss.backward()
    assert w.grad is not None
    assert w.grad.tolist() == [2, 4, 6]


def test_dropouts_pass_on_what_they_kept() -> None:
    x = tsc.ones(1000).requires_grad_()
    y = tsc.nn.Dropout(0.25)(x * 1)
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == y.tolist()
    assert set(x.grad.tolist()) == {0.0, float(np.float32(1 / 0.75))}


def test_statistics_of_a_batch_are_noted_once() -> None:
    layers: list[Any] = [tsc.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)]
    for layer, library in zip(layers, (tsc, torch), strict=True):
        x = library.arange(6.0).reshape(3, 2).requires_grad_()
        weighted(library, layer(x)).backward()
    np.testing.assert_allclose(layers[0].running_mean.tolist(), layers[1].running_mean.tolist(), rtol=1e-6)
    np.testing.assert_allclose(layers[0].weight.grad.tolist(), layers[1].weight.grad.tolist(), rtol=1e-4)


def test_nothing_is_held_for_nobody() -> None:
    w = tsc.nn.Parameter(tsc.ones(3))
    gc.collect()
    before = len(TABLE), len(live_nodes())
    for _ in range(3):
        (w * w).exp().sum().backward(retain_graph=True)
        w.grad = None
    gc.collect()
    assert (len(TABLE), len(live_nodes())) == before


def test_what_is_not_there_is_named() -> None:
    x = leaf(tsc)
    with pytest.raises(NotSupportedError, match="is_grads_batched=False"):
        tsc.autograd.grad(x.sum(), x, is_grads_batched=True)
    with pytest.raises(NotSupportedError, match="indexing: requires ints, slices"):
        x[True]
    a, b = (x * 1).split([1, 2])
    (x * 1).view(3)[0].mul_(2)
    whole = x * 1
    first, _ = whole.split([1, 2])
    whole.mul_(2)
    with pytest.raises(OperatorError, match="through one of several views"):
        first.sum().backward()
    assert a.requires_grad
    assert b.requires_grad


def test_an_operator_without_a_derivative_is_named() -> None:
    with pytest.raises(NotImplementedError, match="aten::linalg_eigvals: its derivative has no definition"):
        tsc.linalg.eigvals(tsc.eye(2).requires_grad_()).abs().sum().backward()
