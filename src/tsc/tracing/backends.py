"""What a trace needs of the tensors it watches: PyTorch's (`interop.torch_tracing`) or `tsc`'s (`eager`)."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from tsc.tracing.recorder import Recorder


class Backend(Protocol):
    """The kind of tensor that is traced."""

    def is_tensor(self, value: object) -> bool:
        """Whether `value` is a tensor of this kind."""
        ...

    def array(self, tensor: object) -> np.ndarray[Any, Any]:
        """The memory of a tensor; no copy."""
        ...

    def identity(self, tensor: object) -> Any:
        """What two tensor objects over the same elements have in common."""
        ...

    def requires_grad(self, tensor: object) -> bool:
        """Whether gradients flow to a tensor."""
        ...

    def scalar(self, value: int) -> Any:
        """A new 0-dim int64 tensor."""
        ...

    def traced_int(self, recorder: Recorder, tensor: object, value: int) -> Any:
        """An int that the recorder knows as the 0-dim `tensor`."""
        ...

    def tensor_of_int(self, value: object) -> Any:
        """The 0-dim tensor behind a traced int; None for anything else."""
        ...

    def like(self, value: object, tensor: object) -> Any:
        """A new 0-dim tensor with the dtype of another."""
        ...

    def apply(self, name: str, overload: str, *arguments: object) -> Any:
        """Call an operator on live tensors."""
        ...

    def recording(self, recorder: Recorder) -> AbstractContextManager[None]:
        """Inside, `recorder` is told of everything that happens to tensors."""
        ...

    def without_gradients(self) -> AbstractContextManager[None]:
        """Nothing inside is differentiated."""
        ...

    def alias(self, tensor: object) -> Any:
        """Another tensor over the same memory."""
        ...

    def wrap(self, array: np.ndarray[Any, Any]) -> Any:
        """A tensor over an array."""
        ...

    def clone(self, tensor: object) -> Any:
        """A copy, with its own memory."""
        ...
