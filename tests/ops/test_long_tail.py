"""Operators that PyTorch's samples reach rarely or never, against PyTorch."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tsc import dtypes
from tsc.errors import OperatorError
from tsc.ops.registry import require

from .matching import to_numpy

KINDS = [getattr(torch, d.name) for d in dtypes.ALL]
GENERATOR = torch.Generator().manual_seed(0)


def code(dtype: torch.dtype) -> int:
    return dtypes.by_name(str(dtype)[6:]).code


def run(name: str, *arguments: Any) -> Any:
    return require(f"aten::{name}").eager(*arguments)


def numbers(*size: int) -> Tensor:
    return torch.randn(*size, generator=GENERATOR, dtype=torch.float64)


def test_dtypes_promote_and_convert_as_in_pytorch() -> None:
    for a, b in product(KINDS, KINDS):
        assert run("promote_types", code(a), code(b)) == code(torch.promote_types(a, b)), (a, b)
        assert run("can_cast", code(a), code(b)) == torch.can_cast(a, b), (a, b)
        x, y = torch.ones(2, dtype=a), torch.ones((), dtype=b)
        if torch.result_type(x, y) is not torch.complex32:  # there is none here
            assert run("result_type.Tensor", to_numpy(x), to_numpy(y)) == code(torch.result_type(x, y))
    for a, number in product(KINDS, (True, 2, 2.5, 1j)):
        x = torch.ones(2, dtype=a)
        if torch.result_type(x, number) is torch.complex32:
            continue  # there is none here
        want = code(torch.result_type(x, number))
        assert run("result_type.Scalar", to_numpy(x), number) == want
        assert run("result_type.Scalar_Tensor", number, to_numpy(x)) == want


@pytest.mark.parametrize("shape", [(3, 3), (7, 3), (8, 3), (12, 3), (3, 7), (4, 4, 4), (1, 1)], ids=str)
@pytest.mark.parametrize("wrap", [False, True])
def test_diagonals_are_filled(shape: tuple[int, ...], wrap: bool) -> None:
    x = np.zeros(shape, np.float32)
    assert run("fill_diagonal_", x, 2.5, wrap) is x
    assert np.array_equal(x, torch.zeros(shape).fill_diagonal_(2.5, wrap=wrap).numpy())


def test_tensors_get_other_sizes_over_the_same_memory() -> None:
    x = np.arange(12.0)
    assert run("resize_", x, [3, 4], None) is x
    assert x.shape == (3, 4)
    turned = np.arange(12.0).reshape(3, 4).T
    want = torch.arange(12.0).reshape(3, 4).t().resize_(2, 6)
    assert np.array_equal(run("resize_", turned, [2, 6], None), want.numpy())
    with pytest.raises(OperatorError, match="neither grows nor shrinks"):
        run("resize_", x, [20], None)


@pytest.mark.parametrize("edge_order", [1, 2])
def test_gradients_by_difference(edge_order: int) -> None:
    x, places = numbers(5, 6), [torch.tensor([0.0, 1, 3, 4, 8]).double(), torch.arange(6.0).double() ** 2]
    own = [p.numpy() for p in places]
    for got, want in (
        (run("gradient.scalarint", x.numpy(), 2.0, None, edge_order),
         torch.gradient(x, spacing=2.0, edge_order=edge_order)),
        (run("gradient.scalarrayarray", x.numpy(), [2.0, 0.5], [1, 0], edge_order),
         torch.gradient(x, spacing=[2.0, 0.5], dim=[1, 0], edge_order=edge_order)),
        (run("gradient.tensorarrayint", x.numpy(), own, None, edge_order),
         torch.gradient(x, spacing=places, edge_order=edge_order)),
        (run("gradient.array", x.numpy(), [1], edge_order),
         torch.gradient(x, dim=[1], edge_order=edge_order)),
    ):  # fmt: skip
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w.numpy(), 1e-12)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_sequences_are_padded(batch_first: bool, side: str) -> None:
    parts = [numbers(n, 2) for n in (3, 1, 5)]
    want = torch.nn.utils.rnn.pad_sequence(parts, batch_first, -1.0, side)
    got = run("pad_sequence", [p.numpy() for p in parts], batch_first, -1.0, side)
    assert np.array_equal(got, want.numpy())


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("initial", [None, 0.5])
def test_segments_are_reduced(reduce: str, initial: float | None) -> None:
    data, lengths = numbers(7, 3), torch.tensor([2, 0, 4, 1])
    want = torch.segment_reduce(data, reduce, lengths=lengths, initial=initial)
    got = run("segment_reduce", data.numpy(), reduce, lengths.numpy(), None, None, 0, False, initial)
    np.testing.assert_allclose(got, want.numpy(), 1e-12)
    offsets = torch.tensor([0, 2, 2, 6, 7])
    got = run("segment_reduce", data.numpy(), reduce, None, None, offsets.numpy(), 0, False, initial)
    np.testing.assert_allclose(got, want.numpy(), 1e-12)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("dtype", [torch.complex64, torch.bool, torch.int64, torch.uint8, torch.float32])
def test_the_median_of_nothing_is_of_any_dtype(name: str, dtype: torch.dtype) -> None:
    nothing = torch.empty(0, dtype=dtype)
    got, want = run(name, to_numpy(nothing)), to_numpy(vars(torch)[name](nothing))
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.real, want.real)


@pytest.mark.parametrize("hermitian", [False, True])
def test_symmetric_systems_are_factored_and_solved(hermitian: bool) -> None:
    half = torch.complex(numbers(3, 9, 9), numbers(3, 9, 9))
    x = half + (half.mH if hermitian else half.mT)
    x[:, 0, 0] = 0  # so that there are blocks of two
    want = torch.linalg.ldl_factor(x, hermitian=hermitian)
    factor, pivots = run("linalg_ldl_factor", x.numpy(), hermitian)
    np.testing.assert_allclose(factor, want.LD.numpy(), 1e-9, 1e-9)
    assert np.array_equal(pivots, want.pivots.numpy())
    assert (pivots < 0).any()
    b = torch.complex(numbers(3, 9, 2), numbers(3, 9, 2)).numpy()
    np.testing.assert_allclose(
        x.numpy() @ run("linalg_ldl_solve", factor, pivots, b, hermitian), b, 1e-8, 1e-8
    )


def described(x: Tensor, n: int) -> tuple[Tensor, bool, Tensor, Tensor, bool, bool]:
    y = torch.zeros(4, 4)
    y.fill_diagonal_(2.5)
    same = torch.result_type(x, 2.5) == torch.result_type(x, n)
    slope = torch.gradient(x.sum(0), spacing=2.0)[0]
    z = torch.igamma(x.abs() + 1, x.abs()) + torch.special.i1(x)
    factor, pivots = torch.linalg.lu_factor(x)
    solved = torch.linalg.lu_solve(factor, pivots, y)
    z = z + solved + torch.linalg.cond(x) + x.mT
    w = x.clone()
    w.resize_([2, 8])
    return z, same, slope, w.sum(0), torch.can_cast(torch.float, torch.int), x.is_conj()


def test_programs_use_them() -> None:
    script, theirs = tsc.script(described), torch.jit.script(described)
    x = numbers(4, 4).float()
    for _ in range(3):
        for got, want in zip(script(x, 3), theirs(x, 3), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
