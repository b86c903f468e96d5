# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false
"""Fourier transforms and complex numbers in native code: values, dtypes and strides are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc

Program = Callable[..., Any]


def real(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def complex_(*shape: int, dtype: torch.dtype = torch.complex64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


def check(program: Program, *arguments: Any, tier: str = "native", calls: int = 2) -> None:
    """tsc gives what PyTorch does, in every call, and by code of this kind."""
    compiled: Any = tsc.script(program)
    wanted = program(*arguments)
    for _ in range(calls):
        got = compiled(*arguments)
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
        assert got.stride() == wanted.stride()
        assert got.is_conj() == wanted.is_conj()
    assert [s.tier for s in compiled.specializations()] == [tier]


def fft(x: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    return torch.fft.fft(x, n, dim, norm)


def ifft(x: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    return torch.fft.ifft(x, n, dim, norm)


def rfft(x: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    return torch.fft.rfft(x, n, dim, norm)


def irfft(x: Tensor, n: int | None, dim: int, norm: str | None) -> Tensor:
    return torch.fft.irfft(x, n, dim, norm)


TRANSFORMS: list[tuple[Program, bool]] = [
    (fft, False), (fft, True), (ifft, True), (rfft, False), (irfft, True), (irfft, False)
]  # fmt: skip


@pytest.mark.parametrize(("transform", "is_complex"), TRANSFORMS)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_transforms_along_any_dim_are_those_of_pytorch(
    transform: Program, is_complex: bool, dim: int
) -> None:
    x = complex_(6, 10, 5) if is_complex else real(6, 10, 5)
    check(transform, x, None, dim, None)


@pytest.mark.parametrize(("transform", "is_complex"), TRANSFORMS)
def test_lines_are_cut_off_and_go_on_with_zeros_and_every_norm_scales(
    transform: Program, is_complex: bool
) -> None:
    x = complex_(3, 12) if is_complex else real(3, 12)
    for n, norm in ((5, "ortho"), (32, "forward"), (12, "backward")):
        check(transform, x, n, -1, norm)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int32, torch.bool])
def test_results_are_complex_numbers_of_the_precision_of_the_argument(dtype: torch.dtype) -> None:
    x = (real(2, 15) * 3).to(dtype)
    check(fft, x, None, -1, None)
    check(rfft, x, None, -1, None)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16, 400, 512, 1000, 1024])
def test_errors_are_no_more_than_a_few_times_those_of_pytorch(length: int) -> None:
    compiled: Any = tsc.script(rfft)
    x = real(8, length)
    truth = torch.fft.rfft(x.double())
    scale = float(truth.abs().pow(2).mean().sqrt())
    ours, theirs = (float((f(x, None, -1, None) - truth).abs().max()) / scale for f in (compiled, rfft))
    assert ours <= 4 * theirs + 2e-7


def test_other_lengths_are_transformed_as_before() -> None:
    for length in (17, 38, 1031):
        check(fft, complex_(2, length), None, -1, None, tier="generic")


def test_transforms_along_several_dims_are_those_of_pytorch() -> None:
    def there(x: Tensor) -> Tensor:
        return torch.fft.rfft2(x)

    def back(x: Tensor) -> Tensor:
        return torch.fft.irfftn(x, s=[5, 8], dim=[0, 2], norm="ortho")

    def moved(x: Tensor) -> Tensor:
        return torch.fft.fftshift(torch.fft.fftn(x))

    check(there, real(3, 6, 10))
    check(back, complex_(4, 6, 5))
    check(moved, complex_(4, 6, 5))


def test_a_mask_between_transforms_is_one_kernel() -> None:
    def masked(x: Tensor, mask: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x)
        clean = torch.polar(spectrum.abs() * mask, spectrum.angle())
        return torch.fft.irfft(clean, n=x.size(-1))

    compiled: Any = tsc.script(masked)
    x, mask = real(4, 256), real(4, 129).sigmoid()
    torch.testing.assert_close(compiled(x, mask), masked(x, mask), rtol=1e-5, atol=1e-5)
    found = tsc.explain(compiled, x, mask)
    assert found.tier == "native"
    assert found.kernels == 3


def test_any_number_of_lines_shares_one_compilation() -> None:
    def weighed(x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x) * 0.5)

    compiled: Any = tsc.script(weighed)
    for count in range(1, 9):
        x = real(count, 64)
        torch.testing.assert_close(compiled(x), weighed(x))
    found = compiled.specializations()
    assert {s.tier for s in found} == {"native"}
    assert len(found) < 8


ONE: list[Program] = [
    lambda z: z * (1 + 2j), lambda z: 2.0 / z, lambda z: 1 - z, lambda z: -z, lambda z: z.abs(),
    lambda z: z.angle(), lambda z: z.conj() * z, lambda z: z.real * z.imag, lambda z: torch.exp(z),
    lambda z: torch.log(z), lambda z: torch.sgn(z), lambda z: z.reciprocal(), lambda z: z.square(),
    lambda z: z.sum(0), lambda z: z.mean(), lambda z: z.t() * 2, lambda z: z[1:, ::2] + 1j,
    lambda z: torch.cat([z, z * 2], 1), lambda z: torch.stack([z, z.conj()]), lambda z: z.reshape(-1) / 3,
    lambda z: torch.view_as_real(z * 1j), lambda z: torch.where(z.real > 0, z, 0.0 * z),
    lambda z: z @ z.mH, lambda z: z.to(torch.complex128) * 2, lambda z: torch.flip(z, [1]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ONE)))
def test_complex_numbers_are_computed_in_parts(number: int) -> None:
    z = complex_(4, 6)
    program = ONE[number]
    traced: Any = tsc.trace(program, (z,))
    for _ in range(2):
        torch.testing.assert_close(traced(z), program(z))
        assert traced(z).stride() == program(z).stride()
    assert {s.tier for s in traced.specializations()} == {"native"}


@pytest.mark.parametrize(
    "other", [complex_(4, 6), real(4, 6), real(6), torch.tensor(2.5, dtype=torch.float64), torch.arange(6),
              torch.tensor(1 - 2j), complex_(1, 6, dtype=torch.complex128)],
    ids=lambda t: f"{t.dtype}{list(t.shape)}",
)  # fmt: skip
def test_arithmetic_promotes_and_divides_by_zero_as_pytorch_does(other: Tensor) -> None:
    def arithmetic(z: Tensor, w: Tensor) -> Tensor:
        return torch.stack([z + w, z - w, z * w, z / w, torch.add(z, w, alpha=2)])

    compiled: Any = tsc.script(arithmetic)
    z = complex_(4, 6)
    torch.testing.assert_close(compiled(z, other), arithmetic(z, other), equal_nan=True)
    torch.testing.assert_close(compiled(other, z), arithmetic(other, z), equal_nan=True)
    assert {s.tier for s in compiled.specializations()} == {"native"}


def test_parts_that_are_joined_are_complex_numbers() -> None:
    def joined(x: Tensor, y: Tensor) -> Tensor:
        pairs = torch.view_as_complex(torch.stack([x, y], -1))
        return torch.complex(x, y) + torch.polar(x.abs(), y) * pairs

    check(joined, real(3, 5), real(3, 5) + 1)


def test_branches_and_loops_carry_complex_numbers() -> None:
    def powers(z: Tensor, count: int) -> Tensor:
        y = z * 2
        for i in range(count):
            y = y * z + i
        if bool(y.real.sum() > 0):
            y = y * 1j
        return y

    check(powers, complex_(3, 4) * 0.5, 5)


def test_writes_to_complex_tensors_become_values() -> None:
    def written(z: Tensor, w: Tensor) -> Tensor:
        y = z * 2
        y *= w
        y[0] = 0
        return y

    check(written, complex_(3, 4), complex_(3, 4))


def test_conjugates_that_pytorch_has_not_made_yet_are_read_as_they_show_themselves() -> None:
    check(fft, complex_(4, 8).conj(), None, -1, None)


def test_what_has_no_native_form_for_complex_numbers_runs_beside_native_code() -> None:
    def mixed(z: Tensor) -> Tensor:
        return torch.linalg.svdvals(z * 2) * 3

    compiled: Any = tsc.script(mixed)
    z = complex_(4, 3)
    for _ in range(2):
        torch.testing.assert_close(compiled(z), mixed(z))
    reasons = {o.operator: o.reason for o in tsc.explain(compiled, z).operators}
    assert "aten::linalg_svdvals" in reasons
    assert not reasons.get("aten::mul.Tensor")


@pytest.mark.parametrize("shape", [(200,), (2, 200)])
def test_short_time_transforms_are_those_of_pytorch(shape: tuple[int, ...]) -> None:
    def centered(x: Tensor, window: Tensor) -> Tensor:
        return torch.stft(x, 32, 8, window=window, return_complex=True)

    def magnitudes(x: Tensor, window: Tensor) -> Tensor:
        return torch.stft(
            x, 32, 10, 24, window[:24], center=False, normalized=True, return_complex=True
        ).abs()

    def whole(x: Tensor, window: Tensor) -> Tensor:
        z = torch.stft(x, 32, window=window, pad_mode="constant", onesided=False, return_complex=True)
        return torch.view_as_real(z)

    for program in (centered, magnitudes, whole):
        check(program, real(*shape), torch.hann_window(32))
