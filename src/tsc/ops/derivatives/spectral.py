"""Derivatives of Fourier transforms: each is the transform the other way, by the same factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.derivatives.rules import Call, Flow, Place, conjugate, derivative, formula

Flows = Mapping[Place, Flow]
OTHER_WAY = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}
"""Of a transform's normalization, that of the other way by the same factor."""


def _fitted(aten: Aten, x: AnyTensor, dim: int, size: int) -> AnyTensor:
    """The first elements along a dim, or with zeros behind them."""
    have, rank = aten.shape(x)[dim], len(aten.shape(x))
    if have == size:
        return x
    if have > size:
        return aten("slice.Tensor", x, dim, 0, size, 1)
    return aten("constant_pad_nd", x, [0, 0] * (rank - 1 - dim % rank) + [0, size - have], 0)


def _along(name: str, other: str) -> None:
    @derivative(f"fft_{name}")
    def rule(call: Call, self: AnyTensor, n: int | None, dim: int, norm: str | None) -> Flows:
        aten = call.aten

        def to_self() -> AnyTensor:
            size = aten.shape(self)[dim]
            back = aten(f"fft_{other}", call.gradient, None, dim, OTHER_WAY[norm])
            return _fitted(aten, back, dim, size)

        return {0: to_self}


_along("fft", "ifft")
_along("ifft", "fft")


@derivative("fft_rfft")
def _from_real(call: Call, self: AnyTensor, n: int | None, dim: int, norm: str | None) -> Flows:
    """What is left out of the spectrum has no gradient."""
    aten = call.aten

    def to_self() -> AnyTensor:
        size = aten.shape(self)[dim]
        whole = _fitted(aten, call.gradient, dim, size if n is None else n)
        back = aten("fft_ifft", whole, None, dim, OTHER_WAY[norm])
        return _fitted(aten, aten("real", back), dim, size)

    return {0: to_self}


@derivative("fft_irfft")
def _to_real(call: Call, self: AnyTensor, n: int | None, dim: int, norm: str | None) -> Flows:
    """What stands for two elements of the whole spectrum takes twice the gradient."""
    aten = call.aten

    def to_self() -> AnyTensor:
        size = aten.shape(call.result)[dim]
        half = aten("fft_rfft", call.gradient, None, dim, OTHER_WAY[norm])
        end = (size - 1) // 2 + 1
        parts = [
            aten("slice.Tensor", half, dim, 0, 1, 1),
            aten("mul.Scalar", aten("slice.Tensor", half, dim, 1, end, 1), 2),
            aten("slice.Tensor", half, dim, end, aten.shape(half)[dim], 1),
        ]
        return _fitted(aten, aten("cat", parts, dim), dim, aten.shape(self)[dim])

    return {0: to_self}


def _of_hermitian(name: str, real: str) -> None:
    @formula(f"fft_{name}")
    def to_real(aten: Aten, x: AnyTensor, n: Any, dim: Any, norm: str | None) -> AnyTensor:
        complex_x = x if aten.dtype(x).is_complex else aten("complex", x, aten("zeros_like", x))
        return aten(f"fft_{real}", conjugate(aten, complex_x), n, dim, OTHER_WAY[norm])


def _to_hermitian(name: str, real: str) -> None:
    @formula(f"fft_{name}")
    def from_real(aten: Aten, x: AnyTensor, n: Any, dim: Any, norm: str | None) -> AnyTensor:
        return conjugate(aten, aten(f"fft_{real}", x, n, dim, OTHER_WAY[norm]))


for _suffix in ("", "2", "n"):
    _of_hermitian(f"hfft{_suffix}", f"irfft{_suffix}")
    _to_hermitian(f"ihfft{_suffix}", f"rfft{_suffix}")


@formula("istft")
def _from_short_times(
    aten: Aten, x: AnyTensor, n_fft: int, hop_length: int | None, win_length: int | None, window: Any,
    center: bool, normalized: bool, onesided: bool | None, length: int | None, return_complex: bool,
) -> AnyTensor:  # fmt: skip
    """The inverse transform of each time, added up where they overlap, by the sum of the squared windows."""
    is_one = len(aten.shape(x)) == 2
    lines = aten("transpose.int", aten("unsqueeze", x, 0) if is_one else x, 1, 2)
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    norm = "ortho" if normalized else None
    if return_complex:
        frames = aten("fft_ifft", lines, None, -1, norm)
    else:
        frames = aten("fft_irfft", lines, n_fft, -1, norm)
    shape = aten.ones([width], dtype=7) if window is None else window
    shape = aten("to.dtype", shape, aten.dtype(frames).code if window is None else aten.dtype(window).code)
    before = (n_fft - width) // 2
    shape = aten("constant_pad_nd", shape, [before, n_fft - width - before], 0)
    count = aten.shape(frames)[1]
    added = _added_up(aten, aten("mul.Tensor", frames, shape), hop)
    squares = aten("expand", aten("mul.Tensor", shape, shape), [1, count, n_fft], implicit=False)
    envelope = _added_up(aten, squares, hop)
    start = n_fft // 2 if center else 0
    whole = n_fft + hop * (count - 1)
    end = start + length if length is not None else whole - start
    made, scale = (aten("slice.Tensor", t, 1, start, min(end, whole), 1) for t in (added, envelope))
    made = aten("div.Tensor", made, scale)
    if end > whole:
        made = aten("constant_pad_nd", made, [0, end - whole], 0)
    return aten("squeeze.dim", made, 0) if is_one else made


def _added_up(aten: Aten, frames: AnyTensor, hop: int) -> AnyTensor:
    """Frames of lines, each `hop` later than the one before."""
    samples, count, width = aten.shape(frames)
    places = [aten("arange.start", hop * i, hop * i + width, 4, None, None, None) for i in range(count)]
    empty = aten("zeros", [samples, width + hop * (count - 1)], dtype=aten.dtype(frames).code)
    flat = aten("reshape", frames, [samples, count * width])
    return aten("index_add", empty, 1, aten("cat", places, 0), flat)
