# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""`split-complex`: what is computed of complex tensors becomes real operators between joined parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.passes.programs import group_kinds, module_at
from tsc.analysis.fusion import has_complex
from tsc.dialects.aten import AtenOp

Z = "4x6xcomplex<f32>"


def complex_operators(program: Callable[..., Any], arguments: str) -> list[str]:
    """The operators at stage `value` that read or give complex tensors, in order."""
    found = [o for o in module_at(program, arguments, "value").walk() if isinstance(o, AtenOp)]
    return [o.schema.full_name for o in found if has_complex(o)]


def magnitude(z: Tensor, w: Tensor) -> Tensor:
    return (z * w + 1).abs()


def moved(z: Tensor) -> Tensor:
    return torch.cat([z.t(), z.t() * 2], 1)


def filtered(x: Tensor, mask: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(x) * mask)


def decomposed(z: Tensor) -> Tensor:
    return torch.linalg.svdvals(z * 2)


def uneven(z: Tensor) -> Tensor:
    return torch.fft.fft(z)


def test_arguments_are_taken_apart_once_and_nothing_else_is_complex() -> None:
    assert complex_operators(magnitude, f"{Z},{Z}") == ["aten::real", "aten::imag"] * 2
    assert group_kinds(magnitude, f"{Z},{Z}") == ["pointwise"]


def test_results_are_joined_at_the_end() -> None:
    assert complex_operators(moved, Z) == ["aten::real", "aten::imag", "aten::complex"]


def test_a_transform_stands_between_a_join_and_its_parts() -> None:
    assert complex_operators(filtered, "4x16xf32,4x9xf32") == [
        "aten::fft_rfft", "aten::real", "aten::imag", "aten::complex", "aten::fft_irfft"
    ]  # fmt: skip
    assert group_kinds(filtered, "4x16xf32,4x9xf32") == ["fourier", "pointwise", "fourier"]


def test_an_operator_without_such_a_form_reads_what_is_joined() -> None:
    assert complex_operators(decomposed, Z) == [
        "aten::real", "aten::imag", "aten::complex", "aten::linalg_svdvals"
    ]  # fmt: skip


def test_a_line_of_a_length_without_a_native_form_stays_as_it_is() -> None:
    assert complex_operators(uneven, "4x17xcomplex<f32>") == ["aten::fft_fft"]
    assert group_kinds(uneven, "4x17xcomplex<f32>") == []


def test_parts_outlive_an_operator_without_a_form() -> None:
    def first_without(z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.linalg.svdvals(z), torch.repeat_interleave(z, 2, 0)

    names = complex_operators(first_without, Z)
    assert "aten::linalg_svdvals" in names
    assert names.count("aten::real") == 1


def test_a_view_stays_where_its_layout_is_read() -> None:
    def strided(z: Tensor) -> Tensor:
        return z[:, ::2].as_strided([2], [1]) ** 2

    assert "aten::slice.Tensor" in complex_operators(strided, Z)


def test_functions_without_complex_numbers_stay_as_they_are() -> None:
    def real(x: Tensor) -> Tensor:
        return x.abs() * 2

    assert complex_operators(real, "4x6xf32") == []
