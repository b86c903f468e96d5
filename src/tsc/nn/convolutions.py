"""Convolutions, and transposed ones, of signals, images and volumes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tsc.dtypes import DType
from tsc.nn import functional as F  # noqa: N812
from tsc.nn import init
from tsc.nn.module import Module
from tsc.nn.parameters import new_parameter
from tsc.nn.sizes import Device, Size, repeated
from tsc.runtime.tensor import Tensor

PADDING_MODES = {"zeros", "reflect", "replicate", "circular"}
PADDING_NAMES = {"same", "valid"}


class _ConvNd(Module):
    """What all have in common; subclasses say over how many dims."""

    __constants__ = (
        "stride", "padding", "dilation", "groups", "padding_mode", "output_padding", "in_channels",
        "out_channels", "kernel_size",
    )  # fmt: skip
    _ndim: ClassVar[int]

    def _set(
        self, in_channels: int, out_channels: int, kernel_size: Size, stride: Size, padding: str | Size,
        dilation: Size, output_padding: Size, groups: int, padding_mode: str,
    ) -> None:  # fmt: skip
        """Check the arguments, and keep them as tuples."""
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size: Any = repeated(kernel_size, self._ndim)
        self.stride: Any = repeated(stride, self._ndim)
        self.padding: Any = padding if isinstance(padding, str) else repeated(padding, self._ndim)
        self.dilation: Any = repeated(dilation, self._ndim)
        self.output_padding: Any = repeated(output_padding, self._ndim)
        self.padding_mode = padding_mode
        self._check()
        self._reversed_padding_repeated_twice = self._padding_of_sides()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise ValueError(f"{name} must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in PADDING_NAMES:
                raise ValueError(f"Invalid padding string {self.padding!r}, should be one of {PADDING_NAMES}")
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {PADDING_MODES}, but got padding_mode='{self.padding_mode}'"
            )

    def _padding_of_sides(self) -> list[int]:
        """How much is padded before and after, from the last dim to the first, as `F.pad` has it."""
        if self.padding == "valid":
            return [0, 0] * self._ndim
        sides: list[int] = []
        for d in reversed(range(self._ndim)):
            if isinstance(self.padding, str):
                total = self.dilation[d] * (self.kernel_size[d] - 1)
                sides += [total // 2, total - total // 2]
            else:
                sides += [self.padding[d]] * 2
        return sides

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init.fans(self.weight)
            if fan_in:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        shown = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        shown.append(f"stride={self.stride}")
        usual = {"padding": 0, "dilation": 1, "output_padding": 0}
        for name, value in usual.items():
            held = getattr(self, name)
            if held != (value,) * len(held):
                shown.append(f"{name}={held}")
        shown += [f"groups={self.groups}"] if self.groups != 1 else []
        shown += ["bias=False"] if self.bias is None else []
        shown += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(shown)


class _Conv(_ConvNd):
    """A convolution."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self._set(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, padding_mode)
        self.transposed = False
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = new_parameter(shape, device, dtype)
        self.register_parameter("bias", new_parameter(out_channels, device, dtype) if bias else None)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution of signals."""

    _ndim = 1

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv1d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Convolution of images."""

    _ndim = 2

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv2d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """Convolution of volumes."""

    _ndim = 3

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.padding_mode != "zeros":
            padded = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv3d(padded, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class _ConvTranspose(_ConvNd):
    """The transpose of a convolution."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Device = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._set(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups,
            padding_mode,
        )  # fmt: skip
        self.transposed = True
        shape = (in_channels, out_channels // groups, *self.kernel_size)
        self.weight = new_parameter(shape, device, dtype)
        self.register_parameter("bias", new_parameter(out_channels, device, dtype) if bias else None)
        self.reset_parameters()

    def _output_padding(
        self,
        input: Tensor,
        output_size: list[int] | None,
        usual: list[int],
        stride: list[int],
        padding: list[int],
        kernel_size: list[int],
        dilation: list[int],
    ) -> list[int]:
        """What is added to the end of the result: so much that it has `output_size`, if that is given."""
        if output_size is None:
            return usual
        ndim = len(stride)
        first = 2 if input.dim() == ndim + 2 else 1
        wanted = output_size[first:] if len(output_size) == first + ndim else output_size
        if len(wanted) != ndim:
            raise ValueError(
                f"ConvTranspose{ndim}D: for {input.dim()}D input, output_size must have {ndim} or "
                f"{first + ndim} elements (got {len(wanted)})"
            )
        least: list[int] = []
        for d in range(ndim):
            window = dilation[d] * (kernel_size[d] - 1) + 1
            least.append((input.size(d + first) - 1) * stride[d] - 2 * padding[d] + window)
        most = [least[d] + stride[d] - 1 for d in range(ndim)]
        for d in range(ndim):
            if wanted[d] < least[d] or wanted[d] > most[d]:
                raise ValueError(
                    f"requested an output size of {wanted}, but valid sizes range from {least} to {most} "
                    f"(for an input of {input.size()[2:]})"
                )
        return [wanted[d] - least[d] for d in range(ndim)]


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`."""

    _ndim = 1

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        more = self._output_padding(
            input,
            output_size,
            self.output_padding,
            self.stride,
            self.padding,
            self.kernel_size,
            self.dilation,
        )
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d`."""

    _ndim = 2

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        more = self._output_padding(
            input,
            output_size,
            self.output_padding,
            self.stride,
            self.padding,
            self.kernel_size,
            self.dilation,
        )
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`."""

    _ndim = 3

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        more = self._output_padding(
            input,
            output_size,
            self.output_padding,
            self.stride,
            self.padding,
            self.kernel_size,
            self.dilation,
        )
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )
