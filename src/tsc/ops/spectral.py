"""Fourier transforms, and the short-time transform of audio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import DTypeError, ShapeError
from tsc.ops.creation import dtype_or
from tsc.ops.definition import Family
from tsc.ops.running import inferred_by_running
from tsc.ops.shapes import like_self, wrap_dim, wrap_dims

FAMILY = Family()
_COMPLEX = {dtypes.F64: dtypes.C128, dtypes.C128: dtypes.C128}
_REAL = {dtypes.F64: dtypes.F64, dtypes.C128: dtypes.F64}


def _complex(dtype: DType) -> np.dtype[Any]:
    return _COMPLEX.get(dtype, dtypes.C64).numpy


def _real(dtype: DType) -> np.dtype[Any]:
    return _REAL.get(dtype, dtypes.F32).numpy


def _require(name: str, x: Array, n: int | None, norm: str | None) -> DType:
    dtype = dtypes.by_numpy(x.dtype)
    if dtype in dtypes.REDUCED:
        raise DTypeError(f"Unsupported dtype {dtype.name}")
    if norm not in (None, "forward", "backward", "ortho"):
        raise ShapeError(f'Invalid normalization mode: "{norm}"')
    if n is not None and n < 1:
        raise ShapeError(f"Invalid number of data points ({n}) specified")
    if name in ("rfft", "ihfft") and dtype.is_complex:
        raise DTypeError(f"{name} expects a real input tensor, but got {dtype.name}")
    return dtype


def _wide(x: Array) -> Array:
    return x if x.dtype.kind in "fc" else x.astype(np.float32)


def _define_one(name: str, target: Callable[[DType], np.dtype[Any]]) -> None:
    """A transform along one dim."""
    transform = getattr(np.fft, name)

    @inferred_by_running(FAMILY, f"aten::fft_{name}")
    def fft(self: Array, n: int | None, dim: int, norm: str | None) -> Array:
        dtype = _require(name, self, n, norm)
        axis = wrap_dim(dim, self.ndim)
        if not self.ndim:
            raise ShapeError("Dimension specified as -1 but tensor has no dimensions")
        return np.asarray(transform(_wide(self), n, axis, norm)).astype(target(dtype))


for _name in ("fft", "ifft", "rfft", "ihfft"):
    _define_one(_name, _complex)
_define_one("irfft", _real)
_define_one("hfft", _real)


def _axes(
    x: Array, s: Sequence[int] | None, dim: Sequence[int] | None
) -> tuple[Sequence[int] | None, list[int]]:
    """Sizes and dims of a transform along several dims; -1 keeps a size."""
    if dim is None:
        count = x.ndim if s is None else len(s)
        axes = list(range(x.ndim - count, x.ndim))
    else:
        axes = [wrap_dim(d, x.ndim) for d in dim]
    if len(set(axes)) != len(axes):
        raise ShapeError("FFT dims must be unique")
    if s is not None:
        if len(s) != len(axes):
            raise ShapeError("When given, dim and shape arguments must have the same length")
        s = [x.shape[a] if n == -1 else n for n, a in zip(s, axes, strict=True)]
        if any(n < 1 for n in s):
            raise ShapeError(f"Invalid number of data points ({min(s)}) specified")
    return s, axes


def _define_many(name: str, target: Callable[[DType], np.dtype[Any]]) -> None:
    """A transform along several dims, and its form for two."""
    transform = getattr(np.fft, f"{name}n")

    def fft(self: Array, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None) -> Array:
        dtype = _require(name, self, None, norm)
        sizes, axes = _axes(self, s, dim)
        if not axes:
            return self.astype(target(dtype))
        return np.asarray(transform(_wide(self), sizes, axes, norm)).astype(target(dtype))

    inferred_by_running(FAMILY, f"aten::fft_{name}n", f"aten::fft_{name}2")(fft)


for _name in ("fft", "ifft", "rfft"):
    _define_many(_name, _complex)
_define_many("irfft", _real)


def _define_hermitian(name: str, one: str, others: str, target: Callable[[DType], np.dtype[Any]]) -> None:
    """A transform of (or into) numbers that are Hermitian along the last of several dims: `one` along that,
    `others` along the others, which come first where the result is real.
    """
    along_one, along_others = getattr(np.fft, one), getattr(np.fft, others)

    def fft(self: Array, s: Sequence[int] | None, dim: Sequence[int] | None, norm: str | None) -> Array:
        dtype = _require(one, self, None, norm)
        sizes, axes = _axes(self, s, dim)
        if not axes:
            raise ShapeError(f"{name} must transform at least one axis")
        first, last = (None, None) if sizes is None else (sizes[:-1], sizes[-1])
        if one == "hfft":
            made = along_one(along_others(_wide(self), first, axes[:-1], norm), last, axes[-1], norm)
        else:
            made = along_others(along_one(_wide(self), last, axes[-1], norm), first, axes[:-1], norm)
        return np.asarray(made).astype(target(dtype))

    inferred_by_running(FAMILY, f"aten::fft_{name}n", f"aten::fft_{name}2")(fft)


_define_hermitian("hfft", "hfft", "fftn", _real)
_define_hermitian("ihfft", "ihfft", "ifftn", _complex)


def _define_shift(name: str) -> None:
    shift = getattr(np.fft, name)

    @FAMILY.op(f"aten::fft_{name}", infer=like_self)
    def shifted(self: Array, dim: Sequence[int] | None) -> Array:
        return shift(self, wrap_dims(dim, self.ndim)).copy()


_define_shift("fftshift")
_define_shift("ifftshift")


@inferred_by_running(FAMILY, "aten::fft_fftfreq")
def fftfreq(n: int, d: float, dtype: int | None, *_: object) -> Array:
    """The frequencies of the bins of a transform."""
    return np.fft.fftfreq(n, d).astype(dtype_or(dtype, dtypes.F32).numpy)


@inferred_by_running(FAMILY, "aten::fft_rfftfreq")
def rfftfreq(n: int, d: float, dtype: int | None, *_: object) -> Array:
    """The frequencies of the bins of a transform of real numbers."""
    return np.fft.rfftfreq(n, d).astype(dtype_or(dtype, dtypes.F32).numpy)


# --- short-time transforms ---


def _window(window: Array | None, length: int, n_fft: int, dtype: np.dtype[Any]) -> Array:
    """The window, zeros on both sides up to `n_fft`."""
    if not 0 < length <= n_fft:
        raise ShapeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    values = np.ones(length, dtype) if window is None else window
    if values.shape != (length,):
        raise ShapeError(
            f"stft: expected a 1D window tensor of size equal to win_length={length}, but got window with "
            f"size {list(values.shape)}"
        )
    if length == n_fft:
        return values
    left = (n_fft - length) // 2
    return np.pad(values, (left, n_fft - length - left))


def _stft(
    x: Array, n_fft: int, hop: int | None, length: int | None, window: Array | None, normalized: bool,
    onesided: bool | None, return_complex: bool | None,
) -> Array:  # fmt: skip
    if x.ndim not in (1, 2):
        raise ShapeError(f"stft: expected a 1D or 2D tensor; got {x.ndim}D")
    step = n_fft // 4 if hop is None else hop
    if not 0 < n_fft <= x.shape[-1]:
        raise ShapeError(f"stft: expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}")
    if step <= 0:
        raise ShapeError(f"stft: expected hop_length > 0, but got hop_length={step}")
    is_complex = np.iscomplexobj(x) or (window is not None and np.iscomplexobj(window))
    if return_complex is None and not is_complex:
        raise ShapeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require "
            "that return_complex=True in a future PyTorch release."
        )
    if onesided and is_complex:
        raise ShapeError("Cannot have onesided output if window or input is complex")
    frames = np.lib.stride_tricks.sliding_window_view(x, n_fft, axis=-1)[..., ::step, :]
    weighted = frames * _window(window, n_fft if length is None else length, n_fft, x.real.dtype)
    transform = np.fft.fft if is_complex or onesided is False else np.fft.rfft
    bins = transform(weighted, axis=-1, norm="ortho" if normalized else "backward")
    result = bins.swapaxes(-1, -2).astype(_complex(dtypes.by_numpy(x.dtype)))
    if return_complex or return_complex is None:
        return result
    return np.stack([np.real(result), np.imag(result)], -1)


@inferred_by_running(FAMILY, "aten::stft")
def stft(
    self: Array, n_fft: int, hop_length: int | None, win_length: int | None, window: Array | None,
    normalized: bool, onesided: bool | None, return_complex: bool | None, align_to_window: bool | None,
) -> Array:  # fmt: skip
    """The Fourier transform of overlapping windows, as ``(..., frequency, frame)``."""
    return _stft(self, n_fft, hop_length, win_length, window, normalized, onesided, return_complex)


@inferred_by_running(FAMILY, "aten::stft.center")
def stft_center(
    self: Array, n_fft: int, hop_length: int | None, win_length: int | None, window: Array | None,
    center: bool, pad_mode: str, normalized: bool, onesided: bool | None, return_complex: bool | None,
    align_to_window: bool | None,
) -> Array:  # fmt: skip
    """`stft` of the signal padded so that the frames are centered."""
    x = self
    if center:
        from tsc.ops.padding import padded

        half = n_fft // 2
        lifted = x.reshape(*([1] * (3 - x.ndim)), *x.shape)
        wide = (
            padded(pad_mode, lifted, [half, half])
            if pad_mode != "constant"
            else np.pad(lifted, [(0, 0)] * 2 + [(half, half)])
        )
        x = wide.reshape(*x.shape[:-1], -1)
    return _stft(x, n_fft, hop_length, win_length, window, normalized, onesided, return_complex)


def _overlap_added(frames: Array, step: int) -> Array:
    """The sum of frames that begin `step` after one another, the first frames first: stretches of `step`
    elements of all frames at once.
    """
    *outer, count, length = frames.shape
    stretches = -(-length // step)
    signal = np.zeros((*outer, count + stretches - 1, step), frames.dtype)
    for i in reversed(range(stretches)):
        part = frames[..., i * step : (i + 1) * step]
        signal[..., i : i + count, : part.shape[-1]] += part
    return signal.reshape(*outer, -1)[..., : length + step * (count - 1)]


@inferred_by_running(FAMILY, "aten::istft")
def istft(
    self: Array, n_fft: int, hop_length: int | None, win_length: int | None, window: Array | None,
    center: bool, normalized: bool, onesided: bool | None, length: int | None, return_complex: bool,
) -> Array:  # fmt: skip
    """The signal with a given short-time transform: overlapping frames over the energy of the window."""
    step = n_fft // 4 if hop_length is None else hop_length
    values = _window(window, n_fft if win_length is None else win_length, n_fft, self.real.dtype)
    spectrum = self.swapaxes(-1, -2)
    norm = "ortho" if normalized else "backward"
    if return_complex:
        frames = np.fft.ifft(spectrum, n_fft, norm=norm)
    else:
        frames = np.fft.irfft(spectrum[..., : n_fft // 2 + 1], n_fft, norm=norm)
    frames = frames * values
    count = frames.shape[-2]
    total = n_fft + step * (count - 1)
    signal = _overlap_added(frames, step)
    squares = (np.abs(values) ** 2).astype(np.result_type(values.dtype, np.float64))
    energy = _overlap_added(np.broadcast_to(squares, (count, n_fft)), step)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    kept, weights = signal[..., start:end], energy[start:end]
    if np.abs(weights).min() <= 1e-11:
        raise ShapeError("istft: window overlap add min: 1")
    result = kept / weights
    if length is not None and result.shape[-1] < length:
        result = np.pad(result, [(0, 0)] * (result.ndim - 1) + [(0, length - result.shape[-1])])
    return result.astype(self.dtype if return_complex else self.real.dtype)
