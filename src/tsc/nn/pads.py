"""Elements around signals, images and volumes: a value, or the input's own."""

from __future__ import annotations

from typing import Any, ClassVar

from tsc.nn import functional as F  # noqa: N812
from tsc.nn.module import Module
from tsc.nn.sizes import Size, repeated
from tsc.runtime.tensor import Tensor


class _PadNd(Module):
    """Padding by the input's own elements; subclasses say of how many dims."""

    __constants__ = ("padding",)
    _shown = ("padding",)
    _ndim: ClassVar[int]

    def __init__(self, padding: Size) -> None:
        super().__init__()
        self.padding: Any = repeated(padding, 2 * self._ndim)


class _ConstantPadNd(Module):
    """Padding by a value."""

    __constants__ = ("padding", "value")
    _shown = ("padding=", "value=")
    _ndim: ClassVar[int]

    def __init__(self, padding: Size, value: float) -> None:
        super().__init__()
        self.padding: Any = repeated(padding, 2 * self._ndim)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)


class _CircularPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        return F.pad(input, self.padding, "circular")


class _ReflectionPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "reflect")


class _ReplicationPadNd(_PadNd):
    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "replicate")


class CircularPad1d(_CircularPadNd):
    """What is at the other end of a signal."""

    _ndim = 1

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 2 and input.dim() != 3:
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class CircularPad2d(_CircularPadNd):
    """What is at the other side of an image."""

    _ndim = 2

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 3 and input.dim() != 4:
            raise ValueError(f"expected 3D or 4D input (got {input.dim()}D input)")


class CircularPad3d(_CircularPadNd):
    """What is at the other side of a volume."""

    _ndim = 3

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 4 and input.dim() != 5:
            raise ValueError(f"expected 4D or 5D input (got {input.dim()}D input)")


class ConstantPad1d(_ConstantPadNd):
    """A value around a signal."""

    _ndim = 1


class ConstantPad2d(_ConstantPadNd):
    """A value around an image."""

    _ndim = 2


class ConstantPad3d(_ConstantPadNd):
    """A value around a volume."""

    _ndim = 3


class ZeroPad1d(ConstantPad1d):
    """Zeros around a signal."""

    _shown = ("padding",)

    def __init__(self, padding: Size) -> None:
        super().__init__(padding, 0.0)


class ZeroPad2d(ConstantPad2d):
    """Zeros around an image."""

    _shown = ("padding",)

    def __init__(self, padding: Size) -> None:
        super().__init__(padding, 0.0)


class ZeroPad3d(ConstantPad3d):
    """Zeros around a volume."""

    _shown = ("padding",)

    def __init__(self, padding: Size) -> None:
        super().__init__(padding, 0.0)


class ReflectionPad1d(_ReflectionPadNd):
    """A signal in mirrors at its ends."""

    _ndim = 1


class ReflectionPad2d(_ReflectionPadNd):
    """An image in mirrors at its sides."""

    _ndim = 2


class ReflectionPad3d(_ReflectionPadNd):
    """A volume in mirrors at its sides."""

    _ndim = 3


class ReplicationPad1d(_ReplicationPadNd):
    """The ends of a signal again."""

    _ndim = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The border of an image again."""

    _ndim = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The border of a volume again."""

    _ndim = 3
