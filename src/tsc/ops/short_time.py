"""The short-time Fourier transform of audio, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array, DType
from tsc.errors import ShapeError
from tsc.ops.composite import AnyTensor, Aten, composite
from tsc.ops.definition import Family, ResultLayout
from tsc.ops.elementwise import spec_of
from tsc.ops.promotion import promote
from tsc.ops.running import inferred_by_running

FAMILY = Family()


def _check_window(shape: tuple[int, ...] | None, length: int, n_fft: int) -> None:
    if not 0 < length <= n_fft:
        raise ShapeError(f"stft: expected 0 < win_length <= n_fft, but got win_length={length}")
    if shape is not None and shape != (length,):
        raise ShapeError(
            f"stft: expected a 1D window tensor of size equal to win_length={length}, but got window with "
            f"size {list(shape)}"
        )


def _window(window: Array | None, length: int, n_fft: int, dtype: np.dtype[Any]) -> Array:
    """The window, zeros on both sides up to `n_fft`."""
    _check_window(None if window is None else window.shape, length, n_fft)
    values = np.ones(length, dtype) if window is None else window
    if length == n_fft:
        return values
    left = (n_fft - length) // 2
    return np.pad(values, (left, n_fft - length - left))


def _step(
    shape: tuple[int, ...], n_fft: int, hop: int | None, is_complex: bool, onesided: bool | None,
    return_complex: bool | None,
) -> int:  # fmt: skip
    """How far frames of a signal are apart.

    Raises:
        ShapeError: there is no such transform.
    """
    if len(shape) not in (1, 2):
        raise ShapeError(f"stft: expected a 1D or 2D tensor; got {len(shape)}D")
    step = n_fft // 4 if hop is None else hop
    if not 0 < n_fft <= shape[-1]:
        raise ShapeError(f"stft: expected 0 < n_fft <= {shape[-1]}, but got n_fft={n_fft}")
    if step <= 0:
        raise ShapeError(f"stft: expected hop_length > 0, but got hop_length={step}")
    if return_complex is None and not is_complex:
        raise ShapeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require "
            "that return_complex=True in a future PyTorch release."
        )
    if onesided and is_complex:
        raise ShapeError("Cannot have onesided output if window or input is complex")
    return step


def _is_complex(dtype: DType, window: DType | None) -> bool:
    return dtype.is_complex or (window is not None and window.is_complex)


def _stft(
    x: Array, n_fft: int, hop: int | None, length: int | None, window: Array | None, normalized: bool,
    onesided: bool | None, return_complex: bool | None,
) -> Array:  # fmt: skip
    is_complex = np.iscomplexobj(x) or (window is not None and np.iscomplexobj(window))
    step = _step(x.shape, n_fft, hop, is_complex, onesided, return_complex)
    frames = np.lib.stride_tricks.sliding_window_view(x, n_fft, axis=-1)[..., ::step, :]
    weighted = frames * _window(window, n_fft if length is None else length, n_fft, x.real.dtype)
    transform = np.fft.fft if is_complex or onesided is False else np.fft.rfft
    bins = transform(weighted, axis=-1, norm="ortho" if normalized else "backward")
    result = bins.swapaxes(-1, -2).astype(np.complex64 if _is_narrow(x, window) else np.complex128)
    if return_complex or return_complex is None:
        return result
    return np.stack([np.real(result), np.imag(result)], -1)


def _is_narrow(x: Array, window: Array | None) -> bool:
    """Whether the transform is of single precision."""
    common = spec_of(x).dtype if window is None else promote(spec_of(x).dtype, spec_of(window).dtype)
    return common not in (dtypes.F64, dtypes.C128)


def _framed(
    aten: Aten, self: AnyTensor, n_fft: int, hop: int | None, length: int | None, window: AnyTensor | None,
    normalized: bool, onesided: bool | None, return_complex: bool | None,
) -> AnyTensor:  # fmt: skip
    """Frames, which are views of the signal, under the window, and the transform of each."""
    is_complex = _is_complex(aten.dtype(self), None if window is None else aten.dtype(window))
    step = _step(aten.shape(self), n_fft, hop, is_complex, onesided, return_complex)
    frames = aten("unfold", self, -1, n_fft, step)
    weights = _wide_window(aten, window, n_fft if length is None else length, n_fft, aten.dtype(self))
    if weights is not None:
        frames = aten("mul.Tensor", frames, weights)
    name = "fft_fft" if is_complex or onesided is False else "fft_rfft"
    bins = aten(name, frames, None, -1, "ortho" if normalized else None)
    result = aten("transpose.int", bins, -1, -2)
    return result if return_complex or return_complex is None else aten("view_as_real", result)


def _wide_window(
    aten: Aten, window: AnyTensor | None, length: int, n_fft: int, dtype: DType
) -> AnyTensor | None:
    """The window, zeros on both sides up to `n_fft`; None where it is ones."""
    _check_window(None if window is None else aten.shape(window), length, n_fft)
    if length == n_fft:
        return window
    values = aten("ones", [length], dtype.code) if window is None else window
    left = (n_fft - length) // 2
    return aten("constant_pad_nd", values, [left, n_fft - length - left])


@composite(FAMILY, "aten::stft", eager=lambda *a: _stft(*a[:8]), layout=ResultLayout.AS_COMPUTED)
def stft(
    aten: Aten, self: AnyTensor, n_fft: int, hop_length: int | None, win_length: int | None,
    window: AnyTensor | None, normalized: bool, onesided: bool | None, return_complex: bool | None,
    align_to_window: bool | None,
) -> AnyTensor:  # fmt: skip
    """The Fourier transform of overlapping windows, as ``(..., frequency, frame)``."""
    return _framed(aten, self, n_fft, hop_length, win_length, window, normalized, onesided, return_complex)


def _centered(
    self: Array, n_fft: int, hop_length: int | None, win_length: int | None, window: Array | None,
    center: bool, pad_mode: str, normalized: bool, onesided: bool | None, return_complex: bool | None,
    align_to_window: bool | None,
) -> Array:  # fmt: skip
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


@composite(FAMILY, "aten::stft.center", eager=_centered, layout=ResultLayout.AS_COMPUTED)
def stft_center(
    aten: Aten, self: AnyTensor, n_fft: int, hop_length: int | None, win_length: int | None,
    window: AnyTensor | None, center: bool, pad_mode: str, normalized: bool, onesided: bool | None,
    return_complex: bool | None, align_to_window: bool | None,
) -> AnyTensor:  # fmt: skip
    """`stft` of the signal padded so that the frames are centered."""
    x = self
    if center:
        shape, half = aten.shape(self), n_fft // 2
        lifted = aten("reshape", self, [*([1] * (3 - len(shape))), *shape])
        wide = aten("pad", lifted, [half, half], pad_mode)
        x = aten("reshape", wide, [*shape[:-1], shape[-1] + 2 * half])
    return _framed(aten, x, n_fft, hop_length, win_length, window, normalized, onesided, return_complex)


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
