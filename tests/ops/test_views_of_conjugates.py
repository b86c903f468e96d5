# pyright: reportUnknownMemberType=false
"""Conjugates are views: what is written to the tensor shows in them, and they write to the tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tsc.memory.conjugates import PAIRS


def written_after(x: Tensor):
    y = x.conj()
    x.add_(1j)
    return y + 0, x


def piece_written_after(x: Tensor):
    y = x.adjoint()
    x[0] = 3.0
    return y * 2


def written_in_a_loop(x: Tensor):
    z = x * 2
    y = z.mH
    for _ in range(2):
        z.mul_(1j)
    return y + 0


def written_in_a_branch(x: Tensor):
    z = x * 2
    y = z.conj()
    if bool(x.real.sum() > -100):
        z.add_(1j)
    return y[0] + 1


def written_through(x: Tensor):
    z = x.clone()
    y = z.conj()
    y[0].fill_(5 + 2j)
    return z, y + 0


def written_through_a_piece(x: Tensor):
    z = x.clone()
    y = z.mH[0]
    y.add_(5 + 2j)
    return z, y + 0


def written_in_a_list(x: Tensor):
    z = x.clone()
    y = z.conj()
    held = [z]
    held[0].add_(1j)
    return y * 1


def conjugated_twice(x: Tensor):
    z = x.clone()
    y = z.conj()
    again = y.conj()
    z.mul_(1j)
    again[1].mul_(7j)
    return y + 0, again + 0, z


def written_as_pairs(x: Tensor):
    pairs = torch.view_as_real(x.clone())
    y = torch.view_as_complex(pairs).conj()
    pairs.add_(1)
    return y * 1


def parts_of_conjugates_written(x: Tensor):
    z = x.clone()
    real, imaginary = z.conj().real, z.conj().imag
    z.real.add_(2)
    real.add_(1)
    imaginary.add_(1)
    return z, real * 1, imaginary * 1


def returned(x: Tensor):
    y = x.unsqueeze(-2).adjoint()
    z = x.conj()[0]
    x.add_(2j)
    return y, z, x


def returned_of_real_numbers(x: Tensor):
    y = x.real.adjoint()
    x.add_(2)
    return y.conj(), y, x


def resolved(x: Tensor):
    z = x.clone()
    y = z.conj().resolve_conj()
    z.add_(1j)
    y.add_(2)
    return y, z


def reshaped(x: Tensor):
    z = x.clone()
    y = z.mT.conj()
    z.unsqueeze_(0)
    z.add_(1j)
    return y + 0, y.stride()


PROGRAMS = [
    written_after, piece_written_after, written_in_a_loop, written_in_a_branch, written_through,
    written_through_a_piece, written_in_a_list, conjugated_twice, written_as_pairs,
    returned, returned_of_real_numbers, parts_of_conjugates_written, resolved, reshaped,
]  # fmt: skip


def made(dtype: torch.dtype = torch.complex64) -> Tensor:
    return torch.randn(3, 3, dtype=dtype, generator=torch.Generator().manual_seed(3))


FORMS: list[Callable[[Tensor], Tensor]] = [lambda x: x, lambda x: x.mT, lambda x: x.conj(), lambda x: x[1:]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_write_as_pytorchs_do(
    program: Callable[[Tensor], Any], form: Callable[[Tensor], Tensor]
) -> None:
    compiled: Any = tsc.script(program)
    for call in range(2):
        mine, theirs = made(), made()
        got, wanted = compiled(form(mine)), program(form(theirs))
        torch.testing.assert_close(got, wanted, msg=f"call {call}")
        torch.testing.assert_close(mine, theirs, msg=f"argument of call {call}")


def scaled(x: Tensor):
    x.mul_(2)
    return x + 1


def test_numbers_that_pytorch_negates_when_they_are_read_can_be_written() -> None:
    mine, theirs = made(), made()
    assert theirs.conj().imag.is_neg()
    torch.testing.assert_close(tsc.script(scaled)(mine.conj().imag), scaled(theirs.conj().imag))
    torch.testing.assert_close(mine, theirs)


def both(x: Tensor, y: Tensor):
    x.add_(1j)
    return y * 1


def test_arguments_may_be_conjugates_of_each_other() -> None:
    array = made().numpy()
    compiled: Any = tsc.script(both)
    for _ in range(2):
        x = tsc.from_numpy(array.copy())
        y = x.conj()
        np.testing.assert_allclose(compiled(x, y).numpy(), (array + 1j).conj())
        np.testing.assert_allclose(x.numpy(), array + 1j)


def test_tensors_of_tsc_write_as_pytorchs_do() -> None:
    mine: Any = tsc.from_numpy(made().numpy())
    theirs: Any = made()
    for x in (mine, theirs):
        y = x.mH
        x[0] = 5j
        y[1] = 7j
        y.mul_(2)
    np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    np.testing.assert_array_equal(mine.mH.numpy(), theirs.mH.resolve_conj().numpy())


def gradient(library: Any) -> Any:
    z = library.tensor([[1 + 2j, 3 - 1j], [0.5j, 1]], requires_grad=True)
    a = z * 2
    c = a.conj()
    a.mul_(1j)
    d = (a * c).mH
    d[0].mul_(2j)
    (d * d.conj() * c[0]).abs().sum().backward()
    return z.grad


def test_gradients_flow_through_what_was_written() -> None:
    np.testing.assert_allclose(gradient(tsc).numpy(), gradient(torch).numpy(), rtol=1e-5)


def test_pairs_go_with_what_shows_them() -> None:
    before = len(PAIRS)
    x: Any = tsc.from_numpy(made().numpy())
    shown = x.conj()[1]
    assert len(PAIRS) == before + 1
    del shown
    assert len(PAIRS) == before
